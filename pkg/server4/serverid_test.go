package server4

import (
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/dhcp4o6/dhcp4o6/pkg/dhcp4"
	"github.com/dhcp4o6/dhcp4o6/pkg/netif"
	"github.com/dhcp4o6/dhcp4o6/pkg/topology"
	"github.com/dhcp4o6/dhcp4o6/pkg/transport"
)

// links makes a picture of the host: "eth0 192.0.2.1 192.0.2.2, eth1".
func links(s string) (all []netif.Interface) {
	for i, l := range strings.Split(s, ",") {
		f := strings.Fields(l)
		n := netif.Interface{Index: i + 1, Name: f[0], Up: true}
		for _, a := range f[1:] {
			n.Addrs = append(n.Addrs, netip.PrefixFrom(ip(a), 24))
		}
		all = append(all, n)
	}
	return all
}

// TestServerIdentifier holds the order of the sources of option 54 over 4o6.
func TestServerIdentifier(t *testing.T) {
	option54 := topology.Option{Code: 54, Value: []byte{198, 51, 100, 1}}
	tests := []struct {
		name  string
		links string
		net   func(*topology.Topology)
		want  string
	}{
		{"the address of the interface", "lo 127.0.0.1,eth0 192.0.2.7 192.0.2.3,eth1 10.0.0.1", nil, "192.0.2.7"},
		{"else the lowest global one of the host", "lo 127.0.0.1,eth0 fe80::1,eth1 10.0.0.9 169.254.0.1,eth2 10.0.0.8", nil, "10.0.0.8"},
		{"else the dummy", "lo 127.0.0.1,eth0 2001:db8::1,eth1 169.254.0.1", nil, "192.0.0.8"},
		{"no interface at all", "none", nil, "192.0.0.8"},
		{"option-data of the subnet", "eth0 192.0.2.7", func(n *topology.Topology) { n.Subnets[0].ServerID = ip("198.51.100.1") }, "198.51.100.1"},
		{"option-data of the pool", "eth0 192.0.2.7", func(n *topology.Topology) {
			p := n.Subnets[0].Pools[0]
			p.Options = topology.Merge(p.Options, topology.Options{option54})
		}, "198.51.100.1"},
		{"option-data of the host", "eth0 192.0.2.7", func(n *topology.Topology) {
			reserve(n.Subnets[0], topology.HWAddress, string(unhex(t, hwA)), "", "")
			for _, r := range n.Subnets[0].Reservations {
				r.Options = topology.Options{option54}
			}
		}, "198.51.100.1"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			var edit []func(*topology.Topology)
			if tt.net != nil {
				edit = append(edit, tt.net)
			}
			b := newBenchWith(t, net1(edit...), Options{Interfaces: links(tt.links)})
			m := ways[1].ask(b, query{kind: dhcp4.Discover, hw: hwA})
			id, _ := m.Addr(dhcp4.OptServerID)
			if id != ip(tt.want) {
				t.Fatalf("option 54 is %v, want %s", id, tt.want)
			}
			v := id.As4()
			q := query{kind: dhcp4.Request, hw: hwA, opts: "50=c0000264 54=" + hexOf(v[:])}
			if m := ways[1].ask(b, q); m == nil || m.Type() != dhcp4.Ack {
				t.Errorf("the REQUEST that names it: %s", say(m))
			}
		})
	}
}

func hexOf(b []byte) string {
	const digits = "0123456789abcdef"
	var s strings.Builder
	for _, c := range b {
		s.WriteByte(digits[c>>4])
		s.WriteByte(digits[c&15])
	}
	return s.String()
}

// TestNativeIdentifier: on IPv4 it is the address that the query came to, else
// that of the socket; who names it then means this server, were it an address that the
// host is not known to have yet.
func TestNativeIdentifier(t *testing.T) {
	b := newBenchWith(t, net1(), Options{Interfaces: links("eth0 192.0.2.1 192.0.2.2")})
	for _, tt := range []struct{ local, want string }{{"192.0.2.2", "192.0.2.2"}, {"192.0.2.7", "192.0.2.7"}, {"255.255.255.255", "192.0.2.1"}} {
		d := query{kind: dhcp4.Discover, giaddr: "192.0.2.9"}.datagram(t)
		d.Local = ip(tt.local)
		out := b.native(transport.Datagram(d))
		if id, _ := read(t, out[0].Data).Addr(dhcp4.OptServerID); id != ip(tt.want) || out[0].Local != ip(tt.want) {
			t.Errorf("to %s: option 54 is %v, source %v", tt.local, id, out[0].Local)
		}
		v := ip(tt.want).As4()
		d = query{kind: dhcp4.Request, giaddr: "192.0.2.9", opts: "50=c0000264 54=" + hexOf(v[:])}.datagram(t)
		d.Local = ip(tt.local)
		if out := b.native(d); len(out) != 1 || read(t, out[0].Data).Type() != dhcp4.Ack {
			t.Errorf("to %s: the REQUEST that names %s is not granted", tt.local, tt.want)
		}
	}
}

// TestIdentifiersAreKept: what was chosen stays while it is there, over restarts;
// what is not there any more is accepted for one lifetime.
func TestIdentifiersAreKept(t *testing.T) {
	file := filepath.Join(t.TempDir(), "server-id")
	at := func(picture string) *bench {
		return newBenchWith(t, net1(), Options{Interfaces: links(picture), ServerIDFile: file})
	}
	chosen := func(b *bench) netip.Addr {
		m := ways[1].ask(b, query{kind: dhcp4.Discover, hw: hwA})
		id, _ := m.Addr(dhcp4.OptServerID)
		return id
	}
	accepted := func(b *bench, id string) bool { return b.s.ids.Load().accepts(ip(id), b.now) }

	b := at("eth0,eth1 10.0.0.5")
	if got := chosen(b); got != ip("10.0.0.5") {
		t.Fatalf("chose %v", got)
	}
	// A lower address appears: clients go on with the server that they know.
	b = at("eth0,eth1 10.0.0.5,eth2 10.0.0.1")
	if got := chosen(b); got != ip("10.0.0.5") {
		t.Errorf("after a lower one came: %v", got)
	}
	// The address goes: another is chosen, the old one is still accepted.
	b = at("eth0,eth2 10.0.0.1")
	b.now = time.Now()
	if got := chosen(b); got != ip("10.0.0.1") || !accepted(b, "10.0.0.5") || accepted(b, "10.0.0.6") {
		t.Errorf("after it went: %v, accepted %v", got, accepted(b, "10.0.0.5"))
	}
	v := query{kind: dhcp4.Request, hw: hwA, opts: "50=c0000264 54=0a000005"}
	if m := ways[1].ask(b, v); m == nil || m.Type() != dhcp4.Ack {
		t.Errorf("a REQUEST that names it: %s", say(m))
	}
	b.now = b.now.Add(601 * time.Second)
	if accepted(b, "10.0.0.5") {
		t.Error("accepted after a lifetime")
	}
	// The host loses its addresses: the dummy; and so it stays until it has one.
	b = at("eth0")
	if got := chosen(b); got != noAddress || !b.s.ids.Load().accepts(ip("10.0.0.1"), time.Now()) {
		t.Errorf("without addresses: %v", got)
	}
	b = at("eth0 192.0.2.1")
	if got := chosen(b); got != ip("192.0.2.1") || !b.s.ids.Load().accepts(noAddress, time.Now()) {
		t.Errorf("with an address again: %v", got)
	}
	left, err := filepath.Glob(file + "*")
	if err != nil || len(left) != 1 {
		t.Errorf("files left: %v %v", left, err)
	}
}

// TestIdentifiersOutliveTheirLeases: the lifetime that counts is that of the
// leases that were given under an identifier, whatever new ones get.
func TestIdentifiersOutliveTheirLeases(t *testing.T) {
	file := filepath.Join(t.TempDir(), "server-id")
	long := net1(func(n *topology.Topology) { n.Subnets[0].Policy.Valid.Max = 7200 })
	newBenchWith(t, long, Options{Interfaces: links("eth0 10.0.0.5"), ServerIDFile: file})
	b := newBenchWith(t, net1(), Options{Interfaces: links("eth0 10.0.0.6"), ServerIDFile: file})
	for _, tt := range []struct {
		after time.Duration
		want  bool
	}{{0, true}, {7190 * time.Second, true}, {7210 * time.Second, false}} {
		if got := b.s.ids.Load().accepts(ip("10.0.0.5"), time.Now().Add(tt.after)); got != tt.want {
			t.Errorf("%v later: %v", tt.after, got)
		}
	}
}

// TestLateIdentifierIsKept: an interface that gets its address after the load
// has chosen for good, too.
func TestLateIdentifierIsKept(t *testing.T) {
	file := filepath.Join(t.TempDir(), "server-id")
	b := newBenchWith(t, net1(), Options{Interfaces: links("eth0"), ServerIDFile: file})
	b.s.Links(links("eth0 10.0.0.5"))
	b = newBenchWith(t, net1(), Options{Interfaces: links("eth0 10.0.0.6"), ServerIDFile: file})
	if ids := b.s.ids.Load(); !ids.accepts(ip("10.0.0.5"), time.Now()) || !ids.accepts(noAddress, time.Now()) {
		t.Error("after a restart the identifiers of before are not accepted")
	}
}

// TestIdentifierFileDamaged: the server serves without it, and writes a new one.
func TestIdentifierFileDamaged(t *testing.T) {
	for _, text := range []string{
		`{"default": "10.0.`,
		`{"interfaces": {"eth0": "2001:db8::1"}, "default": "2001:db8::1"}`,
		`{"interfaces": {"eth0": ""}}`,
		`{"earlier": [{"address": "::ffff:192.0.2.9"}]}`,
	} {
		file := filepath.Join(t.TempDir(), "server-id")
		if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		host := eth0()
		host[0].Addrs = append(host[0].Addrs, netip.MustParsePrefix("2001:db8::1/64"))
		b := newBenchWith(t, net1(), Options{Interfaces: host, ServerIDFile: file})
		if m := ways[1].ask(b, query{kind: dhcp4.Discover}); m == nil {
			t.Errorf("%s: no answer", text)
		}
		if f, err := readIdentifiers(file); err != nil || f.Interfaces["eth0"] != ip("192.0.2.1") {
			t.Errorf("%s: %+v %v", text, f, err)
		}
	}
}

// TestLinkEvents: addresses that come are accepted at once, and an interface that
// had none gets its own.
func TestLinkEvents(t *testing.T) {
	b := newBenchWith(t, net1(), Options{Interfaces: links("eth1 10.0.0.5")})
	b.s.Links(links("eth1 10.0.0.5,eth0 192.0.2.1"))
	m := ways[1].ask(b, query{kind: dhcp4.Discover, hw: hwA})
	if id, _ := m.Addr(dhcp4.OptServerID); id != ip("192.0.2.1") {
		t.Errorf("option 54 is %v", id)
	}
	if m := ways[1].ask(b, query{kind: dhcp4.Request, hw: hwA, opts: "50=c0000264 54=0a000005"}); m == nil || m.Type() != dhcp4.Ack {
		t.Errorf("a REQUEST that names the other address: %s", say(m))
	}
}
