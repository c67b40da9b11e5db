//go:build interop

package interop

import (
	"fmt"
	"maps"
	"math/rand/v2"
	"net/netip"
	"sync"
	"testing"
	"time"

	"github.com/dhcp4o6/dhcp4o6/internal/dhcptest"
	"github.com/dhcp4o6/dhcp4o6/internal/dhcptest/need"
)

// A crowd is many clients that ask for leases at once and remember every
// acknowledgement they saw.
type crowd struct {
	s    *site
	base uint16 // of the hardware addresses: crowds do not share clients

	mu    sync.Mutex
	acked map[[6]byte]ack
}

type ack struct {
	lease dhcptest.Lease4
	at    time.Time
}

// start has so many clients in flight until the function it returns is called;
// each worker turns into a new client once it has a lease.
func (c *crowd) start(t *testing.T, workers int) (stop func()) {
	t.Helper()
	var wg sync.WaitGroup
	over := make(chan struct{})
	for w := range workers {
		client := c.s.dialFrom(t, w)
		client.Timeout = 100 * time.Millisecond
		wg.Go(func() {
			defer client.Conn.Close()
			for n := uint16(0); ; n++ {
				select {
				case <-over:
					return
				default:
				}
				client.HWAddr = [6]byte{2, byte(c.base >> 8), byte(c.base), byte(w), byte(n >> 8), byte(n)}
				if l, err := client.Lease(); err == nil {
					c.mu.Lock()
					c.acked[client.HWAddr] = ack{l, time.Now()}
					c.mu.Unlock()
				}
			}
		})
	}
	return func() {
		close(over)
		wg.Wait()
	}
}

// dialFrom opens a client on an address of its own, since all of them use port 546.
func (s *site) dialFrom(t *testing.T, i int) *dhcptest.Client4o6 {
	t.Helper()
	addr := fmt.Sprintf("%sc:%x", clientNet, i+1)
	s.client.Run("ip", "addr", "add", addr+"/64", "dev", "c0", "nodad")
	c, err := s.client.DialFrom(netip.MustParseAddr(addr), netip.MustParseAddr(clientNet+"1"))
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// distinct fails the test when two clients were told the same address.
func (c *crowd) distinct(t *testing.T) {
	t.Helper()
	owner := make(map[netip.Addr][6]byte)
	for who, a := range c.acked {
		if other, taken := owner[a.lease.Addr]; taken {
			t.Errorf("%v was given to %x and to %x", a.lease.Addr, other, who)
		}
		owner[a.lease.Addr] = who
	}
}

// known renews every lease that was acknowledged; one that the server does not
// know, or knows as somebody else's, is a lease that was lost.
func (c *crowd) known(t *testing.T, acked map[[6]byte]ack) {
	t.Helper()
	client := c.s.dialFrom(t, 999)
	defer client.Conn.Close()
	client.Timeout = time.Second
	lost := 0
	for who, a := range acked {
		client.HWAddr = who
		if _, err := client.Renew(a.lease); err != nil {
			if lost++; lost <= 5 {
				t.Errorf("%x held %v, acknowledged; after the restart: %v", who, a.lease.Addr, err)
			}
		}
	}
	if lost > 0 {
		t.Errorf("%d of %d acknowledged leases lost", lost, len(acked))
	}
}

func crashSite(t *testing.T) *site {
	t.Helper()
	need.Programs(t, "ss")
	s := build(t, plan{v6: ours, v4: ours, pool: "192.0.0.2 - 192.15.255.254", prefix: "192.0.0.0/12", quiet: true})
	s.ready(t)
	return s
}

// TestKill ends one daemon after the other with SIGKILL under load, twenty
// times, and starts it again. Every acknowledged lease is known afterwards, and
// none was given twice.
func TestKill(t *testing.T) {
	s := crashSite(t)
	c := &crowd{s: s, acked: make(map[[6]byte]ack)}
	checked := 0
	for round := range 20 {
		c.base = uint16(round)
		stop := c.start(t, 16)
		time.Sleep(time.Duration(100+rand.IntN(150)) * time.Millisecond)
		if round%2 == 0 {
			s.v4.Kill()
			s.v4 = s.v4Start()
		} else {
			s.v6.Kill()
			s.v6 = s.v6Start()
		}
		s.ready(t)
		time.Sleep(50 * time.Millisecond)
		stop()
		c.distinct(t)
		fresh := maps.Clone(c.acked)
		maps.DeleteFunc(fresh, func(who [6]byte, _ ack) bool { return who[2] != byte(round) })
		if len(fresh) == 0 {
			t.Fatalf("round %d: no lease was acknowledged", round)
		}
		c.known(t, fresh)
		checked += len(fresh)
		if t.Failed() {
			t.FailNow()
		}
	}
	s.v4.Kill()
	s.v4 = s.v4Start()
	s.ready(t)
	c.known(t, c.acked)
	t.Logf("20 kills; %d acknowledged leases, all known", checked)
}
