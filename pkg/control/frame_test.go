package control

import (
	"bytes"
	"encoding/json"
	"errors"
	"slices"
	"strings"
	"testing"
	"time"
)

// FuzzFrame: a text is a whole command just when encoding/json reads it, Kea's
// kindnesses and our limits aside, however it is cut up.
func FuzzFrame(f *testing.F) {
	for _, tt := range same {
		f.Add([]byte(tt.request), byte(3))
	}
	f.Add([]byte(strings.Repeat("[", 101)), byte(1))
	f.Fuzz(func(t *testing.T, text []byte, step byte) {
		plain := json.Valid(text) && strings.IndexByte("{[", bytes.TrimLeft(text, " \t\r\n")[0]) >= 0
		var whole, cut frame
		a, b := slices.Clone(text), slices.Clone(text)
		err := whole.scan(a)
		errCut := error(nil)
		for n := 0; errCut == nil && n < len(b); {
			n = min(n+int(step)+1, len(b))
			errCut = cut.scan(b[:n])
		}
		if (err == nil) != (errCut == nil) || whole.begin != cut.begin || whole.end != cut.end || !bytes.Equal(a, b) {
			t.Fatalf("%q: %v, %+v in one piece, %v, %+v in steps of %d", text, err, whole, errCut, cut, step)
		}
		if errors.Is(err, errDepth) {
			return
		}
		ok := err == nil && whole.finished()
		if !ok {
			if plain {
				t.Fatalf("%q is JSON: %v, %+v", text, err, whole)
			}
			return
		}
		p := parser{b: a[whole.begin:whole.end]}
		switch err := p.value(); {
		case err == nil && p.at != len(p.b):
			t.Fatalf("%q: parsed up to %d of %d", text, p.at, len(p.b))
		case err == nil && !json.Valid(p.b):
			t.Fatalf("%q is passed on as %q", text, p.b)
		case err != nil && plain && !strings.HasPrefix(err.Error(), "Number overflow"):
			t.Fatalf("%q is JSON: %v", text, err)
		}
	})
}

// TestFrameOnce: the time for a command is in proportion to its length, also
// when it comes an octet at a time.
func TestFrameOnce(t *testing.T) {
	text := []byte(`{"a":"` + strings.Repeat("x", 4<<20) + `",` + strings.Repeat(" ", 4<<20) + `"b":[1]}`)
	var f frame
	began := time.Now()
	for n := range text {
		if err := f.scan(text[:n+1]); err != nil {
			t.Fatal(err)
		}
	}
	if !f.complete() {
		t.Error("the command is not complete")
	}
	if took := time.Since(began); took > 5*time.Second { // a square would take hours
		t.Errorf("8 MiB in single octets took %v", took)
	}
}

func BenchmarkFrame(b *testing.B) {
	text := []byte(`{"a":[` + strings.Repeat(`{"subnet": "192.0.2.0/24", "id": 1}, `, 10000) + `1]}`)
	b.SetBytes(int64(len(text)))
	for b.Loop() {
		var f frame
		if f.scan(text) != nil || !f.complete() {
			b.Fatal("not complete")
		}
	}
}

func BenchmarkParse(b *testing.B) {
	text := []byte(`{"a":[` + strings.Repeat(`{"subnet": "192.0.2.0/24", "id": 1}, `, 10000) + `1]}`)
	b.SetBytes(int64(len(text)))
	for b.Loop() {
		p := parser{b: text}
		if err := p.value(); err != nil {
			b.Fatal(err)
		}
	}
}
