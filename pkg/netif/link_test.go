package netif_test

import (
	"context"
	"testing"
	"time"

	"github.com/vishvananda/netlink"

	"github.com/dhcp4o6/dhcp4o6/internal/dhcptest/netns"
	"github.com/dhcp4o6/dhcp4o6/pkg/netif"
)

// TestFollowLink: one link through all that can happen to it, and not a word of the
// others.
func TestFollowLink(t *testing.T) {
	if !netns.Enter(t) {
		return
	}
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	pictures, err := netif.FollowLink(ctx, "lan0")
	if err != nil {
		t.Fatal(err)
	}
	until := func(what string, ok func(i *netif.Interface) bool) {
		t.Helper()
		timeout := time.After(5 * time.Second)
		for {
			select {
			case i, open := <-pictures:
				if !open {
					t.Fatalf("%s: closed", what)
				}
				if ok(i) {
					return
				}
			case <-timeout:
				t.Fatalf("%s: no such picture", what)
			}
		}
	}
	gone := func(i *netif.Interface) bool { return i == nil }
	running := func(i *netif.Interface) bool { return i != nil && i.Up && i.Running && i.LinkLocal().IsValid() }
	until("not there yet", gone)

	p := netns.NewPeer(t)
	p.Veth("lan0", "far0", nil, nil)
	until("comes", running)
	lan, err := netlink.LinkByName("lan0")
	if err != nil {
		t.Fatal(err)
	}
	must := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	must(netlink.LinkSetDown(lan))
	until("down", func(i *netif.Interface) bool { return i != nil && !i.Up })
	must(netlink.LinkSetUp(lan))
	until("up again", running)
	p.Do(func() {
		if far, err := netlink.LinkByName("far0"); err != nil || netlink.LinkSetDown(far) != nil {
			t.Error("the other end stays up")
		}
	})
	until("without carrier", func(i *netif.Interface) bool { return i != nil && i.Up && !i.Running })
	p.Do(func() { netns.Up(t, "far0") })
	until("with carrier again", running)
	var before netif.Interface
	must(netlink.LinkSetMTU(lan, 1400))
	until("as it is before it falls", func(i *netif.Interface) bool {
		if i != nil && i.MTU == 1400 {
			before = *i
		}
		return i != nil && i.MTU == 1400 && running(i)
	})
	must(netlink.LinkSetDown(lan))
	must(netlink.LinkSetUp(lan))
	until("up again, though no picture shows that it was down", func(i *netif.Interface) bool {
		return running(i) && !before.Still(i)
	})
	must(netlink.LinkSetName(lan, "other0"))
	until("renamed away", gone)
	must(netlink.LinkSetName(lan, "lan0"))
	until("renamed back", running)
	must(netlink.LinkSetARPOff(lan))
	until("without ARP", func(i *netif.Interface) bool { return i != nil && i.NoARP })

	time.Sleep(200 * time.Millisecond) // what is under way is said
	select {
	case <-pictures:
	default:
	}
	p.Veth("other1", "far1", nil, nil)
	select {
	case i := <-pictures:
		t.Errorf("told of another link: %+v", i)
	case <-time.After(200 * time.Millisecond):
	}
	cancel()
	for range pictures { // ends
	}
}
