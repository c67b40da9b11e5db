package sim

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"math/rand/v2"
	"net/netip"
	"slices"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/dhcp4o6/dhcp4o6/pkg/lease"
	"github.com/dhcp4o6/dhcp4o6/pkg/lease/leasefile"
	"github.com/dhcp4o6/dhcp4o6/pkg/lease/leasefile/faultfs"
	"github.com/dhcp4o6/dhcp4o6/pkg/topology"
)

// A family is one engine and how its clients talk.
type family interface {
	// engine makes a server over a table. What it returns serves one peer until that
	// ends, and may be called for several at once.
	engine(t *lease.Table) func(peer)
	query(q *question) []byte
	read(answer []byte) (reply, error)
	options() leasefile.Options
	topology() *topology.Topology
	owner(l *lease.Lease) int // number of the client, -1 for none
	resource(a netip.Addr) lease.Resource
}

// A peer is the world beyond one socket.
type peer interface {
	next(limit int) []flight // none: the life is over
	left(answer []byte)
}

// name is the lease file.
const name = "/lib/leases.csv"

// A flight is a datagram on its way.
type flight struct {
	at       time.Time
	data     []byte
	c        *client // the other end
	toClient bool
}

// A claim is an address that a client has been told to be its own, as its answer left.
type claim struct {
	c     *client
	until time.Time
}

// A world is everything there is.
type world struct {
	t      *testing.T
	family family
	random *rand.Rand
	disk   *faultfs.FS
	table  *lease.Table

	clients   []*client
	questions map[uint32]*question
	xid       uint32
	air       []flight
	claims    map[netip.Addr]claim
	image     map[string]map[netip.Addr]lease.Lease // durable files read, by their octets

	// of this life
	last   time.Time     // the power is cut no later than this
	outage time.Duration // after that the host is away for less than this
	failed atomic.Bool   // it has been, in a call to the disk
	mu     sync.Mutex
	log    []string

	// for the report
	acks, naks, restarts, healed int
}

func newWorld(t *testing.T, f family, seed uint64) *world {
	w := &world{
		t: t, family: f,
		random:    rand.New(rand.NewPCG(seed, 46)),
		disk:      faultfs.New(seed),
		questions: make(map[uint32]*question),
		claims:    make(map[netip.Addr]claim),
		outage:    10 * time.Second,
	}
	for n := range 26 { // for twenty-three addresses
		w.clients = append(w.clients, &client{n: n, relayed: n%2 == 0, named: n%3 == 0})
	}
	return w
}

// note writes down what happens, for the case of failure.
func (w *world) note(format string, a ...any) {
	w.mu.Lock()
	defer w.mu.Unlock()
	line := time.Now().Format("15:04:05 ") + fmt.Sprintf(format, a...)
	if len(w.log) == 400 {
		w.log = slices.Delete(w.log, 0, 200)
	}
	w.log = append(w.log, line)
}

func (w *world) wrong(format string, a ...any) {
	w.t.Helper()
	w.note("WRONG: "+format, a...)
	w.t.Errorf(format, a...)
}

// carry puts a datagram on the network, which loses one in eight and doubles one in eight.
func (w *world) carry(f flight, now time.Time) {
	for n := w.random.IntN(8); n > 0; n = w.random.IntN(8) {
		g := f
		g.at = now.Add(time.Duration(w.random.IntN(int(longest/time.Second))) * time.Second)
		w.air = append(w.air, g)
		if n > 1 {
			return
		}
	}
}

// land takes what arrives by now out of the air, in any order.
func (w *world) land(now time.Time) (down []flight) {
	stay := w.air[:0]
	for _, f := range w.air {
		if f.at.After(now) {
			stay = append(stay, f)
		} else {
			down = append(down, f)
		}
	}
	w.air = stay
	w.random.Shuffle(len(down), func(i, j int) { down[i], down[j] = down[j], down[i] })
	return down
}

// next lets time pass until there are queries for the engine and returns them; none: the
// life is over.
func (w *world) next(limit int) (queries []flight) {
	for !w.failed.Load() && !w.t.Failed() {
		time.Sleep(time.Second)
		now := time.Now()
		if now.After(w.last) {
			break
		}
		w.keep(now)
		for _, c := range w.clients {
			w.act(c, now)
		}
		for _, f := range w.land(now) {
			switch {
			case f.toClient:
				r, err := w.family.read(f.data)
				if err != nil {
					w.wrong("client %d cannot read %x: %v", f.c.n, f.data, err)
				}
				w.hear(f.c, r, now)
			case len(queries) == limit: // the socket's buffer is full
			default:
				queries = append(queries, f)
			}
		}
		if len(queries) > 0 {
			return queries
		}
	}
	return nil
}

// keep does what the daemon does beside answering: it ends what has expired, cleans up
// the lease file now and then, and heals it when it is down.
func (w *world) keep(now time.Time) {
	w.table.Expire(now, 1+w.random.IntN(8))
	down := w.table.Down() != nil
	if w.random.IntN(3) == 0 && down || w.random.IntN(100) == 0 {
		err := w.table.Clean(context.Background())
		w.note("clean up, store was down %v: %v", down, err)
		if down && err == nil {
			w.healed++
		}
	}
}

// left judges an answer at the moment of its sending, then lets it go.
func (w *world) left(data []byte) {
	now := time.Now()
	r, err := w.family.read(data)
	q := w.questions[r.xid]
	if err != nil || q == nil {
		w.wrong("an answer to nobody leaves: %x, %v", data, err)
		return
	}
	w.note("to client %d: %v %v for %v, xid %x", q.c.n, r.is, r.addr, r.valid, r.xid)
	switch {
	case r.is == ack && q.kind != release && q.kind != decline:
		w.acked(q.c, r, now)
	case r.is == nak && q.kind != discover:
		w.naks++
		if c := w.claims[q.addr]; c.c == q.c && now.Before(c.until) {
			w.wrong("client %d is refused %v, which it holds until %v", q.c.n, q.addr, c.until)
		}
	}
	if !w.failed.Load() { // a dead host sends nothing
		w.carry(flight{data: slices.Clone(data), c: q.c, toClient: true}, now)
	}
}

// acked checks that the lease is on the disk and in nobody else's hands.
func (w *world) acked(c *client, r reply, now time.Time) {
	w.acks++
	until := now.Add(r.valid)
	w.durable(c, r.addr, until)
	if had := w.claims[r.addr]; had.c != nil && had.c != c && now.Before(had.until) {
		w.wrong("%v is given to client %d and in the hands of client %d until %v", r.addr, c.n, had.c.n, had.until)
	}
	if w.failed.Load() {
		return
	}
	maps.DeleteFunc(w.claims, func(_ netip.Addr, had claim) bool { return had.c == c })
	w.claims[r.addr] = claim{c, until}
}

// durable wants a client's lease to be on the disk, whatever happens now.
func (w *world) durable(c *client, addr netip.Addr, until time.Time) {
	files := w.disk.Durable(name)
	if len(files) == 0 {
		w.wrong("client %d is told that %v is its own, and there is no lease file on the disk", c.n, addr)
	}
	for _, f := range files {
		l, ok := w.parse(f)[addr]
		if why := w.missing(&l, ok, c, until); why != "" {
			w.wrong("client %d is told that %v is its own, and on the disk %s", c.n, addr, why)
		}
	}
}

// missing says what is wrong with a lease that client c must have until then.
func (w *world) missing(l *lease.Lease, ok bool, c *client, until time.Time) string {
	switch {
	case !ok:
		return "there is none"
	case l.State != lease.Leased:
		return fmt.Sprintf("it is in state %d", l.State)
	case w.family.owner(l) != c.n:
		return fmt.Sprintf("it is that of client %d", w.family.owner(l))
	case l.Start.Add(l.Valid).Before(until):
		return fmt.Sprintf("it ends at %v, not at %v", l.Start.Add(l.Valid), until)
	}
	return ""
}

// parse reads the octets of a lease file as a start of the daemon would.
func (w *world) parse(text []byte) map[netip.Addr]lease.Lease {
	m, err := w.octets(text)
	if err != nil {
		w.wrong("the lease file on the disk cannot be read: %v", err)
	}
	return m
}

func (w *world) octets(text []byte) (map[netip.Addr]lease.Lease, error) {
	if m, ok := w.image[string(text)]; ok {
		return m, nil
	}
	disk := faultfs.New(1)
	disk.WriteFile(name, text)
	m := make(map[netip.Addr]lease.Lease)
	o := w.family.options()
	o.FS = disk
	f, err := leasefile.Open(name, o)
	if err != nil {
		return nil, err
	}
	err = f.Load(context.Background(), func(c lease.Change) error {
		a := c.Lease.Resource.Prefix.Addr()
		delete(m, a)
		if !c.Remove {
			l := *c.Lease
			l.ClientID, l.HWAddr, l.DUID = slices.Clone(l.ClientID), slices.Clone(l.HWAddr), slices.Clone(l.DUID)
			l.Hostname, l.UserContext = "", nil
			m[a] = l
		}
		return nil
	})
	w.image = map[string]map[netip.Addr]lease.Lease{string(text): m}
	return m, err
}

// faults has some calls to the disk fail, and in the end one be the last.
func (w *world) faults(last int, often bool) func(faultfs.Call) faultfs.Fault {
	first := w.disk.Calls()
	return func(c faultfs.Call) faultfs.Fault {
		switch {
		case c.N-first >= last:
			w.failed.Store(true)
			w.note("the end, in %s %s", c.Op, c.Name)
			return faultfs.Fault{Cut: true}
		case !often || c.Op == faultfs.Lock || w.random.IntN(40) > 0:
			return faultfs.Fault{}
		}
		err := []error{syscall.EIO, syscall.ENOSPC}[w.random.IntN(2)]
		f := faultfs.Fault{Err: err, Done: w.random.IntN(c.Size + 1)}
		w.note("%s %s fails: %v, %d of %d octets", c.Op, c.Name, err, f.Done, c.Size)
		return f
	}
}

// live runs one life of the server, from a start to its sudden end.
func (w *world) live() {
	w.last = time.Now().Add(time.Duration(20+w.random.IntN(200)) * time.Second)
	last := 1 << 30
	if w.random.IntN(4) > 0 {
		last = 1 + w.random.IntN(400)
	}
	w.disk.Inject(w.faults(last, w.random.IntN(2) == 0))
	w.family.engine(w.table)(w)
	w.after()
}

// after takes the machine down: by a power cut, or only the process.
func (w *world) after() {
	if w.random.IntN(3) == 0 {
		w.note("killed")
		w.disk = w.disk.Kill()
	} else {
		w.note("power cut")
		w.disk = w.disk.PowerCut()
	}
	w.failed.Store(false)
	time.Sleep(time.Duration(w.random.Int64N(int64(w.outage/time.Second)+1)) * time.Second)
	w.land(time.Now()) // on a host where nobody listens
}

// start brings the server up on what is left, which may fail and be cut off as well, and
// compares what it knows with what clients were told.
func (w *world) start() {
	for {
		w.restarts++
		last := 1 << 30
		if w.random.IntN(3) == 0 {
			last = 1 + w.random.IntN(12)
		}
		w.disk.Inject(w.faults(last, w.random.IntN(4) == 0))
		err := w.load()
		if err == nil {
			break
		}
		w.note("no start: %v", err)
		if !w.failed.Load() && !errors.Is(err, syscall.EIO) && !errors.Is(err, syscall.ENOSPC) && !errors.Is(err, lease.ErrDown) {
			w.wrong("no start: %v", err)
			return
		}
		w.after()
	}
	now := time.Now()
	for a, c := range w.claims {
		if !now.Before(c.until) {
			delete(w.claims, a)
			continue
		}
		l, ok := w.table.ByResource(w.family.resource(a))
		if why := w.missing(&l, ok, c.c, c.until); why != "" {
			w.wrong("after a restart: client %d was told that %v is its own; %s", c.c.n, a, why)
		}
	}
}

func (w *world) load() error {
	o := w.family.options()
	o.FS = w.disk
	f, err := leasefile.Open(name, o)
	if err != nil {
		return err
	}
	w.table = lease.NewTable(f, lease.TableOptions{DeclineProbation: 2 * time.Minute, HoldReclaimed: time.Minute})
	_, err = w.table.Load(context.Background())
	return err
}
