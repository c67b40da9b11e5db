package transport

import (
	"errors"
	"net/netip"
	"slices"
	"testing"

	"github.com/dhcp4o6/dhcp4o6/pkg/netif"
)

// testLinks is a host with a loopback, two links and one that is down.
func testLinks() []netif.Interface {
	addrs := func(texts ...string) (all []netip.Prefix) {
		for _, s := range texts {
			all = append(all, netip.MustParsePrefix(s))
		}
		return all
	}
	return []netif.Interface{
		{Index: 1, Name: "lo", Up: true, Loopback: true, Addrs: addrs("127.0.0.1/8", "::1/128")},
		{Index: 2, Name: "lan0", Up: true, Multicast: true, Broadcast: true,
			Addrs: addrs("192.0.2.1/24", "192.0.2.2/24", "2001:db8::1/64", "fe80::1/64", "fe80::2/64")},
		{Index: 3, Name: "tun0", Up: true, Addrs: addrs("198.51.100.1/32", "2001:db8:1::1/64")},
		{Index: 4, Name: "off0", Multicast: true, Broadcast: true, Addrs: addrs("203.0.113.1/24")},
	}
}

func TestSocketsWanted(t *testing.T) {
	spec := func(iface, addr string) Spec {
		if addr == "" {
			return Spec{Iface: iface}
		}
		return Spec{Iface: iface, Addr: netip.MustParseAddr(addr)}
	}
	tests := []struct {
		name  string
		v4    bool
		specs []Spec
		want  []string
		lacks []error
	}{
		{"nothing", true, nil, nil, nil},
		{"v4: every address of every link that is up, but for loopback", true, []Spec{spec("*", "")},
			[]string{"lan0/192.0.2.1", "lan0/255.255.255.255", "lan0/192.0.2.2", "tun0/198.51.100.1"}, nil},
		{"v4: loopback by name", true, []Spec{spec("lo", "")}, []string{"lo/127.0.0.1"}, nil},
		{"v4: one address and broadcasts", true, []Spec{spec("lan0", "192.0.2.2")},
			[]string{"lan0/192.0.2.2", "lan0/255.255.255.255"}, nil},
		{"v4: named twice", true, []Spec{spec("lan0", "192.0.2.2"), spec("*", ""), spec("lan0", "192.0.2.1")},
			[]string{"lan0/192.0.2.2", "lan0/255.255.255.255", "lan0/192.0.2.1", "tun0/198.51.100.1"}, nil},
		{"v4: not there", true, []Spec{spec("lan0", "192.0.2.9"), spec("no0", ""), spec("off0", "")},
			nil, []error{ErrNoAddress, ErrNoInterface, ErrDown}},
		{"v6: link-local address and groups of every link that has them", false, []Spec{spec("*", "")},
			[]string{"lan0/fe80::1", "lan0/ff02::1:2", "lan0/ff05::1:3"}, nil},
		{"v6: one address besides", false, []Spec{spec("lan0", "2001:db8::1")},
			[]string{"lan0/fe80::1", "lan0/ff02::1:2", "lan0/ff05::1:3", "lan0/2001:db8::1"}, nil},
		{"v6: another link-local address besides", false, []Spec{spec("lan0", "fe80::2")},
			[]string{"lan0/fe80::1", "lan0/ff02::1:2", "lan0/ff05::1:3", "lan0/fe80::2"}, nil},
		{"v6: an address that is not there does not take the rest away", false, []Spec{spec("lan0", "2001:db8::9")},
			[]string{"lan0/fe80::1", "lan0/ff02::1:2", "lan0/ff05::1:3"}, []error{ErrNoAddress}},
		{"v6: loopback", false, []Spec{spec("lo", "::1")}, []string{"lo/::1"}, nil},
		{"v6: loopback by name", false, []Spec{spec("lo", "")}, []string{"lo/::1"}, nil},
		{"v6: no link-local address", false, []Spec{spec("tun0", "")}, nil, []error{ErrNoAddress}},
		{"v6: only an address", false, []Spec{spec("tun0", "2001:db8:1::1")}, []string{"tun0/2001:db8:1::1"}, nil},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			p := wanted(tt.v4, tt.specs, testLinks(), nil)
			var got []string
			for _, k := range p.keys {
				got = append(got, k.String())
			}
			if !slices.Equal(got, tt.want) {
				t.Errorf("sockets\n got %v\nwant %v", got, tt.want)
			}
			if !slices.EqualFunc(p.lacks, tt.lacks, func(l lack, e error) bool { return errors.Is(l.err, e) }) {
				t.Errorf("lacks %v, want %v", p.lacks, tt.lacks)
			}
		})
	}
}

// A broadcast socket answers from the first address that is asked for.
func TestBroadcastSocketAnswersFrom(t *testing.T) {
	k := broadcasts("lan0", 2)
	for _, a := range []string{"192.0.2.1", "192.0.2.2"} {
		p := wanted(true, []Spec{{Iface: "lan0", Addr: netip.MustParseAddr(a)}, {Iface: "*"}}, testLinks(), nil)
		if got := p.answers[k].String(); got != a {
			t.Errorf("answers from %s, want %s", got, a)
		}
	}
}

// What a link is known by stays what it is, whatever comes and goes beside it; an
// address of the host's own is only taken when there is no other.
func TestAnswersStay(t *testing.T) {
	link := func(addrs ...string) []netif.Interface {
		l := netif.Interface{Index: 2, Name: "lan0", Up: true, Broadcast: true}
		for _, a := range addrs {
			l.Addrs = append(l.Addrs, netip.MustParsePrefix(a))
		}
		return []netif.Interface{l}
	}
	k := broadcasts("lan0", 2)
	before := map[key]netip.Addr(nil)
	for _, tt := range []struct {
		name  string
		links []netif.Interface
		want  string
	}{
		{"only an address of the host", link("198.51.100.7/32"), "198.51.100.7"},
		{"it stays", link("198.51.100.7/32", "192.0.2.1/24"), "198.51.100.7"},
		{"until it goes", link("192.0.2.1/24", "192.0.2.2/24"), "192.0.2.1"},
		{"another comes before it", link("198.51.100.7/32", "192.0.2.9/24", "192.0.2.1/24"), "192.0.2.1"},
		{"a link-local one is better than none", link("169.254.1.1/16"), "169.254.1.1"},
	} {
		p := wanted(true, []Spec{{Iface: "*"}}, tt.links, before)
		if got := p.answers[k].String(); got != tt.want {
			t.Errorf("%s: answers from %s, want %s", tt.name, got, tt.want)
		}
		before = p.answers
	}
	for want, addrs := range map[string][]string{
		"192.0.2.1":    {"169.254.1.1/16", "198.51.100.7/32", "192.0.2.1/24"},
		"198.51.100.7": {"169.254.1.1/16", "198.51.100.7/32"},
	} {
		p := wanted(true, []Spec{{Iface: "*"}}, link(addrs...), nil)
		if got := p.answers[k].String(); got != want {
			t.Errorf("%v: answers from %s, want %s", addrs, got, want)
		}
	}
}

func TestSenderChoosesTheSocket(t *testing.T) {
	at := func(iface string, index int, a string) *conn {
		return &conn{key: key{iface: iface, index: index, addr: netip.MustParseAddr(a)}}
	}
	conns := []*conn{
		{key: key{iface: "lan0", index: 2, kind: group, addr: allAgentsAndServers}}, {key: key{iface: "lan1", index: 3, kind: group, addr: allAgentsAndServers}},
		at("lan2", 5, "fe80::1"),
		at("lan0", 2, "2001:db8::1"), at("lan0", 2, "fe80::1"), at("lan1", 3, "fe80::1"),
		at("lan0", 2, "192.0.2.1"), at("lan0", 2, "192.0.2.2"), at("lan1", 3, "198.51.100.1"),
	}
	sockets := newSending(conns)
	tests := []struct {
		name, peer, local string
		index             int
		want              string // interface and address, empty: none
	}{
		{"client on the link", "fe80::9", "", 2, "lan0/fe80::1"},
		{"client on the other link", "fe80::9", "", 3, "lan1/fe80::1"},
		{"client with a global address", "2001:db8::9", "", 2, "lan0/2001:db8::1"},
		{"relay, from the address that it asked", "2001:db8::9", "fe80::1", 2, "lan0/fe80::1"},
		{"relay beyond a link without a global address", "2001:db8::9", "", 3, "lan1/ff02::1:2"},
		{"relay beyond a link that is not served", "2001:db8::9", "", 4, "lan0/2001:db8::1"},
		{"relay on a link without multicast or global address", "2001:db8::9", "", 5, "lan0/2001:db8::1"},
		{"client on a link that is not served", "192.0.2.9", "", 4, ""},
		{"second IPv4 address", "192.0.2.9", "192.0.2.2", 2, "lan0/192.0.2.2"},
		{"by routing", "2001:db8::9", "", 0, "lan0/2001:db8::1"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			d := Datagram{Peer: netip.AddrPortFrom(netip.MustParseAddr(tt.peer), 547), IfIndex: tt.index}
			if tt.local != "" {
				d.Local = netip.MustParseAddr(tt.local)
			}
			got := ""
			if c := sockets.choose(&d); c != nil {
				got = c.key.String()
			}
			if got != tt.want {
				t.Errorf("chose %q, want %q", got, tt.want)
			}
		})
	}
}

// A dead relay's neighbours should not all share its send socket.
func TestSlotSpreadsDestinations(t *testing.T) {
	var used [spreadWidth]int
	a := netip.MustParseAddr("2001:db8::1")
	for range 16 * spreadWidth {
		used[slot(netip.AddrPortFrom(a, 547), spreadWidth)]++
		a = a.Next()
	}
	for i, n := range used {
		if n < 4 || n > 48 {
			t.Errorf("socket %d has %d of %d destinations", i, n, 16*spreadWidth)
		}
	}
}
