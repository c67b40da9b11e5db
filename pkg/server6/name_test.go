package server6

import (
	"fmt"
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/dhcp4o6/dhcp4o6/pkg/ddns"
	"github.com/dhcp4o6/dhcp4o6/pkg/dhcp6"
	"github.com/dhcp4o6/dhcp4o6/pkg/lease"
	"github.com/dhcp4o6/dhcp4o6/pkg/topology"
	"github.com/dhcp4o6/dhcp4o6/pkg/transport"
)

// naming sets the parameters of names of the lab's subnet.
func naming(edit func(*ddns.Params)) func(*topology.Topology, *Options) {
	p := ddns.Default
	p.Send, p.Suffix = true, "example.org"
	if edit != nil {
		edit(&p)
	}
	return func(n *topology.Topology, _ *Options) { n.Subnets[0].Naming = &p }
}

func fqdn(flags byte, wire string) []byte {
	return opt(dhcp6.OptClientFQDN, append([]byte{flags}, wire...))
}

// TestClientFQDN: how a client's name is answered and what its lease says (RFC 4704
// §5, §6). It is what kea-dhcp6 does.
func TestClientFQDN(t *testing.T) {
	at := "myhost-2001-db8-1--100" // the first address of the pool
	for _, tt := range []struct {
		name  string
		edit  func(*ddns.Params)
		sent  []byte
		flags byte
		told  string // "": no option
		lease string
	}{
		{"none", nil, nil, 0, "", "  "},
		{"partial, S", nil, fqdn(1, "\x04Host"), fqdnS, "host.example.org.", "AP host.example.org."},
		{"whole, S", nil, fqdn(1, "\x04host\x03lab\x00"), fqdnS, "host.lab.", "AP host.lab."},
		{"the client updates the address", nil, fqdn(0, "\x04host"), 0, "host.example.org.", " P host.example.org."},
		{"it may not", func(p *ddns.Params) { p.OverrideClientUpdate = true }, fqdn(0, "\x04host"), fqdnS | fqdnO, "host.example.org.", "AP host.example.org."},
		{"N", nil, fqdn(4, "\x04host"), fqdnN, "host.example.org.", "   host.example.org."},
		{"no updates here", func(p *ddns.Params) { p.Send = false }, fqdn(1, "\x04host"), fqdnN | fqdnO, "host.example.org.", "   host.example.org."},
		{"no name in it", nil, fqdn(1, ""), fqdnS, at + ".example.org.", "AP " + at + ".example.org."},
		{"replaced", func(p *ddns.Params) { p.Replace = ddns.Always }, fqdn(1, "\x04host"), fqdnS, at + ".example.org.", "AP " + at + ".example.org."},
		{"given to who has none", func(p *ddns.Params) { p.Replace = ddns.WhenNotPresent }, nil, fqdnS, at + ".example.org.", "AP " + at + ".example.org."},
		{"but not without updates", func(p *ddns.Params) { p.Replace, p.Send = ddns.WhenNotPresent, false }, nil, 0, "", "  "},
		{"cut", nil, fqdn(1, "\x09host"), 0, "", "  "},
		{"empty", nil, opt(dhcp6.OptClientFQDN, nil), 0, "", "  "},
		{"nothing is left of a label", nil, fqdn(1, "\x01a\x02__\x00"), 0, "", "  "},
	} {
		for _, r := range roads {
			l := newLab(t, naming(tt.edit))
			for _, mt := range []dhcp6.MessageType{dhcp6.Solicit, dhcp6.Request, dhcp6.Renew, dhcp6.Rebind} {
				options := [][]byte{cid(), iaNA(1), tt.sent}
				if mt == dhcp6.Request || mt == dhcp6.Renew {
					options = append(options, sid())
				}
				a := l.travel(r, l.message(mt, options...))
				if a == nil {
					t.Fatalf("%s, %v: no answer", tt.name, mt)
				}
				if got := toldName(a); got != tt.told || got != "" && a.option(dhcp6.OptClientFQDN)[0] != tt.flags {
					t.Errorf("%s, %s, %v: told %q in %x, want %q with flags %d", tt.name, r.name, mt, got, a.option(dhcp6.OptClientFQDN), tt.told, tt.flags)
				}
				l.now = l.now.Add(time.Second)
			}
			if got := l.names(); strings.TrimSpace(got) != strings.TrimSpace(tt.lease) {
				t.Errorf("%s, %s: lease says %q, want %q", tt.name, r.name, got, tt.lease)
			}
		}
	}
}

// toldName reads the name of an answer.
func toldName(a *answer) (s string) {
	v := a.option(dhcp6.OptClientFQDN)
	if len(v) == 0 {
		return ""
	}
	for v = v[1:]; len(v) > 0 && v[0] > 0; v = v[1+v[0]:] {
		s += string(v[1:1+v[0]]) + "."
	}
	return s
}

// names is what the leases of the lab say of names.
func (l *lab) names() string {
	var all []string
	for x := range l.table.All() {
		fwd, rev := " ", " "
		if x.FwdDNS {
			fwd = "A"
		}
		if x.RevDNS {
			rev = "P"
		}
		all = append(all, fmt.Sprintf("%s%s %s", fwd, rev, x.Hostname))
	}
	return strings.Join(all, ", ")
}

// TestReservedName: the reserved name goes before the client's; without the option
// it is noted in the lease alone.
func TestReservedName(t *testing.T) {
	key := topology.Key{Kind: topology.DUID, ID: string(clientID)}
	host := func(n *topology.Topology, _ *Options) {
		n.Subnets[0].Reservations = map[topology.Key]*topology.Reservation{key: {Key: key, Hostname: "kept", Addrs: []netip.Addr{netip.MustParseAddr("2001:db8:1::7")}}}
	}
	l := newLab(t, naming(nil), host)
	a := l.ask(l.message(dhcp6.Request, cid(), sid(), iaNA(1), fqdn(1, "\x04host")))
	if got := toldName(a); got != "kept.example.org." || l.names() != "AP kept.example.org." {
		t.Errorf("told %q, lease says %q", got, l.names())
	}
	l = newLab(t, naming(nil), host)
	a = l.ask(l.message(dhcp6.Request, cid(), sid(), iaNA(1)))
	if got := toldName(a); got != "" || l.names() != "   kept" {
		t.Errorf("told %q, lease says %q", got, l.names())
	}
}

// TestNameOfTwoIAs: both have the name; the first is in the DNS, as with Kea.
func TestNameOfTwoIAs(t *testing.T) {
	l := newLab(t, naming(nil))
	a := l.ask(l.message(dhcp6.Request, cid(), sid(), iaNA(1), iaNA(2), fqdn(1, "\x04host")))
	if got := toldName(a); got != "host.example.org." {
		t.Errorf("told %q", got)
	}
	got := l.names()
	if got != "AP host.example.org.,    host.example.org." && got != "   host.example.org., AP host.example.org." {
		t.Errorf("leases say %q", got)
	}
}

// TestNamesAllocateNothing per message, with updates on.
func TestNamesAllocateNothing(t *testing.T) {
	l := newLab(t, naming(nil))
	l.table.WatchNames(func(was, is *lease.Lease, _ lease.Seq) {})
	addr := l.lease()
	l.wire.keep = false
	for _, name := range []string{"\x04Host", "\x04host\x03lab\x00", ""} {
		in := []transport.Datagram{l.in(l.message(dhcp6.Renew, cid(), sid(), iaNA(1, addr), fqdn(1, name)))}
		allocs(t, name, func() { l.s.serve(l.w, in) })
	}
}
