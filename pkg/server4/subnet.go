package server4

import (
	"net/netip"

	"github.com/dhcp4o6/dhcp4o6/pkg/dhcp4"
	"github.com/dhcp4o6/dhcp4o6/pkg/topology"
)

// selectSubnet finds the subnet of the client's link: by the ladder of package
// topology, which for 4o6 asks Kea's rule first and ours then.
func (s *Server) selectSubnet(x *Exchange) Verdict {
	if !x.returning {
		x.where()
		if x.Net.EarlyGlobal {
			x.early()
			if v := s.preclassify(x); v != Next {
				return v
			}
		}
		x.Subnet = x.Net.Subnet4(&x.Where, &x.classes)
	}
	if h := x.hooks.SubnetSelect; h != nil && !x.ends() {
		if v := s.consult(x, h); v != Next {
			return v
		}
		if x.next == Skip {
			x.Subnet = nil
		}
	}
	x.Policy = &x.Net.Policy
	if x.Subnet != nil {
		x.Policy = &x.Subnet.Policy
		return Next
	}
	switch x.Type {
	case dhcp4.Release, dhcp4.Decline: // name the lease themselves
		return Next
	case dhcp4.Request:
		if x.Query.Has(dhcp4.OptServerID) { // it chose this server, and is told
			return Next
		}
	case dhcp4.Inform: // global options may still be of use
		if len(x.Net.Options) > 0 {
			return Next
		}
	}
	return DropNoSubnet
}

// ends reports whether the client gives its lease up: with Kea such a message is not
// about a subnet, nor is the client looked for among the reservations, and no
// function is asked about either.
func (x *Exchange) ends() bool { return x.Type == dhcp4.Release || x.Type == dhcp4.Decline }

// where fills in what the ladder looks at.
func (x *Exchange) where() {
	q := x.Query
	x.Where = topology.Where{Iface: x.iface, GIAddr: q.GIAddr, CIAddr: q.CIAddr, Selected: x.selected(), In6: x.over6}
	if x.over6 {
		x.Where.Source = x.origin.Addr
		x.Where.Link = x.packet.GlobalLink()
		_, x.Where.InterfaceID = x.packet.Link()
		return
	}
	x.Where.Source, x.Where.Local, x.Where.Unicast = x.peer.Addr(), x.local, x.unicast
}

// selected is the link that the relay (RFC 3527) or the client (RFC 3011) asks
// for; the relay's word goes first, since it stands on the link.
func (x *Exchange) selected() netip.Addr {
	if v, ok := x.relay.Option(dhcp4.SubLinkSelection); ok && len(v) == 4 && !x.Net.Compatibility.IgnoreLinkSelection {
		return netip.AddrFrom4([4]byte(v))
	}
	a, _ := x.Query.Addr(dhcp4.OptSubnetSelection)
	return a
}
