package server6

import (
	"bytes"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/dhcp4o6/dhcp4o6/pkg/config"
	"github.com/dhcp4o6/dhcp4o6/pkg/dhcp6"
	"github.com/dhcp4o6/dhcp4o6/pkg/netif"
)

var (
	noHardware = []netif.Interface{{Name: "lo", Loopback: true, HWAddr: make([]byte, 6)}, {Name: "tun0"}}
	ether      = append(noHardware, netif.Interface{Name: "eth0", HWType: 1, HWAddr: []byte(mac)})
)

func TestServerIDKind(t *testing.T) {
	tests := []struct {
		name  string
		c     config.ServerID
		links []netif.Interface
		want  string // what the DUID begins with
		err   bool
	}{
		{"left to us, with hardware", config.ServerID{}, ether, "\x00\x01\x00\x01", false},
		{"left to us, without hardware", config.ServerID{}, noHardware, "\x00\x04", false},
		{"LLT", config.ServerID{Type: "LLT"}, ether, "\x00\x01\x00\x01", false},
		{"LLT without hardware", config.ServerID{Type: "LLT"}, noHardware, "", true},
		{"LLT in full", config.ServerID{Type: "LLT", HType: 8, Time: 16, Identifier: []byte("abcdef")}, noHardware, "\x00\x01\x00\x08\x00\x00\x00\x10abcdef", false},
		{"LL", config.ServerID{Type: "LL"}, ether, "\x00\x03\x00\x01" + mac, false},
		{"LL of an address", config.ServerID{Type: "LL", Identifier: []byte("abcdef")}, noHardware, "\x00\x03\x00\x01abcdef", false},
		{"LL of a type that no link has", config.ServerID{Type: "LL", HType: 32}, ether, "", true},
		{"EN", config.ServerID{Type: "EN"}, noHardware, "\x00\x02\x00\x00\x09\xbf", false},
		{"EN in full", config.ServerID{Type: "EN", EnterpriseID: 32473, Identifier: []byte("me")}, noHardware, "\x00\x02\x00\x00\x7e\xd9me", false},
		{"unknown", config.ServerID{Type: "XX"}, ether, "", true},
	}
	for _, tt := range tests {
		for _, persist := range []bool{false, true} {
			tt.c.Persist = persist
			name := filepath.Join(t.TempDir(), ServerIDFile)
			got, err := LoadServerID(name, tt.c, tt.links, begin)
			if tt.err != (err != nil) || !bytes.HasPrefix(got, []byte(tt.want)) {
				t.Errorf("%s: %v %v", tt.name, got, err)
			}
			if err != nil {
				continue
			}
			if _, err := dhcp6.ParseDUID(got); err != nil {
				t.Errorf("%s: %v", tt.name, err)
			}
			text, err := os.ReadFile(name)
			if persist && string(text) != got.String() || !persist && err == nil {
				t.Errorf("%s: file holds %q", tt.name, text)
			}
			// At the next start, later and with other links, it is the same.
			again, err := LoadServerID(name, tt.c, tt.links, begin.Add(time.Hour))
			if persist && (err != nil || !bytes.Equal(again, got)) {
				t.Errorf("%s: then %v %v", tt.name, again, err)
			}
		}
	}
}

// A configured identity that differs from the one on disk takes its place.
func TestServerIDIsReplaced(t *testing.T) {
	name := filepath.Join(t.TempDir(), ServerIDFile)
	tests := []struct {
		file, want string
		c          config.ServerID
	}{
		{"00:03:00:01:02:00:5e:10:00:09", "00:03:00:01:02:00:5e:10:00:09", config.ServerID{}},
		{"00:03:00:01:02:00:5e:10:00:09", "00:03:00:01:02:00:5e:10:00:09", config.ServerID{Type: "LL"}},
		{"00:03:00:01:02:00:5e:10:00:09\n", "00:03:00:01:61:62:63:64:65:66", config.ServerID{Type: "LL", Identifier: []byte("abcdef")}},
		{"0003000102005e100009", "00:02:00:00:7e:d9:6d:65", config.ServerID{Type: "EN", EnterpriseID: 32473, Identifier: []byte("me")}},
		{"00:02:00:00:7e:d9:6d:65", "00:02:00:00:7e:d9:6d:65", config.ServerID{Type: "EN", EnterpriseID: 32473}},
		{"00:01:00:01:00:00:00:10:02:00:5e:10:00:09", "00:01:00:01:00:00:00:10:02:00:5e:10:00:09", config.ServerID{Type: "LLT", Time: 16}},
		{"00:01:00:01:00:00:00:10:02:00:5e:10:00:09", "00:01:00:01:00:00:00:11:02:00:5e:10:00:01", config.ServerID{Type: "LLT", Time: 17}},
	}
	for _, tt := range tests {
		if err := os.WriteFile(name, []byte(tt.file), 0o600); err != nil {
			t.Fatal(err)
		}
		tt.c.Persist = true
		got, err := LoadServerID(name, tt.c, ether, begin)
		if err != nil || got.String() != tt.want {
			t.Errorf("%q and %+v: %v %v, want %v", tt.file, tt.c, got, err, tt.want)
		}
	}
}

func TestServerIDFileThatCannotBeUsed(t *testing.T) {
	dir := t.TempDir()
	name := filepath.Join(dir, ServerIDFile)
	c := config.ServerID{Persist: true}
	for _, text := range []string{"", "hello", "00", "00:01:0", string(bytes.Repeat([]byte("00"), 200))} {
		if err := os.WriteFile(name, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		if got, err := LoadServerID(name, c, ether, begin); err == nil {
			t.Errorf("%q: %v", text, got)
		}
		if after, _ := os.ReadFile(name); string(after) != text {
			t.Errorf("%q was overwritten", text)
		}
	}
	if _, err := LoadServerID(filepath.Join(dir, "no", "folder"), c, ether, begin); err == nil {
		t.Error("an identity that is not on disk was used")
	}
	if left, _ := filepath.Glob(filepath.Join(dir, ServerIDFile+".*")); len(left) != 0 {
		t.Errorf("left behind: %v", left)
	}
}
