package hostconf

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"

	"github.com/dhcp4o6/dhcp4o6/pkg/netif"
)

// Proto marks our addresses and routes among others (ip -d addr, ip route: proto
// 46). The kernel and iproute2 give the number no meaning.
const Proto = 46

// Why something was not done.
var (
	ErrNoLink  = errors.New("there is no such link")
	ErrMTU     = errors.New("MTU out of bounds")
	ErrAddress = errors.New("not an address for a host")
	ErrShared  = errors.New("only some ports of the address are leased")
	ErrMany    = errors.New("too many for one lease")
)

// NetlinkOptions say how a lease is put on the host. The zero value puts addresses
// and routes on the link, and tells the resolver that is found.
type NetlinkOptions struct {
	Metric int // of the lease's routes; a Route's own is added

	// MinMTU is the smallest MTU that is taken from a server; 0: 576 (RFC 791).
	// Below 1280 none is taken where the link has IPv6, which would end
	// (RFC 8200 §5).
	MinMTU int

	// Shared puts an address on the link of which only some ports are leased, with
	// its routes. The kernel would use the others too: who sets this has rules of NAT
	// that keep to the ports (RFC 7618). Without it such an address is refused.
	Shared bool

	Unreachable bool // what is sent into a delegated prefix and has no other route is refused (RFC 7084 §4.2 WPD-5)
	HostName    bool // the name of the lease becomes the host's, where it has none of its own

	Resolver   Resolver // the zero value finds one
	ResolvConf string   // what ResolvFile writes; "": /etc/resolv.conf
	Path       string   // where resolvconf and resolvectl are looked for; "": the usual folders

	// StateDir holds what has to be put back when a lease ends, so that a crash does
	// not lose it, and what both clients tell the resolver together. "": in memory.
	StateDir string
}

// NewNetlink returns a System that makes the host so itself. It holds nothing open.
//
// What is ours is known by its mark, so that what a run that crashed has left is
// taken over, or taken away with the first Change of the next; PREINIT leaves it
// alone, since the lease may well be in force still. What is not ours stays as it is. A
// Change whose addresses stay the same renews their lifetimes in place.
func NewNetlink(o NetlinkOptions) (System, error) {
	switch {
	case o.Metric < 0:
		return nil, fmt.Errorf("hostconf: metric %d is negative", o.Metric)
	case o.MinMTU != 0 && o.MinMTU < 68: // RFC 2132 §5.1
		return nil, fmt.Errorf("hostconf: smallest MTU %d: %w", o.MinMTU, ErrMTU)
	case o.Resolver > NoResolver:
		return nil, fmt.Errorf("hostconf: resolver %d is not known", o.Resolver)
	}
	if o.MinMTU == 0 {
		o.MinMTU = 576
	}
	return &kernel{o: o, shelf: shelf{dir: o.StateDir}}, nil
}

// kernel is the System of NewNetlink.
type kernel struct {
	o     NetlinkOptions
	mu    sync.Mutex // held while a Change is applied
	shelf shelf
}

// steps of a Change, in order: what is new comes before what was old goes.
var steps = [...]struct {
	name string
	do   func(*work) error
}{
	{"mtu", (*work).mtu},
	{"addresses", (*work).addresses},
	{"routes", (*work).routes},
	{"old addresses", (*work).oldAddresses},
	{"unreachable", (*work).unreachable},
	{"resolver", (*work).resolver},
	{"host name", (*work).hostName},
}

// work is one Change while it is applied.
type work struct {
	*kernel
	ctx  context.Context
	c    *Change
	v6   bool
	want Settings // what is to be; empty: nothing
	now  time.Time

	link *netif.Interface // nil: there is none
	slot slot
	kept kept

	leased []netif.Assigned // the addresses that are to be on the link
}

// Apply implements System.
func (k *kernel) Apply(ctx context.Context, c *Change) error {
	if c.Iface == "" { // NBI
		return nil
	}
	k.mu.Lock()
	defer k.mu.Unlock()
	unlock, unlocked := k.shelf.lock()
	defer unlock()
	w := &work{kernel: k, ctx: ctx, c: c, v6: c.Reason.V6(), slot: slotOf(c), now: time.Now()}
	if c.New != nil {
		w.want = *c.New
	}
	told := errors.Join(unlocked, w.trim()) // neither keeps the rest from being done
	if err := w.findLink(); err != nil {
		return errors.Join(told, err)
	}
	if c.Reason == Preinit || c.Reason == Preinit6 {
		return errors.Join(unlocked, w.up())
	}
	return errors.Join(told, w.apply())
}

func (w *work) apply() error {
	var errs []error
	var err error
	if w.kept, err = w.shelf.load(w.slot); err != nil {
		errs = append(errs, err)
	}
	if w.link == nil && w.c.New != nil {
		errs = append(errs, fmt.Errorf("hostconf: %s: %w", w.c.Iface, ErrNoLink))
		w.want = Settings{} // what was told to others goes with the link
	}
	for _, s := range steps {
		errs = append(errs, s.do(w))
	}
	errs = append(errs, w.shelf.save(w.slot, w.kept))
	return errors.Join(errs...)
}

// findLink looks the link up; one that has gone is nil.
func (w *work) findLink() error {
	all, err := netif.List()
	if err != nil {
		return fmt.Errorf("hostconf: %w", err)
	}
	at := slices.IndexFunc(all, func(i netif.Interface) bool { return i.Name == w.c.Iface })
	if at >= 0 {
		w.link = &all[at]
	}
	return nil
}

// up readies the link for its first packets.
func (w *work) up() error {
	switch {
	case w.link == nil:
		return fmt.Errorf("hostconf: %s: %w", w.c.Iface, ErrNoLink)
	case w.link.Up:
		return nil
	}
	return netif.SetUp(w.link.Index)
}
