package client4

import (
	"fmt"
	"math/rand/v2"
	"net/netip"
	"slices"
	"testing"
	"time"

	"github.com/dhcp4o6/dhcp4o6/pkg/dhcp4"
)

// A network loses, doubles, delays and so reorders what goes over it.
type network struct {
	random *rand.Rand
	loss   float64
	under  []flight // way
}

type flight struct {
	at   time.Time
	up   bool
	data []byte
}

func (n *network) carry(now time.Time, up bool, data []byte) {
	for copies := 1 + n.random.IntN(8)/7; copies > 0; copies-- {
		if n.random.Float64() < n.loss {
			continue
		}
		delay := time.Duration(n.random.IntN(200)) * time.Millisecond
		if n.random.IntN(20) == 0 {
			delay += time.Duration(n.random.IntN(90)) * time.Second // late
		}
		n.under = append(n.under, flight{now.Add(delay), up, slices.Clone(data)})
	}
	slices.SortStableFunc(n.under, func(a, b flight) int { return a.at.Compare(b.at) })
}

// A daysServer gives one client an address for an hour, forgets it now and then, and
// is away now and then.
type daysServer struct {
	random *rand.Rand
	addr   netip.Addr
	until  time.Time // of the lease, by its own reckoning
	away   time.Time
	naks   int
}

func (s *daysServer) answer(now time.Time, data []byte) []byte {
	var q dhcp4.Message
	if q.Parse(data) != nil || now.Before(s.away) {
		return nil
	}
	switch s.random.IntN(200) {
	case 0:
		s.away = now.Add(time.Duration(s.random.IntN(5)) * time.Hour)
		return nil
	case 1: // its lease file is lost
		s.addr = netip.AddrFrom4([4]byte{192, 0, 2, byte(100 + s.random.IntN(100))})
	}
	asked := q.CIAddr
	if a, ok := q.Addr(dhcp4.OptRequestedAddress); ok {
		asked = a
	}
	switch {
	case q.Type() == dhcp4.Discover:
		return reply(&q, dhcp4.Offer, giving(s.addr))
	case q.Type() == dhcp4.Request && asked == s.addr:
		s.until = now.Add(time.Hour)
		return reply(&q, dhcp4.Ack, giving(s.addr))
	case q.Type() == dhcp4.Request:
		s.naks++
		return reply(&q, dhcp4.Nak)
	}
	return nil
}

// TestDays is thirty days of a client on a bad network, with a bad server. The
// client never has an address for longer than the server has it lent.
func TestDays(t *testing.T) {
	for seed := range uint64(4) {
		t.Run(fmt.Sprint("seed ", seed), func(t *testing.T) {
			random := rand.New(rand.NewPCG(seed, 7))
			net := &network{random: random, loss: float64(seed) * 0.15}
			server := &daysServer{random: random, addr: leaseAddr}
			b := started(t, func(o *Options) { o.Rand = random })
			lent := make(map[netip.Addr]time.Time) // until when, by the server's word
			var with, without time.Duration
			flaps := epoch.Add(10 * time.Hour)
			for end := epoch.Add(30 * 24 * time.Hour); b.now.Before(end); {
				for _, s := range b.sent {
					net.carry(b.now, true, s.Data)
				}
				b.sent = nil
				was := b.now
				at, e := next(b, net, flaps)
				b.now = at
				if b.host != nil {
					with += at.Sub(was)
				} else {
					without += at.Sub(was)
				}
				switch e := e.(type) {
				case Ready:
					flaps = at.Add(10 * time.Hour)
					b.step(Ready{})
					b.step(e)
				case Timer:
					b.armed = time.Time{}
					b.step(e)
				case Received:
					b.step(e)
				case flight:
					if a := server.answer(at, e.data); a != nil {
						lent[server.addr] = server.until
						net.carry(at, false, a)
					}
				}
				if b.host != nil && b.host.Addresses[0].Valid.After(lent[b.host.Addresses[0].Prefix.Addr()]) {
					t.Fatalf("after %v the host has %v until %v, lent until %v", b.now.Sub(epoch), b.host.Addresses[0].Prefix,
						b.host.Addresses[0].Valid.Sub(epoch), lent[b.host.Addresses[0].Prefix.Addr()].Sub(epoch))
				}
			}
			t.Logf("with an address %v, without %v, %d DHCPNAKs", with.Round(time.Minute), without.Round(time.Minute), server.naks)
			if with < 5*without {
				t.Errorf("with an address %v, without %v", with, without)
			}
		})
	}
}

func (flight) event() {}

// next is what happens first: the timer, something on its way, or the link.
func next(b *bench, net *network, flaps time.Time) (time.Time, Event) {
	at, e := flaps, Event(Ready{Up: true})
	if !b.armed.IsZero() && b.armed.Before(at) {
		at, e = b.armed, Timer{}
	}
	if len(net.under) > 0 && net.under[0].at.Before(at) {
		f := net.under[0]
		net.under = net.under[1:]
		if at, e = f.at, f; !f.up {
			e = Received{Data: f.data}
		}
	}
	if at.Before(b.now) {
		at = b.now
	}
	return at, e
}
