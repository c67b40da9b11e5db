package dhcp6

import "net/netip"

// Addrs is a list of IPv6 addresses: the value of the DHCP 4o6 Server Address
// option (RFC 7341 §7.2), which may be empty, and of every option like DNS
// Recursive Name Server.
type Addrs []byte

// ParseAddrs checks the value of an option that lists addresses.
func ParseAddrs(v []byte) (Addrs, error) {
	if len(v)%16 != 0 {
		return nil, ErrLength
	}
	return Addrs(v), nil
}

// All yields every address in wire order.
func (a Addrs) All(yield func(netip.Addr) bool) {
	for ; len(a) > 0; a = a[16:] {
		if !yield(netip.AddrFrom16([16]byte(a))) {
			return
		}
	}
}

// Len returns how many addresses there are.
func (a Addrs) Len() int { return len(a) / 16 }
