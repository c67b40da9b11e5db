package ipc

import (
	"net/netip"
	"os"
	"os/user"
	"slices"
	"strconv"
	"sync/atomic"

	"github.com/dhcp4o6/dhcp4o6/pkg/netif"
)

// A guard knows whether who holds the peer's port may be there. While a daemon
// is down any user of the host can take a port of 1024 or above, and receipts
// do not keep that user from answering real queries.
//
// The host says who holds the port now, not who held it when a message was
// sent. Somebody who leaves the port before his message is looked at is not
// found when the peer has taken the port meanwhile, nor is who takes it between
// the look and the handing over. Ports under 1024 leave no such gap, nor does a
// MAC (see [Auth]).
type guard struct {
	allowed *atomic.Pointer[func(uid uint32) bool]

	// one for each direction, so that neither waits for the other; nil: anybody may be there
	reads, writes *netif.OwnerQuery
}

// A standing is what the host says of who holds the peer's port.
type standing uint8

const (
	trusted  standing = iota // one who may
	nobody                   // no socket that talks to ours
	stranger                 // one who may not
)

// watch readies g for a socket at local. Where the host cannot tell who holds a
// port, which shows when it does not find our own socket, everybody is let in.
func (g *guard) watch(allowed *atomic.Pointer[func(uint32) bool], local, peer netip.AddrPort) {
	if *allowed.Load() == nil || !findsOurselves(local, peer) {
		return
	}
	reads, err := netif.NewOwnerQuery(peer, local)
	if err != nil {
		return
	}
	writes, err := netif.NewOwnerQuery(peer, local)
	if err != nil {
		reads.Close()
		return
	}
	g.allowed, g.reads, g.writes = allowed, reads, writes
}

func findsOurselves(local, peer netip.AddrPort) bool {
	q, err := netif.NewOwnerQuery(local, peer)
	if err != nil {
		return false
	}
	defer q.Close()
	h, err := q.Ask()
	return err == nil && h.Connected && int(h.UID) == os.Geteuid()
}

// judge asks who is there. A message can be sent to somebody who has bound the
// port without connecting, so such a one is looked at too; if he may be there
// he is the peer on its way up, and not one to speak to yet.
func (g *guard) judge(q *netif.OwnerQuery) standing {
	if q == nil {
		return trusted
	}
	h, err := q.Ask()
	switch {
	case err != nil || !h.Found:
		return nobody
	case !(*g.allowed.Load())(h.UID):
		return stranger
	case !h.Connected:
		return nobody
	}
	return trusted
}

func (g *guard) close() {
	if g.reads != nil {
		g.reads.Close()
		g.writes.Close()
	}
}

// Trusted returns who may hold the peer's port, for Options.Owners: root, the
// user of this process, those that Kea's packages run as, and the users named,
// by name or number. Names that the host does not know are left out.
func Trusted(users ...string) func(uid uint32) bool {
	uids := []uint32{0, uint32(os.Geteuid())}
	for _, name := range slices.Concat([]string{"_kea", "kea"}, users) {
		if n, err := strconv.ParseUint(name, 10, 32); err == nil {
			uids = append(uids, uint32(n))
			continue
		}
		u, err := user.Lookup(name)
		if err != nil {
			continue
		}
		if n, err := strconv.ParseUint(u.Uid, 10, 32); err == nil {
			uids = append(uids, uint32(n))
		}
	}
	return func(uid uint32) bool { return slices.Contains(uids, uid) }
}
