package transport

import (
	"fmt"
	"net"
	"os"
	"sync"
	"sync/atomic"
	"syscall"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"
)

// BatchOptions says how many buffers a Batch makes and which help of the kernel
// it asks for.
type BatchOptions struct {
	Slots    int // datagrams a call to the kernel moves at most; 0: 128
	SlotSize int // octets a datagram read may have; 0: 65536, which none exceeds

	// GRO asks the kernel to hand over datagrams of one sender and one length
	// together (UDP_GRO); Read takes them apart again. It needs slots of 65536
	// octets, and 32 of them or more, or a mixed load makes small batches.
	GRO bool

	// GSO sends datagrams of one destination and one length together
	// (UDP_SEGMENT). On the wire they are what they would have been.
	GSO bool

	// SendOnly makes no buffers for reading; Read must not be called.
	SendOnly bool

	// Tap is a packet socket, by link.Tap, that Read reads from in place of the UDP
	// socket; it is the Batch's from now on. nil: none.
	Tap  *os.File
	Link int // the link that the Tap stands on
}

// Limits of one segmented send.
const (
	maxSegments = 64    // UDP_MAX_SEGMENTS of the kernels that brought it
	maxRun      = 65000 // octets, below what an IP datagram can carry
)

// A Batch moves datagrams of one socket by recvmmsg and sendmmsg. It is the
// engine under the Conns of this package and of others that own their socket.
//
// Every buffer is made once, by NewBatch, and neither Read nor Write allocates.
// Buffers cost memory only as far as datagrams have ever filled them. The calls
// are raw and non-blocking and wait in the runtime's poller, so deadlines and
// Close act as on any net.Conn; what comes while nobody waits wakes nobody.
//
// One goroutine may Read at a time; Write is safe for concurrent use.
type Batch struct {
	socket    *quiet
	v4        bool
	connected bool
	r         reader
	w         writer
	lost      losses
}

// mmsghdr is struct mmsghdr of recvmmsg(2).
type mmsghdr struct {
	hdr unix.Msghdr
	n   uint32
}

// A reader is the state of the goroutine that reads.
type reader struct {
	hdrs     []mmsghdr
	iovs     []unix.Iovec
	names    []unix.RawSockaddrInet6
	control  []controlBuf
	mem      []byte
	slotSize int
	socket   *quiet
	link     int                // packets of this link are read; 0: datagrams are
	twice    int                // the socket that they come to once more, as datagrams
	call     func(uintptr) bool // made once: a method value allocates

	// one call to the kernel
	want  int // headers offered
	dirty int // headers that the call before this one has used
	got   int
	errno syscall.Errno

	// what Read has not handed out yet of the last call
	next   int // slot
	offset int // octets of that slot already handed out, when it was coalesced
	at     time.Time

	told *losses // the Batch's
}

// losses are what others may ask for while the reader reads, and after.
type losses struct{ truncated, refused, overflows atomic.Uint64 }

// NewBatch takes c over and returns a Batch over its socket; c is closed in any
// case. What the kernel does not support of o is left out silently.
func NewBatch(c *net.UDPConn, o BatchOptions) (*Batch, error) {
	if o.Slots <= 0 {
		o.Slots = 128
	}
	if o.SlotSize <= 0 {
		o.SlotSize = 65536
	}
	b := &Batch{connected: c.RemoteAddr() != nil}
	b.r.told = &b.lost
	var err error
	if b.socket, err = newQuiet(c, o.Tap, o.SendOnly); err != nil {
		return nil, fmt.Errorf("transport: batch: %w", err)
	}
	fd := int(b.socket.sock.Fd())
	domain, err := unix.GetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_DOMAIN)
	b.v4 = domain == unix.AF_INET
	o.GRO = o.GRO && unix.SetsockoptInt(fd, unix.SOL_UDP, unix.UDP_GRO, 1) == nil
	if o.GSO {
		_, e := unix.GetsockoptInt(fd, unix.SOL_UDP, unix.UDP_SEGMENT)
		o.GSO = e == nil
	}
	if err == nil && !o.SendOnly {
		err = b.r.init(b.socket, o)
	}
	if err != nil {
		b.socket.Close()
		return nil, fmt.Errorf("transport: batch: %w", err)
	}
	b.w.init(o, b.v4, b.connected)
	return b, nil
}

// SetReadDeadline is SetReadDeadline of a net.Conn.
func (b *Batch) SetReadDeadline(t time.Time) error { return b.socket.setReadDeadline(t) }

// Control calls f with the descriptor of the socket, which is valid until f
// returns.
func (b *Batch) Control(f func(fd uintptr)) error { return b.socket.control(f) }

// Close closes the socket. A Read that waits returns net.ErrClosed first.
func (b *Batch) Close() error { return b.socket.Close() }

func (r *reader) init(socket *quiet, o BatchOptions) (err error) {
	if r.mem, err = takeRegion(o.Slots * o.SlotSize); err != nil {
		return err
	}
	r.socket, r.slotSize = socket, o.SlotSize
	if o.Tap != nil {
		r.link, r.twice = o.Link, int(socket.sock.Fd())
	}
	r.hdrs = make([]mmsghdr, o.Slots)
	r.iovs = make([]unix.Iovec, o.Slots)
	r.names = make([]unix.RawSockaddrInet6, o.Slots)
	r.control = make([]controlBuf, o.Slots)
	for i := range r.hdrs {
		r.iovs[i].Base = &r.mem[i*o.SlotSize]
		r.iovs[i].SetLen(o.SlotSize)
		h := &r.hdrs[i].hdr
		h.Iov = &r.iovs[i]
		h.SetIovlen(1)
		h.Name = (*byte)(unsafe.Pointer(&r.names[i]))
		h.Control = &r.control[i].b[0]
	}
	r.dirty = o.Slots
	r.call = r.recv
	return nil
}

// Release gives the read buffers back for other Batches to use. Call it when
// the reader has ended and is done with what it has read; without it they last
// as long as the process. Write may go on.
func (b *Batch) Release() {
	if mem := b.r.mem; mem != nil {
		b.r = reader{}
		giveRegion(mem)
	}
}

// Read waits for datagrams and fills in, at most as many as there are slots.
// Peer, Local and IfIndex are set as far as the socket's control messages tell;
// on a connected socket Peer is set all the same.
func (b *Batch) Read(in []Datagram) (int, error) {
	if len(in) == 0 {
		return 0, nil
	}
	if b.r.mem == nil {
		return 0, net.ErrClosed
	}
	for {
		if n := b.r.take(in); n > 0 {
			return n, nil
		}
		if err := b.r.fill(len(in)); err != nil {
			return 0, err
		}
	}
}

// More fills in with datagrams that have come since the last Read, without waiting; the
// data of those before stay valid. It returns how many: none also when the slots are
// in use, and where an error waits for the next Read.
func (b *Batch) More(in []Datagram) int {
	if len(in) == 0 || b.r.mem == nil {
		return 0
	}
	if n := b.r.take(in); n > 0 {
		return n
	}
	b.r.extend(len(in))
	return b.r.take(in)
}

// Drained reports whether the last Read or More left nothing behind, here or in the
// kernel, that had come before it. It belongs to the goroutine that reads.
func (b *Batch) Drained() bool { return b.r.got < b.r.want && b.r.next == b.r.got }

// Truncated counts datagrams that were longer than a slot and were left out.
func (b *Batch) Truncated() uint64 { return b.lost.truncated.Load() }

// Refused counts packets of the Tap that were left out: malformed, or with a wrong
// checksum.
func (b *Batch) Refused() uint64 { return b.lost.refused.Load() }

// Overflows is the kernel's count of datagrams that found the socket buffer
// full, as far as a later datagram has told it.
func (b *Batch) Overflows() uint64 { return b.lost.overflows.Load() }

// fill asks the kernel for up to want datagrams and waits for the first.
func (r *reader) fill(want int) error {
	r.want = min(want, len(r.hdrs))
	for i := range r.hdrs[:max(r.dirty, r.want)] {
		h := &r.hdrs[i].hdr
		h.Namelen = unix.SizeofSockaddrInet6
		h.SetControllen(len(r.control[i].b))
	}
	r.got, r.dirty, r.errno = 0, 0, 0
	r.next, r.offset = 0, 0
	if err := r.socket.wait.Read(r.call); err != nil {
		return r.socket.failed(err)
	}
	if r.errno != 0 {
		return r.errno
	}
	r.dirty = r.got
	r.at = time.Now()
	return nil
}

// extend asks the kernel for up to want datagrams more, into the slots behind those in
// use, whose headers are as init or fill has left them.
func (r *reader) extend(want int) {
	room := min(want, len(r.hdrs)-r.got)
	if room <= 0 || r.got == 0 {
		return // full, or nothing was read before
	}
	n, e := r.receive(r.got, room)
	if e != 0 {
		return
	}
	r.want = r.got + room
	r.got += n
	r.dirty = r.got
	r.at = time.Now()
}

// receive is recvmmsg without waiting, into up to want slots from at on.
func (r *reader) receive(at, want int) (int, syscall.Errno) {
	n, _, e := unix.RawSyscall6(unix.SYS_RECVMMSG, uintptr(r.socket.fd), uintptr(unsafe.Pointer(&r.hdrs[at])),
		uintptr(want), unix.MSG_DONTWAIT, 0, 0)
	if e == 0 && r.link != 0 {
		discard(r.twice)
	}
	return int(n), e
}

// recv runs inside RawConn.Read of the set that is waited for; false means that
// there is nothing to read yet, and that the set is armed.
func (r *reader) recv(uintptr) bool {
	q := r.socket
	if q.armed && !q.quieten() {
		return false
	}
	for {
		n, e := r.receive(0, r.want)
		switch e {
		case 0:
			r.got = n
			return true
		case unix.EINTR:
		case unix.EAGAIN:
			if r.errno = q.arm(); r.errno != 0 {
				return true
			}
			return false
		default:
			r.errno = e
			return true
		}
	}
}

// take hands out what the last call brought.
func (r *reader) take(in []Datagram) int {
	n := 0
	for n < len(in) && r.next < r.got {
		h := &r.hdrs[r.next]
		if h.hdr.Flags&unix.MSG_TRUNC != 0 {
			r.told.truncated.Add(1)
			r.next++
			continue
		}
		if r.link != 0 {
			if r.frame(&in[n], h) {
				n++
			}
			r.next++
			continue
		}
		n += r.split(in[n:], h)
	}
	return n
}

// split hands out the datagrams of one slot: one, or many when the kernel has
// coalesced them. It stops when in is full and goes on there the next time.
func (r *reader) split(in []Datagram, h *mmsghdr) int {
	var d Datagram
	d.At = r.at
	d.Peer = sockaddr(&r.names[r.next], int(h.hdr.Namelen))
	c := parseControl(r.control[r.next].b[:h.hdr.Controllen])
	d.Local, d.IfIndex = c.local, c.ifIndex
	r.overflowed(c)
	base := r.next * r.slotSize
	data := r.mem[base : base+int(h.n) : base+int(h.n)]
	size := c.segment
	if size <= 0 || size > len(data) {
		size = len(data)
	}
	for n := range in {
		end := min(r.offset+size, len(data))
		d.Data = data[r.offset:end:end]
		in[n] = d
		if r.offset = end; end == len(data) {
			r.next, r.offset = r.next+1, 0
			return n + 1
		}
	}
	return len(in)
}

// overflowed notes how many datagrams have found the socket buffer full.
func (r *reader) overflowed(c control) {
	if c.hasDrops {
		r.told.overflows.Store(uint64(c.drops))
	}
}

// A writer is the state of a Write in progress.
type writer struct {
	mu        sync.Mutex
	hdrs      []mmsghdr
	iovs      []unix.Iovec
	names     []unix.RawSockaddrInet6
	control   []controlBuf
	runs      []int // datagrams that each header carries
	v4        bool
	connected bool
	gso       bool
	call      func(fd uintptr) bool

	// one call to the kernel
	ready   int // headers filled
	done    int // headers dealt with
	sent    int // datagrams that went out
	refused int // times the connected peer was found gone
	unsplit int // datagrams still to be sent one by one
	blocked bool
	errno   syscall.Errno // the first
}
