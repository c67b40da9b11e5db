package netif

import (
	"encoding/binary"
	"errors"
	"fmt"
	"net/netip"

	"github.com/vishvananda/netlink/nl"
	"golang.org/x/sys/unix"
)

// LookupOwner returns the user of the UDP socket that is bound to local and
// connected to remote on this host, by sock_diag(7); it needs no privilege. ok
// is false when there is none: no socket, one that is bound to the wildcard
// address, or one that is connected to nobody or to somebody else.
func LookupOwner(local, remote netip.AddrPort) (uid uint32, ok bool, err error) {
	q := &diagRequest{family: unix.AF_INET6, local: local, remote: remote}
	if local.Addr().Is4() {
		q.family = unix.AF_INET
	}
	if local.Addr().Is4() != remote.Addr().Is4() || !local.IsValid() || !remote.IsValid() {
		return 0, false, fmt.Errorf("netif: owner of %v to %v: addresses do not match", local, remote)
	}
	req := nl.NewNetlinkRequest(nl.SOCK_DIAG_BY_FAMILY, 0)
	req.AddData(q)
	msgs, err := req.Execute(unix.NETLINK_INET_DIAG, 0)
	switch {
	case errors.Is(err, unix.ENOENT):
		return 0, false, nil
	case err != nil:
		return 0, false, fmt.Errorf("netif: owner of %v to %v: %w", local, remote, err)
	}
	for _, m := range msgs {
		if uid, ok := q.match(m); ok {
			return uid, true, nil
		}
	}
	return 0, false, nil
}

// Sizes of struct inet_diag_sockid, inet_diag_req_v2 and inet_diag_msg.
const (
	sizeDiagID      = 48
	sizeDiagRequest = 8 + sizeDiagID
	sizeDiagMessage = 4 + sizeDiagID + 20
	offsetDiagUID   = 4 + sizeDiagID + 12
)

// A diagRequest asks for one socket by its addresses.
type diagRequest struct {
	family        uint8
	local, remote netip.AddrPort
}

// Len is part of nl.NetlinkRequestData.
func (q *diagRequest) Len() int { return sizeDiagRequest }

// Serialize is part of nl.NetlinkRequestData. For UDP the kernel looks up who
// would receive a datagram sent from "source" to "destination", so the remote
// party stands as source here; in the answer the source is the socket's own.
func (q *diagRequest) Serialize() []byte {
	b := make([]byte, 8, sizeDiagRequest)
	b[0], b[1] = q.family, unix.IPPROTO_UDP
	binary.NativeEndian.PutUint32(b[4:], ^uint32(0)) // in whatever state
	b = appendDiagID(b, q.remote, q.local)
	b = binary.NativeEndian.AppendUint32(b, 0)             // on whatever interface
	return binary.NativeEndian.AppendUint64(b, ^uint64(0)) // with whatever cookie
}

// appendDiagID writes ports and addresses as both messages have them.
func appendDiagID(b []byte, src, dst netip.AddrPort) []byte {
	b = binary.BigEndian.AppendUint16(b, src.Port())
	b = binary.BigEndian.AppendUint16(b, dst.Port())
	for _, a := range [...]netip.Addr{src.Addr(), dst.Addr()} {
		var field [16]byte
		copy(field[:], a.AsSlice())
		b = append(b, field[:]...)
	}
	return b
}

// match reports the owner when m describes the very socket that was asked for.
func (q *diagRequest) match(m []byte) (uid uint32, ok bool) {
	if len(m) < sizeDiagMessage || m[0] != q.family {
		return 0, false
	}
	if string(m[4:4+36]) != string(appendDiagID(nil, q.local, q.remote)) {
		return 0, false
	}
	return binary.NativeEndian.Uint32(m[offsetDiagUID:]), true
}
