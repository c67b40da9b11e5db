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
	route := make([]byte, unix.SizeofRtMsg)
	route[0], route[1], route[4], route[7] = unix.AF_INET, 24, unix.RT_TABLE_MAIN, unix.RTN_UNICAST
	f.Add(append(route, 8, 0, byte(unix.RTA_DST), 0, 192, 0, 2, 0))
	f.Fuzz(func(t *testing.T, m []byte) {
		if i, ok := parseLink(m); ok && i.Name == "" {
			t.Errorf("%x: %+v", m, i)
		}
		if _, p, ok := parseAddr(m); ok && !p.IsValid() {
			t.Errorf("%x: %v", m, p)
		}
		if key, _, ok := parseFate(unix.RTM_DELADDR, m); ok && !key.addr.Is6() {
			t.Errorf("%x: %+v", m, key)
		}
		if r, ok := parseRoute(m); ok && !r.Dest.IsValid() {
			t.Errorf("%x: %+v", m, r)
		}
	})
}
