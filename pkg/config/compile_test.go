package config

import (
	"encoding/hex"
	"fmt"
	"net/netip"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/dhcp4o6/dhcp4o6/pkg/classify"
	"github.com/dhcp4o6/dhcp4o6/pkg/lease"
	"github.com/dhcp4o6/dhcp4o6/pkg/topology"
)

// example loads an example that has to be without error.
func example(t *testing.T, name string) *Config {
	t.Helper()
	cfg, problems := Load(name, in(name), Options{})
	if cfg == nil {
		t.Fatal(show(problems))
	}
	return cfg
}

func subnetOf(t *testing.T, cfg *Config, id uint32) *topology.Subnet {
	t.Helper()
	i := slices.IndexFunc(cfg.Topology.Subnets, func(s *topology.Subnet) bool { return s.ID == id })
	if i < 0 {
		t.Fatalf("no subnet %d", id)
	}
	return cfg.Topology.Subnets[i]
}

// optionsText writes options as "code value flags".
func optionsText(o topology.Options) string {
	var out []string
	for _, e := range o {
		flag := ""
		if e.Always {
			flag = "!"
		}
		if e.Never {
			flag += "-"
		}
		code := fmt.Sprint(e.Code)
		if e.Vendor != 0 {
			code = fmt.Sprintf("%d/%d", e.Code, e.Vendor)
		}
		if e.Sub {
			code = fmt.Sprintf("%d.%d", e.Vendor, e.Code)
		}
		out = append(out, fmt.Sprintf("%s %s%s", code, hex.EncodeToString(e.Value), flag))
	}
	return strings.Join(out, ", ")
}

func same(t *testing.T, what string, got, want any) {
	t.Helper()
	if !reflect.DeepEqual(got, want) {
		t.Errorf("%s:\n got %+v\nwant %+v", what, got, want)
	}
}

func addr(s string) netip.Addr { return netip.MustParseAddr(s) }

func TestDaemonKeys(t *testing.T) {
	cfg := example(t, "testdata/dhcp4-2.2.json")
	same(t, "interfaces", cfg.Interfaces, Interfaces{
		Specs: []InterfaceSpec{{"lo", addr("127.0.0.1")}},
		UDP:   true, Routing: true, RequireAll: true, MaxRetries: 5, RetryWait: 2 * time.Second,
	})
	same(t, "lease database", cfg.LeaseDB, LeaseDB{Type: "memfile", Name: "leases4.csv", Persist: true, LFCInterval: 30 * time.Minute, MaxRowErrors: 100})
	same(t, "expired leases", cfg.Expired, Expired{ReclaimWait: 5 * time.Second, FlushWait: 15 * time.Second, Hold: time.Minute, MaxLeases: 7,
		MaxTime: 100 * time.Millisecond, Unwarned: 3})
	same(t, "ours", cfg.Ours, Ours{OfferHold: 20 * time.Second, OfferLimit: 64, PadIPC: true, PairUsers: []string{"dhcp", "4711"}, RawSync: true,
		PairHMAC: "require", PairKeyFiles: []string{"/etc/dhcp4o6/pair.key", "/etc/dhcp4o6/old.key"}})
	same(t, "loggers", cfg.Loggers, []Logger{{Name: "kea-dhcp4", Severity: "DEBUG", DebugLevel: 55, Outputs: []Output{
		{Output: "/tmp/dhcp4d.log", MaxSize: 1000000, MaxVer: 8},
		{Output: "syslog:dhcp", MaxSize: 10240000, MaxVer: 1, Flush: true},
	}}})
	same(t, "port", cfg.DHCP4o6Port, uint16(786))
	same(t, "probation", cfg.DeclineProbation, time.Hour)

	cfg = example(t, "testdata/dhcp6-2.2.json")
	same(t, "server id", cfg.ServerID, ServerID{Type: "EN", Identifier: []byte{1, 2, 3, 4, 5}, EnterpriseID: 2495})
	same(t, "size below Kea's least", cfg.Loggers[0].Outputs[0].MaxSize, int64(0))
}

// What a configuration does not say has Kea's default.
func TestDefaults(t *testing.T) {
	for _, f := range []Family{v4, v6} {
		cfg, problems := text(f, fmt.Sprintf(`{"Dhcp%d":{}}`, f), nil)
		if cfg == nil || len(problems) > 0 {
			t.Fatal(show(problems))
		}
		same(t, "interfaces", cfg.Interfaces, Interfaces{RetryWait: 5 * time.Second})
		same(t, "lease database", cfg.LeaseDB, LeaseDB{Type: "memfile", Persist: true, LFCInterval: time.Hour})
		same(t, "expired leases", cfg.Expired, Expired{ReclaimWait: 10 * time.Second, FlushWait: 25 * time.Second, Hold: time.Hour, MaxLeases: 100,
			MaxTime: 250 * time.Millisecond, Unwarned: 5})
		same(t, "ours", cfg.Ours, Ours{OfferHold: 10 * time.Second, RawSync: true, PairHMAC: "off",
			PairDialect: map[Family]string{v6: "kea"}[f]})
		same(t, "server id", cfg.ServerID, ServerID{Persist: true})
		same(t, "probation", cfg.DeclineProbation, 24*time.Hour)
		p := topology.Policy{Valid: topology.Lifetime{Min: 7200, Default: 7200, Max: 7200}, MatchClientID: true, EchoClientID: true}
		ids := []topology.IdentifierKind{topology.HWAddress, topology.DUID, topology.CircuitID, topology.ClientID}
		if f == v6 {
			p = topology.Policy{Valid: p.Valid, Preferred: topology.Lifetime{Min: 4500, Default: 4500, Max: 4500},
				T1: topology.Timer{Percent: 0.5}, T2: topology.Timer{Percent: 0.8}}
			ids = ids[:2]
		}
		same(t, "policy", cfg.Topology.Policy, p)
		same(t, "identifiers", cfg.Topology.Identifiers, ids)
	}
}

// Scalars come from the innermost scope that has them, each by itself.
func TestInheritance(t *testing.T) {
	cfg := example(t, "testdata/dhcp4-2.2.json")
	same(t, "subnet's own", subnetOf(t, cfg, 20).Policy, topology.Policy{
		Valid: topology.Lifetime{Min: 2500, Default: 3000, Max: 3500},
		T1:    topology.Timer{Seconds: 900, Percent: 0.3}, T2: topology.Timer{Seconds: 2000, Percent: 0.7},
		NextServer: addr("192.0.2.252"), ServerHostname: "c.example.org", BootFileName: "/boot/c",
	})
	same(t, "network's", subnetOf(t, cfg, 30).Policy, topology.Policy{
		Valid: topology.Lifetime{Min: 4000, Default: 4100, Max: 4200},
		T1:    topology.Timer{Seconds: 1100, Percent: 0.2}, T2: topology.Timer{Seconds: 3100, Percent: 0.6},
		NextServer: addr("192.0.2.253"), ServerHostname: "d.example.org", BootFileName: "/boot/d",
	})
	same(t, "of network and global", subnetOf(t, cfg, 3).Policy, topology.Policy{
		Valid: topology.Lifetime{Min: 2000, Default: 5000, Max: 8000},
		T1:    topology.Timer{Seconds: 1000, Percent: 0.4}, T2: topology.Timer{Seconds: 3000, Percent: 0.8},
		Authoritative: true, MatchClientID: true,
		NextServer: addr("192.0.2.250"), ServerHostname: "boot.example.org", BootFileName: "/boot/a",
	})

	type flags struct{ Global, In, Out bool }
	for id, want := range map[uint32]flags{
		20: {false, true, true},   // its own
		30: {false, false, false}, // its own mode, over the network's flags
		3:  {false, true, true},   // the network's mode, over the global flags
	} {
		s := subnetOf(t, cfg, id)
		same(t, fmt.Sprint("reservations of ", id), flags{s.ReserveGlobal, s.ReserveIn, s.ReserveOut}, want)
	}
}

func TestSubnetsAndPools(t *testing.T) {
	cfg := example(t, "testdata/dhcp4-2.2.json")
	var ids []uint32
	for _, s := range cfg.Topology.Subnets {
		ids = append(ids, s.ID)
	}
	same(t, "ascending ids", ids, []uint32{3, 7, 20, 30})

	s := subnetOf(t, cfg, 20)
	same(t, "4o6", s.FourOSix, topology.FourOSix{Iface: "eth7", InterfaceID: []byte("port\xff"), Prefix: netip.MustParsePrefix("2001:db8:1::/64"), LinkFirst: true})
	same(t, "interface", s.Iface, "lo")
	type pool struct {
		Kind        lease.Kind
		ID          uint32
		First, Last string
	}
	pools := func(s *topology.Subnet) (out []pool) {
		for _, p := range s.Pools {
			if p.Lease.Subnet != s.ID {
				t.Errorf("pool %v says subnet %d", p.Lease.First, p.Lease.Subnet)
			}
			out = append(out, pool{p.Lease.Kind, p.Lease.ID, p.Lease.First.String(), p.Lease.Last.String()})
		}
		return out
	}
	same(t, "pools", pools(s), []pool{{lease.V4, 0, "192.0.2.10", "192.0.2.99"}, {lease.V4, 0, "192.0.2.128", "192.0.2.191"}})

	n := subnetOf(t, cfg, 7)
	same(t, "its own relay", n.Relays, []netip.Addr{addr("203.0.113.2")})
	same(t, "the network's relay", subnetOf(t, cfg, 3).Relays, []netip.Addr{addr("203.0.113.1")})
	same(t, "ALL is no guard", n.Guard, topology.Guard(nil))
	same(t, "guard of a pool", n.Pools[0].Guard, topology.Guard{classify.Known})
	same(t, "the network's links", n.Network.Links, []netip.Prefix{netip.MustParsePrefix("2001:db8:a::/64")})
	if n.Network != subnetOf(t, cfg, 3).Network || len(n.Network.Subnets) != 2 {
		t.Error("the subnets of a network do not share it")
	}

	cfg = example(t, "testdata/dhcp6-2.2.json")
	same(t, "v6 pools", pools(subnetOf(t, cfg, 1)), []pool{
		{lease.NA, 0, "2001:db8:1::", "2001:db8:1::ffff:ffff:ffff"}, {lease.NA, 0, "2001:db8:1:1::1", "2001:db8:1:1::ffff"}})
	same(t, "interface-id of the network", subnetOf(t, cfg, 8).InterfaceID, []byte("port 1"))
	same(t, "interface-id in hexadecimal", subnetOf(t, cfg, 9).InterfaceID, []byte{1, 2, 255})
	same(t, "rapid commit", []bool{subnetOf(t, cfg, 8).Policy.RapidCommit, subnetOf(t, cfg, 1).Policy.RapidCommit}, []bool{true, false})

	cfg = example(t, "testdata/dhcp4-3.x.json")
	same(t, "pool-id", pools(cfg.Topology.Subnets[0]), []pool{{lease.V4, 9, "10.0.0.0", "10.0.255.255"}})
	same(t, "4o6 keys that are empty", cfg.Topology.Subnets[0].FourOSix.Any(), false)
	same(t, "guard of the network", cfg.Topology.Subnets[0].Network.Guard, topology.Guard{classify.Unknown, classify.Known})
	same(t, "offers are held as long as offer-hold says", cfg.Ours.OfferHold, 10*time.Second)
	same(t, "offers are stored", cfg.Topology.Policy.OfferLifetime, uint32(15))
}

// Options come from all scopes; an inner one hides the same code of outer ones.
func TestOptions(t *testing.T) {
	cfg := example(t, "testdata/dhcp4-2.2.json")
	global := "6 c0000201c0000202!, 230 07c0000209, 231 0102010401020304, 232 010203, 240 cafe"
	same(t, "global", optionsText(cfg.Topology.Options), global)
	s := subnetOf(t, cfg, 20)
	domain := func(name string) string { return "15 " + hex.EncodeToString([]byte(name)) }
	rest := strings.TrimPrefix(global, "6 c0000201c0000202!")
	same(t, "subnet", optionsText(s.Options), "3 c0000201, 6 c0000201c0000202!, "+domain("subnet.example.org")+", 54 c00002fe"+rest)
	same(t, "pool", optionsText(s.Pools[0].Options), "3 c0000201, 6 c0000201c0000202!, "+domain("pool.example.org")+", 54 c00002fe"+rest)
	same(t, "server identifier", s.ServerID, addr("192.0.2.254"))
	same(t, "none elsewhere", subnetOf(t, cfg, 3).ServerID.IsValid(), false)
	same(t, "network", optionsText(subnetOf(t, cfg, 3).Options), "6 c0000201c0000202!, "+domain("attic.example.org")+rest)

	cfg = example(t, "testdata/dhcp4-3.x.json")
	var flex []string
	for _, o := range cfg.Topology.FlexOptions {
		flex = append(flex, fmt.Sprintf("%d.%d/%d %v %v %v %v", o.Code, o.SubCode, o.Vendor, o.Action, o.Expr != nil, len(o.Classes), o.Whole))
	}
	same(t, "flex_option", strings.Join(flex, ", "), "15.0/0 2 true 1 false, 67.0/0 1 true 0 false, 125.1/9 0 true 0 false")
	same(t, "never sent", optionsText(cfg.Topology.Subnets[0].Options), "2 -, 6 c0000201, 7 c0000207, 7 c0000208")

	cfg = example(t, "testdata/dhcp6-2.2.json")
	if o := cfg.Topology.Options.Find(88); o == nil || len(o.Value) != 0 {
		t.Errorf("the empty list of option 88 is %v", o)
	}
}

func TestVendorOptions(t *testing.T) {
	tests := []struct {
		name, data string
		f          Family
		want       string
	}{
		{"vendor option named", `{"name":"vivso-suboptions","data":"4491"},{"name":"tftp-servers","space":"vendor-4491","data":"192.0.2.1"}`, v4,
			"125/4491 , 4491.2 c0000201"},
		{"a vendor's option alone", `{"name":"tftp-servers","space":"vendor-4491","data":"192.0.2.1"}`, v4, "4491.2 c0000201"},
		{"DOCSIS by its other name", `{"name":"tftp-servers","space":"docsis3-v4","data":"192.0.2.1","always-send":true}`, v4, "4491.2 c0000201!"},
		{"two enterprises", `{"name":"vivso-suboptions","data":"10","always-send":true},{"name":"vivso-suboptions","data":"9"},{"code":1,"space":"vendor-9","csv-format":false,"data":"aa"},
			{"code":1,"space":"vendor-10","csv-format":false,"data":"bb","never-send":true}`, v4, "125/9 , 125/10 !, 9.1 aa, 10.1 bb-"},
		{"two enterprises as octets", `{"code":125,"csv-format":false,"data":"00000009030101aa0000000a00"}`, v4, "125/9 0101aa, 125/10 "},
		{"vendor classes", `{"name":"vivco-suboptions","data":"4491, 02aabb"},{"name":"vivco-suboptions","data":"9, 00"}`, v4, "124/9 , 124/4491 aabb"},
		{"an enterprise twice: the last", `{"name":"vivso-suboptions","data":"9"},{"name":"vivso-suboptions","csv-format":false,"data":"00000009030101aa"}`, v4, "125/9 0101aa"},
		{"a vendor's option twice: the last", `{"code":1,"space":"vendor-9","csv-format":false,"data":"aa"},{"code":1,"space":"vendor-9","csv-format":false,"data":"bb"}`, v4, "9.1 bb"},
		{"never any", `{"name":"vivso-suboptions","never-send":true}`, v4, "125 -"},
		{"a vendor's option with options within", `{"code":5,"name":"outer","space":"vendor-9"},{"code":6,"space":"deep","csv-format":false,"data":"01"}`, v4, "9.5 060101"},
		{"v6", `{"code":1,"space":"vendor-9","csv-format":false,"data":"aa"}`, v6, "17 0000000900010001aa"},
		{"v6, two enterprises in two options", `{"code":1,"space":"vendor-9","csv-format":false,"data":"aa"},{"code":1,"space":"vendor-10","csv-format":false,"data":"bb"}`, v6,
			"17 0000000900010001aa, 17 0000000a00010001bb"},
		{"option 43", `{"name":"vendor-encapsulated-options"},{"code":7,"space":"vendor-encapsulated-options-space","csv-format":false,"data":"aa"}`, v4, "43 0701aa"},
		{"a sub-option that stands twice: the first", `{"name":"vendor-encapsulated-options"},{"code":7,"space":"vendor-encapsulated-options-space","csv-format":false,"data":"aa"},
			{"code":7,"space":"vendor-encapsulated-options-space","csv-format":false,"data":"bb"}`, v4, "43 0701aa"},
		{"softwire rules", `{"name":"s46-cont-mape"},{"name":"s46-br","space":"s46-cont-mape-options","data":"2001:db8::1"}`, v6,
			"94 005a001020010db8000000000000000000000001"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			cfg, problems := text(tt.f, fmt.Sprintf(`{"Dhcp%d":{"option-def":[{"space":"vendor-9","code":5,"name":"outer","type":"empty","encapsulate":"deep"}],"option-data":[%s]}}`, tt.f, tt.data), nil)
			if cfg == nil {
				t.Fatal(show(problems))
			}
			same(t, "options", optionsText(cfg.Topology.Options), tt.want)
		})
	}
}

func TestReservations(t *testing.T) {
	cfg := example(t, "testdata/dhcp4-2.2.json")
	s := subnetOf(t, cfg, 20)
	for key, ip := range map[topology.Key]string{
		{Kind: topology.HWAddress, ID: "\x02\x00\x00\x00\x00\x01"}: "192.0.2.101",
		{Kind: topology.DUID, ID: "\x01\x02\x03\x04"}:              "192.0.2.102",
		{Kind: topology.ClientID, ID: "\x01\x02\x0a"}:              "192.0.2.103",
		{Kind: topology.CircuitID, ID: "port 4"}:                   "192.0.2.104",
	} {
		r := s.Reservations[key]
		if r == nil || r.Key != key || r.Addr != addr(ip) {
			t.Errorf("%q: %+v, want %s", key.ID, r, ip)
		}
	}
	same(t, "options of a host", optionsText(s.Reservations[topology.Key{Kind: topology.CircuitID, ID: "port 4"}].Options), "3 c0000202")
	g := cfg.Topology.Reservations[topology.Key{Kind: topology.HWAddress, ID: "\x02\x00\x00\x00\x00\x01"}]
	if g == nil || g.Hostname != "global" || g.NextServer != addr("192.0.2.251") || g.BootFileName != "/boot/b" || g.ServerHostname != "b.example.org" {
		t.Errorf("global: %+v", g)
	}
	if got := cfg.Topology.Holder(s, addr("192.0.2.102")); got == nil || got.Hostname != "duid" {
		t.Errorf("by address: %+v", got)
	}

	cfg = example(t, "testdata/dhcp6-2.2.json")
	r := subnetOf(t, cfg, 1).Reservations[topology.Key{Kind: topology.DUID, ID: "\x01\x02\x03\x04"}]
	same(t, "v6 addresses", r.Addrs, []netip.Addr{addr("2001:db8:1:cafe::1"), addr("2001:db8:1:cafe::2")})
}

// Host identifiers are written as Kea reads them.
func TestParseIdentifier(t *testing.T) {
	tests := []struct{ kind, in, want string }{
		{"hw-address", "00:0c:1:02:03:04", "000c01020304"},
		{"hw-address", "000c01020304", "000c01020304"},
		{"duid", "0x0102ab", "0102ab"},
		{"duid", "01 02 AB", "0102ab"},
		{"client-id", "12345", "012345"},
		{"flex-id", "'port 5'", "706f72742035"},
		{"circuit-id", "''", "-"},
		{"hw-address", "'abcdef'", "-"},
		{"hw-address", "01:002:03", "-"},
		{"hw-address", "01::03", "-"},
		{"duid", "xyz", "-"},
		{"duid", "", "-"},
		{"hw-address", strings.Repeat("01:", 20) + "01", "-"},
	}
	for _, tt := range tests {
		id, problem := parseIdentifier(tt.kind, tt.in)
		got := hex.EncodeToString(id)
		if problem != "" {
			got = "-"
		}
		if got != tt.want {
			t.Errorf("%s %q: %s %s, want %s", tt.kind, tt.in, got, problem, tt.want)
		}
	}
}

// Subnets without an id are numbered as Kea 2.2 numbers them: shared networks first.
func TestAutomaticIDs(t *testing.T) {
	cfg, problems := text(v4, `{"Dhcp4":{
		"subnet4":[{"subnet":"192.0.2.0/24"},{"subnet":"10.0.0.0/24","id":9},{"subnet":"10.0.1.0/24","id":0}],
		"shared-networks":[{"name":"n","subnet4":[{"subnet":"198.51.100.0/24"}]}]}}`, nil)
	if cfg == nil {
		t.Fatal(show(problems))
	}
	got := map[uint32]string{}
	for _, s := range cfg.Topology.Subnets {
		got[s.ID] = s.Prefix.String()
	}
	same(t, "ids", got, map[uint32]string{1: "198.51.100.0/24", 2: "192.0.2.0/24", 3: "10.0.1.0/24", 9: "10.0.0.0/24"})
	if len(problems) != 1 || !strings.Contains(problems[0].Text, "has no id, nor have 2 others") {
		t.Error(show(problems))
	}
}

// The warning counts as people do.
func TestAutomaticIDsAreCounted(t *testing.T) {
	for subnets, want := range map[string]string{
		`{"subnet":"192.0.2.0/24"}`:                          "has no id: ",
		`{"subnet":"192.0.2.0/24"},{"subnet":"10.0.0.0/24"}`: "has no id, nor has another one: ",
	} {
		_, problems := text(v4, `{"Dhcp4":{"subnet4":[`+subnets+`]}}`, nil)
		if len(problems) != 1 || !strings.Contains(problems[0].Text, want) {
			t.Error(show(problems))
		}
	}
}

// What is not served is named.
func TestUnservedKeys(t *testing.T) {
	cfg, problems := Load("testdata/errors/warn4.json", v4, Options{})
	if cfg == nil {
		t.Fatal(show(problems))
	}
	starts := func(all []string, words ...string) {
		t.Helper()
		if len(all) != len(words) {
			t.Errorf("%d entries, want %d: %q", len(all), len(words), all)
			return
		}
		for i := range all {
			if !strings.HasPrefix(all[i], words[i]) {
				t.Errorf("%q does not begin with %q", all[i], words[i])
			}
		}
	}
	starts(cfg.Refuse, "lease-database: ", "hosts-database: ", "config-control.config-databases[0]: ", "hooks-libraries[1].library: ", "hooks-libraries[2].library: ",
		"hooks-libraries[5].library: ")
	starts(slices.Sorted(slices.Values(cfg.Unserved)), "hooks-libraries[0].library ")
	if _, kept := cfg.Topology.Subnets[2].Reserved[addr("198.51.100.3")]; !kept {
		t.Error("an address kept by flex-id is given to somebody else")
	}
}

// An interface that the host has not is a warning, wherever it is named, and only
// where the caller knows what the host has.
func TestMissingInterfaces(t *testing.T) {
	const file = `{"Dhcp4":{"interfaces-config":{"interfaces":["eth0","eth1","*"]},
		"shared-networks":[{"name":"n","interface":"eth2","subnet4":[{"id":1,"subnet":"192.0.2.0/24","interface":"eth2"}]}],
		"subnet4":[{"id":2,"subnet":"198.51.100.0/24","4o6-interface":"eth3","4o6-subnet":"2001:db8::/64"},{"id":3,"subnet":"203.0.113.0/24","interface":"eth0"}],
		"dhcp4o6-port":786}}`
	read := func(links []string) (said []string) {
		cfg, problems := Load("f", v4, Options{Links: links, ReadFile: func(string) ([]byte, error) { return []byte(file), nil }})
		if cfg == nil {
			t.Fatal(show(problems))
		}
		for i := range problems {
			if strings.Contains(problems[i].Text, "this host has no interface") {
				said = append(said, problems[i].Path)
			}
		}
		return said
	}
	if said := read(nil); len(said) > 0 {
		t.Error(said)
	}
	same(t, "missing", read([]string{"lo", "eth0"}), []string{"interfaces-config.interfaces[1]", "shared-networks[0].interface",
		"shared-networks[0].subnet4[0].interface", "subnet4[0].4o6-interface"})
}
