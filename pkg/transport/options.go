package transport

import (
	"net/netip"
	"time"

	"github.com/dhcp4o6/dhcp4o6/pkg/link"
)

// A Spec names an interface to serve, as in interfaces-config: "*" for all, a
// name, or a name with one of its addresses.
type Spec struct {
	Iface string
	Addr  netip.Addr // invalid: all that belongs to the interface
}

// String returns the spec as the configuration writes it.
func (s Spec) String() string {
	if s.Addr.IsValid() {
		return s.Iface + "/" + s.Addr.String()
	}
	return s.Iface
}

// Options says what a Group opens. The zero value opens nothing.
type Options struct {
	Specs []Spec
	Port  uint16 // 0: 67 for IPv4, 547 for IPv6

	// Raw reads from packet sockets where clients without address may be, past packet
	// filters and the kernel's view of who may send (IPv4), and allows frames to them,
	// by Datagram.To. Without it, or without the privilege, UDP sockets are read from,
	// and such a datagram is broadcast on its link (RFC 2131 §4.1).
	Raw bool

	Framer link.Framer // of those frames, the Group's from now on; nil: link's own

	// UseRouting lets what is sent to no link in particular, as replies to relays
	// are, leave by whichever link routing finds (IPv4); else it leaves by the link
	// of its socket.
	UseRouting bool

	ReceiveBuffer int // octets of socket buffer asked for; 0: 8 MiB
	SendBuffer    int // octets of socket buffer asked for; 0: 1 MiB
	Slots         int // datagrams in a batch; 0: 128

	// Segment sends runs of replies of one length to one relay together
	// (UDP_SEGMENT), which saves most of the way through the stack. On a wire
	// they are what they would have been; but who listens to raw packets on the
	// same host, as DHCPv4 relays and clients often do, sees each run as one.
	Segment bool

	RequireAll bool          // Listen fails unless every socket opens
	Retry      time.Duration // how long until a socket that failed is tried again; 0: 5 s

	// OnProblem is told, when set, what could not be had on an interface: a
	// socket, a group, a privilege. None of it ends the Group. The same problem
	// is told once, until it is gone and comes back. It is called by the
	// goroutine that runs Listen, Follow, Replace or Write and must not call
	// the Group.
	OnProblem func(iface string, err error)
}
