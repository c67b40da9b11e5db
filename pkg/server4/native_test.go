package server4

import (
	"bufio"
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/dhcp4o6/dhcp4o6/internal/dhcptest/need"
	"github.com/dhcp4o6/dhcp4o6/internal/dhcptest/netns"
	"github.com/dhcp4o6/dhcp4o6/pkg/lease"
	"github.com/dhcp4o6/dhcp4o6/pkg/netif"
	"github.com/dhcp4o6/dhcp4o6/pkg/topology"
	"github.com/dhcp4o6/dhcp4o6/pkg/transport"
)

// onVeth serves a subnet on a link whose other end is in a namespace of its own.
func onVeth(t *testing.T, valid uint32) (*bench, *netns.Peer) {
	p := netns.NewPeer(t)
	p.Veth("s0", "c0", []string{"192.0.2.1/24"}, nil)
	links, err := netif.List()
	if err != nil {
		t.Fatal(err)
	}
	b := newBenchWith(t, net1(func(n *topology.Topology) {
		s := n.Subnets[0]
		s.Iface = "s0"
		s.Policy.Valid = topology.Lifetime{Min: valid, Default: valid, Max: valid}
		s.Policy.T1.Percent, s.Policy.T2.Percent = 0.5, 0.875
		n.Subnets = append(n.Subnets, subnet(2, "10.9.0.0/16", "10.9.1.0", "10.9.200.0"))
	}), Options{Interfaces: links})
	g, err := transport.Listen4(transport.Options{Specs: []transport.Spec{{Iface: "s0"}}, Raw: true})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	events := make(chan netif.Event, 1)
	events <- netif.Event{Interfaces: links}
	done := make(chan struct{})
	go func() {
		defer close(done)
		g.Follow(ctx, events, func(c transport.Conn) { b.s.Serve(ctx, c) })
	}()
	t.Cleanup(func() {
		cancel()
		<-done
	})
	return b, p
}

// run starts a program in the namespace of p.
func run(t *testing.T, p *netns.Peer, cmd *exec.Cmd) {
	t.Helper()
	var err error
	p.Do(func() { err = cmd.Start() })
	if err != nil {
		t.Fatal(err)
	}
}

// TestDHClient: ISC's client on the same link gets an address by a frame, renews
// it by unicast and releases it.
func TestDHClient(t *testing.T) {
	need.Programs(t, "dhclient")
	if !netns.Enter(t) {
		return
	}
	b, p := onVeth(t, 4)
	dir := t.TempDir()
	script := filepath.Join(dir, "script")
	err := os.WriteFile(script, []byte("#!/bin/sh\n[ \"$reason\" = BOUND ] && ip addr add \"$new_ip_address/24\" dev \"$interface\"\nexit 0\n"), 0o755)
	if err != nil {
		t.Fatal(err)
	}
	common := []string{"-4", "-v", "-sf", script, "-lf", filepath.Join(dir, "leases"), "-pf", filepath.Join(dir, "pid"), "-cf", "/dev/null"}
	ctx, cancel := context.WithTimeout(context.Background(), 20*time.Second)
	defer cancel()
	client := exec.CommandContext(ctx, "dhclient", append(common, "-d", "c0")...)
	says, err := client.StderrPipe()
	if err != nil {
		t.Fatal(err)
	}
	run(t, p, client)
	bound := 0
	for lines := bufio.NewScanner(says); bound < 2 && lines.Scan(); {
		t.Log(lines.Text())
		if strings.HasPrefix(lines.Text(), "bound to 192.0.2.100") {
			bound++
		}
	}
	if bound != 2 || b.count("pkt4-request-received") < 2 || b.count("pkt4-nak-sent") != 0 {
		t.Fatalf("bound %d times, %d requests", bound, b.count("pkt4-request-received"))
	}
	client.Process.Kill()
	client.Wait()
	release := exec.CommandContext(ctx, "dhclient", append(common, "-r", "c0")...)
	run(t, p, release)
	release.Wait()
	for range 100 {
		if l, _ := b.table.ByResource(resource(ip("192.0.2.100"))); l.State == lease.Released {
			return
		}
		time.Sleep(20 * time.Millisecond)
	}
	t.Errorf("not released; %d releases received", b.count("pkt4-release-received"))
}

// TestPerfDHCP: Kea's load generator, which plays a relay, gets every answer.
func TestPerfDHCP(t *testing.T) {
	need.Programs(t, "perfdhcp")
	if !netns.Enter(t) {
		return
	}
	b, p := onVeth(t, 600)
	p.Do(func() {
		netns.Add(t, "c0", "192.0.2.2/24")
		netns.Add(t, "c0", "10.9.0.2/16")
	})
	if out, err := exec.Command("ip", "route", "add", "10.9.0.0/16", "via", "192.0.2.2").CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	ctx, cancel := context.WithTimeout(context.Background(), 20*time.Second)
	defer cancel()
	var out strings.Builder
	cmd := exec.CommandContext(ctx, "perfdhcp", "-4", "-r", "200", "-R", "1000", "-n", "300", "-W", "500000", "-l", "10.9.0.2", "192.0.2.1")
	cmd.Stdout, cmd.Stderr = &out, &out
	run(t, p, cmd)
	err := cmd.Wait()
	if err != nil || strings.Count(out.String(), "\ndrops: 0\n") != 2 || strings.Count(out.String(), "\nrejected leases: 0\n") != 2 {
		t.Errorf("%v\n%s", err, out.String())
	}
	if got := b.count("pkt4-ack-sent"); got < 300 {
		t.Errorf("%d ACKs", got)
	}
}
