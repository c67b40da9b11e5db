package server4

import (
	"encoding/binary"
	"fmt"
	"math/rand/v2"
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/dhcp4o6/dhcp4o6/pkg/dhcp4"
	"github.com/dhcp4o6/dhcp4o6/pkg/topology"
	"github.com/dhcp4o6/dhcp4o6/pkg/transport"
)

// clients is how many take part in BenchmarkSize, so that nothing which belongs to one of them is
// still at hand when it comes again.
const clients = 10_000

// A scale is the clients of a server of some size.
type scale struct {
	*bench
	asks, requests []transport.Datagram
}

// newScale spreads the clients evenly over subnets, each with a relay of its own; with hosts every second
// one has a reservation. They are in ten of twenty classes, of which one guards the pools.
func newScale(b *testing.B, subnets int, shared, hosts bool) *scale {
	each := clients / subnets
	bits := 8 // of a subnet: room for its clients, as many others, and a relay
	for 1<<bits < 4*each {
		bits++
	}
	addr := func(subnet, n int) netip.Addr {
		return netip.AddrFrom4([4]byte(binary.BigEndian.AppendUint32(nil, 10<<24+uint32(subnet<<bits+n))))
	}
	var nets []string
	for i := range subnets {
		var kept []string
		for h := 0; hosts && h < each; h += 2 {
			kept = append(kept, fmt.Sprintf(`{"hw-address": "%s", "ip-address": "%v"}`, scaleMAC(i*each+h), addr(i, h+1)))
		}
		nets = append(nets, fmt.Sprintf(`{"id": %d, "subnet": "%v/%d", "pools": [{"pool": "%v - %v", "client-classes": ["c1", "c2"]}], "reservations": [%s]}`,
			i+1, addr(i, 0), 32-bits, addr(i, 1<<bits/2), addr(i, 1<<bits-2), strings.Join(kept, ",")))
	}
	where := `"subnet4": [` + strings.Join(nets, ",") + "]"
	if shared {
		where = `"shared-networks": [{"name": "all", ` + where + "}]"
	}
	s := &scale{bench: newNowhere(b, sizedNet(b, where))}
	const opts = "12=686f7374 55=0103060f1c33 82=0104706f7274 57=05dc 60=78"
	for n := range clients {
		q := query{kind: dhcp4.Discover, hw: strings.ReplaceAll(scaleMAC(n), ":", ""), giaddr: addr(n/each, each+1).String(), opts: opts}
		s.asks = append(s.asks, q.datagram(b))
		q.kind, q.opts = dhcp4.Request, "50=00000000 54=c0000201 "+opts
		s.requests = append(s.requests, q.datagram(b))
	}
	r := rand.New(rand.NewPCG(1, 2))
	r.Shuffle(clients, func(i, j int) {
		s.asks[i], s.asks[j] = s.asks[j], s.asks[i]
		s.requests[i], s.requests[j] = s.requests[j], s.requests[i]
	})
	s.lap(b, 0, clients) // everybody has a lease
	return s
}

func scaleMAC(n int) string { return fmt.Sprintf("02:01:00:%02x:%02x:%02x", n>>16, n>>8&255, n&255) }

func sizedNet(b *testing.B, where string) *topology.Topology {
	return compiled(b, fmt.Sprintf(`{"Dhcp4": {"valid-lifetime": 600, "client-classes": [%s], %s}}`, twentyClasses(), where))
}

// lap has clients get their leases anew and returns how long the server took.
func (s *scale) lap(b *testing.B, from, to int) time.Duration {
	s.now = s.now.Add(time.Second)
	begin := time.Now()
	for i := from; i < to; i++ {
		if len(s.native(s.asks[i])) != 1 || s.w.exchanges[0].Reply != dhcp4.Offer {
			b.Fatal("no offer")
		}
		a := s.w.exchanges[0].Lease.Resource.Prefix.Addr().As4()
		copy(s.requests[i].Data[240+3+2:], a[:])
		if len(s.native(s.requests[i])) != 1 || s.w.exchanges[0].Reply != dhcp4.Ack {
			b.Fatal("no ACK")
		}
	}
	return time.Since(begin)
}

// BenchmarkSize is DISCOVER and REQUEST of 10,000 clients, one after the other in no order, with one
// subnet, and with 1,000 and 10,000 reservations, twenty classes in both; "ratio" is what
// a packet costs in the larger of what it costs in the smaller. Both are asked in turn, and of many turns the fastest
// count: what else the machine does falls upon either.
func BenchmarkSize(b *testing.B) {
	for _, c := range []struct {
		name    string
		subnets int
		shared  bool
	}{{"1000 subnets", 1000, false}, {"a network of 20", 20, true}, {"a network of 100", 100, true}, {"a network of 1000", 1000, true}} {
		b.Run(c.name, func(b *testing.B) {
			both := [2]*scale{newScale(b, 1, false, false), newScale(b, c.subnets, c.shared, true)}
			const turns = 10
			var best [2][turns]time.Duration
			for b.Loop() {
				for turn := range turns {
					for i, s := range both {
						d := s.lap(b, turn*clients/turns, (turn+1)*clients/turns)
						if was := best[i][turn]; was == 0 || d < was {
							best[i][turn] = d
						}
					}
				}
			}
			var sum [2]time.Duration
			for i := range best {
				for _, d := range best[i] {
					sum[i] += d
				}
			}
			b.ReportMetric(float64(sum[0].Nanoseconds())/clients/2, "ns/one")
			b.ReportMetric(float64(sum[1].Nanoseconds())/clients/2, "ns/many")
			b.ReportMetric(float64(sum[1])/float64(sum[0]), "ratio")
			b.ReportMetric(0, "ns/op")
		})
	}
}
