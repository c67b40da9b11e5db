package ipc

import (
	"net/netip"
	"os"
	"os/user"
	"slices"
	"strconv"
	"strings"
	"sync/atomic"

	"github.com/dhcp4o6/dhcp4o6/pkg/netif"
)

// A guard knows whether who holds the peer's port may be there. While a daemon
// is down any user of the host can take a port of 1024 or above, and receipts
// do not keep that user from answering real queries.
//
// The host says who holds the port now, not who held it when a message was
// sent: somebody may have sent it, left, and the peer have taken the port before
// the look. So the v4 side, whose peer is believed whatever it asks, takes what it
// reads only when the peer's socket is the one that it saw at the look before, and
// drops what came until then. The v6 side has receipts for that. What is left is
// who takes and leaves the port between a read and the look at it, a few
// microseconds, and between a look and the handing over. Ports that only root may
// take leave no such gap and need no second look, nor does a MAC (see [Auth]).
type guard struct {
	allowed *atomic.Pointer[func(uid uint32) bool]
	strict  bool   // anybody can take the peer's port
	seen    uint64 // of the reader: the peer's socket at the look before; 0: none

	// one for each direction, so that neither waits for the other; nil: anybody may be there
	reads, writes *netif.OwnerQuery
}

// A standing is what the host says of who holds the peer's port.
type standing uint8

const (
	trusted  standing = iota // one who may
	nobody                   // no socket that talks to ours
	stranger                 // one who may not
	newcomer                 // one who may, and was not there at the look before
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
	g.strict = peer.Port() >= unprivileged()
	g.judgeBatch(true)
}

// unprivileged is the first port that every user may take.
func unprivileged() uint16 {
	const usual = 1024
	b, err := os.ReadFile("/proc/sys/net/ipv4/ip_unprivileged_port_start") // for IPv6 too
	if err != nil {
		return usual
	}
	n, err := strconv.ParseUint(strings.TrimSpace(string(b)), 10, 16)
	if err != nil {
		return usual
	}
	return uint16(n)
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
func (g *guard) judge(q *netif.OwnerQuery) (standing, uint64) {
	if q == nil {
		return trusted, 0
	}
	h, err := q.Ask()
	switch {
	case err != nil || !h.Found:
		return nobody, 0
	case !(*g.allowed.Load())(h.UID):
		return stranger, h.Cookie
	case !h.Connected:
		return nobody, h.Cookie
	}
	return trusted, h.Cookie
}

// judgeBatch asks who is there after a read. As long as it may have left datagrams
// behind that came before the look, the newcomer stays one.
func (g *guard) judgeBatch(drained bool) standing {
	st, socket := g.judge(g.reads)
	if st != trusted || socket == g.seen {
		return st
	}
	if g.seen = 0; drained {
		g.seen = socket
	}
	return newcomer
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
