package server6

import (
	"net/netip"

	"go.uber.org/zap"

	"github.com/dhcp4o6/dhcp4o6/pkg/dhcp6"
	"github.com/dhcp4o6/dhcp4o6/pkg/topology"
)

// selectSubnet finds the subnet of the client's link: by the relay nearest the
// client that names one, else by the receiving interface (RFC 9915 §13.1).
// Without one only an Information-request can be answered, by what the global
// scope has to tell; all else is left to a server that knows the link.
func (s *Server) selectSubnet(x *Exchange) Verdict {
	x.Where = topology.Where{Iface: x.Link.Iface, Source: x.In.Peer.Addr(), Link: globalLink(&x.Query)}
	if r := x.Query.InnerRelay(); r != nil {
		x.Where.InterfaceID, _ = r.Options.Option(dhcp6.OptInterfaceID)
	}
	x.Subnet = x.Net.Subnet6(&x.Where, &x.Classes)
	if x.Subnet != nil {
		return Next
	}
	if x.Query.Message.Type == dhcp6.InformationRequest && len(x.Net.Options) > 0 {
		return Next
	}
	if ce := s.bad.Check(zap.DebugLevel, "no subnet for query"); ce != nil {
		ce.Write(append(x.fields(), zap.Stringer("link", x.Where.Link))...)
	}
	return DropNoSubnet
}

// globalLink returns the first link-address that names a link, going outward
// from the client: relays that work on layer 2 leave it unspecified (RFC 6221
// §6.1), and a link-local one says nothing.
func globalLink(e *dhcp6.Envelope) netip.Addr {
	for i := len(e.Relays) - 1; i >= 0; i-- {
		if a := e.Relays[i].Link; !a.IsUnspecified() && !a.IsLinkLocalUnicast() {
			return a
		}
	}
	return netip.Addr{}
}

// onLink reports whether an address belongs to the client's link: to its subnet
// or to another one of the same shared network.
func (x *Exchange) onLink(a netip.Addr) bool { return x.subnetOf(a) != nil }

// subnetOf returns the subnet on the client's link that holds an address.
func (x *Exchange) subnetOf(a netip.Addr) *topology.Subnet {
	if x.Subnet.Prefix.Contains(a) {
		return x.Subnet
	}
	if x.Subnet.Network != nil {
		for _, n := range x.Subnet.Network.Subnets {
			if n.Prefix.Contains(a) {
				return n
			}
		}
	}
	return nil
}

// serves reports whether the client may be given anything in subnet n of its
// link.
func (x *Exchange) serves(n *topology.Subnet) bool {
	return n == x.Subnet || n.Admits(&x.Classes)
}

// subnetByID returns the subnet of that number on the client's link.
func (x *Exchange) subnetByID(id uint32) *topology.Subnet {
	if x.Subnet.ID == id {
		return x.Subnet
	}
	if x.Subnet.Network != nil {
		for _, n := range x.Subnet.Network.Subnets {
			if n.ID == id {
				return n
			}
		}
	}
	return nil
}
