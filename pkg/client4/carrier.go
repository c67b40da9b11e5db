package client4

import "net/netip"

// A Carrier takes messages to servers and brings theirs: raw frames and UDP, or
// DHCPv6 (RFC 7341). Recv is called from one goroutine, the rest from another.
type Carrier interface {
	// Send sends s and does not keep s.Data. It does not wait for the network.
	Send(s *Send) error

	// Recv waits for a message. The error after Close is net.ErrClosed.
	Recv(buf []byte) (n int, from netip.Addr, err error)

	// Bound says that the host has this address from now on, or that it has none
	// any more (the zero Prefix): unicast can go by UDP, or no longer.
	Bound(a netip.Prefix)

	// Probe asks whether somebody on the link has an address. It ends after a few
	// seconds, and when Close is called; with ErrLink where the link has gone, which
	// Ready is about to say. Over 4o6 nobody ever has.
	Probe(a netip.Addr) (taken bool, err error)

	// Ready yields whether messages can be carried, first as it is, then as it changes.
	Ready() <-chan bool

	// Close ends Recv and Probe.
	Close() error
}

// A Guard is a Carrier that watches over the host's address, and tells when it has
// to be given up because another host uses it too (RFC 5227 §2.4).
type Guard interface{ Conflicts() <-chan netip.Addr }
