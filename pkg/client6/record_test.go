package client6

import (
	"bytes"
	"math/rand/v2"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/dhcp4o6/dhcp4o6/pkg/dhcp6"
)

// aRecord is one with all that it can hold.
func aRecord(t testing.TB) *Record {
	l := newLab(&testing.T{}, Options{IAs: []IA{na, pd, ta}, Reconfigure: true, Rand: rand.New(rand.NewPCG(3, 4))})
	l.bound(lease1(), iaPD(1, 1000, 2000, prefix("2001:db8:f::/56", forever, forever)), iaTA(7, addr(addr2, 5, 60)), opt32(82, 100), opt32(83, 200),
		opt(dhcp6.OptReconfAccept), auth(authKey, 5, rkey), dns("2001:db8::53"))
	r := l.m.Record(l.now)
	if r == nil {
		t.Fatal("no record")
	}
	return r
}

// A record says by itself what it is about.
func TestRecordIsReadable(t *testing.T) {
	text, err := aRecord(t).AppendText(nil)
	if err != nil {
		t.Fatal(err)
	}
	for _, part := range []string{
		`"duid": "00:03:00:01:02:00:5e:10:00:01"`, `"interface": "eth0"`, `"kind": "na"`, `"kind": "pd"`, `"iaid": 7`,
		`"prefix": "2001:db8:1::10/128"`, `"valid-until": "2030-01-01T01:06:4`, `"name": "DNS_SERVERS"`, `"t1": 1000`, `"sol-max-rt": 100`,
	} {
		if !strings.Contains(string(text), part) {
			t.Errorf("no %s in\n%s", part, text)
		}
	}
	if strings.Count(string(text), "valid-until") != 2 {
		t.Errorf("a lease for ever has an end in\n%s", text)
	}
}

// What is written is read again as it was.
func TestRecordComesBack(t *testing.T) {
	r := aRecord(t)
	name := filepath.Join(t.TempDir(), "dhcp6c.eth0.json")
	f := NewFile(name)
	if got, err := f.Load(); got != nil || err != nil {
		t.Errorf("without a file: %v %v", got, err)
	}
	if err := f.Save(r); err != nil {
		t.Fatal(err)
	}
	if st, err := os.Stat(name); err != nil || st.Mode().Perm() != 0o600 {
		t.Errorf("%v %v: the reconfigure key is in it", st.Mode(), err)
	}
	got, err := f.Load()
	if err != nil || !reflect.DeepEqual(got, r) {
		t.Errorf("%v\n%+v, want\n%+v", err, got, r)
	}
	if s := got.Settings(); len(s.Addresses) != 2 || len(s.Prefixes) != 1 || len(s.DNS) != 1 {
		t.Errorf("%+v", s)
	}
	for range 2 {
		if err := f.Save(nil); err != nil {
			t.Error(err)
		}
	}
	if _, err := os.Stat(name); !os.IsNotExist(err) {
		t.Errorf("not forgotten: %v", err)
	}
	if err := NewFile(filepath.Join(name, "x")).Save(r); err == nil {
		t.Error("saved nowhere")
	}
}

// A file that makes no sense is refused and stays as it is.
func TestRecordThatCannotBe(t *testing.T) {
	text, err := aRecord(t).AppendText(nil)
	if err != nil {
		t.Fatal(err)
	}
	change := func(from, to string) string {
		if !strings.Contains(string(text), from) {
			t.Fatalf("no %s", from)
		}
		return strings.Replace(string(text), from, to, 1)
	}
	name := filepath.Join(t.TempDir(), "leases")
	for _, bad := range []string{
		"", "{}", "null", "[]", "lease6 {\n}\n", string(text[:len(text)/2]), string(text) + "{}",
		change(`"version": 1`, `"version": 2`), change(`"version": 1`, `"version": 0`),
		change(`"kind": "pd"`, `"kind": "px"`), change(`2001:db8:1::10/128`, `2001:db8:1::10/64`), change(`2001:db8:1::10/128`, `fe80::1/128`),
		change(`2001:db8:f::/56`, `2001:db8:f::1/56`), change(`"duid": "00:`, `"duid": "0x:`), change(`"duid": "00:03:00:01:02:00:5e:10:00:01"`, `"duid": ""`),
		change(`"t1": 1000`, `"t1": -1`), change(`"iaid": 7`, `"iaid": 4294967296`), change(`"key": "30:`, `"key": "`), change(`"version"`, `"unheard-of": 1, "version"`),
	} {
		if err := os.WriteFile(name, []byte(bad), 0o600); err != nil {
			t.Fatal(err)
		}
		if r, err := NewFile(name).Load(); err == nil {
			t.Errorf("taken: %+v of\n%s", r, bad)
		}
		if after, _ := os.ReadFile(name); string(after) != bad {
			t.Error("it was changed")
		}
	}
}

// FuzzRecord: what is read is written as a text that reads the same, and a machine can
// begin with it.
func FuzzRecord(f *testing.F) {
	text, err := aRecord(f).AppendText(nil)
	if err != nil {
		f.Fatal(err)
	}
	f.Add(text)
	f.Add([]byte(`{"version":1,"duid":"00:01:02"}`))
	f.Fuzz(func(t *testing.T, text []byte) {
		r, err := ParseRecord(text)
		if err != nil {
			return
		}
		again, err := r.AppendText(nil)
		if err != nil {
			return // a time that JSON cannot hold
		}
		same, err := ParseRecord(again)
		if err != nil {
			t.Fatalf("%v in\n%s", err, again)
		}
		if third, _ := same.AppendText(nil); !bytes.Equal(third, again) {
			t.Fatalf("%s\nreads\n%s", again, third)
		}
		r.Settings()
		l := newLab(t, Options{DUID: r.DUID, IAs: []IA{na, pd, ta}, Reconfigure: true, FourOverSix: true, Record: r})
		l.start()
		for range 10 {
			if l.at.IsZero() {
				break
			}
			l.tick()
			checkSane(t, l)
		}
	})
}

// Wall times stand in the record alone: the clock that is set moves them, and no
// deadline; time that the host slept through counts (RFC 9915 §18.2.12).
func TestClock(t *testing.T) {
	l := newLab(t, Options{IAs: []IA{na}})
	l.bound(lease1())
	before := l.at
	acts := l.tell(Clock{})
	if len(of[Save](acts)) != 1 || l.at != before || l.m.State() != Bound {
		t.Errorf("%s, armed for %v, %v", l.m.State(), l.at, acts)
	}
	l.tell(Clock{500 * time.Second})
	l.want(Confirming)
	l.hear(answerTo(l.until(dhcp6.Confirm), dhcp6.Reply))
	if d := l.until(dhcp6.Renew).at.Sub(begin); d > 510*time.Second {
		t.Errorf("Renew after %v", d)
	}
	l.tell(Clock{4000 * time.Second})
	l.want(Soliciting)
	l.wantHas()
}
