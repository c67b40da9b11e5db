package netif

import (
	"context"
	"errors"
	"net"
	"net/netip"
	"slices"
	"testing"
	"time"

	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"

	"github.com/dhcp4o6/dhcp4o6/internal/dhcptest/netns"
)

// give adds an IPv6 address with a lifetime in seconds, 0 for ever, and has the
// kernel look for duplicates.
func give(t *testing.T, link netlink.Link, a netip.Addr, valid int) {
	t.Helper()
	err := netlink.AddrAdd(link, &netlink.Addr{
		IPNet:    &net.IPNet{IP: a.AsSlice(), Mask: net.CIDRMask(128, 128)},
		ValidLft: valid, PreferedLft: valid,
	})
	if err != nil {
		t.Fatal(err)
	}
}

// TestDAD: an address that another node has is told as taken, whether the kernel
// keeps it or takes it away, and one that nobody has is not.
func TestDAD(t *testing.T) {
	if !netns.Enter(t) {
		return
	}
	netns.DAD(t, true)
	p := netns.NewPeer(t)
	p.Veth("lan0", "far0", nil, []string{"2001:db8::10/64", "2001:db8::11/64"})
	lan, err := netlink.LinkByName("lan0")
	if err != nil {
		t.Fatal(err)
	}
	index := lan.Attrs().Index
	d, err := WatchDAD()
	if err != nil {
		t.Fatal(err)
	}
	defer d.Close()
	for end := time.Now().Add(5 * time.Second); ; time.Sleep(10 * time.Millisecond) { // else the kernel waits with the detection
		if l, err := netlink.LinkByIndex(index); err == nil && l.Attrs().RawFlags&unix.IFF_RUNNING != 0 {
			break
		} else if time.Now().After(end) {
			t.Fatal("no carrier")
		}
	}
	addrs := []netip.Addr{
		netip.MustParseAddr("2001:db8::10"), netip.MustParseAddr("2001:db8::11"),
		netip.MustParseAddr("2001:db8::12"), netip.MustParseAddr("2001:db8::13"),
	}
	give(t, lan, addrs[0], 0)
	give(t, lan, addrs[1], 1000)
	give(t, lan, addrs[2], 0)
	give(t, lan, addrs[3], 1000)
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
	defer cancel()
	taken, err := d.Wait(ctx, index, addrs)
	slices.SortFunc(taken, netip.Addr.Compare)
	if err != nil || !slices.Equal(taken, addrs[:2]) {
		t.Errorf("taken: %v, %v", taken, err)
	}
	if taken, err := d.Wait(ctx, index, addrs[2:]); err != nil || len(taken) != 0 {
		t.Errorf("known already: %v, %v", taken, err)
	}

	// told once; who opens a DAD later sees those that are still there
	late, err := WatchDAD()
	if err != nil {
		t.Fatal(err)
	}
	defer late.Close()
	if taken, err := late.Wait(ctx, index, addrs[:1]); err != nil || !slices.Equal(taken, addrs[:1]) {
		t.Errorf("failed before: %v, %v", taken, err)
	}
	short, cancel := context.WithTimeout(t.Context(), 20*time.Millisecond)
	defer cancel()
	if taken, err := d.Wait(short, index, addrs[:2]); !errors.Is(err, context.DeadlineExceeded) || len(taken) != 0 {
		t.Errorf("told twice: %v, %v", taken, err)
	}

	// an address that was taken away is waited for, as one that never was
	if err := netlink.AddrDel(lan, &netlink.Addr{IPNet: &net.IPNet{IP: addrs[2].AsSlice(), Mask: net.CIDRMask(128, 128)}}); err != nil {
		t.Fatal(err)
	}
	for end := time.Now().Add(5 * time.Second); ; time.Sleep(10 * time.Millisecond) {
		if _, open, _ := d.look(index, addrs[2:3]); open {
			break
		} else if time.Now().After(end) {
			t.Fatal("an address that is gone counts still")
		}
	}
	ended := make(chan error)
	go func() {
		_, err := d.Wait(t.Context(), index, addrs[2:3])
		ended <- err
	}()
	time.Sleep(10 * time.Millisecond)
	d.Close()
	if err := <-ended; !errors.Is(err, net.ErrClosed) {
		t.Errorf("closed: %v", err)
	}
}

// TestFates: what the kernel says of an address, as on the wire of rtnetlink.
func TestFates(t *testing.T) {
	message := func(flags byte, long uint32) []byte {
		m := []byte{unix.AF_INET6, 128, flags, 0, 7, 0, 0, 0}
		a := netip.MustParseAddr("2001:db8::1").As16()
		m = append(append(m, 20, 0, unix.IFA_ADDRESS, 0), a[:]...)
		if long != 0 {
			m = append(m, 8, 0, unix.IFA_FLAGS, 0, byte(long), byte(long>>8), byte(long>>16), byte(long>>24))
		}
		return m
	}
	tests := []struct {
		name string
		kind uint16
		m    []byte
		want fate
		ok   bool
	}{
		{"tentative", unix.RTM_NEWADDR, message(unix.IFA_F_TENTATIVE, 0), tentative, true},
		{"optimistic", unix.RTM_NEWADDR, message(unix.IFA_F_TENTATIVE|unix.IFA_F_OPTIMISTIC, 0), tentative, true},
		{"unique", unix.RTM_NEWADDR, message(unix.IFA_F_PERMANENT, 0), unique, true},
		{"duplicate that stays", unix.RTM_NEWADDR, message(unix.IFA_F_TENTATIVE|unix.IFA_F_DADFAILED, 0), duplicate, true},
		{"duplicate taken away", unix.RTM_DELADDR, message(unix.IFA_F_TENTATIVE|unix.IFA_F_DADFAILED, 0), duplicate, true},
		{"taken away", unix.RTM_DELADDR, message(unix.IFA_F_TENTATIVE, 0), 0, true},
		{"flags of more than eight bits", unix.RTM_NEWADDR, message(0, unix.IFA_F_NOPREFIXROUTE|unix.IFA_F_TENTATIVE), tentative, true},
		{"a link", unix.RTM_NEWLINK, message(0, 0), 0, false},
		{"cut short", unix.RTM_NEWADDR, message(0, 0)[:7], 0, false},
		{"no address", unix.RTM_NEWADDR, message(0, 0)[:8], 0, false},
		{"IPv4", unix.RTM_NEWADDR, []byte{unix.AF_INET, 24, 0, 0, 7, 0, 0, 0, 8, 0, unix.IFA_ADDRESS, 0, 192, 0, 2, 1}, 0, false},
	}
	for _, tt := range tests {
		key, f, ok := parseFate(tt.kind, tt.m)
		if f != tt.want || ok != tt.ok || ok && key != (assigned{7, netip.MustParseAddr("2001:db8::1")}) {
			t.Errorf("%s: %v %v %v", tt.name, key, f, ok)
		}
	}
}
