package link

import (
	"context"
	"errors"
	"net"
	"net/netip"
	"testing"
	"time"

	"github.com/vishvananda/netlink"

	"github.com/dhcp4o6/dhcp4o6/internal/dhcptest/netns"
)

// fast makes a probe short.
var fast = ProbeTimes{Wait: -1, Min: 20 * time.Millisecond, Max: 30 * time.Millisecond, Listen: 60 * time.Millisecond}

func TestProbeTimes(t *testing.T) {
	want := ProbeTimes{Wait: time.Second, Num: 3, Min: time.Second, Max: 2 * time.Second, Listen: 2 * time.Second} // RFC 5227 §1.1
	if got := (ProbeTimes{}).withDefaults(); got != want {
		t.Errorf("%+v", got)
	}
	none := ProbeTimes{Wait: -1, Num: 1, Min: -1, Max: -1, Listen: -1}
	if got := none.withDefaults(); got != (ProbeTimes{Num: 1}) {
		t.Errorf("%+v", got)
	}
	if got := (ProbeTimes{Min: 5 * time.Second}).withDefaults(); got.Max != 5*time.Second {
		t.Errorf("%+v", got)
	}
	for range 1000 {
		if d := within(time.Second, 2*time.Second); d < time.Second || d > 2*time.Second {
			t.Fatal(d)
		}
	}
}

// arps opens the conversations about a at both ends of a new link.
func arps(t *testing.T, p *netns.Peer, a netip.Addr) (here, there *ARP) {
	t.Helper()
	index, mac := macOf(t, "lan0")
	here, err := OpenARP(index, mac, a)
	if err != nil {
		t.Fatal(err)
	}
	p.Do(func() {
		var l netlink.Link
		if l, err = netlink.LinkByName("far0"); err == nil {
			there, err = OpenARP(l.Attrs().Index, Addr(l.Attrs().HardwareAddr), a)
		}
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { here.Close(); there.Close() })
	return here, there
}

// TestProbe: an address of another host is taken, one that nobody has is free, and
// of two hosts that probe at once each hears the other.
func TestProbe(t *testing.T) {
	if !netns.Enter(t) {
		return
	}
	p := netns.NewPeer(t)
	p.Veth("lan0", "far0", nil, []string{"192.0.2.20/24"})
	here, there := arps(t, p, netip.MustParseAddr("192.0.2.20"))
	if by, taken, err := here.Probe(t.Context(), fast); !taken || err != nil || by != there.mac {
		t.Errorf("taken: %v %v %v", by, taken, err)
	}
	here, there = arps(t, p, netip.MustParseAddr("192.0.2.21"))
	start := time.Now()
	if _, taken, err := here.Probe(t.Context(), fast); taken || err != nil {
		t.Errorf("free: %v %v", taken, err)
	}
	if took := time.Since(start); took < 100*time.Millisecond || took > 2*time.Second {
		t.Errorf("a probe of 100 to 120 ms took %v", took)
	}

	both := make(chan bool)
	for _, c := range []*ARP{here, there} {
		go func() {
			_, taken, err := c.Probe(t.Context(), fast)
			both <- taken && err == nil
		}()
	}
	for range 2 {
		if !<-both {
			t.Error("a simultaneous probe goes unnoticed")
		}
	}
}

func TestProbeEnds(t *testing.T) {
	if !netns.Enter(t) {
		return
	}
	p := netns.NewPeer(t)
	p.Veth("lan0", "far0", nil, nil)
	here, _ := arps(t, p, netip.MustParseAddr("192.0.2.20"))
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Millisecond)
	defer cancel()
	if _, _, err := here.Probe(ctx, ProbeTimes{}); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("its context ended: %v", err)
	}
	ended := make(chan error)
	go func() {
		_, _, err := here.Probe(t.Context(), ProbeTimes{})
		ended <- err
	}()
	other, _ := arps(t, p, netip.MustParseAddr("192.0.2.21"))
	go func() {
		_, err := other.Guard(t.Context())
		ended <- err
	}()
	time.Sleep(20 * time.Millisecond)
	here.Close()
	other.Close()
	for range 2 {
		if err := <-ended; !errors.Is(err, net.ErrClosed) {
			t.Errorf("closed: %v", err)
		}
	}
	if _, _, err := here.Probe(t.Context(), fast); !errors.Is(err, net.ErrClosed) {
		t.Errorf("probe after Close: %v", err)
	}
	if _, err := OpenARP(1, Addr{}, netip.IPv6Loopback()); !errors.Is(err, ErrFamily) {
		t.Errorf("IPv6: %v", err)
	}
}

// TestGuard: the address is announced, defended once, and given up at the second
// conflict (RFC 5227 §2.4 b).
func TestGuard(t *testing.T) {
	if !netns.Enter(t) {
		return
	}
	p := netns.NewPeer(t)
	p.Veth("lan0", "far0", nil, nil)
	a := netip.MustParseAddr("192.0.2.20")
	here, there := arps(t, p, a)
	type end struct {
		by  Addr
		err error
	}
	ended := make(chan end, 1)
	go func() {
		by, err := here.Guard(t.Context())
		ended <- end{by, err}
	}()
	// hears waits for an announcement of ours.
	hears := func(what string) {
		t.Helper()
		by, taken, err := there.listen(t.Context(), 5*time.Second, false)
		if !taken || err != nil || by != here.mac {
			t.Fatalf("%s: %v %v %v", what, by, taken, err)
		}
	}
	hears("first announcement")
	hears("second announcement")
	if err := there.send(a); err != nil {
		t.Fatal(err)
	}
	hears("defence")
	select {
	case e := <-ended:
		t.Fatalf("given up at the first conflict: %v", e)
	case <-time.After(50 * time.Millisecond):
	}
	if err := there.send(a); err != nil {
		t.Fatal(err)
	}
	if e := <-ended; e.err != nil || e.by != there.mac {
		t.Errorf("second conflict: %v", e)
	}
}
