package client6

import (
	"context"
	"math/rand/v2"
	"net/netip"
	"testing"
	"testing/synctest"
	"time"

	"github.com/dhcp4o6/dhcp4o6/pkg/dhcp6"
)

// TestDaysOnABadNetwork: for ten days messages are lost, doubled, late and out of order,
// the server is away for hours or forgets all it knows, the link goes and comes, and the
// clock is set. The host never has what is not leased, has something most of the time
// that it can, and the servers are not flooded.
func TestDaysOnABadNetwork(t *testing.T) {
	for seed := range uint64(4) {
		synctest.Test(t, func(t *testing.T) { badDays(t, rand.New(rand.NewPCG(seed, 11))) })
	}
}

func badDays(t *testing.T, chance *rand.Rand) {
	const days, minutes = 10, 24 * 60
	n, h := newNetwork(newGiver()), new(host)
	n.loss, n.twice, n.most, n.rand = 0.3, 0.3, 5*time.Second, chance
	n.server.more = append(opt(dhcp6.OptDHCP4oDHCP6Server), opt32(dhcp6.OptSolMaxRT, 120)...) // else an hour goes by between two Solicits
	clock := make(chan time.Duration)
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error)
	m := testMachine(Options{FourOverSix: true, Reconfigure: true})
	go func() {
		done <- Run(ctx, m, n, RunOptions{System: h, Clock: clock, Store: NewFile(t.TempDir() + "/leases")})
	}()

	with, could := 0, 0 // minutes with an address, and in which there could be one
	away, up := 0, true // minutes that the server stays away
	settled := 0        // minutes since it was last away, or the link was
	for range days * minutes {
		time.Sleep(time.Minute)
		synctest.Wait()
		h.mu.Lock()
		n.mu.Lock()
		if has := held(t, h, n.server); has && settled > 30 {
			with++
		}
		if settled++; settled > 31 {
			could++
		}
		if away--; away <= 0 {
			n.down = false
		}
		switch r := chance.IntN(2000); {
		case r < 2:
			n.down, away, settled = true, 30+chance.IntN(300), -400
		case r < 4:
			n.server.forgets = true
		case r < 10 && up:
			up, settled = false, min(settled, 0)
			n.ready <- false
		case r < 300 && !up:
			up, settled = true, min(settled, 0)
			n.ready <- true
		case r > 1995:
			n.mu.Unlock()
			h.mu.Unlock()
			clock <- 0
			continue
		}
		if !up {
			settled = min(settled, 0)
		}
		n.mu.Unlock()
		h.mu.Unlock()
	}
	cancel()
	if err := <-done; err != nil {
		t.Error(err)
	}
	if could < days*minutes/4 || with < could*98/100 {
		t.Errorf("an address in %d minutes of %d", with, could)
	}
	if sent := len(n.sent); sent > days*24*60 {
		t.Errorf("%d messages in %d days", sent, days)
	}
}

// held reports whether the host has an address, and checks that all it has was granted
// for longer.
func held(t *testing.T, h *host, g *giver) bool {
	t.Helper()
	if h.has == nil {
		return false
	}
	now := time.Now().Add(-5 * time.Second) // lifetimes count from when a Reply comes (RFC 9915 §21.4), which takes up to that
	check := func(p netip.Prefix, valid time.Time) {
		if until, ok := g.granted[p]; !ok || !until.After(now) || valid.After(until.Add(time.Minute)) || !valid.After(now) {
			t.Errorf("the host has %v until %v, granted until %v, at %v", p, valid, until, now)
		}
	}
	for _, a := range h.has.Addresses {
		check(a.Prefix, a.Valid)
	}
	for _, p := range h.has.Prefixes {
		check(p.Prefix, p.Valid)
	}
	return len(h.has.Addresses) > 0
}
