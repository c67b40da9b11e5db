package server4

import (
	"strings"
	"testing"

	"github.com/dhcp4o6/dhcp4o6/pkg/dhcp4"
	"github.com/dhcp4o6/dhcp4o6/pkg/topology"
)

func sub(vendor uint32, code uint16, value string) topology.Option {
	return topology.Option{Vendor: vendor, Sub: true, Code: code, Value: []byte(value)}
}

func always(o topology.Option) topology.Option { o.Always = true; return o }
func never(o topology.Option) topology.Option  { o.Never = true; return o }

func with(o ...topology.Option) func(*topology.Topology) {
	return func(n *topology.Topology) {
		options := topology.Options(o)
		options.Sort()
		n.Subnets[0].Options = topology.Merge(n.Subnets[0].Options, options)
		for _, p := range n.Subnets[0].Pools {
			p.Options = topology.Merge(p.Options, options)
		}
	}
}

// TestVendorOptions: what a client gets of which enterprise.
func TestVendorOptions(t *testing.T) {
	inst := func(vendor uint32, value string) topology.Option {
		return topology.Option{Code: 125, Vendor: vendor, Value: []byte(value)}
	}
	class := func(vendor uint32, value string) topology.Option {
		return topology.Option{Code: 124, Vendor: vendor, Value: []byte(value)}
	}
	docsis := []topology.Option{sub(4491, 2, "tftp"), sub(4491, 3, "x"), sub(9, 2, "nine")}
	long := strings.Repeat("l", 200)
	tests := []struct {
		name    string
		options []topology.Option
		query   string
		want    string // options 124 and 125
	}{
		{"nobody asks", docsis, "", ""},
		{"125 is asked for, but none is configured", docsis, "55=7d", ""},
		{"CableLabs' list of what is asked for", docsis, "125=0000118b03010102", "125=0000118b06 020474667470"},
		{"in order of codes, what is not there left out", docsis, "125=0000118b050103090302", "125=0000118b09 020474667470 030178"},
		{"another enterprise has no such list", docsis, "125=0000000903010102", ""},
		{"what is always sent, to who names the enterprise in 125", []topology.Option{always(sub(9, 2, "nine"))}, "125=0000000900", "125=0000000906 02046e696e65"},
		{"or in 124", []topology.Option{always(sub(9, 2, "nine"))}, "124=0000000900", "125=0000000906 02046e696e65"},
		{"not to who names another", []topology.Option{always(sub(9, 2, "nine"))}, "124=0000000a00", ""},
		{"several enterprises in one option", []topology.Option{always(sub(9, 2, "a")), always(sub(10, 3, "b"))}, "125=0000000a000000000900", "125=0000000903 020161 0000000a03 030162"},
		{"two options 125 of a client are one", []topology.Option{always(sub(9, 2, "a")), always(sub(10, 3, "b"))}, "125=0000000a00 125=0000000900", "125=0000000903 020161 0000000a03 030162"},
		{"an enterprise that is configured, when 125 is asked for", []topology.Option{inst(9, ""), always(sub(9, 2, "a")), sub(9, 3, "b")}, "55=7d", "125=0000000903 020161"},
		{"with nothing of its own", []topology.Option{inst(9, "")}, "55=7d", "125=0000000900"},
		{"or always sent", []topology.Option{always(inst(9, "")), always(sub(9, 2, "a"))}, "", "125=0000000903 020161"},
		{"all of them when one is", []topology.Option{always(inst(9, "")), inst(10, "\x01\x01a")}, "", "125=0000000900 0000000a03 010161"},
		{"octets of an instance go before what is in the space", []topology.Option{inst(9, "\x02\x01z"), always(sub(9, 2, "a")), always(sub(9, 3, "b"))}, "55=7d", "125=0000000906 02017a 030162"},
		{"never an option", []topology.Option{inst(9, ""), never(always(sub(9, 2, "a"))), always(sub(9, 3, "b"))}, "55=7d", "125=0000000903 030162"},
		{"never any", []topology.Option{never(topology.Option{Code: 125}), inst(9, ""), always(sub(9, 2, "a"))}, "55=7d 125=0000000900", ""},
		{"an enterprise has 255 octets", []topology.Option{inst(9, ""), always(sub(9, 2, long)), always(sub(9, 3, long))}, "55=7d", "125=00000009ca 02c8" + strings.Repeat("6c", 200)},
		{"a torn part ends the list", []topology.Option{always(sub(9, 2, "a")), always(sub(10, 3, "b"))}, "125=00000009000000000a05", "125=0000000903 020161"},
		{"vendor classes, when asked for", []topology.Option{class(9, "ab"), class(4491, "c")}, "55=7c", "124=00000009026162 0000118b0163"},
		{"not when not", []topology.Option{class(9, "ab")}, "", ""},
		{"unless always sent", []topology.Option{always(class(9, "ab"))}, "", "124=00000009026162"},
		{"or never", []topology.Option{class(9, "ab"), never(topology.Option{Code: 124})}, "55=7c", ""},
	}
	for _, tt := range tests {
		for _, way := range ways {
			t.Run(tt.name+", "+way.name, func(t *testing.T) {
				b := newBench(t, net1(with(tt.options...)))
				var got []string
				for field := range strings.FieldsSeq(say(way.ask(b, query{kind: dhcp4.Discover, opts: "57=05dc " + tt.query}))) {
					if strings.HasPrefix(field, "124=") || strings.HasPrefix(field, "125=") {
						got = append(got, field)
					}
				}
				if g, w := strings.Join(got, " "), strings.ReplaceAll(tt.want, " ", ""); g != w {
					t.Errorf("\n got %s\nwant %s", g, w)
				}
			})
		}
	}
}

// TestVendorOptionsByScope: each option of an enterprise comes from the innermost
// scope that has it, a host's before the pool's.
func TestVendorOptionsByScope(t *testing.T) {
	n := net1(with(always(sub(9, 1, "s")), always(sub(9, 2, "s"))), func(n *topology.Topology) {
		r := &topology.Reservation{Key: topology.Key{Kind: topology.HWAddress, ID: string(unhex(t, hwA))},
			Options: topology.Options{sub(9, 2, "h"), sub(9, 3, "h")}}
		n.Subnets[0].Reservations = map[topology.Key]*topology.Reservation{r.Key: r}
	})
	b := newBench(t, n)
	got := say(ways[0].ask(b, query{kind: dhcp4.Discover, hw: hwA, opts: "125=0000000900"}))
	if want := "125=0000000906010173020168"; !strings.Contains(got, want) {
		t.Errorf("got %s, want %s", got, want)
	}
}
