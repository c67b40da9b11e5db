package netif_test

import (
	"context"
	"net"
	"net/netip"
	"runtime"
	"testing"
	"time"

	"github.com/vishvananda/netlink"

	"github.com/dhcp4o6/dhcp4o6/internal/dhcptest/netns"
	"github.com/dhcp4o6/dhcp4o6/pkg/netif"
)

// named returns the interface of that name, or nil.
func named(all []netif.Interface, name string) *netif.Interface {
	for i := range all {
		if all[i].Name == name {
			return &all[i]
		}
	}
	return nil
}

// waitFor reads pictures until one satisfies ok.
func waitFor(t *testing.T, pictures <-chan netif.Event, what string, ok func([]netif.Interface) bool) {
	t.Helper()
	timeout := time.After(10 * time.Second)
	for {
		select {
		case p, open := <-pictures:
			if !open {
				t.Fatalf("%s: channel closed", what)
			}
			if ok(p.Interfaces) {
				return
			}
		case <-timeout:
			t.Fatalf("%s: no such picture", what)
		}
	}
}

func TestListShowsLinksAndAddresses(t *testing.T) {
	if !netns.Enter(t) {
		return
	}
	p := netns.NewPeer(t)
	p.Veth("lan0", "far0", []string{"192.0.2.1/24", "192.0.2.2/24", "2001:db8::1/64"}, nil)
	pictures, err := netif.Follow(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	waitFor(t, pictures, "link-local address", func(all []netif.Interface) bool {
		l := named(all, "lan0")
		return l != nil && l.LinkLocal().IsValid()
	})
	all, err := netif.List()
	if err != nil {
		t.Fatal(err)
	}
	lo := named(all, "lo")
	if lo == nil || !lo.Loopback || !lo.Up || !lo.Has(netip.IPv6Loopback()) || lo.LinkLocal().IsValid() || lo.Broadcast {
		t.Errorf("loopback: %+v", lo)
	}
	lan := named(all, "lan0")
	if lan == nil {
		t.Fatal("lan0 is missing")
	}
	if !lan.Up || lan.Loopback || !lan.Multicast || !lan.Broadcast || lan.HWType != 1 || len(lan.HWAddr) != 6 || lan.MTU != 1500 {
		t.Errorf("lan0: %+v", lan)
	}
	for _, a := range []string{"192.0.2.1", "192.0.2.2", "2001:db8::1"} {
		if !lan.Has(netip.MustParseAddr(a)) {
			t.Errorf("lan0 lacks %s: %v", a, lan.Addrs)
		}
	}
	if a := lan.LinkLocal(); !a.IsValid() || a.Zone() != "" {
		t.Errorf("link-local address: %v", a)
	}
}

func TestListWithoutLoopbackAddresses(t *testing.T) {
	if !netns.Enter(t) {
		return
	}
	lo, err := netlink.LinkByName("lo")
	if err != nil {
		t.Fatal(err)
	}
	addrs, err := netlink.AddrList(lo, netlink.FAMILY_ALL)
	if err != nil {
		t.Fatal(err)
	}
	for _, a := range addrs {
		if err := netlink.AddrDel(lo, &a); err != nil {
			t.Fatal(err)
		}
	}
	all, err := netif.List()
	if err != nil || len(all) != 1 || len(all[0].Addrs) != 0 {
		t.Errorf("List() = %+v, %v", all, err)
	}
}

// newPair makes the links d0 and d1, joined and down.
func newPair(t *testing.T) netlink.Link {
	t.Helper()
	pair := &netlink.Veth{LinkAttrs: netlink.LinkAttrs{Name: "d0"}, PeerName: "d1"}
	if err := netlink.LinkAdd(pair); err != nil {
		t.Fatal(err)
	}
	return pair
}

func TestFollowSendsAPictureAfterEachChange(t *testing.T) {
	if !netns.Enter(t) {
		return
	}
	before := runtime.NumGoroutine()
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	pictures, err := netif.Follow(ctx)
	if err != nil {
		t.Fatal(err)
	}
	waitFor(t, pictures, "first picture", func(all []netif.Interface) bool { return len(all) == 1 })

	pair := newPair(t)
	waitFor(t, pictures, "new link", func(all []netif.Interface) bool {
		d := named(all, "d0")
		return d != nil && !d.Up
	})
	netns.Up(t, "d1")
	netns.Up(t, "d0", "192.0.2.1/24")
	waitFor(t, pictures, "link up", func(all []netif.Interface) bool {
		d := named(all, "d0")
		return d != nil && d.Up && d.Has(netip.MustParseAddr("192.0.2.1")) && d.LinkLocal().IsValid()
	})
	if err := netlink.LinkDel(pair); err != nil {
		t.Fatal(err)
	}
	waitFor(t, pictures, "link gone", func(all []netif.Interface) bool { return named(all, "d0") == nil })

	cancel()
	for range pictures { // until it is closed
	}
	for deadline := time.Now().Add(5 * time.Second); runtime.NumGoroutine() > before; time.Sleep(10 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("%d goroutines, %d before Follow", runtime.NumGoroutine(), before)
		}
	}
}

// RFC 4862 §5.4: a tentative address is not assigned to the interface yet.
func TestFollowLeavesOutTentativeAddresses(t *testing.T) {
	if !netns.Enter(t) {
		return
	}
	netns.DAD(t, true)
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	pictures, err := netif.Follow(ctx)
	if err != nil {
		t.Fatal(err)
	}
	p := netns.NewPeer(t)
	p.Veth("lan0", "far0", nil, nil)
	early := false
	waitFor(t, pictures, "link up without its tentative address", func(all []netif.Interface) bool {
		l := named(all, "lan0")
		early = l != nil && l.LinkLocal().IsValid()
		return l != nil && l.Up
	})
	if early {
		t.Error("the address was shown while duplicate address detection was under way")
	}
	waitFor(t, pictures, "address after its detection", func(all []netif.Interface) bool {
		l := named(all, "lan0")
		return l != nil && l.LinkLocal().IsValid()
	})
}

// Nobody reads while thousands of notifications come: the last picture is right.
func TestFollowSurvivesManyChanges(t *testing.T) {
	if !netns.Enter(t) {
		return
	}
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	pictures, err := netif.Follow(ctx)
	if err != nil {
		t.Fatal(err)
	}
	newPair(t)
	netns.Up(t, "d0")
	netns.Up(t, "d1")
	d0, err := netlink.LinkByName("d0")
	if err != nil {
		t.Fatal(err)
	}
	for i := range 1000 {
		a := &netlink.Addr{IPNet: &net.IPNet{IP: net.IPv4(198, 18, byte(i>>8), byte(i)), Mask: net.CIDRMask(32, 32)}}
		if err := netlink.AddrAdd(d0, a); err != nil {
			t.Fatal(err)
		}
	}
	waitFor(t, pictures, "all addresses", func(all []netif.Interface) bool {
		d := named(all, "d0")
		return d != nil && len(d.Addrs) == 1001 // and the link-local one
	})
}
