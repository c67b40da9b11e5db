package transport

import (
	"errors"
	"fmt"
	"net"
	"os"
	"sync/atomic"
	"syscall"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"
)

// A quiet is a descriptor whose datagrams wake nobody while nobody waits.
//
// The runtime's poller watches every socket of the net package all the time: each
// datagram that comes while the worker is still at the batch before wakes a
// thread, which finds nothing to do. At a busy server that is ten useless
// wake-ups for each batch, and when daemon and sync share a processor, each of
// them interrupts it. So the socket stands in an epoll set of its own, armed for one
// event each time the worker has found nothing to read (EPOLLONESHOT), and it is
// the set that the runtime's poller watches.
type quiet struct {
	sock  *os.File // not in the runtime's poller: always written and read without waiting
	tap   *os.File // read in place of sock, likewise; nil: none
	write syscall.RawConn
	set   *os.File // nil: nobody reads
	wait  syscall.RawConn
	shut  atomic.Bool

	// of the reader
	fd, setFD int  // sock or tap, and set, which Close leaves open until the reader is out
	armed     bool // an event is on its way or will be
	event     unix.EpollEvent
}

// newQuiet takes the socket of c over, which is closed in any case, and the tap.
func newQuiet(c *net.UDPConn, tap *os.File, sendOnly bool) (*quiet, error) {
	q := &quiet{tap: tap}
	err := q.own(c)
	if tap != nil {
		q.fd = int(tap.Fd())
	}
	if err == nil && !sendOnly {
		err = q.open()
	}
	if err != nil {
		q.Close()
		return nil, err
	}
	return q, nil
}

// own makes a descriptor for the socket of c that the runtime does not watch.
func (q *quiet) own(c *net.UDPConn) error {
	raw, err := c.SyscallConn()
	if err != nil {
		return err
	}
	var fd int
	var dupErr error
	err = raw.Control(func(old uintptr) {
		if fd, dupErr = unix.FcntlInt(old, unix.F_DUPFD_CLOEXEC, 0); dupErr == nil {
			// os.NewFile would give a non-blocking one to the runtime's poller; all
			// calls say MSG_DONTWAIT themselves.
			dupErr = unix.SetNonblock(fd, false)
			q.sock, q.fd = os.NewFile(uintptr(fd), "udp"), fd
		}
	})
	if err = errors.Join(err, dupErr, c.Close()); err != nil {
		return err
	}
	q.write, err = q.sock.SyscallConn()
	return err
}

// open makes the set that the reader waits for.
func (q *quiet) open() error {
	set, err := unix.EpollCreate1(unix.EPOLL_CLOEXEC)
	if err != nil {
		return fmt.Errorf("epoll_create1: %w", err)
	}
	err = unix.SetNonblock(set, true) // so that the runtime's poller takes it
	q.set = os.NewFile(uintptr(set), "epoll")
	q.setFD = set
	// Armed from the start: the kernel tells of errors in any case, and an event of
	// one that lay there unread would keep the first that is armed from waking anybody.
	add := unix.EpollCtl(set, unix.EPOLL_CTL_ADD, q.fd, &unix.EpollEvent{Events: unix.EPOLLIN | unix.EPOLLONESHOT})
	if err = errors.Join(err, add, q.set.SetReadDeadline(time.Time{})); err != nil {
		return fmt.Errorf("epoll: %w", err)
	}
	q.armed = true
	q.wait, err = q.set.SyscallConn()
	return err
}

// arm has the next datagram, or one that is there already, wake the reader.
func (q *quiet) arm() syscall.Errno {
	q.event = unix.EpollEvent{Events: unix.EPOLLIN | unix.EPOLLONESHOT}
	_, _, e := unix.RawSyscall6(unix.SYS_EPOLL_CTL, uintptr(q.setFD), unix.EPOLL_CTL_MOD, uintptr(q.fd),
		uintptr(unsafe.Pointer(&q.event)), 0, 0)
	q.armed = e == 0
	return e
}

// quieten takes the event that has come out of the set, which thereby is not
// armed any more, and tells whether there was one.
func (q *quiet) quieten() bool {
	n, _, e := unix.RawSyscall6(unix.SYS_EPOLL_PWAIT, uintptr(q.setFD), uintptr(unsafe.Pointer(&q.event)), 1, 0, 0, 0)
	q.armed = e == 0 && n == 0
	return !q.armed
}

// control calls f with the descriptor of the socket that is written to.
func (q *quiet) control(f func(fd uintptr)) error {
	raw, err := q.sock.SyscallConn()
	if err != nil {
		return err
	}
	return raw.Control(f)
}

// failed is what an error of a RawConn comes to.
func (q *quiet) failed(err error) error {
	if q.shut.Load() && !errors.Is(err, os.ErrDeadlineExceeded) {
		return net.ErrClosed
	}
	return err
}

// setReadDeadline is SetReadDeadline of a net.Conn.
func (q *quiet) setReadDeadline(t time.Time) error {
	if q.set == nil {
		return ErrWriteOnly
	}
	if err := q.set.SetReadDeadline(t); err != nil {
		return q.failed(err)
	}
	return nil
}

// Close ends reading first: it returns when the reader has left the socket.
func (q *quiet) Close() (err error) {
	if q.shut.Swap(true) {
		return net.ErrClosed
	}
	if q.set != nil {
		err = q.set.Close()
	}
	if q.sock != nil {
		err = errors.Join(err, q.sock.Close())
	}
	if q.tap != nil {
		err = errors.Join(err, q.tap.Close())
	}
	return err
}
