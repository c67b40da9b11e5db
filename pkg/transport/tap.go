package transport

import (
	"errors"
	"fmt"
	"os"
	"unsafe"

	"golang.org/x/sys/unix"

	"github.com/dhcp4o6/dhcp4o6/pkg/link"
)

// A tap is a packet socket that a Conn reads from in place of its UDP socket, for the
// same address and port. It hears what the kernel's UDP does not: what a packet
// filter of the host drops, what comes from 0.0.0.0 to an address of ours, and what
// comes from an address that the host has itself or reaches by another link
// (rp_filter). It takes whole datagrams alone, since fragments are not put together
// before packet sockets.
//
// The UDP socket stays. It sends, it holds the port against a second server, and
// while it is there the kernel does not tell senders that nobody listens (RFC 1122
// §4.1.3.1). What the kernel lets through to it is read too, and thrown away: a
// socket filter would do that as well, but the kernel counts what one drops as errors
// of the host (UdpInErrors), which people watch.

// tap opens the tap of k where there is to be one and the host permits it; that it
// does not is told once. The Group's lock is held.
func (g *Group) tap(k key, p *plan) (*os.File, error) {
	if !g.o.Raw || g.noTaps || !p.framed(k) {
		return nil, nil
	}
	f, err := link.Tap(k.index, g.o.Port, k.addr)
	if errors.Is(err, unix.EPERM) || errors.Is(err, unix.EACCES) {
		g.noTaps = true
		g.report(k.iface, fmt.Errorf("%w: %w", ErrTap, err))
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("transport: packets of %v: %w", k, err)
	}
	return f, nil
}

// framed tells whether clients without address may be on the link of k: it has a
// socket for broadcasts then.
func (p *plan) framed(k key) bool {
	_, ok := p.answers[broadcasts(k.iface, k.index)]
	return ok
}

// frame decodes what h has brought from a tap, and tells whether it is a datagram
// for the caller.
func (r *reader) frame(d *Datagram, h *mmsghdr) bool {
	c := parseControl(r.control[r.next].b[:h.hdr.Controllen])
	r.overflowed(c)
	base := r.next * r.slotSize
	src, dst, payload, err := link.Decode(r.mem[base:base+int(h.n):base+int(h.n)], c.status)
	if err != nil {
		r.told.refused.Add(1)
		return false
	}
	*d = Datagram{Data: payload, Peer: src, Local: dst.Addr(), IfIndex: r.link, At: r.at}
	return true
}

// nowhere is where datagrams go that are thrown away. The kernel writes their lengths
// here, which nobody reads, so all readers share it.
var nowhere [128]mmsghdr

// discard throws away what a socket has taken in, as much as a batch holds; what comes
// later waits for the next one.
func discard(fd int) {
	unix.RawSyscall6(unix.SYS_RECVMMSG, uintptr(fd), uintptr(unsafe.Pointer(&nowhere[0])),
		uintptr(len(nowhere)), unix.MSG_DONTWAIT, 0, 0)
}
