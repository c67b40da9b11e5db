package server6

import (
	"net/netip"

	"github.com/dhcp4o6/dhcp4o6/pkg/dhcp6"
	"github.com/dhcp4o6/dhcp4o6/pkg/topology"
)

// How a hardware address was found, numbered as in Kea's lease file.
const (
	fromDUID      = 2
	fromLinkLocal = 4
	fromRelay     = 8 // Client Link-Layer Address option
)

// identify finds who the client is, and what is reserved for it.
func (s *Server) identify(x *Exchange) Verdict {
	x.findHWAddr()
	ids := x.ids[:0]
	if x.ClientID != nil {
		ids = append(ids, topology.Identifier{Kind: topology.DUID, ID: x.ClientID})
	}
	if x.hwAddr != nil {
		ids = append(ids, topology.Identifier{Kind: topology.HWAddress, ID: x.hwAddr})
	}
	if f := x.Net.FlexID; f != nil {
		if id := x.flexID(f); len(id) > 0 {
			ids = append(ids, topology.Identifier{Kind: topology.FlexID, ID: id})
		}
	}
	x.Host = nil
	if x.Subnet == nil {
		x.Host = x.Net.Reservation(nil, ids)
		return s.reclassify(x)
	}
	x.Host = x.reservation(ids)
	return s.reclassify(x)
}

// flexID makes what the client's reservation may be known by (Kea's library
// flex_id); nothing when the expression says nothing of this message.
func (x *Exchange) flexID(f *topology.FlexRule) []byte {
	v, err := f.Expr.Value(&x.eval.packet, &x.eval.scratch)
	if err != nil {
		return nil
	}
	x.flex = append(x.flex[:0], v...) // the scratch is used again
	return x.flex
}

// reservation looks in the client's subnet first, then in all of its shared
// network: whether a guard lets the client in may depend on what is found.
func (x *Exchange) reservation(ids []topology.Identifier) *topology.Reservation {
	h := x.Net.Reservation(x.Subnet, ids)
	if h != nil || x.Subnet.Network == nil {
		return h
	}
	for _, n := range x.Subnet.Network.Subnets {
		if h = x.Net.Reservation(n, ids); h != nil {
			break
		}
	}
	return h
}

// findHWAddr finds the client's hardware address, by the surest way first: the
// word of the relay beside the client (RFC 6939), the DUID (RFC 9915 §11 warns
// that it may be out of date), the interface identifier of a link-local address
// (RFC 4291, Appendix A).
func (x *Exchange) findHWAddr() {
	x.hwType, x.hwFrom, x.hwAddr = 0, 0, nil
	peer := x.In.Peer.Addr()
	if r := x.Query.InnerRelay(); r != nil {
		if v, ok := r.Options.Option(dhcp6.OptClientLinkLayerAddr); ok {
			if l, err := dhcp6.ParseClientLinkLayer(v); err == nil && len(l.Addr) <= maxHWAddr {
				x.hwType, x.hwFrom, x.hwAddr = l.HWType, fromRelay, l.Addr
				return
			}
		}
		peer = r.Peer
	}
	if t, addr, ok := x.ClientID.HWAddr(); ok && len(addr) <= maxHWAddr {
		x.hwType, x.hwFrom, x.hwAddr = t, fromDUID, addr
		return
	}
	if addr, ok := ethernet(peer); ok {
		x.hwBuf = addr
		x.hwType, x.hwFrom, x.hwAddr = hwEthernet, fromLinkLocal, x.hwBuf[:]
	}
}

const (
	maxHWAddr  = 20 // octets, as in Kea
	hwEthernet = 1
)

// ethernet returns the Ethernet address that a link-local address was made of.
func ethernet(a netip.Addr) (addr [6]byte, ok bool) {
	b := a.As16()
	if !a.IsLinkLocalUnicast() || b[11] != 0xff || b[12] != 0xfe {
		return addr, false
	}
	return [6]byte{b[8] ^ 2, b[9], b[10], b[13], b[14], b[15]}, true
}
