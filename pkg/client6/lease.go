package client6

import (
	"net/netip"
	"slices"
	"time"
)

// A binding is what the client holds of one IA.
type binding struct {
	IA
	got    time.Time     // when the server last spoke of it
	t1, t2 time.Duration // from then; infinite: never
	leases []lease
	hints  []netip.Prefix // what it held before, for the next Solicit
	lost   bool           // the server knows nothing of it (NoBinding)
}

// A lease is one address or prefix of a binding.
type lease struct {
	prefix           netip.Prefix
	preferred, valid time.Time // ends; zero: never
	watched          bool      // duplicate address detection has been asked about
	deprecated       bool      // its preferred lifetime is over, and that was told
}

// infinite is a lifetime without end (RFC 9915 §7.7).
const infinite = time.Duration(1<<63 - 1)

const forever = 0xffffffff // on the wire

func seconds(n uint32) time.Duration {
	if n == forever {
		return infinite
	}
	return time.Duration(n) * time.Second
}

// after is the time d after t, the zero time where there is no such.
func after(t time.Time, d time.Duration) time.Time {
	if d == infinite {
		return time.Time{}
	}
	return t.Add(d)
}

// sooner returns the earlier one of two times of which the zero one means never.
func sooner(a, b time.Time) time.Time {
	if a.IsZero() || !b.IsZero() && b.Before(a) {
		return b
	}
	return a
}

// over reports whether a time that may be never has come.
func over(t, now time.Time) bool { return !t.IsZero() && !now.Before(t) }

// usable reports whether a server may lease this at all: an address that a host can
// have on a link, or a prefix that can be routed to it.
func usable(k IAKind, p netip.Prefix) bool {
	a := p.Addr()
	if !p.IsValid() || !a.Is6() || a.Is4In6() || a.IsMulticast() || a.IsLoopback() || a.IsLinkLocalUnicast() || a.IsUnspecified() {
		return false
	}
	if k == PD {
		return p.Bits() > 0 && p == p.Masked()
	}
	return p.Bits() == 128
}

// find returns the lease of a prefix, nil where there is none.
func (b *binding) find(p netip.Prefix) *lease {
	for i := range b.leases {
		if b.leases[i].prefix == p {
			return &b.leases[i]
		}
	}
	return nil
}

// remove takes a lease out.
func (b *binding) remove(p netip.Prefix) {
	kept := b.leases[:0]
	for _, l := range b.leases {
		if l.prefix != p {
			kept = append(kept, l)
		}
	}
	b.leases = kept
}

// take brings a binding up to what the server says of it (RFC 9915 §18.2.10.1):
// leases are added, extended, or discarded where their lifetime is 0. A binding that
// was lost, or is new, has only what it is given now.
func (b *binding) take(now time.Time, a *answeredIA, fresh bool) {
	old := slices.Clone(b.leases)
	if fresh || b.lost {
		b.leases, b.lost = nil, false
	}
	if len(a.leases) == 0 {
		return // nothing is said of what there is
	}
	for _, l := range a.leases {
		if l.valid == 0 {
			b.remove(l.prefix)
			continue
		}
		to := b.find(l.prefix)
		if to == nil {
			b.leases = append(b.leases, lease{prefix: l.prefix, watched: wasWatched(old, l.prefix)})
			to = &b.leases[len(b.leases)-1]
		}
		to.preferred, to.valid = after(now, seconds(l.preferred)), after(now, seconds(l.valid))
		to.deprecated = l.preferred == 0
	}
	b.got = now
	b.t1, b.t2 = b.times(a.t1, a.t2, now)
}

func wasWatched(leases []lease, p netip.Prefix) bool {
	for _, l := range leases {
		if l.prefix == p {
			return l.watched
		}
	}
	return false
}

// shortest is the least time before a renewal that the client chooses itself: an
// exchange is not to follow the other at once (RFC 9915 §14.2).
const shortest = 10 * time.Second

// times returns T1 and T2 as the server has set them. What it has left open, and what
// an IA_TA has none of, is half and four fifths of the shortest preferred lifetime, as
// §21.4 recommends to servers; of the valid one where nothing is preferred.
func (b *binding) times(t1, t2 uint32, now time.Time) (renew, rebind time.Duration) {
	renew, rebind = seconds(t1), seconds(t2)
	if t1 != 0 && t2 != 0 {
		return renew, rebind
	}
	least := infinite
	for i := range b.leases {
		end := b.leases[i].preferred
		if over(end, now) {
			end = b.leases[i].valid
		}
		if !end.IsZero() {
			least = min(least, end.Sub(now))
		}
	}
	chosen1, chosen2 := infinite, infinite
	if least != infinite {
		chosen1, chosen2 = max(least/2, shortest), max(least/5*4, shortest)
	}
	switch {
	case t1 == 0 && t2 == 0:
		renew, rebind = chosen1, chosen2
	case t1 == 0:
		renew = min(chosen1, rebind)
	default:
		rebind = max(chosen2, renew)
	}
	return renew, rebind
}

// held reports whether any IA has a lease; of this kind with prefixes too.
func (m *Machine) held() (any, prefixes bool) {
	for i := range m.ias {
		if len(m.ias[i].leases) > 0 {
			any = true
			prefixes = prefixes || m.ias[i].Kind == PD
		}
	}
	return any, prefixes
}

func (m *Machine) holds() bool { any, _ := m.held(); return any }

// t1 and t2 are the earliest of all bindings (RFC 9915 §18.2.4); zero: never.
func (m *Machine) t1() time.Time {
	return m.earliest(func(b *binding) time.Time { return after(b.got, b.t1) })
}

func (m *Machine) t2() time.Time {
	return m.earliest(func(b *binding) time.Time { return after(b.got, b.t2) })
}

// earliest leaves out temporary addresses where there are other leases: they are
// renewed along with those, and few servers extend them.
func (m *Machine) earliest(of func(*binding) time.Time) (at time.Time) {
	lasting := slices.ContainsFunc(m.ias, func(b binding) bool { return b.Kind != TA && len(b.leases) > 0 })
	for i := range m.ias {
		if b := &m.ias[i]; len(b.leases) > 0 && (b.Kind != TA || !lasting) {
			at = sooner(at, of(b))
		}
	}
	return at
}

// change is when a lease's preferred or valid lifetime next ends.
func (m *Machine) change() (at time.Time) {
	for i := range m.ias {
		for _, l := range m.ias[i].leases {
			if !l.deprecated {
				at = sooner(at, l.preferred)
			}
			at = sooner(at, l.valid)
		}
	}
	return at
}
