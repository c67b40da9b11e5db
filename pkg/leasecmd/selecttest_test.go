package leasecmd_test

import (
	"encoding/json"
	"net/netip"
	"testing"

	"github.com/dhcp4o6/dhcp4o6/pkg/classify"
	"github.com/dhcp4o6/dhcp4o6/pkg/control"
	"github.com/dhcp4o6/dhcp4o6/pkg/lease"
	"github.com/dhcp4o6/dhcp4o6/pkg/leasecmd"
	"github.com/dhcp4o6/dhcp4o6/pkg/optdef"
	"github.com/dhcp4o6/dhcp4o6/pkg/topology"
)

// TestSelect: the commands that tell which subnet a query would be led to, with the texts
// of Kea 3.
func TestSelect(t *testing.T) {
	prefix := netip.MustParsePrefix
	floor := &topology.Network{Name: "floor"}
	classes := classify.NewDictionary(optdef.V4, nil)
	net4 := &topology.Topology{Family: topology.V4, Classes: classes, Subnets: []*topology.Subnet{
		{ID: 1, Prefix: prefix("192.0.2.0/24"), Iface: "eth0", FourOSix: topology.FourOSix{Prefix: prefix("2001:db8:1::/48"), InterfaceID: []byte("port7")}},
		{ID: 2, Prefix: prefix("198.51.100.0/24"), Guard: topology.Guard{classes.Names().Intern("red")}, Relays: []netip.Addr{netip.MustParseAddr("10.0.0.1")}},
		{ID: 3, Prefix: prefix("203.0.113.0/24"), Network: floor},
	}}
	net6 := &topology.Topology{Family: topology.V6, Subnets: []*topology.Subnet{
		{ID: 1, Prefix: prefix("2001:db8:1::/48"), Iface: "eth0", InterfaceID: []byte{0xab, 0xcd}},
		{ID: 2, Prefix: prefix("2001:db8:2::/48"), Network: floor},
	}}
	floor.Subnets = []*topology.Subnet{net4.Subnets[2]}
	registry := map[byte]*control.Registry{}
	for _, net := range []*topology.Topology{net4, net6} {
		net.Freeze()
		r := new(control.Registry)
		leasecmd.New(leasecmd.Options{
			Local: func(iface string) netip.Addr {
				if iface == "eth2" {
					return netip.MustParseAddr("203.0.113.1")
				}
				return netip.Addr{}
			},
			Family: net.Family, Leases: lease.NewTable(new(lease.Volatile), lease.TableOptions{}), Topology: func() *topology.Topology { return net },
		}).Register(r)
		registry['0'+byte(net.Family)] = r
	}
	tests := []struct{ command, args, want string }{
		{"subnet4", `{"interface":"eth0"}`, "selected subnet '192.0.2.0/24' id 1"},
		{"subnet4", `{"interface":"eth1"}`, "no subnet selected"},
		{"subnet4", `{"interface":"eth1","local":"203.0.113.1"}`, "selected shared network 'floor' starting with subnet '203.0.113.0/24' id 3"},
		{"subnet4", `{"interface":"eth2"}`, "selected shared network 'floor' starting with subnet '203.0.113.0/24' id 3"},
		{"subnet4", `{"interface":"eth2","address":"192.0.2.9"}`, "selected subnet '192.0.2.0/24' id 1"},
		{"subnet4", `{"interface":"eth2","address":"192.0.2.9","local":"255.255.255.255"}`, "selected shared network 'floor' starting with subnet '203.0.113.0/24' id 3"},
		{"subnet4", `{"remote":"192.0.2.9","local":"255.255.255.255"}`, "no subnet selected"},
		{"subnet4", `{"address":"192.0.2.9"}`, "selected subnet '192.0.2.0/24' id 1"},
		{"subnet4", `{"remote":"192.0.2.9"}`, "selected subnet '192.0.2.0/24' id 1"},
		{"subnet4", `{"relay":"10.0.0.1"}`, "no subnet selected"},
		{"subnet4", `{"relay":"10.0.0.1","classes":["blue","red"]}`, "selected subnet '198.51.100.0/24' id 2"},
		{"subnet4", `{"relay":"10.0.0.1","subnet":"192.0.2.0"}`, "selected subnet '192.0.2.0/24' id 1"},
		{"subnet4", `{"link":"203.0.113.0","subnet":"192.0.2.0"}`, "selected shared network 'floor' starting with subnet '203.0.113.0/24' id 3"},
		{"subnet4", `{}`, "no subnet selected"},
		{"subnet4", `[]`, "arguments must be a map"},
		{"subnet4", `{"x":1}`, "unknown entry 'x'"},
		{"subnet4", `{"interface":1}`, "'interface' entry must be a string"},
		{"subnet4", `{"relay":"x"}`, "bad 'relay' entry: Failed to convert string to address 'x': Invalid argument"},
		{"subnet4", `{"relay":"::1"}`, "bad 'relay' entry: not IPv4"},
		{"subnet4", `{"classes":"red"}`, "'classes' entry must be a list"},
		{"subnet4", `{"classes":[1]}`, "'classes' entry must be a list of strings"},
		{"subnet4o6", `{"remote":"2001:db8:1::5"}`, "selected subnet '192.0.2.0/24' id 1"},
		{"subnet4o6", `{"interface-id":"'port7'"}`, "selected subnet '192.0.2.0/24' id 1"},
		{"subnet4o6", `{"interface-id":"70:6f:72:74:37"}`, "selected subnet '192.0.2.0/24' id 1"},
		{"subnet4o6", `{"link":"2001:db8:1::1"}`, "selected subnet '192.0.2.0/24' id 1"},
		{"subnet4o6", `{"interface":"eth0"}`, "no subnet selected"},
		{"subnet4o6", `{"remote":"192.0.2.1"}`, "bad 'remote' entry: not IPv6"},
		{"subnet4o6", `{"interface-id":"port7"}`, "value of 'interface-id' was not recognized"},
		{"subnet4o6", `{"interface-id":""}`, "'interface-id' must be not empty"},
		{"subnet6", `{"interface":"eth0"}`, "selected subnet '2001:db8:1::/48' id 1"},
		{"subnet6", `{"interface-id":"0xabcd"}`, "selected subnet '2001:db8:1::/48' id 1"},
		{"subnet6", `{"link":"2001:db8:2::1"}`, "selected shared network 'floor' starting with subnet '2001:db8:2::/48' id 2"},
		{"subnet6", `{"relay":"2001:db8:2::1"}`, "unknown entry 'relay'"},
	}
	for _, tt := range tests {
		var got struct{ Text string }
		answer := registry[tt.command[6]].Run(t.Context(), []byte(`{"command":"`+tt.command+`-select-test","arguments":`+tt.args+`}`))
		if err := json.Unmarshal(answer, &got); err != nil || got.Text != tt.want {
			t.Errorf("%s %s: %s, want %s (%v)", tt.command, tt.args, got.Text, tt.want, err)
		}
	}
}

// TestSelectIgnoresLinkSelection: as queries are led with ignore-rai-link-selection.
func TestSelectIgnoresLinkSelection(t *testing.T) {
	net := &topology.Topology{Family: topology.V4, Classes: classify.NewDictionary(optdef.V4, nil), Compatibility: topology.Compatibility{IgnoreLinkSelection: true},
		Subnets: []*topology.Subnet{{ID: 1, Prefix: netip.MustParsePrefix("192.0.2.0/24")}, {ID: 2, Prefix: netip.MustParsePrefix("198.51.100.0/24")}}}
	net.Freeze()
	r := new(control.Registry)
	leasecmd.New(leasecmd.Options{Family: topology.V4, Leases: lease.NewTable(new(lease.Volatile), lease.TableOptions{}), Topology: func() *topology.Topology { return net }}).Register(r)
	for args, want := range map[string]string{
		`{"link":"198.51.100.1","relay":"192.0.2.1"}`:  "selected subnet '192.0.2.0/24' id 1",
		`{"link":"198.51.100.1"}`:                      "no subnet selected",
		`{"link":"192.0.2.1","subnet":"198.51.100.1"}`: "selected subnet '198.51.100.0/24' id 2",
		`{"link":"x"}`: "bad 'link' entry: Failed to convert string to address 'x': Invalid argument",
	} {
		var got struct{ Text string }
		answer := r.Run(t.Context(), []byte(`{"command":"subnet4-select-test","arguments":`+args+`}`))
		if err := json.Unmarshal(answer, &got); err != nil || got.Text != want {
			t.Errorf("%s: %s, want %s (%v)", args, got.Text, want, err)
		}
	}
}
