package transport

import (
	"errors"
	"net/netip"
	"time"

	"github.com/dhcp4o6/dhcp4o6/pkg/link"
)

// A Datagram is one UDP payload with where it came from or where it goes.
// Addresses never carry a zone and are never IPv4-mapped; IfIndex says the link.
type Datagram struct {
	Data    []byte         // read: owned by the Conn, valid until the next Read
	Peer    netip.AddrPort // read: source; write: destination
	Local   netip.Addr     // read: destination; write: source, where it is an address of ours
	IfIndex int            // the link it came in on, or goes out on; 0 on write: by routing
	To      link.Addr      // write: send as a frame to this hardware address (IPv4 only)
	At      time.Time      // read: when the batch arrived
}

// A Conn moves datagrams in batches. One goroutine may Read; any number may
// Write meanwhile. Stop and Close are safe at any time.
type Conn interface {
	// Read blocks until at least one datagram is there and returns how many of
	// in it filled. After Stop it returns os.ErrDeadlineExceeded, after Close
	// net.ErrClosed; any other error passes and the caller reads on.
	Read(in []Datagram) (int, error)

	// More fills in with what has come since the last Read, whose data stay valid,
	// and returns how many; it never waits, and is of the goroutine that reads.
	// Errors are left to the next Read.
	More(in []Datagram) int

	// Write never blocks. It returns how many datagrams went out and the first
	// error; a datagram that cannot go now is dropped, the others still go.
	// Where a datagram leaves Local or IfIndex open, Write may fill it in.
	Write(out []Datagram) (int, error)

	// Stop ends reading for good. Write still works, so that a worker can
	// answer what it has read.
	Stop()

	Close() error

	// Socket tells what the Conn is.
	Socket() Socket
}

// A Socket says which link and address a Conn serves.
type Socket struct {
	Iface   string
	IfIndex int

	// Addr is the address it is bound to. A socket for IPv4 broadcasts has the
	// address it answers from, the first one of its interface; one for IPv6
	// multicasts has the group.
	Addr netip.Addr

	Multicast     bool // takes multicasts or broadcasts, not unicasts
	ReceiveBuffer int  // octets of receive buffer that the kernel granted
}

// ErrWriteOnly is what Read of a Sender returns.
var ErrWriteOnly = errors.New("transport: reading from a sender")

// ErrBuffer says that a socket has a smaller receive buffer than was asked for: in
// a burst of queries some may be lost.
var ErrBuffer = errors.New("transport: receive buffer capped by the kernel")

// ErrTap says that packet sockets are not permitted: datagrams are read from UDP
// sockets, so what the host's packet filter drops is not heard.
var ErrTap = errors.New("transport: packet sockets are not permitted")

// ErrNoSocket is what Write of a Sender returns when no socket of the group
// serves the link of the datagram.
var ErrNoSocket = errors.New("transport: no socket on the link of the datagram")
