package server4

import (
	"fmt"
	"path/filepath"
	"strings"
	"testing"

	"github.com/dhcp4o6/dhcp4o6/pkg/dhcp4"
	"github.com/dhcp4o6/dhcp4o6/pkg/lease"
	"github.com/dhcp4o6/dhcp4o6/pkg/lease/leasefile"
	"github.com/dhcp4o6/dhcp4o6/pkg/topology"
)

// onFile returns a server whose leases stand in a file, and what stops it.
func onFile(t *testing.T, name string, net *topology.Topology) (b *bench, stop func()) {
	t.Helper()
	store, err := leasefile.Open(name, leasefile.Options{Family: leasefile.V4})
	if err != nil {
		t.Fatal(err)
	}
	b = newBench(t, net)
	b.table = lease.NewTable(store, lease.TableOptions{})
	if _, err := b.table.Load(t.Context()); err != nil {
		t.Fatal(err)
	}
	if r := store.Report(); r.Damaged != 0 {
		t.Fatalf("%+v", r)
	}
	b.s = New(Options{Leases: b.table, Metrics: b.set, Topology: net, Interfaces: eth0()})
	b.w = &worker{s: b.s}
	return b, func() {
		if err := b.table.Close(); err != nil {
			t.Error(err)
		}
	}
}

// TestClientsSurviveRestart: whatever a client calls itself, by an identifier of
// any length and a name of any octets, its lease is loaded again and is its own.
func TestClientsSurviveRestart(t *testing.T) {
	net := func() *topology.Topology {
		return net1(func(n *topology.Topology) {
			n.Subnets = []*topology.Subnet{subnet(1, "192.0.0.0/16", "192.0.4.0", "192.0.7.255")}
		})
	}
	names := []string{"", "host", "a\nb,c", "quo\"te", "nul\x00", "}$(id)`", "\xff\xfe", strings.Repeat("n", 255)}
	ask := func(n int, kind dhcp4.MessageType, more string) query {
		q := query{kind: kind, hw: fmt.Sprintf("02005e%06x", n), opts: more}
		if n > 0 {
			q.opts += " 61=" + strings.Repeat("2c", n-1) + "0a"
		}
		if name := names[n%len(names)]; name != "" {
			q.opts += fmt.Sprintf(" 12=%x 81=000000%x", name, name[:min(len(name), 200)])
		}
		q.opts = strings.TrimSpace(q.opts)
		return q
	}
	file := filepath.Join(t.TempDir(), "leases.csv")
	b, stop := onFile(t, file, net())
	held := make([]string, 256)
	for n := range held {
		way := ways[n%len(ways)]
		offer := way.ask(b, ask(n, dhcp4.Discover, ""))
		if offer == nil {
			t.Fatalf("identifier of %d octets: no offer", n)
		}
		held[n] = fmt.Sprintf("%x", offer.YIAddr.As4())
		if m := way.ask(b, ask(n, dhcp4.Request, "54=c0000201 50="+held[n])); m == nil || m.Type() != dhcp4.Ack {
			t.Fatalf("identifier of %d octets: %s", n, say(m))
		}
	}
	before := map[string]string{}
	for l := range b.table.All() {
		before[l.Resource.Prefix.String()] = fmt.Sprintf("%x %x %q %s", l.ClientID, l.HWAddr, l.Hostname, l.UserContext)
	}
	stop()

	b, stop = onFile(t, file, net())
	defer stop()
	n := 0
	for l := range b.table.All() {
		n++
		if got := fmt.Sprintf("%x %x %q %s", l.ClientID, l.HWAddr, l.Hostname, l.UserContext); got != before[l.Resource.Prefix.String()] {
			t.Errorf("%v was\n%s and is\n%s", l.Resource.Prefix, before[l.Resource.Prefix.String()], got)
		}
	}
	if n != len(held) || len(before) != len(held) {
		t.Errorf("%d leases, %d before", n, len(before))
	}
	for n := range held {
		m := ways[n%len(ways)].ask(b, ask(n, dhcp4.Request, "50="+held[n]))
		if m == nil || m.Type() != dhcp4.Ack {
			t.Errorf("identifier of %d octets after the restart: %s", n, say(m))
		}
	}
}
