package link

import (
	"encoding/binary"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"os"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// A Receiver takes in the UDP datagrams that come for one port on one link,
// whatever their destination address and before the host has an address of its
// own, past packet filters and reverse path checks. It is safe for concurrent use.
type Receiver struct {
	file    *os.File
	refused atomic.Uint64

	mu  sync.Mutex // one Read at a time
	raw syscall.RawConn
	in  []byte
	oob []byte
}

// maxPacket is the longest IPv4 packet.
const maxPacket = 65535

// sizeAux is the size of what the kernel says of a frame (struct tpacket_auxdata).
const sizeAux = 20

// Listen opens a Receiver; it needs CAP_NET_RAW. Frames with a VLAN tag are
// those of another link and are not taken, nor are fragments, since what answers
// a client fits a frame. Nothing is read that came before Listen.
func Listen(ifindex int, port uint16) (*Receiver, error) {
	f, raw, err := open(ifindex, unix.ETH_P_IP, udpFilter(ifindex, port, netip.Addr{}))
	if err != nil {
		return nil, err
	}
	return &Receiver{file: f, raw: raw, in: make([]byte, maxPacket), oob: make([]byte, unix.CmsgSpace(sizeAux))}, nil
}

// Tap opens a packet socket for who reads in batches: it takes what a Receiver does,
// but only what is for the address dst. A message read from it is a packet for Decode,
// with PACKET_AUXDATA beside it. Reads wait unless they say MSG_DONTWAIT.
func Tap(ifindex int, port uint16, dst netip.Addr) (*os.File, error) {
	if !dst.Is4() {
		return nil, ErrFamily
	}
	fd, err := packetSocket(ifindex, unix.ETH_P_IP, udpFilter(ifindex, port, dst), 0)
	if err != nil {
		return nil, err
	}
	return os.NewFile(uintptr(fd), "packet"), nil
}

// Read waits for a datagram and copies its payload to b, as much as b has room
// for. Frames that are not what they should be are passed over. Read fails with
// net.ErrClosed after Close; other errors may pass, as ENETDOWN does when the link
// comes up again.
func (r *Receiver) Read(b []byte) (n int, src, dst netip.AddrPort, err error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for {
		packet, status, err := receive(r.raw, r.in, r.oob)
		if err != nil {
			return 0, src, dst, err
		}
		var payload []byte
		if src, dst, payload, err = Decode(packet, status); err == nil {
			return copy(b, payload), src, dst, nil
		}
		r.refused.Add(1)
	}
}

// Refused counts the frames for the port that Read has passed over: cut short,
// malformed, or with a wrong checksum.
func (r *Receiver) Refused() uint64 { return r.refused.Load() }

// SetReadDeadline ends a Read that waits, with os.ErrDeadlineExceeded, or lets it
// wait for ever (the zero time).
func (r *Receiver) SetReadDeadline(t time.Time) error { return r.file.SetReadDeadline(t) }

// Close ends a Read that waits, and all later ones.
func (r *Receiver) Close() error { return r.file.Close() }

// receive waits for one frame and returns it with what the kernel says of it. The
// frame lies in b.
func receive(raw syscall.RawConn, b, oob []byte) (packet []byte, status uint32, err error) {
	var n, oobn int
	var failed error
	err = raw.Read(func(fd uintptr) bool {
		n, oobn, _, _, failed = unix.Recvmsg(int(fd), b, oob, unix.MSG_DONTWAIT)
		return !errors.Is(failed, unix.EAGAIN) && !errors.Is(failed, unix.EINTR)
	})
	switch {
	case errors.Is(err, os.ErrDeadlineExceeded):
		return nil, 0, err
	case err != nil: // there is no other end of waiting
		return nil, 0, net.ErrClosed
	case failed != nil:
		return nil, 0, fmt.Errorf("link: read: %w", failed)
	}
	return b[:n], auxStatus(oob[:oobn]), nil
}

// auxStatus finds the status in the control messages of a frame; 0: it is not
// there.
func auxStatus(oob []byte) uint32 {
	msgs, err := unix.ParseSocketControlMessage(oob)
	if err != nil {
		return 0
	}
	for _, m := range msgs {
		if m.Header.Level == unix.SOL_PACKET && m.Header.Type == unix.PACKET_AUXDATA && len(m.Data) >= 4 {
			return binary.NativeEndian.Uint32(m.Data)
		}
	}
	return 0
}
