package netif

import (
	"encoding/binary"
	"fmt"
	"net/netip"
	"os"
	"sync"
	"syscall"
	"unsafe"

	"golang.org/x/sys/unix"
)

// A Holder is who gets the datagrams that come to a UDP port.
type Holder struct {
	UID       uint32
	Found     bool   // somebody does
	Connected bool   // through a socket that is bound to the very address, and connected to the very sender
	Cookie    uint64 // of the socket; the host gives none twice
}

// An OwnerQuery asks again and again who holds one UDP port, by sock_diag(7). A
// question costs two system calls and no memory; it needs no privilege. It is
// safe for concurrent use, and stays in the network namespace in which it was
// made.
type OwnerQuery struct {
	mu      sync.Mutex
	fd      int // negative: closed
	seq     uint32
	request [sizeHeader + sizeDiagRequest]byte
	answer  [512]byte
	want    [sizePorts]byte // of the socket that is bound and connected as asked
}

// NewOwnerQuery readies the question who gets what remote sends to local.
func NewOwnerQuery(local, remote netip.AddrPort) (*OwnerQuery, error) {
	if !local.IsValid() || !remote.IsValid() || local.Addr().Is4() != remote.Addr().Is4() {
		return nil, fmt.Errorf("netif: owner of %v to %v: addresses do not match", local, remote)
	}
	fd, err := unix.Socket(unix.AF_NETLINK, unix.SOCK_DGRAM|unix.SOCK_CLOEXEC|unix.SOCK_NONBLOCK, unix.NETLINK_SOCK_DIAG)
	if err != nil {
		return nil, fmt.Errorf("netif: owner of %v: %w", local, os.NewSyscallError("socket", err))
	}
	// connected to the kernel, so that nobody else can answer
	if err := unix.Connect(fd, &unix.SockaddrNetlink{Family: unix.AF_NETLINK}); err != nil {
		unix.Close(fd)
		return nil, fmt.Errorf("netif: owner of %v: %w", local, os.NewSyscallError("connect", err))
	}
	q := &OwnerQuery{fd: fd}
	q.prepare(local, remote)
	return q, nil
}

// Sizes and places in struct nlmsghdr, inet_diag_sockid, inet_diag_req_v2 and
// inet_diag_msg.
const (
	sizeHeader      = unix.SizeofNlMsghdr
	sizePorts       = 36 // two ports, two addresses
	sizeDiagID      = sizePorts + 4 + 8
	sizeDiagRequest = 8 + sizeDiagID
	sizeDiagMessage = 4 + sizeDiagID + 20
	offsetDiagUID   = 4 + sizeDiagID + 12

	offsetDiagCookie = 4 + sizePorts + 4
)

// prepare writes the question. For UDP the kernel looks up who would receive a
// datagram sent from "source" to "destination", so the remote party stands as
// source here; in the answer the source is the socket's own.
func (q *OwnerQuery) prepare(local, remote netip.AddrPort) {
	family := byte(unix.AF_INET6)
	if local.Addr().Is4() {
		family = unix.AF_INET
	}
	ne := binary.NativeEndian
	b := ne.AppendUint32(q.request[:0], uint32(len(q.request)))
	b = ne.AppendUint16(b, unix.SOCK_DIAG_BY_FAMILY)
	b = ne.AppendUint16(b, unix.NLM_F_REQUEST)
	b = append(b, 0, 0, 0, 0, 0, 0, 0, 0) // number, and ours for the kernel to fill in
	b = append(b, family, unix.IPPROTO_UDP, 0, 0)
	b = ne.AppendUint32(b, ^uint32(0)) // in whatever state
	b = appendPorts(b, remote, local)
	b = ne.AppendUint32(b, 0)      // on whatever interface
	ne.AppendUint64(b, ^uint64(0)) // with whatever cookie
	appendPorts(q.want[:0], local, remote)
}

// appendPorts writes ports and addresses as both messages have them.
func appendPorts(b []byte, src, dst netip.AddrPort) []byte {
	b = binary.BigEndian.AppendUint16(b, src.Port())
	b = binary.BigEndian.AppendUint16(b, dst.Port())
	for _, a := range [...]netip.Addr{src.Addr(), dst.Addr()} {
		var field [16]byte
		copy(field[:], a.AsSlice())
		b = append(b, field[:]...)
	}
	return b
}

// Ask returns who holds the port at this moment.
func (q *OwnerQuery) Ask() (Holder, error) {
	q.mu.Lock()
	defer q.mu.Unlock()
	if q.fd < 0 {
		return Holder{}, os.ErrClosed
	}
	q.seq++
	binary.NativeEndian.PutUint32(q.request[8:], q.seq)
	if _, e := call(unix.SYS_SENDTO, q.fd, q.request[:]); e != 0 {
		return Holder{}, e
	}
	for {
		n, e := call(unix.SYS_RECVFROM, q.fd, q.answer[:]) // the kernel has answered within the call before
		if e != 0 {
			return Holder{}, e
		}
		if h, done, err := q.read(q.answer[:n]); done {
			return h, err
		}
	}
}

// call sends or receives one message; neither waits.
func call(nr uintptr, fd int, b []byte) (int, syscall.Errno) {
	for {
		n, _, e := unix.RawSyscall6(nr, uintptr(fd), uintptr(unsafe.Pointer(&b[0])), uintptr(len(b)), unix.MSG_DONTWAIT, 0, 0)
		if e != unix.EINTR {
			return int(n), e
		}
	}
}

// read decodes one message; done is false for the answer to an earlier question
// that was given up.
func (q *OwnerQuery) read(b []byte) (h Holder, done bool, err error) {
	ne := binary.NativeEndian
	if len(b) < sizeHeader || ne.Uint32(b[8:]) != q.seq {
		return h, false, nil
	}
	kind := ne.Uint16(b[4:])
	b = b[sizeHeader:]
	switch {
	case kind == unix.NLMSG_ERROR && len(b) >= 4:
		if e := syscall.Errno(-int32(ne.Uint32(b))); e != unix.ENOENT {
			return h, true, e
		}
		return h, true, nil
	case kind != unix.SOCK_DIAG_BY_FAMILY || len(b) < sizeDiagMessage:
		return h, true, unix.EBADMSG
	}
	h = Holder{UID: ne.Uint32(b[offsetDiagUID:]), Found: true, Cookie: ne.Uint64(b[offsetDiagCookie:])}
	h.Connected = [sizePorts]byte(b[4:]) == q.want
	return h, true, nil
}

// Close ends the questions.
func (q *OwnerQuery) Close() error {
	q.mu.Lock()
	defer q.mu.Unlock()
	fd := q.fd
	if q.fd = -1; fd < 0 {
		return nil
	}
	return unix.Close(fd)
}
