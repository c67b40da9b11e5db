package client6

import (
	"net/netip"
	"time"
)

// An Event is something that happened: one of the types of this file.
type Event interface{ event() }

// Start has the machine begin. Before it, nothing is done but noted.
type Start struct{}

// Ready says that the carrier can carry, or cannot any more: the link has come up
// and has a link-local address, or it has gone down.
type Ready struct{ Up bool }

// Received is a message that came in by unicast (RFC 9915 §16: clients take no
// multicasts). Data is not kept.
type Received struct {
	Data []byte
	From netip.AddrPort
}

// Timer says that the time of the last Arm has come.
type Timer struct{}

// DAD is how duplicate address detection ended for one address of a Watch
// (RFC 4862 §5.4).
type DAD struct {
	Addr   netip.Addr
	Failed bool // another node has the address
}

// Refused says that a Send could not be done. It is not done again before its
// retransmission is due.
type Refused struct{ Err error }

// Release has the client give its leases up, and end.
type Release struct{}

// Inform has the client ask for its configuration anew.
type Inform struct{}

// Renew has the client extend its leases now, or try at once to get some.
type Renew struct{}

// Stop has the client end and keep its leases in the record.
type Stop struct{}

// Clock says that the wall clock was set, or that the host slept for a time that
// the monotonic clock did not count.
type Clock struct{ Slept time.Duration }

func (Start) event()    {}
func (Ready) event()    {}
func (Received) event() {}
func (Timer) event()    {}
func (DAD) event()      {}
func (Refused) event()  {}
func (Release) event()  {}
func (Inform) event()   {}
func (Renew) event()    {}
func (Stop) event()     {}
func (Clock) event()    {}
