package server6

import (
	"math"

	"github.com/dhcp4o6/dhcp4o6/pkg/dhcp6"
)

// build writes the answer, without its relay levels.
func (s *Server) build(x *Exchange) Verdict {
	q := &x.Query.Message
	b := dhcp6.AppendOption(x.options[:0], dhcp6.OptServerID, s.duid)
	if x.ClientID != nil {
		b = dhcp6.AppendOption(b, dhcp6.OptClientID, x.ClientID)
	}
	x.Reply.Type, x.Reply.XID = dhcp6.Reply, q.XID
	if q.Type == dhcp6.Solicit {
		if x.kept {
			b = dhcp6.AppendOption(b, dhcp6.OptRapidCommit, nil)
		} else {
			x.Reply.Type = dhcp6.Advertise
		}
	}
	b = x.appendIAs(b)
	if x.text != "" {
		b = dhcp6.AppendStatus(b, x.status, x.text)
	}
	switch q.Type {
	case dhcp6.Confirm, dhcp6.Release, dhcp6.Decline: // a status is all they want to know
	default:
		s.additional(x)
		b = x.appendOptions(b)
		b = x.name.appendFQDN(b)
	}
	x.options = b
	x.Reply.Options = b
	return Next
}

// appendIAs writes the IAs of the answer. T1 and T2 are the same in all of them
// that hold an address (RFC 9915 §18.3.2), and follow the shortest preferred
// lifetime.
func (x *Exchange) appendIAs(b []byte) []byte {
	t1, t2 := x.times()
	for i := range x.ias {
		a := &x.ias[i]
		if !a.answered {
			continue
		}
		var mark int
		switch {
		case a.code == dhcp6.OptIATA:
			b, mark = dhcp6.OpenIATA(b, a.iaid)
		case a.code == dhcp6.OptIAPD:
			b, mark = dhcp6.OpenIAPD(b, a.iaid, 0, 0)
		case a.addr.IsValid():
			b, mark = dhcp6.OpenIANA(b, a.iaid, t1, t2)
			b = dhcp6.IAAddr{Addr: a.addr, Preferred: a.preferred, Valid: a.valid}.Append(b)
		default:
			b, mark = dhcp6.OpenIANA(b, a.iaid, 0, 0)
		}
		if a.retire {
			b = x.appendRetired(b, a)
		}
		if a.text != "" {
			b = dhcp6.AppendStatus(b, a.status, a.text)
		}
		b = dhcp6.Shut(b, mark)
	}
	return b
}

// appendRetired writes, with lifetimes of 0, the addresses that the client has
// to stop using.
func (x *Exchange) appendRetired(b []byte, a *ia) []byte {
	for addr := range a.addresses {
		if addr.Addr == a.addr || addr.Addr.IsUnspecified() || a.offLinkOnly && x.onLink(addr.Addr) {
			continue
		}
		b = dhcp6.IAAddr{Addr: addr.Addr}.Append(b)
	}
	return b
}

// times returns T1 and T2 for all IAs of the answer.
func (x *Exchange) times() (t1, t2 uint32) {
	shortest, policy := uint32(math.MaxUint32), &x.Net.Policy
	if x.Subnet != nil {
		policy = &x.Subnet.Policy
	}
	first := true
	for i := range x.ias {
		if a := &x.ias[i]; a.addr.IsValid() {
			shortest = min(shortest, a.preferred)
			if first && a.subnet != nil {
				policy, first = &a.subnet.Policy, false
			}
		}
	}
	return policy.Timers6(shortest)
}
