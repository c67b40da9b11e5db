package hostconf

import (
	"fmt"

	"github.com/dhcp4o6/dhcp4o6/pkg/netif"
)

// minMTU6 is what a link with IPv6 has to carry; below it the kernel ends IPv6 there
// (RFC 8200 §5).
const minMTU6 = 1280

// mtu sets that of the lease, and puts back what was before ours when there is none. An MTU that
// somebody else has set in between stays.
func (w *work) mtu() error {
	if w.link == nil {
		w.kept.MTU, w.kept.MTUBefore = 0, 0 // a link that comes back has its own
		return nil
	}
	want, refused := w.want.MTU, error(nil)
	if want != 0 && (want < w.o.MinMTU || want < minMTU6 && w.hasIPv6()) {
		refused = fmt.Errorf("hostconf: %s: MTU %d: %w", w.c.Iface, want, ErrMTU)
		want = 0
	}
	ours := w.kept.MTU != 0 && w.link.MTU == w.kept.MTU
	switch {
	case want == w.link.MTU:
		return refused
	case want != 0:
		if err := netif.SetMTU(w.link.Index, want); err != nil {
			return fmt.Errorf("hostconf: %s: %w", w.c.Iface, err)
		}
		if !ours {
			w.kept.MTUBefore = w.link.MTU
		}
		w.kept.MTU = want
	default:
		before := w.kept.MTUBefore
		w.kept.MTU, w.kept.MTUBefore = 0, 0
		if !ours {
			return refused
		}
		if err := netif.SetMTU(w.link.Index, before); err != nil {
			return fmt.Errorf("hostconf: %s: %w", w.c.Iface, err)
		}
	}
	return refused
}

// hasIPv6 reports whether the link has an IPv6 address.
func (w *work) hasIPv6() bool {
	for _, p := range w.link.Addrs {
		if p.Addr().Is6() {
			return true
		}
	}
	return false
}
