// Package netif tells which links the host has and which addresses they carry,
// and follows both as they change.
//
// A picture is always whole: List takes one, and Follow sends a new one after
// every change, so a reader compares and never patches. What is not usable does
// not appear: an IPv6 address that is still tentative, or failed its duplicate
// address detection (RFC 4862 §5.4), shows up in the picture after the one
// that makes it usable.
//
//	pictures, err := netif.Follow(ctx)
//	for p := range pictures {
//		open(p.Interfaces)
//	}
//
// Who serves one link by its name has FollowLink; who gave it an IPv6 address
// learns from a DAD whether another node has that already.
package netif

import (
	"net/netip"
	"slices"
)

// An Interface is one link with its addresses.
type Interface struct {
	Index     int
	Name      string
	HWAddr    []byte // empty where the link has none
	HWType    uint16 // ARPHRD number; 1 is Ethernet
	MTU       int
	Up        bool // set up by the administrator
	Running   bool // and the lower layers are ready (carrier)
	Loopback  bool
	Multicast bool
	NoARP     bool           // its neighbours have no addresses to be asked for
	Broadcast bool           // has a broadcast address: not point-to-point
	Addrs     []netip.Prefix // usable addresses with their prefix length, no zone; IPv4 first
	Falls     uint32         // how often Follow has heard that it was down, between two pictures too; 0 of List
}

// Still reports whether now is the same link and has been up all the time: the kernel
// takes the routes of a link that goes down, and all of its IPv6.
func (i *Interface) Still(now *Interface) bool {
	return now != nil && now.Index == i.Index && now.Falls == i.Falls
}

// IPv4 returns the address that a server on this link goes by: the first that is
// of a network on the link, rather than the host's alone (/32) or link-local, where
// there is one. The zero Addr: there is no IPv4 address.
func (i *Interface) IPv4() (best netip.Addr) {
	for _, p := range i.Addrs {
		a := p.Addr()
		switch {
		case !a.Is4():
		case p.Bits() < 32 && !a.IsLinkLocalUnicast():
			return a
		case !best.IsValid() || best.IsLinkLocalUnicast() && !a.IsLinkLocalUnicast():
			best = a
		}
	}
	return best
}

// LinkLocal returns the first IPv6 link-local address, or the zero Addr.
func (i *Interface) LinkLocal() netip.Addr {
	for _, p := range i.Addrs {
		if a := p.Addr(); a.Is6() && a.IsLinkLocalUnicast() {
			return a
		}
	}
	return netip.Addr{}
}

// Has reports whether a is one of the usable addresses.
func (i *Interface) Has(a netip.Addr) bool {
	return slices.ContainsFunc(i.Addrs, func(p netip.Prefix) bool { return p.Addr() == a })
}

// List returns the interfaces by ascending index.
func List() ([]Interface, error) {
	var d dumper
	return d.list()
}

// An Event is the full picture after a change.
type Event struct{ Interfaces []Interface }

// equal reports whether two pictures show the same.
func equal(a, b []Interface) bool {
	return slices.EqualFunc(a, b, func(x, y Interface) bool {
		return x.Index == y.Index && x.Falls == y.Falls && x.Name == y.Name && x.HWType == y.HWType && x.MTU == y.MTU &&
			x.Up == y.Up && x.Running == y.Running && x.Loopback == y.Loopback &&
			x.Multicast == y.Multicast && x.NoARP == y.NoARP && x.Broadcast == y.Broadcast &&
			slices.Equal(x.HWAddr, y.HWAddr) && slices.Equal(x.Addrs, y.Addrs)
	})
}
