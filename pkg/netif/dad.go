package netif

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"slices"
	"sync"
	"time"

	"github.com/vishvananda/netlink/nl"
	"golang.org/x/sys/unix"
)

// A DAD watches how duplicate address detection (RFC 4862 §5.4) ends for the IPv6
// addresses of the host. It has to be opened before an address is added whose fate
// is of interest: one with a lifetime is gone as soon as it has failed. It waits for
// the kernel's news and never asks twice. Safe for concurrent use.
type DAD struct {
	news   *nl.NetlinkSocket
	dumper *dumper
	ctx    context.Context // done after Close
	cancel context.CancelFunc
	done   chan struct{} // listen has ended

	mu      sync.Mutex
	fates   map[assigned]fate
	changed chan struct{} // closed when a fate changes
}

// assigned is an address of a link.
type assigned struct {
	index int
	addr  netip.Addr
}

// A fate is what is known of an assigned address.
type fate uint8

const (
	tentative fate = iota + 1
	unique
	duplicate
)

// maxFates bounds the memory for addresses that are gone: a failed one is
// remembered until somebody asks.
const maxFates = 4096

// WatchDAD opens a DAD in the network namespace of the calling thread.
func WatchDAD() (*DAD, error) {
	news, err := nl.Subscribe(unix.NETLINK_ROUTE, unix.RTNLGRP_IPV6_IFADDR)
	if err != nil {
		return nil, fmt.Errorf("netif: watch duplicate address detection: %w", err)
	}
	dumper, err := newDumper()
	if err != nil {
		news.Close()
		return nil, err
	}
	d := &DAD{news: news, dumper: dumper, done: make(chan struct{}), fates: map[assigned]fate{}, changed: make(chan struct{})}
	if err := d.catchUp(); err != nil {
		news.Close()
		dumper.close()
		return nil, err
	}
	d.ctx, d.cancel = context.WithCancel(context.Background())
	go d.listen()
	return d, nil
}

// Close ends every Wait and returns when nothing of d runs any more.
func (d *DAD) Close() error {
	d.cancel()
	d.news.Close() // ends listen
	<-d.done
	return nil
}

// Wait waits until the detection is over for all of these addresses of a link, and
// returns those that another node has. Each is told once. An address that is not on
// the link is waited for. When ctx ends, Wait returns what it knows and the error
// of ctx; after Close the error is net.ErrClosed.
func (d *DAD) Wait(ctx context.Context, ifindex int, addrs []netip.Addr) (taken []netip.Addr, err error) {
	for {
		more, open, changed := d.look(ifindex, addrs)
		if taken = append(taken, more...); !open {
			return taken, nil
		}
		addrs = slices.DeleteFunc(slices.Clone(addrs), func(a netip.Addr) bool { return slices.Contains(more, a) })
		select {
		case <-changed:
		case <-ctx.Done():
			return taken, ctx.Err()
		case <-d.ctx.Done():
			return taken, net.ErrClosed
		}
	}
}

// look returns which of the addresses are duplicates, whether the detection goes
// on for any, and what is closed at the next change.
func (d *DAD) look(ifindex int, addrs []netip.Addr) (taken []netip.Addr, open bool, changed <-chan struct{}) {
	d.mu.Lock()
	defer d.mu.Unlock()
	for _, a := range addrs {
		switch key := (assigned{ifindex, a}); d.fates[key] {
		case duplicate:
			taken = append(taken, a)
			delete(d.fates, key)
		case unique:
		default:
			open = true
		}
	}
	return taken, open, d.changed
}

// listen notes the fates that the kernel tells, until Close.
func (d *DAD) listen() {
	defer close(d.done)
	defer d.dumper.close()
	for {
		msgs, from, err := d.news.Receive()
		if d.ctx.Err() != nil {
			return
		}
		switch {
		case errors.Is(err, unix.ENOBUFS): // some were lost
			err = d.catchUp()
		case err == nil && from.Pid == 0:
			for _, m := range msgs {
				d.note(m.Header.Type, m.Data)
			}
		}
		if err != nil {
			time.Sleep(quiet) // an error that stays must not spin
		}
	}
}

// catchUp asks for all addresses as they are.
func (d *DAD) catchUp() error {
	msgs, err := d.dumper.dump(unix.RTM_GETADDR, unix.RTM_NEWADDR, nl.NewIfAddrmsg(unix.AF_INET6))
	if err != nil {
		return fmt.Errorf("netif: list addresses: %w", err)
	}
	for _, m := range msgs {
		d.note(unix.RTM_NEWADDR, m)
	}
	return nil
}

// note takes in one message.
func (d *DAD) note(kind uint16, m []byte) {
	key, f, ok := parseFate(kind, m)
	if !ok {
		return
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	switch {
	case d.fates[key] == f:
		return
	case f == 0:
		delete(d.fates, key)
	case len(d.fates) < maxFates || d.fates[key] != 0:
		d.fates[key] = f
	}
	close(d.changed)
	d.changed = make(chan struct{})
}

// parseFate decodes an RTM_NEWADDR or RTM_DELADDR; 0 is the fate of an address that
// was taken away. One with a lifetime is taken away by the kernel when it fails, and
// the message says that it has.
func parseFate(kind uint16, m []byte) (key assigned, f fate, ok bool) {
	if kind != unix.RTM_NEWADDR && kind != unix.RTM_DELADDR {
		return key, 0, false
	}
	index, a, flags, ok := parseAssigned(m)
	if !ok || !a.Prefix.Addr().Is6() {
		return key, 0, false
	}
	switch {
	case flags&unix.IFA_F_DADFAILED != 0:
		f = duplicate
	case kind == unix.RTM_DELADDR:
	case flags&unix.IFA_F_TENTATIVE != 0: // an optimistic one too, while it is being asked for
		f = tentative
	default:
		f = unique
	}
	return assigned{index, a.Prefix.Addr()}, f, true
}
