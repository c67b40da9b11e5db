package load

import (
	"net/netip"
	"time"
)

// A talk is one conversation on its way. Its memory is used again by the next.
type talk struct {
	client int
	xid    uint32
	kind   Kind
	act    Act
	step   Step
	live   bool
	holds  bool // the client holds a lease
	tries  uint8
	server serverID

	begun   time.Duration // since the start of the run
	asked   time.Duration // first transmission of the present message
	elapsed time.Duration // what the message says of that, as the client sees it
	backoff time.Duration // RTprev (RFC 9915 §15)

	renewals int        // done
	addr     netip.Addr // leased or to be renewed
}

// A verdict is what an answer means for the talk it belongs to.
type verdict uint8

const (
	stray    verdict = iota // not the answer to the present message
	answered                // what was asked for
	refused                 // no
)

// A script is one kind of conversation: what to say, and what an answer means.
type script interface {
	// append writes t's present message, envelope and relays included, at the
	// end of b.
	append(b []byte, t *talk) []byte

	// judge says what the answer that was parsed last means for t, and keeps
	// in t what later messages need.
	judge(t *talk) verdict
}

// next moves t on after an answer; it is false when that was the last.
func (s *Scenario) next(t *talk) bool {
	switch t.step {
	case Discover:
		t.step = Request
		return true
	case Renew, Rebind:
		t.renewals++
	case Release, Decline, Inform:
		return false
	}
	want := s.Renewals
	if t.act == ActRenew || t.act == ActRebind {
		want = max(want, 1)
	}
	switch {
	case t.renewals < want:
		t.step = s.renewal(t)
	case s.Release:
		t.step = Release
	default:
		return false
	}
	return true
}

// renewal is the step by which t asks for more time: who does not know the
// server that gave a lease over DHCPv6 rebinds (RFC 9915 §18.2.5).
func (s *Scenario) renewal(t *talk) Step {
	if t.kind == V6 && t.server == 0 {
		return Rebind
	}
	return Renew
}

// hwAddr returns the hardware address of a client: that of client 0 and the
// number, in its last four octets.
func (s *Scenario) hwAddr(client int) (a [6]byte) {
	a = s.HWAddr
	be.PutUint32(a[2:], be.Uint32(a[2:])+uint32(s.First+client))
	return a
}

// source returns the address of its own that a client sends from, invalid for
// the one that all send from.
func (s *Scenario) source(client int, v4 bool) netip.Addr {
	first, last := s.Sources[0], s.Sources[1]
	if !first.IsValid() || first.Is4() != v4 {
		return netip.Addr{}
	}
	a, b := first.As16(), last.As16()
	count := be.Uint64(b[8:]) - be.Uint64(a[8:]) + 1
	be.PutUint64(a[8:], be.Uint64(a[8:])+uint64(client)%count)
	return netip.AddrFrom16(a).Unmap()
}

// linkLocal returns the link-local address of a client (RFC 4291 appendix A).
func linkLocal(hw [6]byte) netip.Addr {
	return netip.AddrFrom16([16]byte{0xfe, 0x80, 8: hw[0] ^ 2, 9: hw[1], 10: hw[2], 11: 0xff, 12: 0xfe, 13: hw[3], 14: hw[4], 15: hw[5]})
}
