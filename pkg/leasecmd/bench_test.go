package leasecmd_test

import (
	"bytes"
	"context"
	"encoding/binary"
	"fmt"
	"math/rand/v2"
	"net/netip"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/dhcp4o6/dhcp4o6/pkg/control"
	"github.com/dhcp4o6/dhcp4o6/pkg/lease"
	"github.com/dhcp4o6/dhcp4o6/pkg/leasecmd"
	"github.com/dhcp4o6/dhcp4o6/pkg/topology"
)

// million is a table of a million leases, made once.
var million = sync.OnceValue(func() *lease.Table {
	table := lease.NewTable(new(lease.Volatile), lease.TableOptions{})
	pool, err := lease.NewPool(lease.V4, 1, 0, netip.MustParseAddr("10.0.0.0"), netip.MustParseAddr("10.31.255.255"), 32)
	if err != nil {
		panic(err)
	}
	table.Adopt([]*lease.Pool{pool})
	start := time.Now().Truncate(time.Second)
	for i := range uint32(1_000_000) {
		l := lease.Lease{
			Resource: resource(i), Subnet: 1, HWAddr: hardware(i), HWType: 1,
			ClientID: append([]byte{1}, hardware(i)...), Start: start, Valid: time.Hour,
		}
		if _, _, err := table.Put(&l, lease.Absent); err != nil {
			panic(err)
		}
	}
	return table
})

func resource(i uint32) lease.Resource {
	return lease.Resource{Kind: lease.V4, Prefix: netip.PrefixFrom(netip.AddrFrom4([4]byte{10, byte(i >> 16), byte(i >> 8), byte(i)}), 32)}
}

func hardware(i uint32) []byte { return binary.BigEndian.AppendUint32([]byte{2, 0}, i) }

func millionCommands() *control.Registry {
	r := new(control.Registry)
	net := &topology.Topology{Family: topology.V4, Subnets: []*topology.Subnet{{ID: 1, Prefix: netip.MustParsePrefix("10.0.0.0/8")}}}
	leasecmd.New(leasecmd.Options{
		Family: topology.V4, Leases: million(), Topology: func() *topology.Topology { return net }, MaxAnswer: 1 << 30,
	}).Register(r)
	return r
}

// BenchmarkPage asks for pages at random places among a million leases.
func BenchmarkPage(b *testing.B) {
	for _, limit := range []int{10, 1000, 10000} {
		b.Run(fmt.Sprint(limit), func(b *testing.B) {
			r := millionCommands()
			for b.Loop() {
				from := resource(rand.Uint32N(900_000)).Prefix.Addr()
				answer := r.Run(context.Background(), fmt.Appendf(nil, `{"command":"lease4-get-page","arguments":{"from":"%s","limit":%d}}`, from, limit))
				if !bytes.Contains(answer, fmt.Appendf(nil, `"count":%d`, limit)) {
					b.Fatalf("%.200s", answer)
				}
			}
		})
	}
}

// BenchmarkGrantBeside measures renewals while one connection asks for all leases
// again and again, and without it.
func BenchmarkGrantBeside(b *testing.B) {
	commands := []string{"", `{"command":"lease4-get-all"}`, `{"command":"lease4-get-by-hostname","arguments":{"hostname":"x"}}`,
		`{"command":"lease4-get-page","arguments":{"from":"start","limit":1000}}`}
	for _, command := range commands {
		b.Run(command, func(b *testing.B) {
			r, table := millionCommands(), million()
			ctx, stop := context.WithCancel(context.Background())
			var w sync.WaitGroup
			defer w.Wait()
			defer stop()
			answers := 0
			if command != "" {
				w.Go(func() {
					for ; ctx.Err() == nil; answers++ {
						r.Run(ctx, []byte(command))
					}
				})
			}
			var took []time.Duration
			for b.Loop() {
				i := rand.Uint32N(1_000_000)
				hw := hardware(i)
				id := append([]byte{1}, hw...)
				req := lease.Request{
					Lease: lease.Lease{Subnet: 1, HWAddr: hw, HWType: 1, ClientID: id, Valid: time.Hour}, Now: time.Now(),
					Lookup: []lease.Identity{{Kind: lease.ByClientID, ID: id}, {Kind: lease.ByHWAddr, HWType: 1, ID: hw}},
				}
				begin := time.Now()
				_, _, err := table.Grant(&req)
				took = append(took, time.Since(begin))
				if err != nil {
					b.Fatal(err)
				}
				time.Sleep(200 * time.Microsecond) // packets come one by one
			}
			slices.Sort(took)
			at := func(p float64) float64 { return float64(took[int(p*float64(len(took)-1))].Nanoseconds()) / 1000 }
			b.ReportMetric(at(0.5), "p50-µs")
			b.ReportMetric(at(0.99), "p99-µs")
			b.ReportMetric(at(0.999), "p999-µs")
			b.ReportMetric(at(1), "max-µs")
			b.ReportMetric(float64(answers), "answers")
		})
	}
}
