package load

import (
	"net/netip"
	"time"
)

// A talk is one conversation on its way. Its memory is used again by the next.
type talk struct {
	client int
	step   Step
	xid    uint32
	live   bool

	begun time.Duration // since the start of the run
	asked time.Duration // first transmission of the present message
	tries int           // transmissions of it so far
	turn  uint32        // counts transmissions, so that a timer knows whether it is late

	renewals int        // done
	addr     netip.Addr // leased or to be renewed
	server4  netip.Addr // option 54
	server6  []byte     // Server Identifier
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

	// parse reads a datagram and returns the transaction id of the answer in it.
	parse(b []byte) (xid uint32, err error)

	// judge says what the answer that was parsed last means for t, and keeps
	// in t what later messages need.
	judge(t *talk) verdict
}

// first is the step that a talk begins with.
func (s *Scenario) first() Step {
	if s.Renew.IsValid() {
		return Renew
	}
	return Discover
}

// next moves t on after an answer; it is false when that was the last.
func (s *Scenario) next(t *talk) bool {
	switch t.step {
	case Discover:
		t.step = Request
		return true
	case Renew:
		t.renewals++
	case Release:
		return false
	}
	want := s.Renewals
	if s.Renew.IsValid() {
		want = max(want, 1)
	}
	switch {
	case t.renewals < want:
		t.step = Renew
	case s.Release:
		t.step = Release
	default:
		return false
	}
	return true
}

// silent reports whether nobody answers a step: a DHCPRELEASE has no answer
// (RFC 2131 §4.3.4), a Release has (RFC 9915 §18.3.7).
func (s *Scenario) silent(step Step) bool { return step == Release && s.Kind != V6 }

// hwAddr returns the hardware address of a client: that of client 0 and the
// number, in its last four octets.
func (s *Scenario) hwAddr(client int) (a [6]byte) {
	a = s.HWAddr
	be.PutUint32(a[2:], be.Uint32(a[2:])+uint32(client))
	return a
}

// linkLocal returns the link-local address of a client (RFC 4291 appendix A).
func linkLocal(hw [6]byte) netip.Addr {
	return netip.AddrFrom16([16]byte{0xfe, 0x80, 8: hw[0] ^ 2, 9: hw[1], 10: hw[2], 11: 0xff, 12: 0xfe, 13: hw[3], 14: hw[4], 15: hw[5]})
}
