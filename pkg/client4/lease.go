package client4

import (
	"net/netip"
	"time"

	"github.com/dhcp4o6/dhcp4o6/pkg/dhcp4"
	"github.com/dhcp4o6/dhcp4o6/pkg/hostconf"
)

// A lease is what a server offers, or has granted.
type lease struct {
	addr   netip.Addr // zero: there is none, the answer was to a DHCPINFORM
	server netip.Addr // option 54; zero: over 4o6 some servers do not tell
	over   netip.Addr // of the server that spoke over 4o6

	got         time.Time     // when it was asked for: its time counts from then (RFC 2131 §4.4.1)
	life        time.Duration // infinite: for ever
	t1, t2, end time.Time     // zero: never

	doubtful bool // of a record that the clock is behind, or of another link: who knows if it holds

	message  []byte // the answer
	settings *hostconf.Settings
}

// infinite is the lifetime that has no end (RFC 2131 §3.3).
const infinite = time.Duration(1<<63 - 1)

// informed reports whether the lease is the answer to a DHCPINFORM.
func (l *lease) informed() bool { return !l.addr.IsValid() }

func (l *lease) expired(now time.Time) bool { return !l.end.IsZero() && !now.Before(l.end) }

func (l *lease) earlier(by time.Duration) {
	for _, t := range []*time.Time{&l.got, &l.t1, &l.t2, &l.end} {
		earlier(t, by)
	}
}

// leaseOf makes a lease of an answer that was checked. Its times count from got.
func (m *Machine) leaseOf(a *answer, got time.Time) *lease {
	l := &lease{addr: a.in.YIAddr, server: a.server, over: a.from, got: got, life: a.life, message: append([]byte(nil), a.in.Bytes()...)}
	if a.inform {
		l.addr, l.life = netip.Addr{}, infinite
	}
	l.time(a.in, m.fuzz(0.02))
	l.settings = m.reader().settings(a.in, l)
	return l
}

// time sets T1, T2 and the end. What the server says of T1 and T2 counts where
// they are in order and before the end; else they are half and seven eighths of the
// lifetime (RFC 2131 §4.4.5), a bit more or less, so that clients that began
// together do not stay together.
func (l *lease) time(in *dhcp4.Message, fuzz float64) {
	l.t1, l.t2, l.end = time.Time{}, time.Time{}, time.Time{}
	if l.life == infinite {
		return
	}
	t2, ok2 := seconds(in, dhcp4.OptRebindingTime)
	if !ok2 || t2 >= l.life {
		t2 = time.Duration(float64(l.life) * 0.875 * (1 + fuzz))
	}
	t1, ok1 := seconds(in, dhcp4.OptRenewalTime)
	if !ok1 || t1 > t2 {
		t1 = min(time.Duration(float64(l.life)*0.5*(1+fuzz)), t2)
	}
	l.t1, l.t2, l.end = l.got.Add(t1), l.got.Add(t2), l.got.Add(l.life)
}

// seconds is a lifetime that is neither missing, nor zero, nor infinite.
func seconds(in *dhcp4.Message, c dhcp4.Code) (time.Duration, bool) {
	n, ok := in.Uint32(c)
	return time.Duration(n) * time.Second, ok && n != 0 && n != 0xffffffff
}

// fuzz returns a random number between -most and most.
func (m *Machine) fuzz(most float64) float64 { return (2*m.o.Rand.Float64() - 1) * most }

// inSeconds is a lifetime as the wire has it.
func inSeconds(d time.Duration) int64 { return min(int64(d/time.Second), 0xffffffff) }
