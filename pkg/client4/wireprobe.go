package client4

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"syscall"

	"github.com/dhcp4o6/dhcp4o6/pkg/link"
	"github.com/dhcp4o6/dhcp4o6/pkg/netif"
)

// ethernet is the hardware type of links whose neighbours ARP asks (RFC 826).
const ethernet = 1

// asks returns the hardware address by which a link asks its neighbours; false:
// it does not.
func asks(i *netif.Interface) (mac link.Addr, ok bool) {
	if i.HWType != ethernet || i.NoARP || len(i.HWAddr) != len(mac) {
		return mac, false
	}
	return link.Addr(i.HWAddr), true
}

// Probe asks by ARP whether another host has an address, for five to nine seconds
// (RFC 5227 §2.1.1) unless the options say otherwise. On a link without ARP nobody
// is found.
func (w *Wire) Probe(a netip.Addr) (taken bool, err error) {
	w.mu.Lock()
	i, up := w.link, w.up()
	w.mu.Unlock()
	if !up {
		return false, ErrLink
	}
	mac, ok := asks(i)
	if !ok {
		return false, nil
	}
	c, err := link.OpenARP(i.Index, mac, a)
	if err == nil {
		defer c.Close()
		_, taken, err = c.Probe(w.ctx, w.o.ProbeTimes)
	}
	switch {
	case err == nil:
		return taken, nil
	case errors.Is(err, context.Canceled):
		return false, net.ErrClosed
	case errors.Is(err, syscall.ENETDOWN), errors.Is(err, syscall.ENXIO), errors.Is(err, syscall.ENODEV):
		return false, ErrLink
	}
	return false, fmt.Errorf("client4: %s: %w", w.o.Iface, err)
}

// watch guards the address while the link carries it. What the host only says it
// has, as in a dry run, must not be announced to others.
func (w *Wire) watch() {
	wanted := w.up() && w.bound.IsValid() && w.link.Has(w.bound)
	if wanted == (w.guard != nil) {
		return
	}
	if !wanted {
		w.guard.Close()
		w.guard = nil
		return
	}
	mac, ok := asks(w.link)
	if !ok {
		return
	}
	c, err := link.OpenARP(w.link.Index, mac, w.bound)
	if err != nil {
		return // the link has just gone: the next picture of it says so
	}
	w.guard = c
	a := w.bound
	w.wait.Go(func() { w.stand(c, a) })
}

// stand guards an address until it has to be given up, or the guard is called off.
func (w *Wire) stand(c *link.ARP, a netip.Addr) {
	_, err := c.Guard(w.ctx)
	if err == nil {
		select {
		case w.conflicts <- a:
		default: // one was told, and waits to be heard
		}
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	c.Close()
	if err != nil && w.guard == c {
		w.guard = nil // the next picture of the link begins anew
	}
}
