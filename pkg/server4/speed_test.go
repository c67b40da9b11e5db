package server4

import (
	"encoding/binary"
	"fmt"
	"net/netip"
	"slices"
	"testing"
	"time"

	"github.com/dhcp4o6/dhcp4o6/pkg/dhcp4"
	"github.com/dhcp4o6/dhcp4o6/pkg/ipc"
	"github.com/dhcp4o6/dhcp4o6/pkg/lease"
	"github.com/dhcp4o6/dhcp4o6/pkg/topology"
	"github.com/dhcp4o6/dhcp4o6/pkg/transport"
)

// lap is how many clients speak at a time.
const lap = 16

// A crowd is a server whose pool is 90 % full, and messages to fill in for one client
// after the other. Every lease is extended: the clock goes on between two laps.
type crowd struct {
	*bench
	size    int // leases
	over6   bool
	asks    [2][]transport.Datagram // DISCOVER, REQUEST
	queries [2][]ipc.Message
	took    time.Duration
	noise   []byte
}

// fresh is the number of the first client that has no lease.
func (c *crowd) fresh() int { return c.size }

func newCrowd(b *testing.B, over6 bool, size int) *crowd {
	last := netip.AddrFrom4([4]byte(binary.BigEndian.AppendUint32(nil, 10<<24+uint32(size)*10/9+lap)))
	c := &crowd{size: size, over6: over6, noise: make([]byte, 256<<10)}
	c.bench = newNowhere(b, net1(func(n *topology.Topology) {
		s := subnet(1, "10.0.0.0/8", "10.0.0.1", last.String())
		s.Policy.Valid = topology.Lifetime{Min: 1 << 30, Default: 1 << 30, Max: 1 << 30}
		n.Subnets = []*topology.Subnet{s}
	}))
	for range lap {
		ask := query{kind: dhcp4.Discover, giaddr: "10.0.0.1", opts: "61=01000000000000 55=0103060f"}
		request := query{kind: dhcp4.Request, giaddr: "10.0.0.1", opts: "61=01000000000000 50=00000000 54=c0000201 55=0103060f"}
		for i, q := range []query{ask, request} {
			c.asks[i] = append(c.asks[i], q.datagram(b))
			q.giaddr = ""
			c.queries[i] = append(c.queries[i], q.message(b))
		}
	}
	r := lease.Request{Pools: []*lease.Pool{c.s.net.Load().Subnets[0].Pools[0].Lease}, Now: c.now}
	for n := range size {
		id := [7]byte{1}
		binary.BigEndian.PutUint32(id[3:], uint32(n))
		r.Lease = lease.Lease{ClientID: id[:], HWAddr: id[1:], HWType: 1, Subnet: 1, Valid: 1 << 30 * time.Second}
		r.Lookup = []lease.Identity{{Kind: lease.ByClientID, ID: id[:]}, {Kind: lease.ByHWAddr, HWType: 1, ID: id[1:]}}
		if over6 {
			r.Over6 = netip.MustParseAddr("fe80::2")
		}
		if _, _, err := c.table.Grant(&r); err != nil {
			b.Fatal(err)
		}
	}
	return c
}

// name makes the messages of a kind those of clients from n on, each with what it asks for.
func (c *crowd) name(kind int, client func(i int) int) {
	for i := range lap {
		m := c.asks[kind][i].Data
		if c.over6 {
			m = c.queries[kind][i].Data[8:]
		}
		n := uint32(client(i))
		binary.BigEndian.PutUint32(m[28+2:], n)
		binary.BigEndian.PutUint32(m[240+3+5:], n)
		if kind == 1 {
			a := c.w.exchanges[i].Lease.Resource.Prefix.Addr().As4()
			copy(m[240+3+9+2:], a[:])
		}
	}
}

// turn has the server answer a lap; what that takes is counted.
func (c *crowd) turn(b *testing.B, kind int, want dhcp4.MessageType) {
	for i := 0; i < len(c.noise); i += 64 { // as a kernel does, which works between two laps
		c.noise[i]++
	}
	begin := time.Now()
	if c.over6 {
		c.bench.over6(c.queries[kind]...)
	} else {
		c.native(c.asks[kind]...)
	}
	c.took += time.Since(begin)
	for _, x := range c.w.exchanges[:lap] {
		if x.Reply != want {
			b.Fatalf("%v instead of %v", x.Reply, want)
		}
	}
}

// BenchmarkDORA is DISCOVER and REQUEST through all steps, without sockets and without a
// disk, in laps of 16 and with cold caches between them: of clients that have a lease, and
// of new ones, whose leases are taken away again while the clock stands.
func BenchmarkDORA(b *testing.B) {
	for _, over6 := range []bool{false, true} {
		way := map[bool]string{false: "v4", true: "4o6"}[over6]
		for _, who := range []string{"new", "returning"} {
			for _, size := range []int{1_000, 1_000_000} {
				b.Run(fmt.Sprintf("%s/%s/leases=%d", way, who, size), func(b *testing.B) { dora(b, newCrowd(b, over6, size), who == "new") })
			}
		}
	}
}

func dora(b *testing.B, c *crowd, fresh bool) {
	n, held := c.fresh(), c.size/lap
	b.ReportAllocs()
	lapNumber := 0
	took := make([]time.Duration, 0, 1<<20) // of laps; their median is not disturbed by other work on the machine
	for b.Loop() {
		lapNumber++
		client := func(i int) int { return (lapNumber*7919%held)*lap + i }
		if fresh {
			client = func(i int) int { return n + i }
		}
		c.name(0, client)
		c.turn(b, 0, dhcp4.Offer)
		c.name(1, client)
		c.turn(b, 1, dhcp4.Ack)
		if fresh {
			for _, x := range c.w.exchanges[:lap] {
				if _, err := c.table.Release(x.Lease.Resource, c.now, x.keys[:x.nkeys]...); err != nil {
					b.Fatal(err)
				}
			}
			n += lap
		}
		took = append(took, c.took)
		c.now, c.took = c.now.Add(time.Second), 0
	}
	slices.Sort(took)
	b.ReportMetric(float64(took[len(took)/2].Nanoseconds())/lap, "ns/exchange")
	b.ReportMetric(0, "ns/op")
}
