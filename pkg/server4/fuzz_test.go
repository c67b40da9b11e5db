package server4

import (
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/dhcp4o6/dhcp4o6/pkg/ddns"
	"github.com/dhcp4o6/dhcp4o6/pkg/dhcp4"
)

// FuzzName: whatever a client calls itself, what is left of it is a name: labels of
// 1 to 63 letters, digits and hyphens, 255 octets at most; and what is told in
// option 81 is read as the same name again.
func FuzzName(f *testing.F) {
	for _, s := range []string{"host", "Host.Example.", "a..b", "\x04host\x07example\x00", "\xc0\x0c", "\x3f", "\n,\"$(x)}", strings.Repeat("a.", 130)} {
		for flags := range byte(8) {
			f.Add(flags, []byte(s))
		}
	}
	f.Fuzz(func(t *testing.T, flags byte, v []byte) {
		if len(v) > 1000 {
			return // more than a message holds
		}
		for _, c := range []dhcp4.Code{dhcp4.OptHostName, dhcp4.OptClientFQDN} {
			if c == dhcp4.OptClientFQDN {
				v = append([]byte{flags, 0, 0}, v...)
			}
			h := readName(t, c, v)
			name := h.text()
			for label := range strings.SplitSeq(strings.TrimSuffix(name, "."), ".") {
				if name != "" && (label == "" || len(label) > 63) {
					t.Fatalf("%x makes the name %q", v, name)
				}
			}
			name = strings.TrimSuffix(name, ".")
			if clean := strings.Trim(name, "abcdefghijklmnopqrstuvwxyz0123456789-."); clean != "" || len(name) > 255 {
				t.Fatalf("%x makes the name %q", v, name)
			}
			if h.is.Answer == ddns.FQDN {
				if again := readName(t, c, h.appendFQDN(nil)); again.text() != h.text() {
					t.Fatalf("%q is told as %q", h.text(), again.text())
				}
			}
		}
	})
}

func readName(t *testing.T, c dhcp4.Code, v []byte) *name {
	t.Helper()
	var w dhcp4.Builder
	w.Query(dhcp4.Discover, nil)
	w.Add(c, v)
	var q dhcp4.Message
	if err := q.Parse(w.Bytes()); err != nil {
		t.Fatal(err)
	}
	h := new(name)
	h.read(&q)
	ddns.Default.Decide(&h.is, &h.asked, "", netip.AddrFrom4([4]byte{192, 0, 2, 9}))
	return h
}

// FuzzIdentifierFile: a file that is read holds IPv4 addresses alone, and is written
// and read again as the same.
func FuzzIdentifierFile(f *testing.F) {
	f.Add([]byte(`{"interfaces":{"eth0":"192.0.2.1"},"default":"192.0.2.1","lifetime":600,"earlier":[{"address":"192.0.2.9","until":"2026-01-02T03:04:05Z"}]}`))
	f.Add([]byte(`{"default":"2001:db8::1"}`))
	f.Add([]byte(`{"default":""}`))
	name := filepath.Join(f.TempDir(), "serverid")
	f.Fuzz(func(t *testing.T, text []byte) {
		if err := os.WriteFile(name, text, 0o600); err != nil {
			t.Fatal(err)
		}
		file, err := readIdentifiers(name)
		if err != nil {
			return
		}
		for _, a := range file.all() {
			if !a.Is4() {
				t.Fatalf("%v", a)
			}
		}
		if err := writeIdentifiers(name, file); err != nil {
			return // a year that JSON does not write
		}
		if again, err := readIdentifiers(name); err != nil || !again.equal(file) {
			t.Fatalf("%+v %+v %v", file, again, err)
		}
	})
}
