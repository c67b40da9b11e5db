package ddns

import (
	"encoding/hex"
	"encoding/json"
	"net/netip"
	"os"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/dhcp4o6/dhcp4o6/pkg/lease"
)

// The examples of RFC 4701 §3.6, and of RFC 4703's kind: a DUID and a hardware
// address, each with its name.
func TestDHCID(t *testing.T) {
	for _, tt := range []struct {
		name, fqdn, id string
		fill           func(i *identity, id []byte) error
		want           string
	}{
		{"RFC 4701 §3.6.1: a DUID", "chi6.example.com", "00010006412df166010203040506", (*identity).v6,
			"000201636fc0b8271c82825bb1ac5c41cf5351aa69b4febd94e8f17cdb95000da48c40"},
		{"RFC 4701 §3.6.2: a client identifier", "chi.example.com", "010708090a0b0c",
			func(i *identity, id []byte) error { return i.v4(id, nil, 0) },
			"0001013920fe5d1dceb3fd0ba3379756a70d73b17009f41d58bddbfcd6a2503956d8da"},
		{"RFC 4701 §3.6.3: a hardware address", "client.example.com", "010203040506",
			func(i *identity, id []byte) error { return i.v4(nil, id, 1) },
			"000001c4b9a5b249651343158dde7bcc77169841f7a4243a572b5c283fffedeb3f75e6"},
		{"a DUID in a client identifier (RFC 4361 §6.1)", "chi6.example.com", "ff0000000100010006412df166010203040506",
			func(i *identity, id []byte) error { return i.v4(id, nil, 0) },
			"000201636fc0b8271c82825bb1ac5c41cf5351aa69b4febd94e8f17cdb95000da48c40"},
		{"the name in upper case and with its dot", "CHI.Example.COM.", "010708090a0b0c",
			func(i *identity, id []byte) error { return i.v4(id, nil, 0) },
			"0001013920fe5d1dceb3fd0ba3379756a70d73b17009f41d58bddbfcd6a2503956d8da"},
	} {
		id, err := hex.DecodeString(tt.id)
		if err != nil {
			t.Fatal(err)
		}
		var i identity
		if err := tt.fill(&i, id); err != nil {
			t.Errorf("%s: %v", tt.name, err)
			continue
		}
		wire, ok := wireName(nil, tt.fqdn)
		if d := i.digest(wire); !ok || hex.EncodeToString(d[:]) != tt.want {
			t.Errorf("%s: %x, want %s", tt.name, d, tt.want)
		}
	}
	var i identity
	for name, err := range map[string]error{
		"no DUID behind the IAID": i.v4([]byte{255, 0, 0, 0, 1}, nil, 0),
		"a DUID too long":         i.v4(append([]byte{255}, make([]byte, 135)...), nil, 0),
		"nothing":                 i.v4(nil, nil, 1),
		"no DUID":                 i.v6(nil),
		"an endless identifier":   i.v4(append([]byte{1}, make([]byte, 300)...), nil, 0),
	} {
		if err == nil {
			t.Errorf("%s makes a DHCID", name)
		}
	}
}

// TestRequestsOfKea: what kea-dhcp4 sent (testdata/README), read and written again
// by us, says the same, with the words of Kea 3 besides.
func TestRequestsOfKea(t *testing.T) {
	text, err := os.ReadFile("testdata/kea-requests.jsonl")
	if err != nil {
		t.Fatal(err)
	}
	n := 0
	for line := range strings.SplitSeq(strings.TrimSpace(string(text)), "\n") {
		r, err := Parse(framed(line))
		if err != nil {
			t.Errorf("%s: %v", line, err)
			continue
		}
		var theirs, ours map[string]any
		b := r.Append(nil)
		if err := json.Unmarshal([]byte(line), &theirs); err != nil {
			t.Fatal(err)
		}
		if err := json.Unmarshal(b[2:], &ours); err != nil {
			t.Fatal(err)
		}
		if ours["conflict-resolution-mode"] == nil {
			t.Errorf("%s lacks the mode", b[2:])
		}
		delete(ours, "conflict-resolution-mode")
		if !reflect.DeepEqual(ours, theirs) {
			t.Errorf("\n got %s\nwant %s", b[2:], line)
		}
		n++
	}
	if n < 5 {
		t.Errorf("%d requests", n)
	}
}

func framed(s string) []byte { return append([]byte{byte(len(s) >> 8), byte(len(s))}, s...) }

func TestRequest(t *testing.T) {
	r := Request{Fwd: true, FQDN: "host.example.org.", Addr: netip.MustParseAddr("192.0.2.9"), DHCID: []byte{0, 1, 0xab},
		Expires: time.Unix(1_800_000_000, 0), TTL: 2400, Mode: CheckExistsWithDHCID}
	want := `{"change-type":0,"forward-change":true,"reverse-change":false,"fqdn":"host.example.org.","ip-address":"192.0.2.9",` +
		`"dhcid":"0001AB","lease-expires-on":"20270115080000","lease-length":2400,"use-conflict-resolution":true,"conflict-resolution-mode":"check-exists-with-dhcid"}`
	if b := r.Append(nil); string(b[2:]) != want || int(b[0])<<8|int(b[1]) != len(want) {
		t.Errorf("%x\n%s\n%s", b[:2], b[2:], want)
	}
}

func TestNoRequest(t *testing.T) {
	const whole = `{"change-type":0,"forward-change":true,"reverse-change":true,"fqdn":"a.b.","ip-address":"192.0.2.1","dhcid":"00","lease-length":1}`
	if _, err := Parse(framed(whole)); err != nil {
		t.Fatal(err)
	}
	for _, edit := range [][2]string{
		{`"change-type":0`, `"change-type":2`}, {`"change-type":0,`, ``}, {`true,"reverse-change":true`, `false,"reverse-change":false`}, {`"a.b."`, `""`},
		{`192.0.2.1`, `192.0.2`}, {`"00"`, `"0"`}, {`"00"`, `""`}, {`"lease-length":1`, `"lease-length":-1`}, {`{`, `[`}, {`a.b.`, `a\\b.`},
		{`1}`, `1,"conflict-resolution-mode":"never"}`}, {`1}`, `1,"lease-expires-on":"now"}`},
	} {
		if r, err := Parse(framed(strings.Replace(whole, edit[0], edit[1], 1))); err == nil {
			t.Errorf("%q for %q is taken: %+v", edit[1], edit[0], r)
		}
	}
	if _, err := Parse(framed(whole)[:40]); err == nil {
		t.Error("a cut request is taken")
	}
}

// FuzzParse: what is read as a request is written so that it is read as the same
// again.
func FuzzParse(f *testing.F) {
	r := Request{Rev: true, Remove: true, FQDN: `a\"(b.c.`, Addr: addr6, DHCID: []byte{1}, Expires: time.Unix(0, 0), Mode: NoCheckWithDHCID}
	f.Add(r.Append(nil))
	f.Add(framed(`{"change-type":0,"forward-change":true,"reverse-change":true,"fqdn":"a.b.","ip-address":"192.0.2.1","dhcid":"00","lease-length":1,"use-conflict-resolution":false}`))
	f.Fuzz(func(t *testing.T, b []byte) {
		r, err := Parse(b)
		if err != nil || r.Expires.Year() < 1 || r.Expires.Year() > 9999 {
			return
		}
		w := r.Append(nil)
		if len(w) > 1<<16 {
			return
		}
		again, err := Parse(w)
		if err != nil {
			t.Fatalf("%s: %v", w[2:], err)
		}
		if !r.Expires.Equal(again.Expires) && !r.Expires.IsZero() {
			t.Fatalf("%v, then %v", r.Expires, again.Expires)
		}
		again.Expires = r.Expires
		if !reflect.DeepEqual(r, again) {
			t.Fatalf("%+v, then %+v", r, again)
		}
	})
}

// TestEntry: a request says what the lease says.
func TestEntry(t *testing.T) {
	l := lease.Lease{Resource: lease.Resource{Kind: lease.NA, Prefix: netip.MustParsePrefix("2001:db8::7/128")}, DUID: []byte{0, 1, 2},
		Hostname: "host.example.org", RevDNS: true, Start: time.Unix(1_800_000_000, 0), Valid: 7200 * time.Second}
	var e entry
	if !e.fill(&l, &Params{Mode: NoCheckWithoutDHCID}, true, 7) {
		t.Fatal("no entry")
	}
	b, ok := e.append(nil)
	if !ok {
		t.Fatal("no request")
	}
	r, err := Parse(b)
	if err != nil {
		t.Fatal(err)
	}
	if !r.Remove || r.Fwd || !r.Rev || r.FQDN != "host.example.org." || r.Addr != l.Resource.Prefix.Addr() || r.TTL != 2400 ||
		r.Expires.Unix() != 1_800_002_400 || r.Mode != NoCheckWithoutDHCID || len(r.DHCID) != 35 || r.DHCID[1] != byDUID {
		t.Errorf("%+v", r)
	}
	for _, name := range []string{".", "a..b", strings.Repeat("a", 64)} {
		l.Hostname = name
		if e.fill(&l, &Default, false, 1) {
			if _, ok := e.append(nil); ok {
				t.Errorf("a request about %q", name)
			}
		}
	}
}
