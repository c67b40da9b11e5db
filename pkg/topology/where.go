package topology

import (
	"net/netip"

	"github.com/dhcp4o6/dhcp4o6/pkg/classify"
)

// Where is where a query comes from: what the ladder of subnet selection looks
// at. An address that is invalid or unspecified is not there. Every rung that
// finds nothing leaves the choice to the next, unless its comment says that it
// is the last.
type Where struct {
	Iface string // the interface the query came in on; over 4o6 that of the DHCPv6 server

	GIAddr   netip.Addr // v4: the relay's address (RFC 2131)
	Selected netip.Addr // v4: link selection (82.5, RFC 3527), else subnet selection (118, RFC 3011)
	CIAddr   netip.Addr // v4: the client's address as it states it
	Link     netip.Addr // v6 and 4o6: the first global link-address, going outward from the client
	Source   netip.Addr // the datagram's source; over 4o6 an IPv6 address
	Local    netip.Addr // v4: our own address on the interface

	InterfaceID []byte // v6 and 4o6: of the relay nearest the client; not kept

	Unicast bool // v4: it came to an address of ours, so that CIAddr and Source count
	In6     bool // v4: it came over DHCPv6 (RFC 7341)
}

// Admits reports whether a client in the classes c may pass: the guard is empty
// or names one of them. A nil c is in ALL only.
func (g Guard) Admits(c *classify.Set) bool {
	if len(g) == 0 {
		return true
	}
	for _, class := range g {
		if c.Has(class) || c == nil && class == classify.All {
			return true
		}
	}
	return false
}

// Admits reports whether a client in the classes c may have this subnet: its
// guard and that of its network let it in.
func (s *Subnet) Admits(c *classify.Set) bool {
	return (s.Network == nil || s.Network.Guard.Admits(c)) && s.Guard.Admits(c)
}

// given reports whether a is an address that a query really named.
func given(a netip.Addr) bool { return a.IsValid() && !a.IsUnspecified() }
