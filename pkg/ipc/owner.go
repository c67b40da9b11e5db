package ipc

import (
	"net/netip"
	"os"
	"os/user"
	"slices"
	"strconv"
	"sync/atomic"
	"time"

	"github.com/dhcp4o6/dhcp4o6/pkg/netif"
)

// trustFor is how long a peer that was found to be of the right user is taken
// at its word. To look with every batch would cost more than the batch.
const trustFor = time.Second

// A guard knows whether who holds the peer's port may be there. While a daemon
// is down any user of the host can take a port of 1024 or above, and receipts
// do not keep that user from answering real queries.
//
// Somebody who takes the port within trustFor of the peer's end, before a
// message of ours has been refused, gets the rest of that time. Ports under
// 1024 leave no such gap.
type guard struct {
	allowed func(uid uint32) bool
	lookup  func() (uid uint32, ok bool, err error) // nil: anybody may be there
	start   time.Time
	until   atomic.Int64 // since start: the end of the trust
}

// watch readies g for a socket at local. Where the host cannot tell who holds a
// port, which shows when it does not find our own socket, everybody is let in.
func (g *guard) watch(allowed func(uid uint32) bool, local, peer netip.AddrPort) {
	if allowed == nil {
		return
	}
	if uid, ok, err := netif.LookupOwner(local, peer); err != nil || !ok || int(uid) != os.Geteuid() {
		return
	}
	g.allowed, g.start = allowed, time.Now()
	g.lookup = func() (uint32, bool, error) { return netif.LookupOwner(peer, local) }
}

// admits reports whether the peer is one to speak to. Whether nobody is enough
// depends on the direction: a message into the void is refused by the host, but
// one that nobody can have sent, or somebody whose socket is not connected to
// ours, is none of the peer's.
func (g *guard) admits(nobody bool) bool {
	if g.lookup == nil {
		return true
	}
	now := time.Since(g.start)
	if int64(now) < g.until.Load() {
		return true
	}
	uid, ok, err := g.lookup()
	switch {
	case err != nil || !ok:
		return nobody
	case !g.allowed(uid):
		return false
	}
	g.until.Store(int64(now + trustFor))
	return true
}

// doubt has the peer looked up again before the next message.
func (g *guard) doubt() { g.until.Store(0) }

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
