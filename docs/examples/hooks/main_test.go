package main

import (
	"bytes"
	"context"
	"fmt"
	"net"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"go.uber.org/zap"

	"github.com/dhcp4o6/dhcp4o6/internal/dhcptest/need"
	"github.com/dhcp4o6/dhcp4o6/pkg/daemon"
	"github.com/dhcp4o6/dhcp4o6/pkg/load"
	"github.com/dhcp4o6/dhcp4o6/pkg/metrics"
)

// A desk is a Writer for several goroutines.
type desk struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (d *desk) Write(b []byte) (int, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.b.Write(b)
}

func (d *desk) String() string {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.b.String()
}

// pair starts both daemons on loopback, the DHCPv4 one with the hooks that are
// named, and returns where clients ask.
func pair(t *testing.T, a *app, use string) (netip.AddrPort, *metrics.Set) {
	t.Helper()
	dir, local, port := t.TempDir(), freePort(t), freePort(t)
	write := func(name, format string, args ...any) string {
		file := filepath.Join(dir, name)
		if err := os.WriteFile(file, fmt.Appendf(nil, format, args...), 0o600); err != nil {
			t.Fatal(err)
		}
		return file
	}
	v4 := write("dhcp4.json", `{ "Dhcp4": { "dhcp4o6-port": %d, "lease-database": { "type": "memfile", "name": "%s/leases4.csv" },
  "subnet4": [ { "id": 1, "subnet": "192.0.2.0/24", "4o6-interface": "lo", "pools": [ { "pool": "192.0.2.10 - 192.0.2.99" } ] } ] } }`, local, dir)
	v6 := write("dhcp6.json", `{ "Dhcp6": { "dhcp4o6-port": %d, "interfaces-config": { "interfaces": [ "lo/::1" ] },
  "lease-database": { "type": "memfile", "name": "%s/leases6.csv" } } }`, local, dir)
	hooks, err := a.registry().join(use)
	if err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(context.Background())
	var ready, ended sync.WaitGroup
	t.Cleanup(func() { stop(); ended.Wait() })
	run := func(serve func(context.Context, daemon.Setup) error, s daemon.Setup) {
		ready.Add(1)
		s.Log, s.Ready = zap.NewNop(), sync.OnceFunc(ready.Done)
		ended.Go(func() {
			if err := serve(ctx, s); err != nil {
				t.Error(err)
				s.Ready()
			}
		})
	}
	set := new(metrics.Set)
	run(daemon.DHCP4, daemon.Setup{ConfigFile: v4, Hooks: hooks, Metrics: set})
	run(daemon.DHCP6, daemon.Setup{ConfigFile: v6, Port: port, FromSource: true})
	ready.Wait()
	return netip.AddrPortFrom(netip.IPv6Loopback(), uint16(port)), set
}

// freePort returns a port P of ::1 that nobody holds, nor P+1.
func freePort(t *testing.T) int {
	t.Helper()
	for range 100 {
		a, err := net.ListenPacket("udp6", "[::1]:0")
		if err != nil {
			need.Skip(t, "needs ::1: %v", err)
		}
		port := a.LocalAddr().(*net.UDPAddr).Port
		a.Close()
		b, err := net.ListenPacket("udp6", fmt.Sprintf("[::1]:%d", port+1))
		if err == nil {
			b.Close()
			return port
		}
	}
	t.Fatal("no free port on ::1")
	return 0
}

// talk has 4o6 clients ask for leases.
func talk(t *testing.T, s load.Scenario) (load.Report, string) {
	t.Helper()
	var b bytes.Buffer
	s.Conversation = &b
	r, err := load.Run(t.Context(), s)
	if err != nil {
		t.Fatal(err)
	}
	return r, b.String()
}

func yes(string) (bool, error) { return true, nil }

// TestOrder: what trace says of a client that gets a lease.
func TestOrder(t *testing.T) {
	out := new(desk)
	a := &app{out: out, ask: yes}
	server, _ := pair(t, a, "trace")
	if r, said := talk(t, load.Scenario{Server: server, Clients: 1}); r.Completed != 1 {
		t.Fatal(said)
	}
	want := `4o6 DHCPDISCOVER pkt4_receive
4o6 DHCPDISCOVER subnet4_select
4o6 DHCPDISCOVER host4_identifier
4o6 DHCPDISCOVER lease4_select 192.0.2.10
4o6 DHCPDISCOVER lease4_offer
4o6 DHCPDISCOVER pkt4_send
4o6 DHCPDISCOVER buffer4_send
4o6 DHCPREQUEST pkt4_receive
4o6 DHCPREQUEST subnet4_select
4o6 DHCPREQUEST host4_identifier
4o6 DHCPREQUEST lease4_select 192.0.2.10
4o6 DHCPREQUEST leases4_committed 1 0
4o6 DHCPREQUEST pkt4_send
4o6 DHCPREQUEST buffer4_send
`
	if out.String() != want {
		t.Errorf("got\n%swant\n%s", out, want)
	}
}

// TestDeny: who is denied gets no answer, and others do.
func TestDeny(t *testing.T) {
	a := &app{out: new(desk), ask: yes, deny: []string{"02:00:5e:10:00:00"}}
	server, set := pair(t, a, "trace,deny")
	r, _ := talk(t, load.Scenario{Server: server, Clients: 2, Retries: -1, Timeout: 2 * time.Second})
	if m, _ := set.Find("pkt4-drop-hook"); m.Value != 1 || r.Completed != 1 {
		t.Errorf("pkt4-drop-hook is %d, %d of 2 clients have a lease", m.Value, r.Completed)
	}
}

// TestGreet: the answers have one more option.
func TestGreet(t *testing.T) {
	server, _ := pair(t, &app{out: new(desk), ask: yes}, "greet")
	if _, said := talk(t, load.Scenario{Server: server, Clients: 1}); strings.Count(said, "hello 02:00:5e:10:00:00") != 2 {
		t.Error(said)
	}
}

// TestAsk: clients that somebody is asked about wait for the answer, one no longer
// than the other, and their answers come back over the pair.
func TestAsk(t *testing.T) {
	const clients = 8
	together := make(chan struct{}, clients)
	a := &app{out: new(desk), ask: func(who string) (bool, error) {
		together <- struct{}{}
		for len(together) < clients { // all are parked at the same time
			time.Sleep(time.Millisecond)
		}
		return who != "02:00:5e:10:00:03", nil
	}}
	server, set := pair(t, a, "ask")
	r, _ := talk(t, load.Scenario{Server: server, Clients: clients, InFlight: clients, Retries: -1, Timeout: 5 * time.Second})
	if r.Completed != clients-1 {
		t.Errorf("%d of %d clients have a lease", r.Completed, clients-1)
	}
	if m, _ := set.Find("pkt4-drop-hook"); m.Value != 1 {
		t.Error("pkt4-drop-hook is", m.Value)
	}
}

// TestUnknownHooks: a name that there is not is refused.
func TestUnknownHooks(t *testing.T) {
	if _, err := new(app).registry().join("trace,none"); err == nil || !strings.Contains(err.Error(), `"none"`) {
		t.Error(err)
	}
}
