package interop_test

import (
	"net/netip"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"github.com/dhcp4o6/dhcp4o6/internal/dhcptest/need"
	"github.com/dhcp4o6/dhcp4o6/pkg/client4"
	"github.com/dhcp4o6/dhcp4o6/pkg/dhcp4"
	"github.com/dhcp4o6/dhcp4o6/pkg/dhcp6"
	"github.com/dhcp4o6/dhcp4o6/pkg/lease"
)

// All four parts of RFC 7341 in one process, with the wire and both pairs in
// memory and the clock of testing/synctest: hours of a lease take no time. The same
// roads with real sockets are in clients4o6_test.go.

const (
	homeMAC  = "\x02\x00\x5e\x46\x00\x01"
	homeAddr = "198.51.100.10" // the only one in the pool
	homeLife = 4000 * time.Second

	at88    = `{"name": "dhcp4o6-server-addr", "data": "2001:db8:1::53"}`
	empty88 = `{"name": "dhcp4o6-server-addr", "csv-format": false, "data": ""}`
	no88    = `{"name": "dns-servers", "data": "2001:db8:1::53"}`
)

var (
	homeLL   = netip.MustParseAddr("fe80::5eff:fe46:1")
	homeDUID = dhcp6.NewDUIDLL(1, []byte(homeMAC))
	group6   = netip.MustParseAddr("ff02::1:2")
)

// TestClients4o6InMemory: with and without addresses in option 88, with and without a
// DHCPv6 lease, whichever of the two clients is there first.
func TestClients4o6InMemory(t *testing.T) {
	for _, option88 := range []string{at88, empty88} {
		for _, stateless := range []bool{false, true} {
			for _, first := range []int{4, 6} {
				synctest.Test(t, func(t *testing.T) { wholeLife(t, option88, stateless, first) })
			}
		}
	}
}

// wholeLife is a lease, its renewals for half a day, and its release.
func wholeLife(t *testing.T, option88 string, stateless bool, first int) {
	h := newHome(t, option88)
	var c4, c6 *homeClient
	if first == 4 {
		c4 = h.client4(nil)
		time.Sleep(10 * time.Minute)
		if got := h.asked(); len(got) > 0 {
			t.Fatalf("asked %v before START", got)
		}
		c6 = h.client6(stateless)
		c4.has(10*time.Second, homeAddr)
	} else {
		c6 = h.client6(stateless)
		time.Sleep(10 * time.Minute)
		c4 = h.client4(nil)
		c4.has(2*time.Second, homeAddr)
	}
	to := group6.String()
	if option88 == at88 {
		to = "2001:db8:1::53"
	}
	got := h.asked()
	if want := []dhcp4.MessageType{dhcp4.Discover, dhcp4.Request}; !slices.Equal(kindsOf(got), want) {
		t.Fatalf("asked %v, want %v", got, want)
	}
	if stateless != (c6.host.addr() == "") {
		t.Errorf("IPv6 address %q", c6.host.addr())
	}

	time.Sleep(12 * time.Hour)
	c4.has(0, homeAddr)
	renewals := h.asked()
	if n := len(renewals); n < 20 || n > 23 { // every 2000 s
		t.Errorf("%d renewals in half a day", n)
	}
	for _, q := range renewals {
		if q.kind != dhcp4.Request || !q.unicast {
			t.Errorf("renewal: %v, unicast flag %v", q.kind, q.unicast)
		}
	}

	c4.ask4 <- client4.AskRelease
	c4.stop()
	got = append(got, h.asked()...)
	if last := got[len(got)-1]; last.kind != dhcp4.Release || !last.unicast {
		t.Errorf("release: %v, unicast flag %v", last.kind, last.unicast)
	}
	for _, q := range slices.Concat(got, renewals) {
		if q.to != to {
			t.Errorf("%v to %s, want %s", q.kind, q.to, to)
		}
	}
	synctest.Wait()
	for l := range h.v4.table.All() {
		if l.State != lease.Released {
			t.Errorf("lease of %v is still there", l.Resource.Prefix)
		}
	}
	if c4.host.addr() != "" || c4.host.record != nil {
		t.Errorf("after the release: address %q, record %v", c4.host.addr(), c4.host.record)
	}
}

// TestClients4o6Withdrawn: without option 88 DHCPv4 goes quiet and the lease lasts to
// its end, no longer; with it there is one again at once.
func TestClients4o6Withdrawn(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := newHome(t, at88)
		h.client6(false)
		c := h.client4(nil)
		c.has(10*time.Second, homeAddr)
		h.asked()
		bound := time.Now()

		h.reload(no88) // the DHCPv6 client learns it at T1, in 600 s
		time.Sleep(time.Hour)
		c.has(0, homeAddr)
		if got := h.asked(); len(got) > 0 {
			t.Errorf("asked without option 88: %v", got)
		}
		c.has(10*time.Minute, "")
		if d := c.host.ended.Sub(bound); d < homeLife-time.Minute || d > homeLife+time.Second {
			t.Errorf("the lease lasted %v, want %v", d, homeLife)
		}
		time.Sleep(time.Hour)
		if got := h.asked(); len(got) > 0 {
			t.Errorf("asked without option 88: %v", got)
		}

		h.reload(empty88)
		c.has(11*time.Minute, homeAddr)
		for _, q := range h.asked() {
			if q.to != group6.String() {
				t.Errorf("%v to %s", q.kind, q.to)
			}
		}
		h.reload(at88) // and a change of addresses is followed by the next query
		time.Sleep(homeLife / 2)
		time.Sleep(time.Minute)
		if got := h.asked(); len(got) != 1 || got[0].to != "2001:db8:1::53" {
			t.Errorf("after the change: %v", got)
		}
	})
}

// A lease in force while option 88 is away for a while is looked at again, and kept.
func TestClients4o6GivenBack(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := newHome(t, at88)
		h.client6(false)
		c := h.client4(nil)
		c.has(10*time.Second, homeAddr)
		since := c.host.since
		h.reload(no88)
		time.Sleep(20 * time.Minute)
		h.reload(at88)
		time.Sleep(20 * time.Minute)
		c.has(0, homeAddr)
		for _, q := range h.asked()[2:] {
			if q.kind != dhcp4.Request {
				t.Errorf("asked %v", q.kind)
			}
		}
		if !c.host.ended.IsZero() {
			t.Errorf("the address of %v was taken away for a while", since)
		}
	})
}

// TestClients4o6Restarts: each side of each pair is killed and comes back, while the
// others run on.
func TestClients4o6Restarts(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := newHome(t, at88)
		c6 := h.client6(false)
		c4 := h.client4(nil)
		c4.has(10*time.Second, homeAddr)

		for range 2 { // the servers, both and away over a renewal
			c4.ask4 <- client4.AskRenew
			synctest.Wait()
			h.v6.stop()
			h.v4.stop()
			time.Sleep(homeLife * 3 / 4)
			h.start4(at88)
			h.start6(at88)
			time.Sleep(homeLife / 2)
			c4.has(0, homeAddr)
		}
		if !c4.host.ended.IsZero() {
			t.Error("the servers' restart has cost the address")
		}

		c6.stop() // the DHCPv6 client
		h.asked()
		time.Sleep(homeLife / 4)
		c4.has(0, homeAddr)
		if got := h.asked(); len(got) > 0 {
			t.Errorf("asked without a DHCPv6 client: %v", got)
		}
		h.client6(false)
		time.Sleep(5 * time.Second)
		if got := kindsOf(h.asked()); !slices.Equal(got, []dhcp4.MessageType{dhcp4.Request}) {
			t.Errorf("when it is back: %v", got)
		}
		c4.has(0, homeAddr)

		for range 2 { // the DHCPv4 client, which has its lease on file
			record := c4.host.record
			c4.stop()
			h.asked()
			time.Sleep(time.Minute)
			c4 = h.client4(record)
			c4.has(2*time.Second, homeAddr)
			if got := h.asked(); !slices.Equal(kindsOf(got), []dhcp4.MessageType{dhcp4.Request}) || got[0].unicast {
				t.Errorf("with a lease on file: %v", got)
			}
		}
	})
}

// TestClients4o6OnSockets: the clients' pair on a port that anybody could take, where
// each side looks at who holds the other's. Nothing is lost for it, the DHCPRELEASE of a
// DHCPv4 client on its way out least of all.
func TestClients4o6OnSockets(t *testing.T) {
	h := newHome(t, at88)
	h.port = need.TwoPorts(t)
	c6 := h.client6(true)
	for range 3 {
		c4 := h.client4(nil)
		within(t, "a lease", func() bool { return c4.host.addr() == homeAddr })
		c4.ask4 <- client4.AskRelease
		c4.stop()
		within(t, "its release", func() bool {
			for l := range h.v4.table.All() {
				if l.State == lease.Leased {
					return false
				}
			}
			return true
		})
	}
	c4 := h.client4(nil)
	within(t, "a lease", func() bool { return c4.host.addr() == homeAddr })
	c6.stop()
	h.client6(true)
	c4.ask4 <- client4.AskRenew
	within(t, "START", func() bool {
		h.mu.Lock()
		defer h.mu.Unlock()
		return len(h.queries) > 3*3+2
	})
}

// within waits for something that happens soon.
func within(t *testing.T, what string, is func() bool) {
	t.Helper()
	for end := time.Now().Add(5 * time.Second); !is(); time.Sleep(5 * time.Millisecond) {
		if time.Now().After(end) {
			t.Fatalf("no %s", what)
		}
	}
}
