package hostconf

import (
	"errors"
	"fmt"
	"net/netip"
	"os"
	"slices"
	"time"

	"github.com/dhcp4o6/dhcp4o6/pkg/netif"
)

// addresses puts those of the lease on the link, or renews their lifetimes.
func (w *work) addresses() error {
	var errs []error
	for _, a := range w.want.Addresses {
		s, ok, err := w.assigned(&a)
		if err != nil {
			errs = append(errs, err)
		} else if ok {
			w.leased = append(w.leased, s)
		}
	}
	if w.link == nil || len(w.leased) == 0 {
		return errors.Join(errs...)
	}
	have, err := netif.Assignments(w.link.Index)
	if err != nil {
		return errors.Join(append(errs, err)...)
	}
	for i := range w.leased {
		errs = append(errs, w.assign(&w.leased[i], have))
	}
	return errors.Join(errs...)
}

// assigned is what a leased address is to the kernel; not ok: its time is over.
func (w *work) assigned(a *Address) (s netif.Assigned, ok bool, err error) {
	ip := a.Prefix.Addr()
	if !a.Prefix.IsValid() || ip.Is6() != w.v6 || !isHost(ip) {
		return s, false, fmt.Errorf("hostconf: %v: %w", a.Prefix, ErrAddress)
	}
	s = netif.Assigned{Prefix: a.Prefix, Preferred: left(a.Preferred, w.now), Valid: left(a.Valid, w.now), Proto: Proto}
	if s.Valid < time.Second {
		return s, false, nil
	}
	if w.v6 {
		// no prefix is on the link because of an address (RFC 9915 §18.2.10.1)
		s.Prefix, s.NoPrefixRoute = netip.PrefixFrom(ip, 128), true
		return s, true, nil
	}
	s.Metric = uint32(w.o.Metric)
	if s.Broadcast = a.Broadcast; !s.Broadcast.Is4() && a.Prefix.Bits() < 31 {
		s.Broadcast = last(a.Prefix)
	}
	return s, true, nil
}

// isHost reports whether a host may have an address that a server names.
func isHost(a netip.Addr) bool {
	return !a.IsUnspecified() && !a.IsLoopback() && !a.IsMulticast() && !a.Is4In6() && a.Zone() == "" && a != netip.AddrFrom4([4]byte{255, 255, 255, 255})
}

// last returns the last address of an IPv4 network, which is its broadcast address.
func last(p netip.Prefix) netip.Addr {
	b := p.Addr().As4()
	for i := p.Bits(); i < 32; i++ {
		b[i/8] |= 0x80 >> (i % 8)
	}
	return netip.AddrFrom4(b)
}

// left is what is left of a lifetime.
func left(end, now time.Time) time.Duration {
	if end.IsZero() {
		return netif.Forever
	}
	return max(0, end.Sub(now))
}

// assign puts one address on the link. One that is there already, whoever has put it
// there, is ours from then on. The kernel changes neither the broadcast address nor
// the flags of an IPv4 address in place: only then it goes for a moment.
func (w *work) assign(s *netif.Assigned, have []netif.Assigned) error {
	at := slices.IndexFunc(have, func(h netif.Assigned) bool {
		return h.Prefix == s.Prefix || w.v6 && h.Prefix.Addr() == s.Prefix.Addr()
	})
	if at >= 0 {
		h := have[at]
		s.Prefix = h.Prefix // of IPv6 there is one of an address, of whatever length
		if !w.v6 && (h.Broadcast != s.Broadcast || h.NoPrefixRoute) {
			if err := netif.Unassign(w.link.Index, h.Prefix); err != nil && !errors.Is(err, os.ErrNotExist) {
				return fmt.Errorf("hostconf: %s: %w", w.c.Iface, err)
			}
		}
	}
	if err := netif.Assign(w.link.Index, *s); err != nil {
		return fmt.Errorf("hostconf: %s: %w", w.c.Iface, err)
	}
	return nil
}

// oldAddresses takes away what is ours and not leased any more.
func (w *work) oldAddresses() error {
	if w.link == nil {
		return nil
	}
	have, err := netif.Assignments(w.link.Index)
	if err != nil {
		return fmt.Errorf("hostconf: %s: %w", w.c.Iface, err)
	}
	var errs []error
	for _, h := range have {
		if h.Prefix.Addr().Is6() != w.v6 || !w.ours(&h) {
			continue
		}
		if slices.ContainsFunc(w.leased, func(s netif.Assigned) bool { return s.Prefix == h.Prefix }) {
			continue
		}
		if err := netif.Unassign(w.link.Index, h.Prefix); err != nil && !errors.Is(err, os.ErrNotExist) {
			errs = append(errs, fmt.Errorf("hostconf: %s: %w", w.c.Iface, err))
		}
	}
	return errors.Join(errs...)
}

// ours reports whether an address is from us: it has our mark, or was of the lease
// before this one, which kernels before 5.18 leave to be known by.
func (w *work) ours(h *netif.Assigned) bool {
	if h.Proto == Proto {
		return true
	}
	return w.c.Old != nil && h.Proto == 0 && slices.ContainsFunc(w.c.Old.Addresses, func(a Address) bool {
		return a.Prefix == h.Prefix || w.v6 && a.Prefix.Addr() == h.Prefix.Addr()
	})
}
