package transport_test

import (
	"context"
	"errors"
	"net"
	"net/netip"
	"runtime"
	"slices"
	"testing"

	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"

	"github.com/dhcp4o6/dhcp4o6/internal/dhcptest/netns"
	"github.com/dhcp4o6/dhcp4o6/pkg/netif"
	"github.com/dhcp4o6/dhcp4o6/pkg/transport"
)

// A daemon is started before its interface exists; the interface comes up,
// gets and loses addresses, and goes.
func TestFollowServesLinksAsTheyComeAndGo(t *testing.T) {
	if !netns.Enter(t) {
		return
	}
	before := runtime.NumGoroutine()
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	links, err := netif.Follow(ctx)
	if err != nil {
		t.Fatal(err)
	}
	var told problems
	global := netip.MustParseAddr("2001:db8::1")
	g, err := transport.Listen6(transport.Options{OnProblem: told.add, Specs: []transport.Spec{{Iface: "lan0"}, {Iface: "lan0", Addr: global}}})
	if err != nil {
		t.Fatal(err)
	}
	var r recorder
	stop := r.run(t, g, links)

	p := netns.NewPeer(t)
	p.Veth("lan0", "far0", nil, nil)
	wait(t, "link up", func() bool { return len(r.sockets()) == 3 })
	c := socket(t, p, "[::]:0")
	p.Do(func() { linkLocal(t, "far0") })
	send(t, c, "[ff02::1:2%far0]:547", "first question")
	wait(t, "first question", func() bool { return len(r.where("first question")) == 1 })

	netns.Add(t, "lan0", "2001:db8::1/64")
	wait(t, "address", func() bool { return slices.Contains(r.sockets(), "lan0/2001:db8::1") })
	lan, err := netlink.LinkByName("lan0")
	if err != nil {
		t.Fatal(err)
	}
	gone, _ := netlink.ParseAddr("2001:db8::1/64")
	if err := netlink.AddrDel(lan, gone); err != nil {
		t.Fatal(err)
	}
	wait(t, "address gone", func() bool { return len(r.sockets()) == 3 && len(g.Sockets()) == 3 })

	if err := netlink.LinkSetDown(lan); err != nil {
		t.Fatal(err)
	}
	wait(t, "link down", func() bool { return len(r.sockets()) == 0 && len(g.Sockets()) == 0 })
	netns.Up(t, "lan0", "2001:db8::1/64")
	wait(t, "link up again", func() bool { return len(r.sockets()) == 4 })
	send(t, c, "[ff02::1:2%far0]:547", "second question")
	wait(t, "second question", func() bool { return len(r.where("second question")) == 1 })

	if err := netlink.LinkDel(lan); err != nil {
		t.Fatal(err)
	}
	wait(t, "link gone", func() bool { return len(r.sockets()) == 0 })
	p.Veth("lan0", "far0", nil, nil)
	wait(t, "another link of the same name", func() bool { return len(r.sockets()) == 3 })
	stop()
	cancel()
	wait(t, "the end of every goroutine", func() bool { return runtime.NumGoroutine() <= before })
	if p := told.all(); len(p) == 0 || !errors.Is(p[0], transport.ErrNoInterface) {
		t.Errorf("problems: %v", p)
	}
}

// A reload keeps what stays, is all or nothing, and serves what is new.
func TestReplace(t *testing.T) {
	if !netns.Enter(t) {
		return
	}
	p := netns.NewPeer(t)
	p.Veth("lan0", "far0", []string{"192.0.2.1/24", "192.0.2.2/24", "192.0.2.3/24"}, []string{"192.0.2.9/24"})
	spec := func(a string) transport.Spec { return transport.Spec{Iface: "lan0", Addr: netip.MustParseAddr(a)} }
	g, err := transport.Listen4(transport.Options{Specs: []transport.Spec{spec("192.0.2.1")}})
	if err != nil {
		t.Fatal(err)
	}
	var r recorder
	r.run(t, g, nil)
	served := func(want ...string) func() bool {
		return func() bool { return slices.Equal(r.sockets(), want) && len(g.Sockets()) == len(want) }
	}
	wait(t, "first set", served("lan0/192.0.2.1", "lan0/broadcast"))

	taken, err := net.ListenPacket("udp4", "192.0.2.3:67")
	if err != nil {
		t.Fatal(err)
	}
	err = g.Replace([]transport.Spec{spec("192.0.2.2"), spec("192.0.2.3")})
	if !errors.Is(err, unix.EADDRINUSE) {
		t.Errorf("with an address that is taken: %v", err)
	}
	if !served("lan0/192.0.2.1", "lan0/broadcast")() {
		t.Errorf("after a failed reload: %v", r.sockets())
	}
	taken.Close()
	if err := g.Replace([]transport.Spec{spec("192.0.2.2"), spec("192.0.2.3")}); err != nil {
		t.Fatal(err)
	}
	wait(t, "second set", served("lan0/192.0.2.2", "lan0/192.0.2.3", "lan0/broadcast"))
	for _, s := range g.Sockets() {
		if s.Multicast && s.Addr != netip.MustParseAddr("192.0.2.2") {
			t.Errorf("broadcasts are answered from %v", s.Addr)
		}
	}
	if err := g.Replace([]transport.Spec{spec("192.0.2.1"), spec("192.0.2.3")}); err != nil {
		t.Fatal(err)
	}
	wait(t, "third set", served("lan0/192.0.2.1", "lan0/192.0.2.3", "lan0/broadcast"))
	if err := g.Replace(nil); err != nil {
		t.Fatal(err)
	}
	wait(t, "nothing", served())
}

// TestRename: a link under another name is served on, and nobody is told that an address
// is taken which we had ourselves.
func TestRename(t *testing.T) {
	if !netns.Enter(t) {
		return
	}
	netns.NewPeer(t).Veth("lan0", "far0", []string{"192.0.2.1/24"}, nil)
	links, err := netif.Follow(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	var told problems
	g, err := transport.Listen4(transport.Options{Raw: true, OnProblem: told.add, Specs: []transport.Spec{{Iface: "*"}}})
	if err != nil {
		t.Fatal(err)
	}
	var r recorder
	stop := r.run(t, g, links)
	lan, err := netlink.LinkByName("lan0")
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"wan0", "lan0", "wan0"} {
		if err := netlink.LinkSetName(lan, name); err != nil {
			t.Fatal(err)
		}
		wait(t, "sockets of "+name, func() bool { return slices.Equal(r.sockets(), []string{name + "/192.0.2.1", name + "/broadcast"}) })
	}
	stop()
	if told := told.all(); told != nil {
		t.Errorf("told %v", told)
	}
}
