package leasecmd_test

import (
	"encoding/json"
	"testing"

	"github.com/dhcp4o6/dhcp4o6/pkg/config"
	"github.com/dhcp4o6/dhcp4o6/pkg/control"
	"github.com/dhcp4o6/dhcp4o6/pkg/lease"
	"github.com/dhcp4o6/dhcp4o6/pkg/leasecmd"
	"github.com/dhcp4o6/dhcp4o6/pkg/topology"

	"context"
)

// A desk is the commands over a configuration that they may change.
type desk struct {
	cfg      *config.Config
	registry *control.Registry
}

func newDesk(t testing.TB, f topology.Family, text string) *desk {
	t.Helper()
	cfg, problems := config.Load("test.json", f, config.Options{ReadFile: func(string) ([]byte, error) { return []byte(text), nil }})
	if cfg == nil {
		t.Fatal(problems)
	}
	d := &desk{cfg: cfg, registry: new(control.Registry)}
	leasecmd.New(leasecmd.Options{
		Family: f, Leases: lease.NewTable(new(lease.Volatile), lease.TableOptions{}),
		Topology: func() *topology.Topology { return d.cfg.Topology }, Config: func() *config.Config { return d.cfg },
		Change: func(_ context.Context, edit func(*config.Config) leasecmd.Change) control.Result {
			c := edit(d.cfg)
			if c.Next != nil {
				d.cfg = c.Next
			}
			return c.Result
		},
	}).Register(d.registry)
	return d
}

// An exchange is a command, its arguments and the answer. Arguments and answer are what
// Kea 3 says, by its source and its documents.
type exchange struct{ command, args, want string }

func (d *desk) run(t *testing.T, turns []exchange) {
	t.Helper()
	for _, x := range turns {
		before := d.cfg
		request := `{"command":"` + x.command + `"`
		if x.args != "" {
			request += `,"arguments":` + x.args
		}
		got := string(d.registry.Run(context.Background(), []byte(request+"}")))
		if compact(t, got) != compact(t, x.want) {
			t.Errorf("%s %s\n got %s\nwant %s", x.command, x.args, got, x.want)
		}
		var res control.Result
		if err := json.Unmarshal([]byte(got), &res); err != nil {
			t.Fatal(err)
		}
		if res.Code != control.Success && d.cfg != before {
			t.Errorf("%s %s failed and has changed the configuration", x.command, x.args)
		}
		d.again(t)
	}
}

// again holds the configuration against what a restart would read of it: a change by
// command and one of the file come to the same.
func (d *desk) again(t *testing.T) {
	t.Helper()
	text := d.cfg.JSON()
	cfg, problems := config.Load("again.json", d.cfg.Family, config.Options{ReadFile: func(string) ([]byte, error) { return text, nil }})
	if cfg == nil {
		t.Fatalf("what is in force cannot be read again: %v\n%s", problems, text)
	}
	if string(cfg.JSON()) != string(text) {
		t.Errorf("read again it differs:\n%s\n%s", text, cfg.JSON())
	}
	if a, b := figure(d.cfg.Topology), figure(cfg.Topology); a != b {
		t.Errorf("the topology differs from that of the text:\n%s\n%s", a, b)
	}
}

// figure is what a topology says of reservations, pools and networks.
func figure(t *topology.Topology) string {
	type sub struct {
		ID       uint32
		Prefix   string
		Network  string
		Siblings int
		Pools    []string
		Options  topology.Options
		Policy   topology.Policy
		Hosts    map[string]*topology.Reservation
		Reserved map[string]string
	}
	hosts := func(m map[topology.Key]*topology.Reservation) map[string]*topology.Reservation {
		out := map[string]*topology.Reservation{}
		for k, r := range m {
			out[string('0'+rune(k.Kind))+k.ID] = r
		}
		return out
	}
	all := []any{hosts(t.Reservations), t.Options}
	for _, s := range t.Subnets {
		v := sub{ID: s.ID, Prefix: s.Prefix.String(), Options: s.Options, Policy: s.Policy, Hosts: hosts(s.Reservations), Reserved: map[string]string{}}
		for a, r := range s.Reserved {
			v.Reserved[a.String()] = r.Key.ID
		}
		if s.Network != nil {
			v.Network, v.Siblings = s.Network.Name, len(s.Network.Subnets)
			found := false
			for _, o := range s.Network.Subnets {
				found = found || o == s
			}
			if !found {
				v.Network += " which does not have it"
			}
		}
		for _, p := range s.Pools {
			v.Pools = append(v.Pools, p.Lease.First.String()+"-"+p.Lease.Last.String())
		}
		all = append(all, v)
	}
	b, err := json.Marshal(all)
	if err != nil {
		panic(err)
	}
	return string(b)
}

// compact is JSON in one spelling.
func compact(t *testing.T, s string) string {
	t.Helper()
	var v any
	if err := json.Unmarshal([]byte(s), &v); err != nil {
		t.Fatalf("%v: %s", err, s)
	}
	b, err := json.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

const floors4 = `{ "Dhcp4": {
	"valid-lifetime": 4000,
	"option-def": [ { "name": "foo", "code": 231, "type": "string" } ],
	"shared-networks": [ { "name": "floor13", "interface": "eth1", "subnet4": [
		{ "id": 100, "subnet": "198.51.100.0/25", "pools": [ { "pool": "198.51.100.10-198.51.100.20" } ] },
		{ "id": 101, "subnet": "198.51.100.128/25" } ] } ],
	"subnet4": [ { "id": 1, "subnet": "192.0.2.0/24", "pools": [ { "pool": "192.0.2.10 - 192.0.2.99" } ],
		"reservations": [ { "hw-address": "02:00:00:00:00:01", "ip-address": "192.0.2.11", "hostname": "One.example" } ] } ] } }`

// What is kept for hosts by command holds at once, and is in the configuration.
func TestReservations4(t *testing.T) {
	one := `{"boot-file-name":"","client-classes":[],"hostname":"One.example","hw-address":"02:00:00:00:00:01","ip-address":"192.0.2.11",
		"next-server":"0.0.0.0","option-data":[],"server-hostname":"","subnet-id":1}`
	two := `{"boot-file-name":"","client-classes":[],"circuit-id":"706F727437","hostname":"","ip-address":"198.51.100.7",
		"next-server":"192.0.2.9","option-data":[{"always-send":false,"code":231,"csv-format":true,"data":"x","name":"foo","space":"dhcp4"}],"server-hostname":"","subnet-id":100,
		"user-context":{"desk":7}}`
	d := newDesk(t, topology.V4, floors4)
	d.run(t, []exchange{
		{"reservation-get", `{"subnet-id":1,"ip-address":"192.0.2.11"}`, `{"result":0,"text":"Host found.","arguments":` + one + `}`},
		{"reservation-get", `{"subnet-id":1,"identifier-type":"hw-address","identifier":"020000000001"}`, `{"result":0,"text":"Host found.","arguments":` + one + `}`},
		{"reservation-get", `{"subnet-id":1,"ip-address":"192.0.2.12"}`, `{"result":3,"text":"Host not found."}`},
		{"reservation-get", `{"subnet-id":7,"ip-address":"192.0.2.11"}`, `{"result":3,"text":"Host not found."}`},
		{"reservation-add", `{"reservation":{"subnet-id":100,"circuit-id":"'port7'","ip-address":"198.51.100.7","next-server":"192.0.2.9",
			"option-data":[{"name":"foo","data":"x"}],"user-context":{"desk":7}}}`, `{"result":0,"text":"Host added."}`},
		{"reservation-get", `{"subnet-id":100,"identifier-type":"circuit-id","identifier":"'port7'"}`, `{"result":0,"text":"Host found.","arguments":` + two + `}`},
		{"reservation-get-all", `{"subnet-id":100}`, `{"result":0,"text":"1 IPv4 host(s) found.","arguments":{"hosts":[` + two + `]}}`},
		{"reservation-get-all", `{"subnet-id":101}`, `{"result":3,"text":"0 IPv4 host(s) found.","arguments":{"hosts":[]}}`},
		{"reservation-get-page", `{"limit":1}`, `{"result":0,"text":"1 IPv4 host(s) found.","arguments":{"count":1,"hosts":[` + one + `],"next":{"source-index":0,"from":1}}}`},
		{"reservation-get-page", `{"limit":9,"from":1,"source-index":0}`, `{"result":0,"text":"1 IPv4 host(s) found.","arguments":{"count":1,"hosts":[` + two + `],"next":{"source-index":0,"from":2}}}`},
		{"reservation-get-page", `{"limit":9,"from":2}`, `{"result":3,"text":"0 IPv4 host(s) found.","arguments":{"count":0,"hosts":[]}}`},
		{"reservation-get-page", `{"limit":9,"subnet-id":100}`, `{"result":0,"text":"1 IPv4 host(s) found.","arguments":{"count":1,"hosts":[` + two + `],"next":{"source-index":0,"from":2}}}`},
		{"reservation-get-by-hostname", `{"hostname":"ONE.example"}`, `{"result":0,"text":"1 IPv4 host(s) found.","arguments":{"hosts":[` + one + `]}}`},
		{"reservation-get-by-hostname", `{"hostname":"one.example","subnet-id":100}`, `{"result":3,"text":"0 IPv4 host(s) found.","arguments":{"hosts":[]}}`},
		{"reservation-get-by-address", `{"ip-address":"198.51.100.7"}`, `{"result":0,"text":"1 IPv4 host(s) found.","arguments":{"hosts":[` + two + `]}}`},
		{"reservation-get-by-id", `{"identifier-type":"circuit-id","identifier":"706f727437"}`, `{"result":0,"text":"1 IPv4 host(s) found.","arguments":{"hosts":[` + two + `]}}`},
		{"reservation-update", `{"reservation":{"subnet-id":1,"hw-address":"2:0:0:0:0:1","ip-address":"192.0.2.12"}}`, `{"result":0,"text":"Host updated."}`},
		{"reservation-get", `{"subnet-id":1,"ip-address":"192.0.2.11"}`, `{"result":3,"text":"Host not found."}`},
		{"reservation-add", `{"reservation":{"subnet-id":1,"hw-address":"02:00:00:00:00:02","ip-address":"192.0.2.11"},"operation-target":"memory"}`, `{"result":0,"text":"Host added."}`},
		{"reservation-del", `{"subnet-id":1,"ip-address":"192.0.2.11"}`, `{"result":0,"text":"Host deleted."}`},
		{"reservation-del", `{"subnet-id":1,"ip-address":"192.0.2.11"}`, `{"result":3,"text":"Host not deleted (not found)."}`},
		{"reservation-del", `{"subnet-id":100,"identifier-type":"circuit-id","identifier":"'port7'"}`, `{"result":0,"text":"Host deleted."}`},
		{"reservation-add", `{"reservation":{"duid":"01:02:03:04","hostname":"all"}}`, `{"result":0,"text":"Host added. subnet-id not specified, assumed global (subnet-id 0)."}`},
		{"reservation-get-by-hostname", `{"hostname":"all"}`, `{"result":0,"text":"1 IPv4 host(s) found.","arguments":{"hosts":[
			{"boot-file-name":"","client-classes":[],"duid":"01:02:03:04","hostname":"all","next-server":"0.0.0.0","option-data":[],"server-hostname":"","subnet-id":0}]}}`},
		{"reservation-del", `{"subnet-id":0,"identifier-type":"duid","identifier":"01020304"}`, `{"result":0,"text":"Host deleted."}`},
	})
	if len(d.cfg.Topology.Reservations) != 0 || len(d.cfg.Topology.Subnets[0].Reservations) != 1 {
		t.Error("reservations are left")
	}
}

// What is refused is refused in Kea's words, and changes nothing.
func TestReservationsRefused4(t *testing.T) {
	d := newDesk(t, topology.V4, floors4)
	refused := func(command, args, text string) exchange {
		b, err := json.Marshal(control.Result{Code: 1, Text: text})
		if err != nil {
			t.Fatal(err)
		}
		return exchange{command, args, string(b)}
	}
	host := func(rest string) string { return `{"reservation":{` + rest + `}}` }
	d.run(t, []exchange{
		refused("reservation-add", ``, "no parameters specified for the command"),
		refused("reservation-add", `{"x":1}`, "reservation must be specified"),
		refused("reservation-add", host(`"subnet-id":"1"`), "'subnet-id' parameter is not integer."),
		refused("reservation-add", host(`"subnet-id":-1`), "subnet-id: -1 is invalid, must be between 0 and 4294967294 (inclusive)."),
		refused("reservation-add", host(`"subnet-id":7,"hw-address":"02:00:00:00:00:09","hostname":"x"`), "IPv4 subnet with ID of '7' is not configured"),
		refused("reservation-add", host(`"subnet-id":1,"hw-address":"02:00:00:00:00:09","ip-address":"10.0.0.1"`),
			"specified reservation '10.0.0.1' is not matching the IPv4 subnet prefix '192.0.2.0/24'"),
		refused("reservation-add", host(`"hw-address":"02:00:00:00:00:09","ip-address":"192.0.2.4"`),
			"Mandatory 'subnet-id' parameter missing. The address '192.0.2.4' belongs to subnet '192.0.2.0/24' id 1."),
		refused("reservation-add", host(`"hw-address":"02:00:00:00:00:09","ip-address":"10.0.0.1"`),
			"Mandatory 'subnet-id' parameter missing. The address '10.0.0.1' belongs to no configured subnet."),
		refused("reservation-add", host(`"subnet-id":1,"hw-address":"02:00:00:00:00:01","hostname":"x"`),
			"failed to add new host using the HW address '02:00:00:00:00:01' to the IPv4 subnet id '1' as this host has already been added"),
		refused("reservation-add", host(`"subnet-id":1,"hw-address":"02:00:00:00:00:09","ip-address":"192.0.2.11"`),
			"failed to add new host using the HW address '02:00:00:00:00:09 and DUID '(null)' to the IPv4 subnet id '1' for the address 192.0.2.11: There's already a reservation for this address"),
		refused("reservation-add", host(`"subnet-id":1,"hw-address":"zz","ip-address":"192.0.2.300","hostnam":"x","option-data":[{"name":"routers","data":"x"}]`),
			`subnet4[0].reservations[1].hostnam: is not a key of reservation; did you mean 'hostname'?`+"\n"+
				`subnet4[0].reservations[1].hw-address: "zz" is not hexadecimal, as 00:0c:01:02:03:04`+"\n"+
				`subnet4[0].reservations[1].ip-address: "192.0.2.300" is not an IPv4 address`+"\n"+
				`subnet4[0].reservations[1].option-data[0].data: value 1, "x" at offset 0: expected an IPv4 address`),
		refused("reservation-add", `{"operation-target":"database","reservation":{}}`, "Unable to add new host because there is no hosts-databases configured."),
		refused("reservation-add", `{"operation-target":"x","reservation":{}}`, "The 'operation-target' value (x) is not within expected set: (memory, database, all, default)"),
		refused("reservation-update", ``, "invalid command: does not contain mandatory 'arguments'"),
		refused("reservation-update", `{"reservation":[]}`, "invalid command: expected 'reservation' to be a map, got list instead"),
		refused("reservation-update", host(`"subnet-id":1,"hw-address":"02:00:00:00:00:09","hostname":"x"`), "Host not updated (not found)."),
		refused("reservation-update", host(`"hw-address":"02:00:00:00:00:01","hostname":"x"`),
			"Mandatory 'subnet-id' parameter missing. Use `reservation-get-by-id' or 'reservation-get-by-address' to get the list of reservations with given identifier or address."),
		refused("reservation-get", ``, "Parameters missing or are not a map."),
		refused("reservation-get", `{"x":1}`, "missing parameter 'subnet-id'"),
		refused("reservation-get", `{"subnet-id":1}`, "No 'ip-address' provided and 'identifier-type' is either missing or not a string."),
		refused("reservation-get", `{"subnet-id":1,"identifier-type":"hw-address"}`, "No 'ip-address' provided and 'identifier' is either missing or not a string."),
		refused("reservation-get", `{"subnet-id":1,"identifier-type":"x","identifier":"01"}`, "Value of 'identifier-type' was not recognized."),
		refused("reservation-get", `{"subnet-id":1,"identifier-type":"duid","identifier":"x"}`, "Unable to parse 'identifier' value."),
		refused("reservation-get", `{"subnet-id":1,"identifier-type":"duid","identifier":"''"}`, "Unable to parse 'identifier' value."),
		refused("reservation-get", `{"ip-address":"192.0.2.1"}`,
			`missing parameter 'subnet-id', use 'reservation-get-by-address' with 'ip-address' set to "192.0.2.1" to get the list of reservations with this address`),
		refused("reservation-get", `{"identifier-type":"duid","identifier":"0102"}`, `missing parameter 'subnet-id', use 'reservation-get-by-id' with 'identifier-type' `+
			`set to "duid" and 'identifier' to "0102" to get the list of reservations with this identifier`),
		refused("reservation-get-all", `{"subnet-id":7}`, "IPv4 subnet with ID of '7' is not configured"),
		refused("reservation-get-page", `{"limit":0}`, "page size of retrieved hosts must not be 0"),
		refused("reservation-get-page", `{}`, "missing parameter 'limit'"),
		refused("reservation-get-by-id", `{"identifier-type":"duid","identifier":"0102","subnet-id":1}`, "'subnet-id' is forbidden in reservation-get-by-id"),
		refused("reservation-get-by-hostname", `{"hostname":""}`, "Empty hostname"),
		refused("reservation-get-by-address", `{"ip-address":"x"}`, "Failed to convert 'x' to address: Failed to convert string to address 'x': Invalid argument"),
		refused("reservation-del", `{"subnet-id":1,"ip-address":"192.0.2.11","operation-target":"database"}`, "Unable to delete a host because there is no hosts-databases configured."),
	})
}
