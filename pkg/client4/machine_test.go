package client4

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"net/netip"
	"testing"
	"time"

	"github.com/dhcp4o6/dhcp4o6/pkg/dhcp4"
	"github.com/dhcp4o6/dhcp4o6/pkg/hostconf"
)

// TestRetransmission: 4, 8, 16, 32, 64 and 64 seconds, each a second more or less
// (RFC 2131 §4.1).
func TestRetransmission(t *testing.T) {
	for seed := range uint64(50) {
		b := started(t, func(o *Options) { o.Rand = rand.New(rand.NewPCG(seed, seed)) })
		_, first := b.last(dhcp4.Discover)
		xid := first.XID
		for i, want := range []time.Duration{4, 8, 16, 32, 64, 64, 64} {
			at := b.now
			within(t, fmt.Sprint("delay ", i), b.armed.Sub(at), (want-1)*time.Second, (want+1)*time.Second)
			b.pass(b.armed.Sub(at))
			_, q := b.last(dhcp4.Discover)
			if q.XID != xid || q.Secs != uint16(b.now.Sub(epoch)/time.Second) {
				t.Errorf("retransmission %d: xid %x, secs %d after %v", i, q.XID, q.Secs, b.now.Sub(epoch))
			}
		}
	}
}

// TestDesync: the first DHCPDISCOVER waits for a random time (RFC 2131 §4.4.1).
func TestDesync(t *testing.T) {
	var seen []time.Duration
	for seed := range uint64(20) {
		b := started(t, func(o *Options) { o.Timing.Desync, o.Rand = 10*time.Second, rand.New(rand.NewPCG(seed, 1)) })
		b.in(Init)
		seen = append(seen, b.armed.Sub(b.now))
		within(t, "wait", b.armed.Sub(b.now), 0, 10*time.Second)
		b.pass(10 * time.Second)
		b.in(Selecting)
	}
	if seen[0] == seen[1] && seen[1] == seen[2] {
		t.Errorf("waits are not random: %v", seen)
	}
}

// TestFourMessages: what stands in the messages of a new lease (RFC 2131 §4.4.1,
// table 5).
func TestFourMessages(t *testing.T) {
	b := started(t, func(o *Options) { o.VendorClass, o.HostName, o.LeaseTime = "toaster", "kitchen", time.Hour })
	s, q := b.last(dhcp4.Discover)
	if s.To != anyone || s.From != netip.IPv4Unspecified() || s.Unicast || len(s.Data) < minLen {
		t.Errorf("DHCPDISCOVER of %d octets to %v from %v", len(s.Data), s.To, s.From)
	}
	if q.Op != dhcp4.BootRequest || q.HType != 1 || !bytes.Equal(q.CHAddr(), testMAC) || q.Flags != 0 || !q.CIAddr.IsUnspecified() || !q.GIAddr.IsUnspecified() {
		t.Errorf("fixed fields of the DHCPDISCOVER: %+v", q)
	}
	if least, _ := started(t, func(o *Options) { o.Request = []byte{1} }).last(dhcp4.Discover); len(least.Data) != minLen {
		t.Errorf("a small DHCPDISCOVER is of %d octets (RFC 1542 §2.1)", len(least.Data))
	}
	discover := map[dhcp4.Code]string{61: string(testID), 55: string(DefaultRequest), 57: "\x05\xdc", 60: "toaster", 12: "kitchen", 51: "\x00\x00\x0e\x10"}
	wantOptions(t, q, discover)
	xid := q.XID

	b.now = b.now.Add(3 * time.Second)
	b.step(Received{Data: reply(q, dhcp4.Offer)})
	b.in(Requesting)
	s, q = b.last(dhcp4.Request)
	if q.XID != xid || q.Secs != 0 || !q.CIAddr.IsUnspecified() || s.To != anyone || s.Unicast {
		t.Errorf("DHCPREQUEST: xid %x (was %x), secs %d, ciaddr %v, to %v", q.XID, xid, q.Secs, q.CIAddr, s.To)
	}
	discover[50], discover[54] = string(leaseAddr.AsSlice()), string(serverAddr.AsSlice())
	wantOptions(t, q, discover)

	b.step(Received{Data: reply(q, dhcp4.Ack)})
	b.in(Bound)
	b.wantReasons(hostconf.Preinit, hostconf.Bound)
	if got := b.host.Addresses[0]; got.Prefix != netip.PrefixFrom(leaseAddr, 24) || !got.Valid.Equal(b.now.Add(time.Hour)) {
		t.Errorf("address %+v", got)
	}
	if b.record == nil || b.record.Address.Addr() != leaseAddr {
		t.Errorf("record %+v", b.record)
	}
}

func wantOptions(t *testing.T, q *dhcp4.Message, want map[dhcp4.Code]string) {
	t.Helper()
	for c, v := range q.All {
		if w, ok := want[c]; c != dhcp4.OptMessageType && (!ok || w != string(v)) {
			t.Errorf("%v: option %d is %x, want %x (there: %v)", q.Type(), c, v, w, ok)
		}
	}
	for c := range want {
		if !q.Has(c) {
			t.Errorf("%v: no option %d", q.Type(), c)
		}
	}
}

// TestRequestIsGivenUp: after four DHCPREQUESTs, within a minute, the client starts
// anew (RFC 2131 §3.1).
func TestRequestIsGivenUp(t *testing.T) {
	b := started(t)
	b.answer(dhcp4.Discover, dhcp4.Offer)
	begun, n := b.now, 0
	for b.m.State() == Requesting {
		n++
		b.pass(b.armed.Sub(b.now))
	}
	if n != 4 {
		t.Errorf("%d DHCPREQUESTs, want 4", n)
	}
	within(t, "time in REQUESTING", b.now.Sub(begun), 56*time.Second, 64*time.Second)
	b.in(Selecting)
}

// TestRenewal: at T1 the server is asked, at half of what is left until T2 again, at
// T2 all servers, and at the end the address goes (RFC 2131 §4.4.5).
func TestRenewal(t *testing.T) {
	b := bound(t, []edit{lasting(86400), with(58, 0, 0, 0xa8, 0xc0), with(59, 0, 1, 0x27, 0x50)}) // T1 43200, T2 75600
	start := b.now
	var log []string
	for b.m.State() != Selecting {
		b.pass(b.armed.Sub(b.now))
		for _, s := range b.sent {
			to := "to all"
			if s.Unicast {
				to = "to " + s.To.String()
			}
			if s.From != leaseAddr && b.m.State() != Selecting {
				t.Errorf("from %v", s.From)
			}
			log = append(log, fmt.Sprint(b.m.State(), " ", b.now.Sub(start), " ", to))
		}
		b.sent = nil
	}
	want := []string{
		"RENEWING 12h0m0s to 192.0.2.1", "RENEWING 16h30m0s to 192.0.2.1", "RENEWING 18h45m0s to 192.0.2.1", "RENEWING 19h52m30s to 192.0.2.1",
		"RENEWING 20h26m15s to 192.0.2.1", "RENEWING 20h43m7.5s to 192.0.2.1", "RENEWING 20h51m33.75s to 192.0.2.1",
		"RENEWING 20h55m46.875s to 192.0.2.1", "RENEWING 20h57m53.4375s to 192.0.2.1", "RENEWING 20h58m56.71875s to 192.0.2.1", "RENEWING 20h59m56.71875s to 192.0.2.1",
		"REBINDING 21h0m0s to all", "REBINDING 22h30m0s to all", "REBINDING 23h15m0s to all", "REBINDING 23h37m30s to all", "REBINDING 23h48m45s to all",
		"REBINDING 23h54m22.5s to all", "REBINDING 23h57m11.25s to all", "REBINDING 23h58m35.625s to all", "REBINDING 23h59m35.625s to all",
		"SELECTING 24h0m0s to all",
	}
	if fmt.Sprint(log) != fmt.Sprint(want) {
		t.Errorf("sent\n%v, want\n%v", log, want)
	}
	b.wantReasons(hostconf.Preinit, hostconf.Bound, hostconf.Expire)
	if b.host != nil {
		t.Error("the host still has the address")
	}
}

// TestExtended: an answer in RENEWING or REBINDING begins a new lifetime, counted
// from when the first DHCPREQUEST of the exchange was sent.
func TestExtended(t *testing.T) {
	for _, test := range []struct {
		state  State
		reason hostconf.Reason
		from   netip.Addr
	}{{Renewing, hostconf.Renew, serverAddr}, {Rebinding, hostconf.Rebind, otherAddr}} {
		b := bound(t, []edit{lasting(3600)})
		for b.m.State() != test.state {
			b.pass(b.armed.Sub(b.now))
		}
		asked := b.now
		_, q := b.last(dhcp4.Request)
		if q.CIAddr != leaseAddr || q.Has(dhcp4.OptServerID) || q.Has(dhcp4.OptRequestedAddress) || q.Secs != uint16(asked.Sub(b.m.began)/time.Second) {
			t.Errorf("%v: ciaddr %v, options 50 %v, 54 %v", test.state, q.CIAddr, q.Has(50), q.Has(54))
		}
		b.now = b.now.Add(2 * time.Second)
		b.step(Received{Data: reply(q, dhcp4.Ack, lasting(3600), from(test.from))})
		b.in(Bound)
		b.wantReasons(hostconf.Preinit, hostconf.Bound, test.reason)
		if !b.host.Addresses[0].Valid.Equal(asked.Add(time.Hour)) || b.record.Server != test.from {
			t.Errorf("%v: valid until %v, asked at %v; server %v", test.state, b.host.Addresses[0].Valid, asked, b.record.Server)
		}
	}
}

// TestT1T2: the server's word where it makes sense, else half and seven eighths of
// the lifetime with some fuzz (RFC 2131 §4.4.5).
func TestT1T2(t *testing.T) {
	seconds := func(n uint32) []byte { return be.AppendUint32(nil, n) }
	for _, test := range []struct {
		name         string
		life         uint32
		t1, t2       []byte
		least1, max1 time.Duration // seconds
		least2, max2 time.Duration
	}{
		{"none", 1000, nil, nil, 490, 510, 857, 893},
		{"both", 1000, seconds(10), seconds(20), 10, 10, 20, 20},
		{"T1 alone", 1000, seconds(10), nil, 10, 10, 857, 893},
		{"T2 alone", 1000, nil, seconds(900), 490, 510, 900, 900},
		{"T2 before the default T1", 1000, nil, seconds(100), 100, 100, 100, 100},
		{"T1 after T2", 1000, seconds(800), seconds(700), 490, 510, 700, 700},
		{"T1 after the end", 1000, seconds(2000), nil, 490, 510, 857, 893},
		{"T2 after the end", 1000, seconds(10), seconds(1000), 10, 10, 857, 893},
		{"zero", 1000, seconds(0), seconds(0), 490, 510, 857, 893},
		{"infinite", 1000, seconds(0xffffffff), seconds(0xffffffff), 490, 510, 857, 893},
		{"of three octets", 1000, []byte{0, 0, 1}, []byte{0, 0, 2}, 490, 510, 857, 893},
		{"lifetime of two seconds", 2, nil, nil, 0, 2, 1, 2},
		{"a lifetime of 136 years", 0xfffffffe, nil, nil, 2104533975, 2190433321, 3682934456, 3833258312},
	} {
		edits := []edit{lasting(test.life)}
		if test.t1 != nil {
			edits = append(edits, with(58, test.t1...))
		}
		if test.t2 != nil {
			edits = append(edits, with(59, test.t2...))
		}
		b := bound(t, edits)
		within(t, test.name+": T1", b.m.lease.t1.Sub(b.now), test.least1*time.Second, test.max1*time.Second)
		within(t, test.name+": T2", b.m.lease.t2.Sub(b.now), test.least2*time.Second, test.max2*time.Second)
	}
}

// TestShortLeases: a server that grants two seconds at a time keeps neither the link nor
// the disk busy.
func TestShortLeases(t *testing.T) {
	b := bound(t, []edit{lasting(2)})
	begun, sent, saves := b.now, 0, 0
	for b.now.Sub(begun) < 10*time.Minute {
		was := b.record
		b.pass(b.armed.Sub(b.now))
		sent++
		b.answer(dhcp4.Request, dhcp4.Ack, lasting(2))
		if b.record != was {
			saves++
		}
	}
	if sent > 650 || saves > 60 {
		t.Errorf("%d messages and %d writes in ten minutes", sent, saves)
	}
}

// TestInfiniteLease: nothing is ever due (RFC 2131 §3.3), but the operator may ask.
func TestInfiniteLease(t *testing.T) {
	b := bound(t, []edit{lasting(0xffffffff), with(58, 0, 0, 0, 9)})
	if !b.armed.IsZero() || !b.host.Addresses[0].Valid.IsZero() || !b.record.Expire.IsZero() {
		t.Errorf("armed %v, valid until %v", b.armed, b.host.Addresses[0].Valid)
	}
	b.step(Renew{})
	b.in(Renewing)
	b.pass(10 * time.Minute)
	b.in(Bound)
}

// TestOffersAreCompared: while offers are collected, the one of the old address is
// best, then the one with the most of what was asked for, then the first.
func TestOffersAreCompared(t *testing.T) {
	collect := func(o *Options) { o.Timing.Collect = 2 * time.Second }
	third := netip.MustParseAddr("192.0.2.3")
	for _, test := range []struct {
		name string
		hint netip.Addr
		more int // the offer that has options 6 and 15 too, from 1
		want netip.Addr
	}{
		{"equal", netip.Addr{}, 0, serverAddr},
		{"the second has more", netip.Addr{}, 2, otherAddr},
		{"the old address", netip.MustParseAddr("192.0.2.103"), 2, third},
	} {
		b := started(t, collect)
		b.m.hint = test.hint
		_, q := b.last(dhcp4.Discover)
		for i, server := range []netip.Addr{serverAddr, otherAddr, third} {
			edits := []edit{from(server), giving(netip.AddrFrom4([4]byte{192, 0, 2, byte(101 + i)}))}
			if i+1 == test.more {
				edits = append(edits, with(6, 192, 0, 2, 1), with(15, 'x'))
			}
			b.step(Received{Data: reply(q, dhcp4.Offer, edits...)})
			b.in(Selecting)
		}
		b.pass(2 * time.Second)
		_, q = b.last(dhcp4.Request)
		if got, _ := q.Addr(dhcp4.OptServerID); got != test.want {
			t.Errorf("%s: chose %v, want %v", test.name, got, test.want)
		}
	}
}

// TestNak: the address goes at once, and the client starts anew (RFC 2131 §3.1,
// §4.4.5). Who says no again and again is asked ever more seldom.
func TestNak(t *testing.T) {
	for _, state := range []State{Renewing, Rebinding} {
		b := bound(t, []edit{lasting(3600)})
		for b.m.State() != state {
			b.pass(b.armed.Sub(b.now))
		}
		b.answer(dhcp4.Request, dhcp4.Nak)
		b.in(Selecting)
		b.wantReasons(hostconf.Preinit, hostconf.Bound, hostconf.Expire)
		if b.record != nil || b.host != nil {
			t.Errorf("%v: record %v, host %v", state, b.record, b.host)
		}
		if _, q := b.last(dhcp4.Discover); q.Has(dhcp4.OptRequestedAddress) {
			t.Errorf("%v: the refused address is asked for again", state)
		}
	}
	b := started(t)
	begun, naks := b.now, 0
	for b.now.Sub(begun) < time.Hour {
		switch b.m.State() {
		case Selecting:
			b.answer(dhcp4.Discover, dhcp4.Offer)
		case Requesting:
			naks++
			b.answer(dhcp4.Request, dhcp4.Nak)
		default:
			b.pass(b.armed.Sub(b.now))
		}
	}
	if naks < 55 || naks > 65 {
		t.Errorf("%d DHCPNAKs were heard in an hour, want about one each minute", naks)
	}
}

// TestDecline: an address that somebody has is declined, and the client waits for
// ten seconds (RFC 2131 §3.1, §4.4.4).
func TestDecline(t *testing.T) {
	b := started(t, func(o *Options) { o.Probe = true })
	b.answer(dhcp4.Discover, dhcp4.Offer)
	b.answer(dhcp4.Request, dhcp4.Ack)
	b.in(Requesting)
	if len(b.probes) != 1 || b.probes[0] != leaseAddr || b.host != nil {
		t.Fatalf("probes %v, host %v", b.probes, b.host)
	}
	b.step(Probed{Addr: otherAddr, Taken: true}) // of another time
	b.in(Requesting)
	b.step(Probed{Addr: leaseAddr, Taken: true})
	s, q := b.last(dhcp4.Decline)
	if s.To != anyone || s.From != netip.IPv4Unspecified() || q.Secs != 0 || q.Flags != 0 {
		t.Errorf("DHCPDECLINE to %v from %v", s.To, s.From)
	}
	wantOptions(t, q, map[dhcp4.Code]string{61: string(testID), 50: string(leaseAddr.AsSlice()), 54: string(serverAddr.AsSlice())})
	b.in(Init)
	b.pass(10*time.Second - 1)
	b.in(Init)
	b.pass(1)
	b.in(Selecting)

	b.answer(dhcp4.Discover, dhcp4.Offer)
	b.answer(dhcp4.Request, dhcp4.Ack)
	b.step(Probed{Addr: leaseAddr})
	b.in(Bound)
	b.wantReasons(hostconf.Preinit, hostconf.Bound)

	b.step(Probed{Addr: leaseAddr, Taken: true}) // a script has found out
	b.last(dhcp4.Decline)
	b.in(Init)
	b.step(Ready{})
	b.step(Ready{Up: true})
	b.in(Init) // a link that comes and goes does not shorten the wait
	b.pass(10 * time.Second)
	b.in(Selecting)
	b.wantReasons(hostconf.Preinit, hostconf.Bound, hostconf.Expire)
}

// TestSilentProbe: a probe that never ends has found nobody.
func TestSilentProbe(t *testing.T) {
	b := started(t, func(o *Options) { o.Probe = true })
	b.answer(dhcp4.Discover, dhcp4.Offer)
	b.answer(dhcp4.Request, dhcp4.Ack)
	b.pass(15 * time.Second)
	b.in(Bound)
}

// TestRelease: the server is told, the address goes, nothing is remembered
// (RFC 2131 §4.4.6).
func TestRelease(t *testing.T) {
	b := bound(t, nil)
	b.step(Release{})
	s, q := b.last(dhcp4.Release)
	if s.To != serverAddr || s.From != leaseAddr || !s.Unicast || q.CIAddr != leaseAddr {
		t.Errorf("DHCPRELEASE to %v from %v, ciaddr %v", s.To, s.From, q.CIAddr)
	}
	wantOptions(t, q, map[dhcp4.Code]string{61: string(testID), 54: string(serverAddr.AsSlice())})
	b.in(Stopped)
	b.wantReasons(hostconf.Preinit, hostconf.Bound, hostconf.Release)
	if !b.done || b.record != nil || !b.armed.IsZero() {
		t.Errorf("done %v, record %v, armed %v", b.done, b.record, b.armed)
	}
	if b.m.Step(b.now, Start{}) != nil {
		t.Error("the dead do something")
	}
}

// TestReleaseWhileProbing: the server has granted the lease, whatever the probe says.
func TestReleaseWhileProbing(t *testing.T) {
	b := started(t, func(o *Options) { o.Probe = true })
	b.answer(dhcp4.Discover, dhcp4.Offer)
	b.answer(dhcp4.Request, dhcp4.Ack)
	b.step(Release{})
	if _, q := b.last(dhcp4.Release); q.CIAddr != leaseAddr {
		t.Errorf("ciaddr %v", q.CIAddr)
	}
	b.in(Stopped)
	b.wantReasons(hostconf.Preinit)
}

// TestReleaseOfTheRecord: a lease of the file is given up by a machine that does
// nothing else, when the carrier can carry.
func TestReleaseOfTheRecord(t *testing.T) {
	record := bound(t, nil).record
	b := newBench(t, func(o *Options) { o.Record = record })
	b.step(Release{})
	b.in(Init)
	b.step(Ready{Up: true})
	b.last(dhcp4.Release)
	b.in(Stopped)
	b.wantReasons(hostconf.Release)

	b = newBench(t, func(o *Options) { o.Record = record })
	b.step(Release{})
	b.pass(5 * time.Second)
	b.in(Stopped)
	if len(b.sent) != 0 || b.record != nil {
		t.Errorf("sent %v, record %v", b.sent, b.record)
	}
	b = newBench(t)
	b.step(Release{})
	b.in(Stopped)
}

// TestStop: the lease is kept in the record, and on the host where the options say so.
func TestStop(t *testing.T) {
	b := bound(t, nil)
	b.step(Stop{})
	b.wantReasons(hostconf.Preinit, hostconf.Bound, hostconf.Stop)
	if !b.done || b.record == nil || len(b.sent) != 0 {
		t.Errorf("done %v, record %v, sent %v", b.done, b.record, b.sent)
	}
	b = bound(t, nil, func(o *Options) { o.Stay = true })
	b.step(Stop{})
	b.wantReasons(hostconf.Preinit, hostconf.Bound)
	b = newBench(t)
	b.step(Stop{})
	b.in(Stopped)
}

// TestInform: all but an address (RFC 2131 §4.4.3).
func TestInform(t *testing.T) {
	own := netip.MustParsePrefix("192.0.2.9/24")
	b := started(t, func(o *Options) { o.Inform, o.LeaseTime = own, time.Hour })
	b.in(Informing)
	s, q := b.last(dhcp4.Inform)
	if s.To != anyone || s.From != own.Addr() || q.CIAddr != own.Addr() {
		t.Errorf("DHCPINFORM to %v from %v, ciaddr %v", s.To, s.From, q.CIAddr)
	}
	wantOptions(t, q, map[dhcp4.Code]string{61: string(testID), 55: string(DefaultRequest), 57: "\x05\xdc"})
	b.pass(20 * time.Second)
	if len(b.sent) != 2 {
		t.Errorf("sent %d times more in 20 s, want 2", len(b.sent))
	}
	b.answer(dhcp4.Inform, dhcp4.Ack, giving(netip.Addr{}), without(dhcp4.OptLeaseTime), with(6, 192, 0, 2, 53))
	b.in(Bound)
	b.wantReasons(hostconf.Preinit, hostconf.Bound)
	if len(b.host.Addresses) != 0 || len(b.host.DNS) != 1 || !b.armed.IsZero() || b.record != nil {
		t.Errorf("settings %+v, armed %v", b.host, b.armed)
	}
	b.step(Inform{})
	b.in(Informing)
	s, _ = b.last(dhcp4.Inform)
	if !s.Unicast || s.To != serverAddr { // it is known now
		t.Errorf("to %v", s.To)
	}
	b.step(Release{}) // nothing to release
	b.in(Stopped)
	if len(b.sent) != 0 {
		t.Error("an address of the host's own was released")
	}
}

// TestLinkComesBack: it may be another one, so the lease is verified (RFC 2131 §3.7);
// while nobody answers, what is left of the lease is used.
func TestLinkComesBack(t *testing.T) {
	b := bound(t, nil)
	b.step(Ready{})
	b.in(Bound)
	b.pass(45 * time.Minute) // T1 goes by, and nothing is sent
	if len(b.sent) != 0 {
		t.Errorf("sent on no link: %v", b.sent)
	}
	b.step(Ready{Up: true})
	b.in(Rebooting)
	if b.host == nil {
		t.Error("the address was taken away")
	}
	b.pass(15 * time.Second)
	b.in(Renewing) // T1 is over
	b.wantReasons(hostconf.Preinit, hostconf.Bound, hostconf.Timeout)
	if b.host == nil {
		t.Error("the address was taken away")
	}
	b.step(Rejected{Addr: otherAddr}) // of another time
	b.in(Renewing)
	b.step(Rejected{Addr: leaseAddr})
	b.in(Selecting)
	b.wantReasons(hostconf.Preinit, hostconf.Bound, hostconf.Timeout, hostconf.Expire)

	b = bound(t, nil, func(o *Options) { o.Probe = false })
	b.step(Ready{})
	b.step(Ready{Up: true})
	b.answer(dhcp4.Request, dhcp4.Nak)
	b.wantReasons(hostconf.Preinit, hostconf.Bound, hostconf.Expire)
	b.in(Selecting)

	b = bound(t, nil)
	b.step(Ready{})
	b.pass(2 * time.Hour)
	b.in(Init)
	b.wantReasons(hostconf.Preinit, hostconf.Bound, hostconf.Expire)

	b = started(t)
	b.answer(dhcp4.Discover, dhcp4.Offer)
	b.step(Ready{})
	b.in(Init)
	if !b.armed.IsZero() {
		t.Error("something is due on no link")
	}
}

// TestNoServer: after some time the host is told, once, and the client goes on.
func TestNoServer(t *testing.T) {
	b := started(t)
	b.pass(time.Hour)
	b.wantReasons(hostconf.Preinit, hostconf.Fail)
	b.in(Selecting)
	b.answer(dhcp4.Discover, dhcp4.Offer)
	b.answer(dhcp4.Request, dhcp4.Ack)
	b.wantReasons(hostconf.Preinit, hostconf.Fail, hostconf.Bound)
}

// TestAskedToRenew: the operator's word takes effect in every state.
func TestAskedToRenew(t *testing.T) {
	b := bound(t, nil)
	b.step(Renew{})
	b.in(Renewing)
	b.last(dhcp4.Request)
	b.step(Renew{})
	b.last(dhcp4.Request)
	b.pass(59 * time.Minute)
	if b.host == nil {
		t.Error("the lease ended early")
	}
	b.pass(2 * time.Minute)
	if b.host != nil {
		t.Error("the lease did not end")
	}

	b = started(t, func(o *Options) { o.V6Only = true })
	b.answer(dhcp4.Discover, dhcp4.Offer, with(108, 0, 0, 0x0e, 0x10))
	b.step(Renew{})
	b.in(Selecting)

	b = started(t, func(o *Options) { o.Probe = true })
	b.answer(dhcp4.Discover, dhcp4.Offer)
	b.answer(dhcp4.Request, dhcp4.Ack)
	b.step(Probed{Addr: leaseAddr, Taken: true})
	b.in(Init)
	b.step(Renew{})
	b.in(Selecting)
}
