package sim

import (
	"context"
	"net/netip"
	"os"
	"slices"
	"time"

	"github.com/dhcp4o6/dhcp4o6/pkg/dhcp4"
	"github.com/dhcp4o6/dhcp4o6/pkg/dhcp6"
	"github.com/dhcp4o6/dhcp4o6/pkg/ipc"
	"github.com/dhcp4o6/dhcp4o6/pkg/lease"
	"github.com/dhcp4o6/dhcp4o6/pkg/lease/leasefile"
	"github.com/dhcp4o6/dhcp4o6/pkg/netif"
	"github.com/dhcp4o6/dhcp4o6/pkg/pkt4o6"
	"github.com/dhcp4o6/dhcp4o6/pkg/server4"
	"github.com/dhcp4o6/dhcp4o6/pkg/topology"
)

// over4o6 is dhcp4d's engine behind the pair.
type over4o6 struct{}

func (over4o6) options() leasefile.Options { return leasefile.Options{Family: leasefile.V4} }

func (over4o6) resource(a netip.Addr) lease.Resource {
	return lease.Resource{Kind: lease.V4, Prefix: netip.PrefixFrom(a, 32)}
}

// A short lifetime has leases end while the simulation runs.
const lifetime = 100

func (over4o6) topology() *topology.Topology {
	p, err := lease.NewPool(lease.V4, 1, 0, netip.MustParseAddr("192.0.2.1"), netip.MustParseAddr("192.0.2.23"), 32)
	if err != nil {
		panic(err)
	}
	policy := topology.Policy{Valid: topology.Lifetime{Min: lifetime, Default: lifetime, Max: lifetime}, MatchClientID: true, EchoClientID: true}
	t := &topology.Topology{Family: topology.V4, Policy: policy, Identifiers: []topology.IdentifierKind{topology.HWAddress}}
	t.Subnets = []*topology.Subnet{{
		ID: 1, Prefix: netip.MustParsePrefix("192.0.2.0/24"), Policy: policy,
		FourOSix: topology.FourOSix{Iface: "s0"}, Pools: []*topology.Pool{{Lease: p}},
	}}
	t.Freeze()
	return t
}

var host = []netif.Interface{{Index: 2, Name: "s0", Up: true, Addrs: []netip.Prefix{netip.MustParsePrefix("192.0.2.254/24")}}}

func (f over4o6) engine(t *lease.Table) func(peer) {
	s := server4.New(server4.Options{Leases: t, Topology: f.topology(), Interfaces: host})
	return func(p peer) { s.Serve4o6(context.Background(), pairOf{p}) }
}

// pairOf is the pair that a peer is at the other end of.
type pairOf struct{ peer }

func (p pairOf) Read(in []ipc.Message) (int, error) {
	queries := p.next(min(len(in), 8))
	if len(queries) == 0 {
		return 0, os.ErrDeadlineExceeded
	}
	for i, q := range queries {
		in[i] = ipc.Message{Data: q.data, Origin: origin(q.c)}
	}
	return len(queries), nil
}

func (p pairOf) Write(out []ipc.Message) (int, error) {
	for _, m := range out {
		p.left(m.Data)
	}
	return len(out), nil
}

func (pairOf) Stop() {}

// origin is where the DHCPv6 daemon heard a client, or its relay.
func origin(c *client) ipc.Origin {
	if c.relayed {
		return ipc.Origin{Iface: "s0", Addr: relayAddr, Port: 547}
	}
	return ipc.Origin{Iface: "s0", Addr: linkLocal(c), Port: 546}
}

var relayAddr = netip.MustParseAddr("2001:db8:46::d")

func linkLocal(c *client) netip.Addr {
	a := [16]byte{0: 0xfe, 1: 0x80, 15: byte(c.n + 1)}
	return netip.AddrFrom16(a)
}

// through puts a relay in front of a message, if the client is behind one.
func through(c *client, message []byte) []byte {
	if !c.relayed {
		return message
	}
	var e dhcp6.Envelope
	if err := e.Parse(message); err != nil {
		panic(err)
	}
	e.Relays = []dhcp6.Relay{{
		Link: netip.MustParseAddr("2001:db8:46::1"), Peer: linkLocal(c),
		Options: dhcp6.AppendOption(nil, dhcp6.OptInterfaceID, []byte{byte(c.n)}),
	}}
	return e.Append(nil)
}

func hwAddr(n int) []byte { return []byte{2, 0, 0x5e, 0x46, 0, byte(n)} }

func (over4o6) query(q *question) []byte {
	var m dhcp4.Builder
	m.Header.XID, m.Header.HType = q.xid, 1
	t := [...]dhcp4.MessageType{dhcp4.Discover, dhcp4.Request, dhcp4.Request, dhcp4.Request, dhcp4.Release, dhcp4.Decline}[q.kind]
	m.Query(t, nil)
	m.SetCHAddr(hwAddr(q.c.n))
	if q.kind == renew || q.kind == release {
		m.Header.CIAddr = q.addr
	}
	if q.kind == request || q.kind == reboot || q.kind == decline {
		m.Add(dhcp4.OptRequestedAddress, q.addr.AsSlice())
	}
	if q.kind == request || q.kind == release || q.kind == decline {
		m.Add(dhcp4.OptServerID, host[0].Addrs[0].Addr().AsSlice())
	}
	if q.c.named {
		m.Add(dhcp4.OptClientID, append([]byte{0}, hwAddr(q.c.n)...))
	}
	var p pkt4o6.Packet
	return through(q.c, p.Wrap(nil, slices.Clone(m.Bytes()), q.kind == renew))
}

func (over4o6) read(b []byte) (r reply, err error) {
	var e dhcp6.Envelope
	if err := e.Parse(b); err != nil {
		return r, err
	}
	v, _ := e.Message.Options.Option(dhcp6.OptDHCPv4Message)
	var m dhcp4.Message
	if err := m.Parse(v); err != nil {
		return r, err
	}
	r.xid, r.addr = m.XID, m.YIAddr
	switch m.Type() {
	case dhcp4.Offer:
		r.is = offer
	case dhcp4.Ack:
		r.is = ack
	case dhcp4.Nak:
		r.is = nak
	}
	seconds, _ := m.Uint32(dhcp4.OptLeaseTime)
	r.valid = time.Duration(seconds) * time.Second
	return r, nil
}

func (over4o6) owner(l *lease.Lease) int {
	if len(l.HWAddr) != 6 {
		return -1
	}
	return int(l.HWAddr[5])
}
