package duid

import (
	"bytes"
	"errors"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/dhcp4o6/dhcp4o6/pkg/dhcp6"
	"github.com/dhcp4o6/dhcp4o6/pkg/netif"
)

const mac = "\x02\x00\x5e\x10\x00\x01"

var (
	begin = time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
	bare  = []netif.Interface{{Name: "lo", Loopback: true, HWAddr: make([]byte, 6)}, {Name: "tun0"}, {Name: "dummy0", HWType: 1, HWAddr: make([]byte, 6)}}
	ether = append(bare[:3:3], netif.Interface{Name: "eth0", HWType: 1, HWAddr: []byte(mac)}, netif.Interface{Name: "ib0", HWType: 32, HWAddr: []byte("infiniband-address-z")})
)

func TestKinds(t *testing.T) {
	uuid := []byte("0123456789abcdef")
	tests := []struct {
		name  string
		s     Spec
		links []netif.Interface
		want  string // what the DUID begins with
		len   int
		err   error
	}{
		{"any, with hardware", Spec{}, ether, "\x00\x01\x00\x01", 14, nil},
		{"any, without hardware", Spec{}, bare, "\x00\x04", 18, nil},
		{"LLT", Spec{Kind: LLT}, ether, "\x00\x01\x00\x01", 14, nil},
		{"LLT without hardware", Spec{Kind: LLT}, bare, "", 0, ErrNoHWAddr},
		{"LLT in full", Spec{Kind: LLT, HWType: 8, Time: 16, HWAddr: []byte("abcdef")}, bare, "\x00\x01\x00\x08\x00\x00\x00\x10abcdef", 14, nil},
		{"LL", Spec{Kind: LL}, ether, "\x00\x03\x00\x01" + mac, 10, nil},
		{"LL of a type", Spec{Kind: LL, HWType: 32}, ether, "\x00\x03\x00\x20infiniband", 24, nil},
		{"LL of a type that no link has", Spec{Kind: LL, HWType: 6}, ether, "", 0, ErrNoHWAddr},
		{"EN", Spec{Kind: EN, Enterprise: 32473}, bare, "\x00\x02\x00\x00\x7e\xd9", 14, nil},
		{"EN in full", Spec{Kind: EN, Enterprise: 32473, ID: []byte("me")}, bare, "\x00\x02\x00\x00\x7e\xd9me", 8, nil},
		{"EN of nobody", Spec{Kind: EN}, bare, "", 0, ErrEnterprise},
		{"EN too long", Spec{Kind: EN, Enterprise: 1, ID: make([]byte, 125)}, bare, "", 0, ErrLength},
		{"EN of nothing", Spec{Kind: EN, Enterprise: 1, ID: []byte{}}, bare, "", 0, ErrLength},
		{"UUID", Spec{Kind: UUID}, ether, "\x00\x04", 18, nil},
		{"UUID in full", Spec{Kind: UUID, ID: uuid}, ether, "\x00\x04" + string(uuid), 18, nil},
		{"UUID too short", Spec{Kind: UUID, ID: uuid[:15]}, ether, "", 0, ErrUUID},
		{"UUID too long", Spec{Kind: UUID, ID: append(uuid, 0)}, ether, "", 0, ErrUUID},
		{"unknown", Spec{Kind: "XX"}, ether, "", 0, ErrKind},
	}
	for _, tt := range tests {
		got, err := Make(nil, tt.s, tt.links, begin)
		if !errors.Is(err, tt.err) || len(got) != tt.len || !bytes.HasPrefix(got, []byte(tt.want)) {
			t.Errorf("%s: %v %v", tt.name, got, err)
		}
		if err != nil {
			continue
		}
		// Later and on a host of other links it is still the same.
		if again, err := Make(got, tt.s, ether[:4], begin.Add(time.Hour)); err != nil || !bytes.Equal(again, got) {
			t.Errorf("%s: then %v %v, before %v", tt.name, again, err, got)
		}
	}
}

// A DUID of chance is another each time, and marked as one of chance (RFC 9562 §5.4).
func TestChance(t *testing.T) {
	for _, s := range []Spec{{Kind: UUID}, {Kind: EN, Enterprise: 1}} {
		a, _ := Make(nil, s, nil, begin)
		b, _ := Make(nil, s, nil, begin)
		if bytes.Equal(a, b) {
			t.Errorf("%s: %v twice", s.Kind, a)
		}
		if s.Kind == UUID && (a[8]>>4 != 4 || a[10]>>6 != 2) {
			t.Errorf("%v is not marked as random", a)
		}
	}
}

func TestSpecThatDiffersFromTheFile(t *testing.T) {
	name := filepath.Join(t.TempDir(), "client-duid")
	tests := []struct {
		file, want string
		s          Spec
	}{
		{"00:03:00:01:02:00:5e:10:00:09", "00:03:00:01:02:00:5e:10:00:09", Spec{}},
		{"00:03:00:01:02:00:5e:10:00:09", "00:03:00:01:02:00:5e:10:00:09", Spec{Kind: LL}},
		{"00:03:00:01:02:00:5e:10:00:09\n", "00:03:00:01:61:62:63:64:65:66", Spec{Kind: LL, HWAddr: []byte("abcdef")}},
		{"0003000102005E100009", "00:02:00:00:7e:d9:6d:65", Spec{Kind: EN, Enterprise: 32473, ID: []byte("me")}},
		{"00:02:00:00:7e:d9:6d:65", "00:02:00:00:7e:d9:6d:65", Spec{Kind: EN, Enterprise: 32473}},
		{"00:02:00:00:7e:d9:6d:65", "00:02:00:00:7e:d9:6d:65", Spec{Kind: EN}},
		{"00:01:00:01:00:00:00:10:02:00:5e:10:00:09", "00:01:00:01:00:00:00:10:02:00:5e:10:00:09", Spec{Kind: LLT, Time: 16}},
		{"00:01:00:01:00:00:00:10:02:00:5e:10:00:09", "00:01:00:01:00:00:00:11:02:00:5e:10:00:01", Spec{Kind: LLT, Time: 17}},
		{"00:99:01", "00:99:01", Spec{}}, // a type that others will define
	}
	for _, tt := range tests {
		if err := os.WriteFile(name, []byte(tt.file), 0o600); err != nil {
			t.Fatal(err)
		}
		got, err := Load(name, tt.s, ether, begin)
		if err != nil || got.String() != tt.want {
			t.Errorf("%q and %+v: %v %v, want %v", tt.file, tt.s, got, err, tt.want)
		}
		if again, err := Read(name); err != nil || !bytes.Equal(again, got) {
			t.Errorf("%q and %+v: the file then holds %v %v", tt.file, tt.s, again, err)
		}
	}
}

func TestFileThatCannotBeUsed(t *testing.T) {
	dir := t.TempDir()
	name := filepath.Join(dir, "client-duid")
	tests := []struct {
		text string
		err  error
	}{
		{"", ErrForeign},
		{"hello", ErrForeign},
		{"00", ErrForeign},
		{"00:01:0", ErrForeign},
		{string(bytes.Repeat([]byte("00"), 200)), ErrForeign},
		{string(bytes.Repeat([]byte(" "), 600)), ErrForeign},
		{"00:01:00:01:2f:00:11:22", ErrDamaged}, // a DUID-LLT cut in its time
		{"00:03:00:01", ErrDamaged},
		{"00:02:00:00:7e:d9", ErrDamaged},
		{"00:04:01:02:03", ErrDamaged},
	}
	for _, tt := range tests {
		if err := os.WriteFile(name, []byte(tt.text), 0o600); err != nil {
			t.Fatal(err)
		}
		if got, err := Load(name, Spec{}, ether, begin); !errors.Is(err, tt.err) {
			t.Errorf("%q: %v %v", tt.text, got, err)
		}
		if after, _ := os.ReadFile(name); string(after) != tt.text {
			t.Errorf("%q was overwritten", tt.text)
		}
	}
	if d, err := Load(filepath.Join(dir, "no", "folder"), Spec{}, ether, begin); err == nil || d != nil {
		t.Errorf("%v is not on disk and was used", d)
	}
	if _, err := Load(dir, Spec{}, ether, begin); err == nil {
		t.Error("a folder was read")
	}
	if left, _ := filepath.Glob(filepath.Join(dir, "client-duid.*")); len(left) != 0 {
		t.Errorf("left behind: %v", left)
	}
}

// Who has no file gets one, and has the same identifier from then on.
func TestFirstStart(t *testing.T) {
	name := filepath.Join(t.TempDir(), "client-duid")
	if d, err := Read(name); d != nil || err != nil {
		t.Fatalf("%v %v", d, err)
	}
	first, err := Load(name, Spec{}, ether, begin)
	if err != nil {
		t.Fatal(err)
	}
	if next, err := Load(name, Spec{}, bare, begin.Add(time.Hour)); err != nil || !bytes.Equal(first, next) {
		t.Errorf("%v, then %v %v", first, next, err)
	}
	if st, err := os.Stat(name); err != nil || st.Mode().Perm() != 0o644 {
		t.Errorf("%v %v", st.Mode(), err)
	}
}

// FuzzIdentifierText: what is read is written back as a text that reads the same.
func FuzzIdentifierText(f *testing.F) {
	f.Add([]byte("00:03:00:01:02:00:5e:10:00:09\n"))
	f.Add([]byte("0004000102030405060708090a0b0c0d0e0f"))
	f.Add([]byte("00:01:00:01"))
	f.Add([]byte("0003 0001\n"))
	f.Add([]byte(":"))
	f.Fuzz(func(t *testing.T, text []byte) {
		d, err := Parse(text)
		if err != nil {
			if d != nil {
				t.Fatalf("%v and %v", d, err)
			}
			return
		}
		if again, err := Parse([]byte(d.String())); err != nil || !bytes.Equal(again, d) {
			t.Fatalf("%v reads %v %v", d, again, err)
		}
		if _, err := dhcp6.ParseDUID(d); err != nil {
			t.Fatalf("%v: %v", d, err)
		}
	})
}

// TestLoadAtOnce: DHCPv4 and DHCPv6 name one host by one DUID (RFC 4361 §6.1), also
// when both clients are started for the first time at once.
func TestLoadAtOnce(t *testing.T) {
	for range 20 {
		name := filepath.Join(t.TempDir(), "client-duid")
		got := make(chan dhcp6.DUID)
		for range 4 {
			go func() {
				d, err := Load(name, Spec{Kind: UUID}, nil, begin)
				if err != nil {
					t.Error(err)
				}
				got <- d
			}()
		}
		first := <-got
		for range 3 {
			if d := <-got; !bytes.Equal(d, first) {
				t.Fatalf("%v and %v", first, d)
			}
		}
	}
}
