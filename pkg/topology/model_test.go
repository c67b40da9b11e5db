package topology

import (
	"bytes"
	"net/netip"
	"slices"
	"strconv"
	"testing"

	"pgregory.net/rapid"

	"github.com/dhcp4o6/dhcp4o6/pkg/classify"
)

// The model of subnet selection is the rule read aloud: walk the subnets in
// ascending id, ask each whether it fits, take the first. The indexes have to
// give the same answer.

// walk returns the first subnet admitting c that fits.
func (t *Topology) walk(c *classify.Set, fits func(*Subnet) bool) *Subnet {
	for _, s := range t.Subnets {
		if s.Admits(c) && fits(s) {
			return s
		}
	}
	return nil
}

func contains(a netip.Addr) func(*Subnet) bool {
	return func(s *Subnet) bool { return given(a) && s.Prefix.Contains(a) }
}

func (t *Topology) model4(w *Where, c *classify.Set) *Subnet {
	if w.In6 {
		return t.model4o6(w, c)
	}
	if given(w.Selected) {
		return t.walk(c, contains(w.Selected))
	}
	if given(w.GIAddr) {
		if s := t.walk(c, func(s *Subnet) bool { return slices.Contains(s.Relays, w.GIAddr) }); s != nil {
			return s
		}
		return t.walk(c, contains(w.GIAddr))
	}
	if w.Unicast && given(w.CIAddr) {
		return t.walk(c, contains(w.CIAddr))
	}
	if w.Unicast && given(w.Source) {
		return t.walk(c, contains(w.Source))
	}
	if s := t.walk(c, func(s *Subnet) bool { return s.Iface != "" && s.Iface == w.Iface }); s != nil {
		return s
	}
	return t.walk(c, contains(w.Local))
}

func (t *Topology) model4o6(w *Where, c *classify.Set) *Subnet {
	onLink := func(s *Subnet) bool {
		if !given(w.Link) {
			return false
		}
		p := s.FourOSix.Prefix
		if p.IsValid() && !p.Addr().IsUnspecified() && p.Contains(w.Link) {
			return true
		}
		return s.Network != nil && slices.ContainsFunc(s.Network.Links, func(p netip.Prefix) bool { return p.Contains(w.Link) })
	}
	steps := []func(*Subnet) bool{
		func(s *Subnet) bool { return s.FourOSix.LinkFirst && onLink(s) },
		func(s *Subnet) bool { // Kea's
			f := &s.FourOSix
			return f.Prefix.IsValid() && !f.Prefix.Addr().IsUnspecified() && given(w.Source) && f.Prefix.Contains(w.Source) ||
				len(f.InterfaceID) > 0 && bytes.Equal(f.InterfaceID, w.InterfaceID) ||
				f.Iface != "" && f.Iface == w.Iface
		},
		onLink,
		contains(w.Selected),
		func(s *Subnet) bool { return given(w.GIAddr) && slices.Contains(s.Relays, w.GIAddr) },
		contains(w.GIAddr),
	}
	for _, fits := range steps {
		if s := t.walk(c, func(s *Subnet) bool { return s.Over6() && fits(s) }); s != nil {
			return s
		}
	}
	return nil
}

func (t *Topology) model6(w *Where, c *classify.Set) *Subnet {
	byID := func(s *Subnet) bool { return len(s.InterfaceID) > 0 && bytes.Equal(s.InterfaceID, w.InterfaceID) }
	steps := []func(*Subnet) bool{
		func(s *Subnet) bool { return s.Iface != "" && s.Iface == w.Iface },
		contains(w.Source),
		byID,
	}
	if given(w.Link) {
		steps = []func(*Subnet) bool{
			byID,
			func(s *Subnet) bool { return slices.Contains(s.Relays, w.Link) },
			contains(w.Link),
		}
	}
	for _, fits := range steps {
		if s := t.walk(c, fits); s != nil {
			return s
		}
	}
	return nil
}

// Classes that a configuration would define.
const red, blue classify.ID = 70, 71

// in returns the set of a client in ALL and in some other classes.
func in(classes ...classify.ID) *classify.Set {
	s := new(classify.Set)
	s.Add(classify.All)
	for _, id := range classes {
		s.Add(id)
	}
	return s
}

// The generators draw from few values, so that rules meet one another.
var (
	ifaces   = rapid.SampledFrom([]string{"", "eth0", "eth1", "eth2"})
	ids      = rapid.SampledFrom([]string{"", "port1", "port2", "port3"})
	guards   = rapid.SliceOfN(rapid.SampledFrom([]classify.ID{classify.All, red, blue}), 0, 2)
	address4 = rapid.Custom(func(t *rapid.T) netip.Addr {
		if rapid.IntRange(0, 4).Draw(t, "kind") == 0 {
			return rapid.SampledFrom([]netip.Addr{{}, netip.IPv4Unspecified()}).Draw(t, "none")
		}
		return netip.AddrFrom4([4]byte{10, 0, byte(rapid.IntRange(0, 3).Draw(t, "net")), byte(rapid.SampledFrom([]int{0, 1, 127, 128, 255}).Draw(t, "host"))})
	})
	address6 = rapid.Custom(func(t *rapid.T) netip.Addr {
		if rapid.IntRange(0, 4).Draw(t, "kind") == 0 {
			return rapid.SampledFrom([]netip.Addr{{}, netip.IPv6Unspecified(), netip.MustParseAddr("ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff")}).Draw(t, "none")
		}
		a := [16]byte{0x20, 0x01, 0x0d, 0xb8, 7: byte(rapid.IntRange(0, 3).Draw(t, "net"))}
		a[15] = byte(rapid.SampledFrom([]int{0, 1, 255}).Draw(t, "host"))
		return netip.AddrFrom16(a)
	})
)

func prefix(a *rapid.Generator[netip.Addr], lengths ...int) *rapid.Generator[netip.Prefix] {
	return rapid.Custom(func(t *rapid.T) netip.Prefix {
		addr := a.Filter(netip.Addr.IsValid).Draw(t, "addr")
		return netip.PrefixFrom(addr, rapid.SampledFrom(lengths).Draw(t, "len")).Masked()
	})
}

var (
	prefix4 = prefix(address4, 0, 8, 22, 23, 24, 25, 32)
	prefix6 = prefix(address6, 0, 32, 62, 63, 64, 65, 127, 128)
)

// drawTopology draws subnets, some of them in two networks, in any order of ids.
func drawTopology(t *rapid.T, own *rapid.Generator[netip.Prefix], relay *rapid.Generator[netip.Addr]) *Topology {
	networks := make([]*Network, 2)
	for i := range networks {
		networks[i] = &Network{
			Name:  strconv.Itoa(i),
			Guard: guards.Draw(t, "guard"),
			Links: rapid.SliceOfN(prefix6, 0, 2).Draw(t, "links"),
		}
	}
	top := &Topology{}
	used := map[uint32]bool{}
	for range rapid.IntRange(0, 12).Draw(t, "subnets") {
		id := rapid.Uint32Range(1, 1000).Filter(func(n uint32) bool { return !used[n] }).Draw(t, "id")
		used[id] = true
		s := &Subnet{
			ID: id, Prefix: own.Draw(t, "prefix"), Iface: ifaces.Draw(t, "iface"), InterfaceID: []byte(ids.Draw(t, "interface-id")),
			Relays: rapid.SliceOfN(relay, 0, 2).Draw(t, "relays"), Guard: guards.Draw(t, "guard"),
		}
		if rapid.Bool().Draw(t, "4o6") {
			s.FourOSix = FourOSix{Iface: ifaces.Draw(t, "4o6-interface"), InterfaceID: []byte(ids.Draw(t, "4o6-interface-id")), LinkFirst: rapid.Bool().Draw(t, "first")}
			if rapid.Bool().Draw(t, "has 4o6-subnet") {
				s.FourOSix.Prefix = prefix6.Draw(t, "4o6-subnet")
			}
		}
		if n := rapid.IntRange(0, 2).Draw(t, "network"); n < 2 {
			s.Network = networks[n]
			networks[n].Subnets = append(networks[n].Subnets, s)
		}
		top.Subnets = append(top.Subnets, s)
	}
	top.Freeze()
	return top
}

func drawClasses(t *rapid.T) *classify.Set {
	if rapid.Bool().Draw(t, "nil") {
		return nil
	}
	return in(rapid.SliceOfNDistinct(rapid.SampledFrom([]classify.ID{classify.Known, red, blue}), 0, 3, rapid.ID).Draw(t, "classes")...)
}

func same(t *rapid.T, got, want *Subnet) {
	t.Helper()
	if got != want {
		t.Fatalf("the index says %+v, the rule %+v", got, want)
	}
}

func TestSubnet4IsTheRuleInOrder(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		top := drawTopology(t, prefix4, address4)
		for range 5 {
			w := &Where{
				Iface: ifaces.Draw(t, "iface"), GIAddr: address4.Draw(t, "giaddr"), Selected: address4.Draw(t, "selected"),
				CIAddr: address4.Draw(t, "ciaddr"), Source: address4.Draw(t, "source"), Local: address4.Draw(t, "local"),
				Unicast: rapid.Bool().Draw(t, "unicast"),
			}
			c := drawClasses(t)
			same(t, top.Subnet4(w, c), top.model4(w, c))
		}
	})
}

func TestSubnet4o6IsTheRuleInOrder(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		top := drawTopology(t, prefix4, address4)
		for range 5 {
			w := &Where{
				Iface: ifaces.Draw(t, "iface"), GIAddr: address4.Draw(t, "giaddr"), Selected: address4.Draw(t, "selected"),
				Source: address6.Draw(t, "source"), Link: address6.Draw(t, "link"), InterfaceID: []byte(ids.Draw(t, "interface-id")), In6: true,
			}
			c := drawClasses(t)
			same(t, top.Subnet4(w, c), top.model4o6(w, c))
		}
	})
}

func TestSubnet6IsTheRuleInOrder(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		top := drawTopology(t, prefix6, address6)
		for range 5 {
			w := &Where{
				Iface: ifaces.Draw(t, "iface"), Source: address6.Draw(t, "source"), Link: address6.Draw(t, "link"),
				InterfaceID: []byte(ids.Draw(t, "interface-id")),
			}
			c := drawClasses(t)
			same(t, top.Subnet6(w, c), top.model6(w, c))
		}
	})
}

// The index of prefixes alone, with every length and at both ends of the
// address space.
func TestPrefixIndexHoldsWhatContains(t *testing.T) {
	any6 := rapid.Custom(func(t *rapid.T) netip.Addr {
		var a [16]byte
		if rapid.Bool().Draw(t, "top") {
			a = netip.MustParseAddr("ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff").As16()
		}
		copy(a[14:], rapid.SliceOfN(rapid.Byte(), 2, 2).Draw(t, "tail"))
		return netip.AddrFrom16(a)
	})
	rapid.Check(t, func(t *rapid.T) {
		var rows []prefixRow
		for range rapid.IntRange(0, 20).Draw(t, "rows") {
			p := netip.PrefixFrom(any6.Draw(t, "addr"), rapid.IntRange(0, 128).Draw(t, "len"))
			rows = append(rows, prefixRow{p, rapid.Uint32Range(0, 30).Draw(t, "subnet")})
		}
		x := newPrefixIndex(rows)
		a := any6.Draw(t, "a")
		var want []uint32
		for _, r := range rows {
			if r.prefix.Contains(a) {
				want = append(want, r.subnet)
			}
		}
		slices.Sort(want)
		want = slices.Compact(want)
		var got []uint32
		node := x.find(a)
		for n := x.after(node, 0); n != none; n = x.after(node, n+1) {
			got = append(got, n)
		}
		if !slices.Equal(got, want) {
			t.Fatalf("%s: got %v, want %v", a, got, want)
		}
	})
}
