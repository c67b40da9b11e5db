package transport

import (
	"errors"
	"fmt"
	"net/netip"

	"github.com/dhcp4o6/dhcp4o6/pkg/netif"
)

// What keeps a Spec from having its sockets; each waits for the links to change.
var (
	ErrNoInterface = errors.New("transport: no such interface")
	ErrDown        = errors.New("transport: interface is down")
	ErrNoAddress   = errors.New("transport: interface has no usable address for it")
)

// A kind is what a socket takes.
type kind uint8

const (
	unicast   kind = iota // datagrams to one address of ours
	group                 // datagrams to an IPv6 multicast group
	broadcast             // datagrams to 255.255.255.255
)

// A key is one socket that should be open. A link that is made anew under an
// old name has another index, so its sockets are others.
type key struct {
	iface string
	index int
	kind  kind
	addr  netip.Addr // of a broadcast socket: limitedBroadcast
	still bool       // IPv4: nothing comes in on the link, a loopback or dummy
}

// String names the socket for messages.
func (k key) String() string { return k.iface + "/" + k.addr.String() }

// bound tells whether the socket has to be bound to its device. An address may
// stand on a link that no datagram ever comes in on, such as the loopback of a
// router, and is then served from everywhere; with IPv6 any global one is. A
// link-local one and ff02::1:2 are bound to their link by their scope.
func (k key) bound() bool {
	if k.addr.Is4() {
		return !k.still
	}
	return k.kind == group && !k.addr.IsLinkLocalMulticast()
}

// boundToLink tells whether the socket has to do with its link only, by device
// or by scope.
func (k key) boundToLink() bool {
	return k.kind != unicast || k.addr.Is4() && !k.still || k.addr.IsLinkLocalUnicast()
}

// A plan is the sockets that specs and links ask for, in order.
type plan struct {
	keys    []key
	answers map[key]netip.Addr // the address a broadcast socket answers from
	before  map[key]netip.Addr // and did until now: it stays where it still can
	lacks   []lack
}

// A lack is a spec, or an interface of it, that has no socket now.
type lack struct {
	iface string
	err   error
}

// wanted works out the sockets to have; before is what broadcast sockets answer
// from now.
func wanted(v4 bool, specs []Spec, links []netif.Interface, before map[key]netip.Addr) plan {
	p := plan{answers: make(map[key]netip.Addr), before: before}
	for _, s := range specs {
		if s.Iface == "*" {
			for i := range links {
				if l := &links[i]; l.Up && !l.Loopback {
					p.link(v4, l, Spec{Iface: l.Name}, true)
				}
			}
			continue
		}
		p.named(v4, s, links)
	}
	return p
}

func (p *plan) named(v4 bool, s Spec, links []netif.Interface) {
	for i := range links {
		l := &links[i]
		if l.Name != s.Iface {
			continue
		}
		if !l.Up {
			p.miss(s, ErrDown)
			return
		}
		p.link(v4, l, s, false)
		return
	}
	p.miss(s, ErrNoInterface)
}

func (p *plan) miss(s Spec, err error) {
	p.lacks = append(p.lacks, lack{s.Iface, fmt.Errorf("%w (%s)", err, s)})
}

// link adds the sockets of one interface. With any, an interface without
// addresses is passed over in silence.
func (p *plan) link(v4 bool, l *netif.Interface, s Spec, any bool) {
	before := len(p.keys)
	if v4 {
		p.link4(l, s)
	} else {
		p.link6(l, s)
	}
	switch {
	case s.Addr.IsValid() && !l.Has(s.Addr), len(p.keys) == before && !any && !p.serves(l):
		p.miss(s, ErrNoAddress)
	}
}

// serves tells whether an earlier spec has brought sockets to l.
func (p *plan) serves(l *netif.Interface) bool {
	for _, k := range p.keys {
		if k.index == l.Index {
			return true
		}
	}
	return false
}

// link4 adds a socket for each IPv4 address asked for, and one for what clients
// without address send to 255.255.255.255 (RFC 2131 §4.1).
func (p *plan) link4(l *netif.Interface, s Spec) {
	all := broadcasts(l.Name, l.Index)
	still := l.Loopback || l.NoARP && l.Broadcast
	for _, prefix := range l.Addrs {
		a := prefix.Addr()
		if !a.Is4() || s.Addr.IsValid() && a != s.Addr {
			continue
		}
		p.add(key{l.Name, l.Index, unicast, a, still})
		if !l.Broadcast || still {
			continue
		}
		if _, ok := p.answers[all]; !ok {
			p.answers[all] = p.answer(all, l, s)
		}
		p.add(all)
	}
}

// broadcasts is the socket of a link for what is sent to everybody.
func broadcasts(iface string, index int) key {
	return key{iface: iface, index: index, kind: broadcast, addr: limitedBroadcast}
}

// answer chooses what a broadcast socket answers from: the address that the spec
// names, else the one that it was until now, else the one that the link goes by.
// Clients know their server by it.
func (p *plan) answer(k key, l *netif.Interface, s Spec) netip.Addr {
	switch a := p.before[k]; {
	case s.Addr.IsValid():
		return s.Addr
	case a.IsValid() && l.Has(a):
		return a
	}
	return l.IPv4()
}

// link6 adds the sockets for the link-local address and the groups, and one
// for the address that the spec names besides. A loopback has neither and gets
// all its addresses, or the one named.
func (p *plan) link6(l *netif.Interface, s Spec) {
	if a := l.LinkLocal(); a.IsValid() && !l.Loopback {
		p.add(key{iface: l.Name, index: l.Index, kind: unicast, addr: a})
		if l.Multicast {
			p.add(key{iface: l.Name, index: l.Index, kind: group, addr: allAgentsAndServers})
			p.add(key{iface: l.Name, index: l.Index, kind: group, addr: allServers})
		}
	}
	for _, prefix := range l.Addrs {
		a := prefix.Addr()
		if a.Is6() && (a == s.Addr || l.Loopback && !s.Addr.IsValid()) {
			p.add(key{iface: l.Name, index: l.Index, kind: unicast, addr: a})
		}
	}
}

func (p *plan) add(k key) {
	for _, have := range p.keys {
		if have == k {
			return
		}
	}
	p.keys = append(p.keys, k)
}
