package client6

import "net/netip"

// A Carrier takes messages to servers and brings theirs. Recv and DAD are called
// from a goroutine each, the rest from another.
type Carrier interface {
	// Send sends msg, to ff02::1:2 where to is zero, and does not keep msg. It does
	// not wait for the network.
	Send(msg []byte, to netip.AddrPort) error

	// Recv waits for a message that was sent to an address of this host's alone,
	// not to a group (RFC 9915 §16). The error after Close is net.ErrClosed.
	Recv(buf []byte) (n int, from netip.AddrPort, err error)

	// DAD waits until duplicate address detection is over for all of these addresses
	// of the interface, and returns those that another node has. It ends after a few
	// seconds, and when Close is called.
	DAD(addrs []netip.Addr) (taken []netip.Addr, err error)

	// Ready yields whether messages can be carried, first as it is, then as it changes.
	Ready() <-chan bool

	// Close ends Recv and DAD.
	Close() error
}
