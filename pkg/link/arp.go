package link

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"net"
	"net/netip"
	"os"
	"sync"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// ProbeTimes say how long the probe of an address takes (RFC 5227 §1.1). A
// field that is zero has the value of the RFC; a negative time is none.
type ProbeTimes struct {
	Wait     time.Duration // at most so long until the first probe, by chance; 1 s
	Num      int           // probes; 3
	Min, Max time.Duration // between two of them, by chance; 1 s and 2 s
	Listen   time.Duration // after the last of them; 2 s
}

// withDefaults returns t with the RFC's values in place of zeros.
func (t ProbeTimes) withDefaults() ProbeTimes {
	if t.Num == 0 {
		t.Num = 3
	}
	for _, d := range [...]struct {
		field *time.Duration
		value time.Duration
	}{{&t.Wait, time.Second}, {&t.Min, time.Second}, {&t.Max, 2 * time.Second}, {&t.Listen, 2 * time.Second}} {
		if *d.field == 0 {
			*d.field = d.value
		}
		*d.field = max(*d.field, 0)
	}
	t.Max = max(t.Min, t.Max)
	return t
}

// The times that guard an address in use (RFC 5227 §1.1).
const (
	announceNum      = 2
	announceInterval = 2 * time.Second
	defendInterval   = 10 * time.Second
)

// An ARP is a conversation about one IPv4 address on one Ethernet link: probes it,
// announces it, and hears who else uses it (RFC 5227). Probe and Guard are for one
// goroutine at a time; Close ends them from another.
type ARP struct {
	file    *os.File
	raw     syscall.RawConn
	ifindex int
	mac     Addr
	addr    netip.Addr

	mu sync.Mutex // held by Probe and by Guard
}

// OpenARP opens the conversation about a on a link whose own address is mac; it
// needs CAP_NET_RAW.
func OpenARP(ifindex int, mac Addr, a netip.Addr) (*ARP, error) {
	if !a.Is4() {
		return nil, ErrFamily
	}
	f, raw, err := open(ifindex, unix.ETH_P_ARP, arpFilter(ifindex, a))
	if err != nil {
		return nil, err
	}
	return &ARP{file: f, raw: raw, ifindex: ifindex, mac: mac, addr: a}, nil
}

// Close ends Probe and Guard; they fail with net.ErrClosed.
func (c *ARP) Close() error { return c.file.Close() }

// Probe asks whether somebody uses the address already, or is about to (RFC 5227
// §2.1.1), and returns at once with the hardware address of who does. It fails
// with the error of ctx when that ends.
func (c *ARP) Probe(ctx context.Context, t ProbeTimes) (by Addr, taken bool, err error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	defer context.AfterFunc(ctx, func() { c.file.SetReadDeadline(time.Unix(1, 0)) })()
	t = t.withDefaults()
	wait := within(0, t.Wait)
	for i := range t.Num {
		if by, taken, err = c.listen(ctx, wait, true); taken || err != nil {
			return by, taken, err
		}
		if err := c.send(netip.IPv4Unspecified()); err != nil {
			return by, false, err
		}
		if wait = within(t.Min, t.Max); i == t.Num-1 {
			wait = t.Listen
		}
	}
	return c.listen(ctx, wait, true)
}

// within returns a duration between lo and hi by chance, so that hosts that come
// up together do not ask in step.
func within(lo, hi time.Duration) time.Duration {
	return lo + rand.N(hi-lo+1)
}

// Guard announces the address twice (RFC 5227 §2.3) and then waits until another
// host uses it. It answers a conflict once by an announcement of its own, and
// returns at the next one that comes within ten seconds (§2.4 b): the address must
// be given up. A link that goes down and comes back does not end it.
func (c *ARP) Guard(ctx context.Context) (by Addr, err error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	defer context.AfterFunc(ctx, func() { c.file.SetReadDeadline(time.Unix(1, 0)) })()
	var defended time.Time
	for announced := 0; ; {
		if announced < announceNum {
			if err := c.announce(); err != nil {
				return by, err
			}
			announced++
		}
		wait := announceInterval
		if announced == announceNum {
			wait = forever
		}
		by, taken, err := c.listen(ctx, wait, false)
		switch now := time.Now(); {
		case err != nil:
			return by, err
		case !taken:
		case !defended.IsZero() && now.Sub(defended) < defendInterval:
			return by, nil
		default:
			defended = now
			if err := c.announce(); err != nil {
				return by, err
			}
		}
	}
}

// announce says that the address is ours. A link that is down has nobody to hear it.
func (c *ARP) announce() error {
	if err := c.send(c.addr); !errors.Is(err, unix.ENETDOWN) {
		return err
	}
	return nil
}

// forever is a wait without an end.
const forever = time.Duration(-1)

// listen waits for a conflict.
func (c *ARP) listen(ctx context.Context, wait time.Duration, probing bool) (by Addr, taken bool, err error) {
	var deadline time.Time
	if wait != forever {
		deadline = time.Now().Add(wait)
	}
	if c.file.SetReadDeadline(deadline) != nil {
		return by, false, net.ErrClosed
	}
	var in [sizeARP]byte // what stands behind is padding
	var oob [64]byte
	for {
		if err := ctx.Err(); err != nil { // else its end may have come before the deadline was set
			return by, false, err
		}
		p, status, err := receive(c.raw, in[:], oob[:])
		switch {
		case errors.Is(err, os.ErrDeadlineExceeded):
			return by, false, ctx.Err()
		case errors.Is(err, unix.ENETDOWN) && !probing:
			continue // said once; what comes when the link is up again is heard
		case err != nil:
			return by, false, err
		case status&unix.TP_STATUS_VLAN_VALID != 0:
			continue
		}
		if by, taken = conflict(p, c.mac, c.addr, probing); taken {
			return by, true, nil
		}
	}
}

// send broadcasts a request for the address: from nobody a probe, from the address
// itself an announcement.
func (c *ARP) send(from netip.Addr) error {
	p := appendARP(nil, c.mac, from, c.addr)
	to := unix.SockaddrLinklayer{Protocol: htons(unix.ETH_P_ARP), Ifindex: c.ifindex, Halen: uint8(len(Broadcast))}
	copy(to.Addr[:], Broadcast[:])
	var failed error
	if err := c.raw.Control(func(fd uintptr) { failed = unix.Sendto(int(fd), p, unix.MSG_DONTWAIT, &to) }); err != nil {
		return net.ErrClosed
	}
	if failed != nil {
		return fmt.Errorf("link: send ARP: %w", failed)
	}
	return nil
}

// sizeARP is an ARP packet of IPv4 on Ethernet (RFC 826).
const sizeARP = 28

// appendARP writes a request for target.
func appendARP(b []byte, mac Addr, sender, target netip.Addr) []byte {
	b = append(b, 0, 1, 8, 0, 6, 4, 0, 1) // Ethernet, IPv4, lengths of the addresses, request
	b = append(b, mac[:]...)
	b = append(b, sender.AsSlice()...)
	b = append(b, make([]byte, len(mac))...)
	return append(b, target.AsSlice()...)
}

// conflict reports whether an ARP packet says that another host uses a: it is the
// sender's address, in a request as in a reply (RFC 5227 §2.1.1, §2.4). While
// probing, another host's probe of a is a conflict as well. What comes from our
// own hardware address is an echo.
func conflict(p []byte, mac Addr, a netip.Addr, probing bool) (by Addr, yes bool) {
	if len(p) < sizeARP || be.Uint16(p[2:]) != unix.ETH_P_IP || p[4] != 6 || p[5] != 4 {
		return by, false
	}
	by = Addr(p[8:14])
	sender, target := netip.AddrFrom4([4]byte(p[14:])), netip.AddrFrom4([4]byte(p[24:]))
	probe := sender.IsUnspecified() && target == a && be.Uint16(p[6:]) == 1
	return by, by != mac && (sender == a || probing && probe)
}
