package sim

import (
	"context"
	"errors"
	"net/netip"
	"os"
	"time"

	"github.com/dhcp4o6/dhcp4o6/pkg/dhcp6"
	"github.com/dhcp4o6/dhcp4o6/pkg/lease"
	"github.com/dhcp4o6/dhcp4o6/pkg/lease/leasefile"
	"github.com/dhcp4o6/dhcp4o6/pkg/server6"
	"github.com/dhcp4o6/dhcp4o6/pkg/topology"
	"github.com/dhcp4o6/dhcp4o6/pkg/transport"
)

// native6 is dhcp6d's engine on its socket.
type native6 struct{}

func (native6) options() leasefile.Options { return leasefile.Options{Family: leasefile.V6} }

func (native6) resource(a netip.Addr) lease.Resource {
	return lease.Resource{Kind: lease.NA, Prefix: netip.PrefixFrom(a, 128)}
}

func (native6) topology() *topology.Topology {
	p, err := lease.NewPool(lease.NA, 1, 0, netip.MustParseAddr("2001:db8:46::100"), netip.MustParseAddr("2001:db8:46::116"), 128)
	if err != nil {
		panic(err)
	}
	span := topology.Lifetime{Min: lifetime, Default: lifetime, Max: lifetime}
	policy := topology.Policy{Valid: span, Preferred: span}
	t := &topology.Topology{Family: topology.V6, Policy: policy, Identifiers: []topology.IdentifierKind{topology.DUID}}
	t.Subnets = []*topology.Subnet{{
		ID: 1, Prefix: netip.MustParsePrefix("2001:db8:46::/64"), Policy: policy, Iface: "s0", Pools: []*topology.Pool{{Lease: p}},
	}}
	t.Freeze()
	return t
}

var serverID = dhcp6.NewDUIDEN(32473, []byte("sim"))

func (f native6) engine(t *lease.Table) func(peer) {
	s := server6.New(server6.Options{Leases: t, Topology: f.topology(), ServerID: serverID})
	return func(p peer) { s.Serve(context.Background(), socketOf{p}) }
}

// socketOf is the socket that a peer is at the other end of.
type socketOf struct{ peer }

var multicast = netip.MustParseAddr("ff02::1:2")

func (s socketOf) Read(in []transport.Datagram) (int, error) {
	queries := s.next(min(len(in), 8))
	if len(queries) == 0 {
		return 0, os.ErrDeadlineExceeded
	}
	for i, q := range queries {
		o := origin(q.c)
		in[i] = transport.Datagram{Data: q.data, Peer: netip.AddrPortFrom(o.Addr, o.Port), Local: multicast, IfIndex: 2}
	}
	return len(queries), nil
}

func (s socketOf) Write(out []transport.Datagram) (int, error) {
	for _, d := range out {
		s.left(d.Data)
	}
	return len(out), nil
}

func (socketOf) More([]transport.Datagram) int { return 0 }

func (socketOf) Stop()        {}
func (socketOf) Close() error { return nil }
func (socketOf) Socket() transport.Socket {
	return transport.Socket{Iface: "s0", IfIndex: 2, Addr: multicast, Multicast: true}
}

func (native6) query(q *question) []byte {
	t := [...]dhcp6.MessageType{dhcp6.Solicit, dhcp6.Request, dhcp6.Renew, dhcp6.Rebind, dhcp6.Release, dhcp6.Decline}[q.kind]
	b := []byte{byte(t), byte(q.xid >> 16), byte(q.xid >> 8), byte(q.xid)}
	b = dhcp6.AppendOption(b, dhcp6.OptClientID, dhcp6.NewDUIDLL(1, hwAddr(q.c.n)))
	if q.kind != discover && q.kind != reboot {
		b = dhcp6.AppendOption(b, dhcp6.OptServerID, serverID)
	}
	b, mark := dhcp6.OpenIANA(b, 1, 0, 0)
	if q.addr.IsValid() {
		b = dhcp6.IAAddr{Addr: q.addr}.Append(b)
	}
	return through(q.c, dhcp6.Shut(b, mark))
}

var errAnswer = errors.New("not an answer")

func (native6) read(b []byte) (r reply, err error) {
	var e dhcp6.Envelope
	if err := e.Parse(b); err != nil {
		return r, err
	}
	m := &e.Message
	r.xid = uint32(m.XID[0])<<16 | uint32(m.XID[1])<<8 | uint32(m.XID[2])
	switch m.Type {
	case dhcp6.Advertise:
	case dhcp6.Reply:
		r.is = nak // unless it gives an address
	default:
		return r, errAnswer
	}
	v, ok := m.Options.Option(dhcp6.OptIANA)
	if !ok { // of a Release, a Decline
		return r, nil
	}
	ia, err := dhcp6.ParseIANA(v)
	if err != nil {
		return r, err
	}
	for c, v := range ia.Options.All {
		if c != dhcp6.OptIAAddr {
			continue
		}
		a, err := dhcp6.ParseIAAddr(v)
		if err != nil {
			return r, err
		}
		if a.Valid > 0 {
			r.addr, r.valid = a.Addr, time.Duration(a.Valid)*time.Second
			r.is = ack
			if m.Type == dhcp6.Advertise {
				r.is = offer
			}
		}
	}
	return r, nil
}

func (native6) owner(l *lease.Lease) int {
	if len(l.DUID) == 0 {
		return -1
	}
	return int(l.DUID[len(l.DUID)-1])
}
