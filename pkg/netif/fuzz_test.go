package netif

import (
	"testing"

	"golang.org/x/sys/unix"
)

// FuzzDump: what netlink sends is read without a fault, and what is taken of it has
// a name, or is an address.
func FuzzDump(f *testing.F) {
	link := make([]byte, unix.SizeofIfInfomsg)
	f.Add(append(link, 9, 0, byte(unix.IFLA_IFNAME), 0, 'e', 't', 'h', '0', 0, 0, 0, 0))
	addr := make([]byte, unix.SizeofIfAddrmsg)
	addr[0], addr[1] = unix.AF_INET, 24
	f.Add(append(addr, 8, 0, byte(unix.IFA_ADDRESS), 0, 192, 0, 2, 1))
	f.Fuzz(func(t *testing.T, m []byte) {
		if i, ok := parseLink(m); ok && i.Name == "" {
			t.Errorf("%x: %+v", m, i)
		}
		if _, p, ok := parseAddr(m); ok && !p.IsValid() {
			t.Errorf("%x: %v", m, p)
		}
	})
}
