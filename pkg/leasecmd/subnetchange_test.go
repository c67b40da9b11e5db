package leasecmd_test

import (
	"slices"
	"strings"
	"testing"

	"github.com/dhcp4o6/dhcp4o6/pkg/topology"
)

func changed(text, id, prefix string) string {
	return `{"result":0,"text":"` + text + `","arguments":{"subnets":[{"id":` + id + `,"subnet":"` + prefix + `"}]}}`
}

func says(code, text string) string { return `{"result":` + code + `,"text":"` + text + `"}` }

// Subnets come, change and go by command, with their reservations.
func TestSubnets4(t *testing.T) {
	d := newDesk(t, topology.V4, floors4)
	d.run(t, []exchange{
		{"subnet4-add", `{"subnet4":[{"id":9,"subnet":"203.0.113.0/24","pools":[{"pool":"203.0.113.0/28"}],"option-data":[{"name":"foo","data":"x"}]}]}`,
			changed("IPv4 subnet added", "9", "203.0.113.0/24")},
		{"subnet4-add", `{"subnet4":[{"subnet":"10.0.0.0/8"}]}`, changed("IPv4 subnet added", "102", "10.0.0.0/8")},
		{"subnet4-add", `{"subnet4":[{"id":9,"subnet":"10.1.0.0/16"}]}`, says("1", "ID of the new IPv4 subnet '9' is already in use")},
		{"subnet4-add", `{"subnet4":[{"id":10,"subnet":"203.0.113.9/24"}]}`, says("1", "subnet with the prefix of '203.0.113.0/24' already exists")},
		{"subnet4-add", `{"subnet4":[{"id":10,"subnet":"172.16.0.0/12","pools":[{"pool":"10.0.0.0/24"},{"poo":1}],"valid-lifetime":"x"}]}`,
			says("1", `subnet4[3].pools[0].pool: outside 172.16.0.0/12\nsubnet4[3].pools[1].poo: is not a key of pool; did you mean 'pool'?\n`+
				`subnet4[3].valid-lifetime: has to be an integer, not a string`)},
		{"subnet4-add", ``, says("1", "no arguments specified for the 'subnet4-add' command")},
		{"subnet4-add", `[]`, says("1", "arguments specified for the 'subnet4-add' command are not a map")},
		{"subnet4-add", `{}`, says("1", "invalid number of arguments 0 for the 'subnet4-add' command. Expecting 'subnet4' list")},
		{"subnet4-add", `{"x":1}`, says("1", "missing 'subnet4' argument for the 'subnet4-add' command")},
		{"subnet4-add", `{"subnet4":{}}`, says("1", "'subnet4' argument specified for the 'subnet4-add' command is not a list")},
		{"subnet4-add", `{"subnet4":[]}`, says("1", "invalid number of subnets specified for the 'subnet4-add' command. Expected one subnet")},
		{"subnet4-add", `{"subnet4":[{"id":10,"subnet":"10.9.0.0/16","reservations":[]}]}`,
			says("1", "must not specify host reservations with 'subnet4-add'. Use 'reservation-add' to add a reservation to a subnet")},

		// an update replaces all but the reservations
		{"subnet4-update", `{"subnet4":[{"id":1,"subnet":"192.0.2.0/24","valid-lifetime":600}]}`, changed("IPv4 subnet updated", "1", "192.0.2.0/24")},
		{"reservation-get-all", `{"subnet-id":1}`, `{"result":0,"text":"1 IPv4 host(s) found.","arguments":{"hosts":[{"boot-file-name":"","client-classes":[],
			"hostname":"One.example","hw-address":"02:00:00:00:00:01","ip-address":"192.0.2.11","next-server":"0.0.0.0","option-data":[],"server-hostname":"","subnet-id":1}]}}`},
		{"subnet4-update", `{"subnet4":[{"id":1,"subnet":"192.0.4.0/24"}]}`, says("1", "subnet4[0].reservations[0].ip-address: 192.0.2.11 is outside 192.0.4.0/24")},
		{"subnet4-update", `{"subnet4":[{"id":7,"subnet":"192.0.4.0/24"}]}`, says("1", "Can't find subnet '7' to update")},
		{"subnet4-update", `{"subnet4":[{"subnet":"192.0.4.0/24"}]}`, says("1", "must specify subnet id with 'subnet4-update' command.")},
		{"subnet4-update", `{"subnet4":[{"id":0,"subnet":"192.0.4.0/24"}]}`, says("1", "out of range value (0) specified for parameter 'id'")},

		// within a network too
		{"subnet4-update", `{"subnet4":[{"id":101,"subnet":"198.51.100.128/25","pools":[{"pool":"198.51.100.130-198.51.100.140"}]}]}`,
			changed("IPv4 subnet updated", "101", "198.51.100.128/25")},

		{"subnet4-del", `{"id":1}`, changed("IPv4 subnet 192.0.2.0/24 (id 1) deleted", "1", "192.0.2.0/24")},
		{"subnet4-del", `{"id":1}`, says("3", "no subnet with id 1 found")},
		{"subnet4-del", `{"id":"1"}`, says("1", "subnet identifier specified for the 'subnet4-del' is not a number")},
		{"subnet4-del", `{"x":"1"}`, says("1", "subnet identifier is required for the 'subnet4-del' command")},
		{"subnet4-del", `{"id":100}`, changed("IPv4 subnet 198.51.100.0/25 (id 100) deleted", "100", "198.51.100.0/25")},
		{"subnet4-list", ``, `{"result":0,"text":"3 IPv4 subnets found","arguments":{"subnets":[{"id":9,"subnet":"203.0.113.0/24","shared-network-name":null},
			{"id":101,"subnet":"198.51.100.128/25","shared-network-name":"floor13"},{"id":102,"subnet":"10.0.0.0/8","shared-network-name":null}]}}`},
		{"reservation-get-by-hostname", `{"hostname":"One.example"}`, `{"result":3,"text":"0 IPv4 host(s) found.","arguments":{"hosts":[]}}`},
	})
}

// A delta changes what it names and leaves the rest.
func TestDeltas4(t *testing.T) {
	d := newDesk(t, topology.V4, floors4)
	turns := []exchange{
		{"subnet4-delta-add", `{"subnet4":[{"id":1,"subnet":"192.0.2.0/24","valid-lifetime":600,"pools":[{"pool":"192.0.2.10-192.0.2.99","option-data":[{"name":"foo","data":"p"}]},
			{"pool":"192.0.2.128/25"}],"option-data":[{"name":"foo","data":"x"},{"code":6,"data":"192.0.2.1"}]}]}`, changed("IPv4 subnet updated", "1", "192.0.2.0/24")},
		{"subnet4-delta-add", `{"subnet4":[{"id":1,"subnet":"192.0.2.0/24","option-data":[{"code":231,"data":"y"}]}]}`, changed("IPv4 subnet updated", "1", "192.0.2.0/24")},
	}
	d.run(t, turns)
	text := string(d.cfg.SubnetJSON(1))
	for _, want := range []string{`"data":"y"`, `"data":"192.0.2.1"`, `"valid-lifetime":600`, `"data":"p"`, `"pool":"192.0.2.128/25"`} {
		if !strings.Contains(text, want) {
			t.Errorf("%s lacks %s", text, want)
		}
	}
	if strings.Contains(text, `"data":"x"`) {
		t.Errorf("not replaced: %s", text)
	}
	d.run(t, []exchange{
		{"subnet4-delta-del", `{"subnet4":[{"id":1,"subnet":"192.0.2.0/24","valid-lifetime":1,"pools":[{"pool":"192.0.2.10 - 192.0.2.99","option-data":[{"code":231}]},
			{"pool":"192.0.2.128 - 192.0.2.255"}],"option-data":[{"name":"foo"}]}]}`, changed("IPv4 subnet updated", "1", "192.0.2.0/24")},
		{"subnet4-delta-del", `{"subnet4":[{"id":7,"subnet":"192.0.2.0/24"}]}`, says("1", "Can't find subnet '7' to update")},
		{"subnet4-delta-del", `{"subnet4":[{"id":1}]}`, says("1", "mandatory 'subnet' parameter is missing for a subnet being configured")},
		{"subnet4-delta-del", `{"subnet4":[{"id":1,"subnet":"192.0.2.0/24","pools":"all"}]}`, says("1", "subnet4[0].pools: has to be a list of maps, not a string")},
		{"subnet4-delta-del", `{"subnet4":[{"id":1,"subnet":"192.0.2.0/24","option-date":[{"code":6}]}]}`,
			says("1", "subnet4[0].option-date: is not a key of subnet; did you mean 'option-data'?")},
	})
	text = string(d.cfg.SubnetJSON(1))
	for _, gone := range []string{`"data":"y"`, `"data":"p"`, `128`, `:600`} {
		if strings.Contains(text, gone) {
			t.Errorf("%s has %s still", text, gone)
		}
	}
	if !strings.Contains(text, `"pool":"192.0.2.10-192.0.2.99"`) || !strings.Contains(text, `"data":"192.0.2.1"`) || len(d.cfg.Topology.Subnets[0].Reservations) != 1 {
		t.Errorf("too much went: %s", text)
	}
	d.run(t, []exchange{
		{"subnet4-delta-del", `{"subnet4":[{"id":1,"subnet":"192.0.2.0/24","pools":[{"pool":"192.0.2.10 - 192.0.2.99"}]}]}`, changed("IPv4 subnet updated", "1", "192.0.2.0/24")},
	})
	if len(d.cfg.Topology.Subnets[0].Pools) != 0 {
		t.Error("the pool stays")
	}
}

// Shared networks come and go, and subnets into and out of them.
func TestNetworks4(t *testing.T) {
	d := newDesk(t, topology.V4, floors4)
	named := func(text, name string) string {
		return `{"result":0,"text":"` + text + `","arguments":{"shared-networks":[{"name":"` + name + `"}]}}`
	}
	d.run(t, []exchange{
		{"network4-add", `{"shared-networks":[{"name":"floor1","subnet4":[{"id":5,"subnet":"10.5.0.0/16"},{"subnet":"10.6.0.0/16"}]}]}`,
			named("A new IPv4 shared network 'floor1' added", "floor1")},
		{"network4-add", `{"shared-networks":[{"name":"empty"}]}`, named("A new IPv4 shared network 'empty' added", "empty")},
		{"network4-list", ``, `{"result":0,"text":"3 IPv4 networks found","arguments":{"shared-networks":[{"name":"floor13"},{"name":"floor1"},{"name":"empty"}]}}`},
		{"network4-add", `{"shared-networks":[{"name":"floor1"}]}`, says("1", "duplicate network 'floor1' found in the configuration")},
		{"network4-add", `{"shared-networks":[{"nam":"x","subnet4":[{"id":1,"subnet":"10.7.0.0/16"}]}]}`,
			says("1", `shared-networks[3].nam: is not a key of shared network; did you mean 'name'?\nsubnet4[0].id: 1 is already the id of shared-networks[3].subnet4[0], line 1`)},
		{"network4-add", `{"x":1}`, says("1", "missing 'shared-networks' argument for the 'network4-add' command")},
		{"network4-subnet-add", `{"name":"empty","id":1}`, says("0", "IPv4 subnet 192.0.2.0/24 (id 1) is now part of shared network 'empty'")},
		{"network4-subnet-add", `{"name":"floor1","id":1}`, says("1", "subnet 1 being added to a shared network already belongs to a shared network")},
		{"network4-subnet-add", `{"name":"floor1","id":7}`, says("3", "no IPv4 subnet with id '7' found")},
		{"network4-subnet-add", `{"name":"x","id":7}`, says("3", "no IPv4 shared network with name 'x' found")},
		{"network4-subnet-add", `{"id":7}`, says("1", "missing 'name' argument for the 'network4-subnet-add' command")},
		{"network4-subnet-del", `{"name":"floor1","id":1}`, says("3", "The IPv4 subnet with id 1 is not part of the shared network with name 'floor1' found")},
		{"network4-subnet-del", `{"name":"empty","id":1}`, says("0", "IPv4 subnet 192.0.2.0/24 (id 1) is now removed from shared network 'empty'")},
		{"network4-del", `{"name":"floor13"}`, named("IPv4 shared network 'floor13' deleted", "floor13")},
		{"network4-del", `{"name":"floor1","subnets-action":"delete"}`, named("IPv4 shared network 'floor1' deleted", "floor1")},
		{"network4-del", `{"name":"floor1","subnets-action":"x"}`, says("1", "Invalid value for subnets-action parameter: x, Supported values: 'keep' and 'delete'.")},
		{"network4-del", `{"name":"floor1"}`, says("3", "no shared network with name 'floor1' found")},
		{"subnet4-list", ``, `{"result":0,"text":"3 IPv4 subnets found","arguments":{"subnets":[{"id":1,"subnet":"192.0.2.0/24","shared-network-name":null},
			{"id":100,"subnet":"198.51.100.0/25","shared-network-name":null},{"id":101,"subnet":"198.51.100.128/25","shared-network-name":null}]}}`},
	})
}

// Subnets of a new network that have no id get none that another one of it has.
func TestNumbersInNetwork(t *testing.T) {
	d := newDesk(t, topology.V4, floors4)
	d.run(t, []exchange{
		{"network4-add", `{"shared-networks":[{"name":"n","subnet4":[{"subnet":"10.5.0.0/16"},{"id":102,"subnet":"10.6.0.0/16"},{"id":0,"subnet":"10.7.0.0/16"}]}]}`,
			`{"result":0,"text":"A new IPv4 shared network 'n' added","arguments":{"shared-networks":[{"name":"n"}]}}`},
	})
	var ids []uint32
	for _, s := range d.cfg.Topology.Subnets {
		ids = append(ids, s.ID)
	}
	if want := []uint32{1, 100, 101, 102, 103, 104}; !slices.Equal(ids, want) {
		t.Errorf("%v, not %v", ids, want)
	}
}

// The same commands with a 6.
func TestChanges6(t *testing.T) {
	d := newDesk(t, topology.V6, `{ "Dhcp6": { "subnet6": [ { "id": 1, "subnet": "2001:db8:1::/64", "pools": [ { "pool": "2001:db8:1::10-2001:db8:1::99" } ] } ] } }`)
	one := `{"client-classes":[],"duid":"01:02:03:04","hostname":"","ip-addresses":["2001:db8:1::11"],"option-data":[],"prefixes":[],"subnet-id":1}`
	d.run(t, []exchange{
		{"reservation-add", `{"reservation":{"subnet-id":1,"duid":"01020304","ip-addresses":["2001:db8:1::11"]}}`, says("0", "Host added.")},
		{"reservation-get", `{"subnet-id":1,"ip-address":"2001:db8:1:0::11"}`, `{"result":0,"text":"Host found.","arguments":` + one + `}`},
		{"reservation-add", `{"reservation":{"subnet-id":1,"duid":"01020305","ip-addresses":["2001:db8:1::11"]}}`,
			says("1", "failed to add address reservation for host using the HW address '(null) and DUID '01:02:03:05' to the IPv6 subnet id '1' for address/prefix 2001:db8:1::11: There's already reservation for this address/prefix")},
		{"reservation-add", `{"reservation":{"duid":"01020305","ip-addresses":["2001:db8:1::12"]}}`,
			says("1", "Mandatory 'subnet-id' parameter missing. Reserved IPv6 addresses belong to subnet '2001:db8:1::/64' id 1.")},
		{"reservation-add", `{"reservation":{"duid":"01020305","prefixes":["2001:db8:8::/48"]}}`,
			says("1", "Mandatory 'subnet-id' parameter missing. Prefixes are not attached to subnets so no hint is available.")},
		{"subnet6-add", `{"subnet6":[{"id":2,"subnet":"2001:db8:2::/64"}]}`, changed("IPv6 subnet added", "2", "2001:db8:2::/64")},
		{"subnet6-delta-add", `{"subnet6":[{"id":2,"subnet":"2001:db8:2::/64","pools":[{"pool":"2001:db8:2::/80"}]}]}`, changed("IPv6 subnet updated", "2", "2001:db8:2::/64")},
		{"network6-add", `{"shared-networks":[{"name":"n"}]}`, `{"result":0,"text":"A new IPv6 shared network 'n' added","arguments":{"shared-networks":[{"name":"n"}]}}`},
		{"network6-subnet-add", `{"name":"n","id":1}`, says("0", "IPv6 subnet 2001:db8:1::/64 (id 1) is now part of shared network 'n'")},
		{"reservation-update", `{"reservation":{"subnet-id":1,"duid":"01020304","ip-addresses":["2001:db8:1::13"]}}`, says("0", "Host updated.")},
		{"reservation-del", `{"subnet-id":1,"ip-address":"2001:db8:1::13"}`, says("0", "Host deleted.")},
		{"network6-del", `{"name":"n","subnets-action":"delete"}`, `{"result":0,"text":"IPv6 shared network 'n' deleted","arguments":{"shared-networks":[{"name":"n"}]}}`},
		{"subnet6-del", `{"id":2}`, changed("IPv6 subnet 2001:db8:2::/64 (id 2) deleted", "2", "2001:db8:2::/64")},
	})
}
