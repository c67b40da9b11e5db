package server4

import (
	"errors"

	"github.com/dhcp4o6/dhcp4o6/pkg/dhcp4"
	"github.com/dhcp4o6/dhcp4o6/pkg/lease"
)

// minBOOTP is the least size of a BOOTP message: the fixed fields and 64 octets of
// vendor information (RFC 951 §3, RFC 1497).
const minBOOTP = 300

var zeros [minBOOTP]byte

// bootp leases an address for ever to a client that knows nothing of leases (RFC
// 1534 §2): the one reserved for it, the one that it has or says it has, or any.
// What is offered in one moment is granted in the next, so that hooks see what
// they see of other clients.
func (s *Server) bootp(x *Exchange) Verdict {
	if x.Subnet == nil {
		return DropNoSubnet
	}
	x.prepare()
	want := x.Query.CIAddr
	switch {
	case !given(want):
		x.wish()
		_, seq, err := s.leases.Offer(&x.req)
		if x.req.Fixed && (errors.Is(err, lease.ErrOwner) || errors.Is(err, lease.ErrNone)) {
			s.conflict(x)
			x.wish()
			_, seq, err = s.leases.Offer(&x.req)
		}
		if err != nil {
			return s.failed(x, err)
		}
		x.Seq, want = seq, x.req.Lease.Resource.Prefix.Addr()
	case !x.mayHave(want):
		return DropUnknown // it would take no other
	}
	v := s.grant(x, want, true)
	if v == Next && x.Reply == dhcp4.Nak { // which BOOTP does not know
		return DropNoAddress
	}
	return v
}

// buildBOOTP fills in a reply for a client that knows no DHCP: what is configured,
// and none of DHCP's own options (RFC 1534 §2).
func (s *Server) buildBOOTP(x *Exchange) {
	w := &x.out
	w.Reply(x.Query, 0, x.buf)
	x.grow() // RFC 1542 §2.1 gives the vendor information no upper bound
	x.bootFields()
	w.Header.CIAddr = x.Query.CIAddr
	w.Header.YIAddr = x.Lease.Resource.Prefix.Addr()
	x.configured()
	w.Limit(x.max)
	if subnet, ok := x.Query.Option(dhcp4.OptSubnetSelection); ok { // as in echo
		x.giveBack(dhcp4.OptSubnetSelection, subnet)
	}
	if info, ok := x.Query.Option(dhcp4.OptRelayAgentInfo); ok {
		x.giveBack(dhcp4.OptRelayAgentInfo, info)
	}
}

// padBOOTP brings a reply to the least size that BOOTP clients and relays take.
func padBOOTP(b []byte) []byte {
	return append(b, zeros[:max(0, minBOOTP-len(b))]...)
}
