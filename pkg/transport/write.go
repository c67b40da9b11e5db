package transport

import (
	"encoding/binary"
	"errors"
	"net/netip"
	"syscall"
	"unsafe"

	"golang.org/x/sys/unix"
)

// errPipeFull is for what a full Pipe has dropped.
var errPipeFull = errors.New("transport: pipe is full")

// errAddress is for a destination of the wrong family or none.
var errAddress = errors.New("transport: destination is not an address of the socket's family")

func (w *writer) init(o BatchOptions, v4, connected bool) {
	w.v4, w.connected, w.gso = v4, connected, o.GSO
	w.hdrs = make([]mmsghdr, o.Slots)
	w.iovs = make([]unix.Iovec, o.Slots)
	w.names = make([]unix.RawSockaddrInet6, o.Slots)
	w.control = make([]controlBuf, o.Slots)
	w.runs = make([]int, o.Slots)
	w.call = w.send
}

// Write sends what the socket takes now and drops the rest; it returns how many
// went out and the first error. A datagram that is refused for itself (no
// route, too long) does not hold back the others. On a connected socket
// ECONNREFUSED says that the peer is gone; the kernel learns that from an
// earlier datagram, so it may come with this Write, a later one, or Read. Peer,
// Local and To are not looked at on a connected socket.
func (b *Batch) Write(out []Datagram) (int, error) {
	next, sent, err := b.write(out)
	if next < len(out) && err == nil {
		err = unix.EAGAIN
	}
	return sent, err
}

// write is Write that tells how far it came, and does not count a full send
// buffer as an error.
func (b *Batch) write(out []Datagram) (next, sent int, err error) {
	w := &b.w
	w.mu.Lock()
	defer w.mu.Unlock()
	w.sent, w.refused, w.unsplit, w.blocked, w.errno = 0, 0, 0, false, 0
	for next < len(out) && !w.blocked {
		used, e := w.plan(out[next:])
		if e != nil {
			err, next = first(err, e), next+1 // the first of them cannot be encoded
			continue
		}
		if e := b.socket.write.Write(w.call); e != nil {
			return next, w.sent, first(err, b.socket.failed(e))
		}
		if w.done == w.ready {
			next += used
			continue
		}
		for _, n := range w.runs[:w.done] {
			next += n
		}
	}
	if w.errno != 0 {
		err = first(err, w.errno)
	}
	return next, w.sent, err
}

// first keeps the error that came first.
func first(a, b error) error {
	if a != nil {
		return a
	}
	return b
}

// plan fills the headers for as many datagrams as there is room for and tells
// how many those are. It stops before one that cannot be encoded, and fails
// when that is the first.
func (w *writer) plan(out []Datagram) (int, error) {
	w.ready, w.done = 0, 0
	used := 0
	for used < len(out) && used < len(w.iovs) {
		n := w.run(out[used:min(len(out), len(w.iovs))])
		if !w.header(out[used:used+n], w.iovs[used:used+n]) {
			if used == 0 {
				return 0, errAddress
			}
			break
		}
		used += n
	}
	return used, nil
}

// run tells how many datagrams from the first on can leave as one segmented
// send: same destination, same length but for the last, which may be shorter.
func (w *writer) run(out []Datagram) int {
	if w.unsplit > 0 {
		w.unsplit--
		return 1
	}
	size := len(out[0].Data)
	if !w.gso || size == 0 {
		return 1
	}
	total := size
	for n := 1; n < len(out); n++ {
		d := &out[n]
		total += len(d.Data)
		if n == maxSegments || total > maxRun || len(d.Data) > size || len(d.Data) == 0 || !w.sameWay(d, &out[0]) {
			return n
		}
		if len(d.Data) < size {
			return n + 1
		}
	}
	return len(out)
}

func (w *writer) sameWay(a, b *Datagram) bool {
	return w.connected || a.Peer == b.Peer && a.Local == b.Local && a.IfIndex == b.IfIndex
}

// header fills the next message header for a run of datagrams.
func (w *writer) header(run []Datagram, iovs []unix.Iovec) bool {
	i, d := w.ready, &run[0]
	h := &w.hdrs[i].hdr
	h.Name, h.Namelen = nil, 0
	control := 0
	if !w.connected {
		n, ok := putSockaddr(&w.names[i], d.Peer, d.IfIndex, w.v4)
		if !ok {
			return false
		}
		h.Name, h.Namelen = (*byte)(unsafe.Pointer(&w.names[i])), uint32(n)
		control = putPacketInfo(w.control[i].b[:], source(d.Local), d.IfIndex, w.v4)
	}
	if len(run) > 1 {
		control += putSegment(w.control[i].b[control:], len(d.Data))
	}
	for k := range run {
		iovs[k].Base = unsafe.SliceData(run[k].Data)
		iovs[k].SetLen(len(run[k].Data))
	}
	h.Iov = &iovs[0]
	h.SetIovlen(len(run))
	h.Control = nil
	if control > 0 {
		h.Control = &w.control[i].b[0]
	}
	h.SetControllen(control)
	w.runs[i] = len(run)
	w.ready++
	return true
}

// source returns a where it can be a source address.
func source(a netip.Addr) netip.Addr {
	if !a.IsValid() || a.IsMulticast() || a.IsUnspecified() || a == limitedBroadcast {
		return netip.Addr{}
	}
	return a
}

// send runs inside RawConn.Write. It always returns true: what the socket does
// not take now is not waited for.
func (w *writer) send(fd uintptr) bool {
	for w.done < w.ready {
		n, _, e := unix.RawSyscall6(unix.SYS_SENDMMSG, fd, uintptr(unsafe.Pointer(&w.hdrs[w.done])),
			uintptr(w.ready-w.done), unix.MSG_DONTWAIT|unix.MSG_NOSIGNAL, 0, 0)
		if e == 0 {
			for range n {
				w.sent += w.runs[w.done]
				w.done++
			}
			continue
		}
		if !w.failed(e) {
			return true
		}
	}
	return true
}

// failed deals with the error of the header at w.done and tells whether to go
// on with the call.
func (w *writer) failed(e syscall.Errno) bool {
	if e == unix.EINTR {
		return true
	}
	if run := w.runs[w.done]; run > 1 && (e == unix.EIO || e == unix.EINVAL || e == unix.EMSGSIZE || e == unix.EOPNOTSUPP) {
		// The way there cannot cut this send: a device without checksums (EIO),
		// a path MTU below the length. One by one they can still go.
		w.gso = w.gso && e != unix.EIO && e != unix.EOPNOTSUPP
		w.unsplit = run
		return false
	}
	if e == unix.EAGAIN {
		w.blocked = true
		return false
	}
	if e == unix.ENETUNREACH && w.reroute(w.done) {
		return true
	}
	if w.errno == 0 {
		w.errno = e
	}
	if e == unix.ECONNREFUSED {
		// It tells of an earlier datagram, and this one has not been tried yet.
		// The second time within a Write the peer is plainly gone.
		w.refused++
		if w.refused > 1 {
			w.blocked = true
			return false
		}
		return true
	}
	w.done++
	return true
}

// reroute lets routing choose the link of a datagram that has no route by the
// link it names, and tells whether that is worth a try. The address of a server
// may stand on a link that no datagram leaves by, such as the loopback of a
// router, and who answers for it may know no other link. A socket that is bound
// to its device stays there all the same.
func (w *writer) reroute(i int) bool {
	h := &w.hdrs[i].hdr
	if w.v4 || w.connected || h.Control == nil || w.names[i].Scope_id != 0 {
		return false
	}
	b := w.control[i].b[:]
	if (*unix.Cmsghdr)(unsafe.Pointer(&b[0])).Type != unix.IPV6_PKTINFO {
		return false
	}
	index := b[unix.SizeofCmsghdr+16:][:4]
	if binary.NativeEndian.Uint32(index) == 0 {
		return false
	}
	clear(index)
	return true
}
