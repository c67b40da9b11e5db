package client4

import (
	"net/netip"
	"testing"
	"time"

	"github.com/dhcp4o6/dhcp4o6/pkg/dhcp4"
	"github.com/dhcp4o6/dhcp4o6/pkg/hostconf"
)

// TestReboot: a lease of the record is verified first (RFC 2131 §3.2, §4.4.2).
func TestReboot(t *testing.T) {
	record := bound(t, nil).record
	again := func(o *Options) { o.Record = record }
	t.Run("confirmed", func(t *testing.T) {
		b := newBench(t, again)
		b.step(Start{})
		b.in(InitReboot)
		b.step(Ready{Up: true})
		b.in(Rebooting)
		s, q := b.last(dhcp4.Request)
		if s.To != anyone || s.From != netip.IPv4Unspecified() || !q.CIAddr.IsUnspecified() || q.Has(dhcp4.OptServerID) {
			t.Errorf("DHCPREQUEST to %v from %v, ciaddr %v", s.To, s.From, q.CIAddr)
		}
		if got, _ := q.Addr(dhcp4.OptRequestedAddress); got != leaseAddr {
			t.Errorf("asks for %v", got)
		}
		b.step(Received{Data: reply(q, dhcp4.Ack, from(otherAddr))})
		b.in(Bound)
		b.wantReasons(hostconf.Preinit, hostconf.Reboot)
	})
	t.Run("refused", func(t *testing.T) {
		b := started(t, again)
		b.answer(dhcp4.Request, dhcp4.Nak)
		b.in(Selecting)
		b.wantReasons(hostconf.Preinit, hostconf.Expire)
		if b.record != nil {
			t.Error("the lease is remembered")
		}
	})
	t.Run("no answer", func(t *testing.T) {
		b := started(t, again)
		b.pass(15 * time.Second)
		b.in(Selecting)
		_, q := b.last(dhcp4.Discover)
		if got, _ := q.Addr(dhcp4.OptRequestedAddress); got != leaseAddr {
			t.Errorf("asks for %v", got)
		}
		b.wantReasons(hostconf.Preinit, hostconf.Expire)
	})
	t.Run("no answer, the last lease is used", func(t *testing.T) {
		b := started(t, again, func(o *Options) { o.KeepLast = true })
		b.pass(15 * time.Second)
		b.in(Bound)
		b.wantReasons(hostconf.Preinit, hostconf.Timeout)
		within(t, "end", b.m.lease.end.Sub(epoch), time.Hour-2*time.Second, time.Hour)
		b.pass(time.Hour)
		b.wantReasons(hostconf.Preinit, hostconf.Timeout, hostconf.Expire)
	})
	t.Run("probed", func(t *testing.T) {
		b := started(t, again, func(o *Options) { o.Probe = true })
		b.answer(dhcp4.Request, dhcp4.Ack)
		b.in(Rebooting)
		b.step(Probed{Addr: leaseAddr})
		b.in(Bound)
		b.wantReasons(hostconf.Preinit, hostconf.Reboot)
	})
	t.Run("over", func(t *testing.T) {
		b := newBench(t, again)
		b.now = b.now.Add(2 * time.Hour)
		b.step(Start{})
		b.step(Ready{Up: true})
		b.in(Selecting)
		_, q := b.last(dhcp4.Discover)
		if got, _ := q.Addr(dhcp4.OptRequestedAddress); got != leaseAddr {
			t.Errorf("asks for %v", got)
		}
	})
	t.Run("ends while nobody answers", func(t *testing.T) {
		b := newBench(t, again, func(o *Options) { o.KeepLast = true })
		b.now = b.now.Add(time.Hour - 5*time.Second)
		b.step(Start{})
		b.step(Ready{Up: true})
		b.in(Rebooting)
		b.pass(15 * time.Second)
		b.in(Selecting)
	})
	t.Run("of another client", func(t *testing.T) {
		for name, change := range map[string]func(*Options){
			"hardware address":  func(o *Options) { o.HWAddr = []byte{2, 0, 0, 0, 0, 0x0b} },
			"client identifier": func(o *Options) { o.ClientID = nil },
			"over DHCPv6":       func(o *Options) { o.FourOverSix = true },
		} {
			b := started(t, again, change)
			b.in(Selecting)
			if _, q := b.last(dhcp4.Discover); q.Has(dhcp4.OptRequestedAddress) {
				t.Errorf("%s: asks for the address of another", name)
			}
		}
	})
}

// TestClockBehindTheRecord: when the clock went back, or has not been set yet, nobody
// knows how old the lease is. A server has to say.
func TestClockBehindTheRecord(t *testing.T) {
	record := bound(t, nil).record
	b := newBench(t, func(o *Options) { o.Record, o.KeepLast = record, true })
	b.now = b.now.Add(-1000 * time.Hour)
	b.step(Start{})
	b.step(Ready{Up: true})
	b.in(Rebooting)
	b.pass(15 * time.Second)
	b.in(Selecting)
	b.wantReasons(hostconf.Preinit, hostconf.Expire)
}

// TestRecordEndsWhileProbing: the lease of the record has been confirmed for another hour,
// and its old end, which comes while the address is probed, does not take that away.
func TestRecordEndsWhileProbing(t *testing.T) {
	first := bound(t, nil)
	b := newBench(t, func(o *Options) { o.Record, o.Probe = first.record, true })
	b.now = first.m.lease.end.Add(-5 * time.Second)
	b.step(Start{})
	b.step(Ready{Up: true})
	b.answer(dhcp4.Request, dhcp4.Ack)
	b.pass(6 * time.Second)
	b.step(Probed{Addr: leaseAddr})
	b.in(Bound)
	b.wantReasons(hostconf.Preinit, hostconf.Reboot)
}

// TestRecordOfAnotherInterface: links of one hardware address, as VLANs are, may be
// given one lease file. What it says of another link is asked for, and not used on the
// client's own word.
func TestRecordOfAnotherInterface(t *testing.T) {
	record := bound(t, nil).record
	record.Iface = "eth1"
	b := started(t, func(o *Options) { o.Record, o.KeepLast = record, true })
	b.in(Rebooting)
	b.pass(15 * time.Second)
	b.in(Selecting)
	b.wantReasons(hostconf.Preinit, hostconf.Expire)
}
