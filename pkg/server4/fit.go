package server4

import (
	"math"

	"github.com/dhcp4o6/dhcp4o6/pkg/dhcp4"
	"github.com/dhcp4o6/dhcp4o6/pkg/netif"
)

// noteLinks keeps what the host's links are, for who does not hold reload.
func (s *Server) noteLinks(now []netif.Interface) {
	mtus := make(map[int]int, len(now))
	for i := range now {
		if l := &now[i]; l.MTU > 0 {
			mtus[l.Index] = l.MTU
		}
	}
	s.ifaces.Store(&now)
	s.mtus.Store(&mtus)
}

// carries is the largest message that a frame on a link takes.
func (s *Server) carries(ifIndex int) int {
	mtu, ok := (*s.mtus.Load())[ifIndex]
	if !ok {
		return math.MaxInt
	}
	return max(mtu-headers, dhcp4.MinAccept)
}

// framed reports whether a reply that gives an address goes in a frame to the client's
// hardware address (RFC 2131 §4.1). It has to fit the link, whatever the client says
// that it takes (option 57): a client without address cannot put fragments together.
func (x *Exchange) framed() bool {
	q := x.Query
	return !x.over6 && x.Reply != dhcp4.Nak && x.Type != dhcp4.Inform && !given(q.GIAddr) && !given(q.CIAddr) &&
		q.Flags&dhcp4.FlagBroadcast == 0 && q.HType == 1 && q.HLen == 6
}

// grow lets the reply to a client that has not said what it takes become as long as an
// Ethernet carries, and the link where the client is on it: in one piece, since that is
// more than it has to take already (RFC 2131 §2).
func (x *Exchange) grow() {
	n := ethernet
	if !x.over6 && !given(x.Query.GIAddr) {
		n = min(n, x.s.carries(x.ifIndex))
	}
	x.allow(n)
}
