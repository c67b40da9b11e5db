package server4

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/dhcp4o6/dhcp4o6/pkg/dhcp4"
	"github.com/dhcp4o6/dhcp4o6/pkg/ipc"
	"github.com/dhcp4o6/dhcp4o6/pkg/topology"
	"github.com/dhcp4o6/dhcp4o6/pkg/transport"
)

// classy is a configuration with a list of classes and more keys, of the daemon and
// of its one subnet, in Kea 3's words.
func classy(t *testing.T, classes, global, subnet string) *topology.Topology {
	return compiled(t, fmt.Sprintf(`{"Dhcp4": {"valid-lifetime": 600, "dhcp4o6-port": 786, "client-classes": [%s], %s
		"subnet4": [{"id": 1, "subnet": "192.0.2.0/24", "4o6-interface": "eth0", %s "pools": [{"pool": "192.0.2.100 - 192.0.2.199"}]}]}}`, classes, global, subnet))
}

// TestClassRules: what classes do to a query, over both ways. Clients ask for
// option 17 where they want to know which scope spoke.
func TestClassRules(t *testing.T) {
	const (
		hosts  = `"reservations": [{"hw-address": "02:00:5e:00:00:0a", "client-classes": ["vip"]}, {"hw-address": "02:00:5e:00:00:0b"}],`
		root   = `"option-data": [{"name": "root-path", "data": "%s"}]`
		phone  = `{"name": "phone", "test": "option[60].hex == 'phone'"`
		vendor = "60=70686f6e65" // phone
	)
	says := func(s string) string { return fmt.Sprintf(root, s) }
	for _, tt := range []struct {
		name, classes, global, subnet string
		q                             query
		want                          string // option 17 of the reply, or silence
	}{
		{"a class's options go before the global ones", phone + "," + says("class") + "}", says("global") + ",", "", query{opts: vendor}, "class"},
		{"and behind the subnet's", phone + "," + says("class") + "}", "", says("subnet") + ",", query{opts: vendor}, "subnet"},
		{"who is not in it has the global ones", phone + "," + says("class") + "}", says("global") + ",", "", query{}, "global"},
		{"the first class wins", phone + "," + says("one") + `}, {"name": "two", "test": "member('phone')",` + says("two") + "}", "", "", query{opts: vendor}, "one"},
		{"never-send of a class holds everywhere", phone + `, "option-data": [{"name": "root-path", "never-send": true}]}`, "", says("subnet") + ",", query{opts: vendor}, ""},
		{"an option for a class", phone + "}", says("global") + ",", `"option-data": [{"name": "root-path", "data": "phones", "client-classes": ["phone"]}],`, query{opts: vendor}, "phones"},
		{"an option for another class", phone + "}", says("global") + ",", `"option-data": [{"name": "root-path", "data": "phones", "client-classes": ["phone"]}],`, query{}, "global"},
		{"two options for classes and one for all", phone + "}", "", `"option-data": [{"name": "root-path", "data": "known", "client-classes": ["KNOWN"]},
			{"name": "root-path", "data": "phones", "client-classes": ["phone"]}, {"name": "root-path", "data": "all"}],`, query{opts: vendor}, "phones"},
		{"the last of them", phone + "}", "", `"option-data": [{"name": "root-path", "data": "known", "client-classes": ["KNOWN"]},
			{"name": "root-path", "data": "phones", "client-classes": ["phone"]}, {"name": "root-path", "data": "all"}],`, query{}, "all"},
		{"never-send for a class", phone + "}", "", `"option-data": [{"name": "root-path", "never-send": true, "client-classes": ["phone"]}, {"name": "root-path", "data": "all"}],`,
			query{opts: vendor}, ""},
		{"DROP by a test", `{"name": "DROP", "test": "option[60].exists"}`, says("x") + ",", "", query{opts: vendor}, "silence"},
		{"DROP by a reservation", "", says("x") + ",", strings.Replace(hosts, "vip", "DROP", 1), query{hw: hwA}, "silence"},
		{"DROP of who is not known", `{"name": "DROP", "test": "member('UNKNOWN')"}`, says("x") + ",", hosts, query{}, "silence"},
		{"but not of who is", `{"name": "DROP", "test": "member('UNKNOWN')"}`, says("x") + ",", hosts, query{hw: hwB}, "x"},
		{"the class of a reservation", `{"name": "vip",` + says("vip") + "}", "", hosts, query{hw: hwA}, "vip"},
		{"tests that ask for it are decided anew", `{"name": "vip", "test": "option[99].exists"}, {"name": "others", "test": "not member('vip')",` + says("others") + `}, {"name": "KNOWN",` + says("known") + "}",
			"", hosts, query{hw: hwA}, "known"},
		{"a subnet for a class", phone + "}", says("x") + ",", `"client-classes": ["phone"],`, query{opts: vendor}, "x"},
		{"a subnet for another class", phone + "}", "", `"client-classes": ["phone"],` + says("x") + ",", query{}, "silence"},
		{"an additional class waits to be asked for", `{"name": "more", "only-in-additional-list": true,` + says("more") + "}", says("global") + ",", "", query{}, "global"},
		{"and is then evaluated", `{"name": "more", "only-in-additional-list": true,` + says("more") + "}", says("global") + ",", `"evaluate-additional-classes": ["more"],`, query{}, "more"},
		{"by its test", `{"name": "more", "only-in-additional-list": true, "test": "option[60].exists",` + says("more") + "}", says("global") + ",", `"evaluate-additional-classes": ["more"],`, query{}, "global"},
		{"a class of a template", `{"name": "SPAWN_port_7",` + says("seven") + `}, {"name": "port", "template-test": "relay4[1].hex"}`, "", "", query{opts: "82=010137"}, "seven"},
		{"a test that makes no sense leaves its class out", `{"name": "bad", "test": "not (uint8totext(option[60].hex) == '1')",` + says("bad") + "}", says("global") + ",", "", query{opts: vendor}, "global"},
	} {
		net := classy(t, tt.classes, tt.global, tt.subnet)
		for _, way := range ways {
			b := newBench(t, net)
			for _, kind := range []dhcp4.MessageType{dhcp4.Discover, dhcp4.Inform} {
				q := tt.q
				q.kind = kind
				q.opts = strings.TrimSpace("55=11 " + q.opts)
				m, got := way.ask(b, q), "silence"
				if m != nil {
					v, _ := m.Option(dhcp4.OptRootPath)
					got = string(v)
				}
				if got != tt.want {
					t.Errorf("%s, %s, %v: got %q, want %q", tt.name, way.name, kind, got, tt.want)
				}
			}
		}
	}
}

// TestClassScalars: lifetimes and boot fields come from the first class that has
// them, the host's own boot fields before these.
func TestClassScalars(t *testing.T) {
	net := classy(t, `{"name": "one", "test": "option[60].exists", "boot-file-name": "one", "valid-lifetime": 100, "min-valid-lifetime": 50},
		{"name": "two", "test": "option[60].exists", "boot-file-name": "two", "server-hostname": "two", "next-server": "192.0.2.2", "valid-lifetime": 200}`,
		`"boot-file-name": "global", "server-hostname": "global",`, `"reservations": [{"hw-address": "02:00:5e:00:00:0a", "boot-file-name": "host"}],`)
	for _, tt := range []struct {
		q    query
		want string
	}{
		{query{}, `600 0.0.0.0 "global" "global"`},
		{query{opts: "60=78"}, `100 192.0.2.2 "two" "one"`},
		{query{opts: "60=78 51=0000000a"}, `50 192.0.2.2 "two" "one"`},
		{query{hw: hwA, opts: "60=78"}, `100 192.0.2.2 "two" "host"`},
	} {
		tt.q.kind = dhcp4.Discover
		for _, way := range ways {
			m := way.ask(newBench(t, net), tt.q)
			valid, _ := m.Uint32(dhcp4.OptLeaseTime)
			text := func(b []byte) string { return strings.TrimRight(string(b), "\x00") }
			if got := fmt.Sprintf("%d %v %q %q", valid, m.SIAddr, text(m.SName()), text(m.File())); got != tt.want {
				t.Errorf("%s, %s: got %s, want %s", way.name, tt.q.opts, got, tt.want)
			}
		}
	}
}

// TestTestsSeeTheEnvelope: over 4o6 a test may ask for the DHCPv6 message around
// the query; in a native one there is none.
func TestTestsSeeTheEnvelope(t *testing.T) {
	net := classy(t, `{"name": "over6", "test": "pkt6.msgtype == 20 and pkt.src == fe80::2 and pkt6.option[87].exists and not relay6[0].option[18].exists"}`, "", `"client-classes": ["over6"],`)
	for i, way := range ways {
		if m := way.ask(newBench(t, net), query{kind: dhcp4.Discover}); (m != nil) != (i == 1) {
			t.Errorf("%s: %s", way.name, say(m))
		}
	}
}

// TestClassesAreCounted: who is in DROP, and tests that cannot be evaluated.
func TestClassesAreCounted(t *testing.T) {
	b := newBench(t, classy(t, `{"name": "bad", "test": "addrtotext(option[60].hex) == 'x'"}, {"name": "DROP", "test": "option[12].exists"}`, "", ""))
	for _, way := range ways {
		way.ask(b, query{kind: dhcp4.Discover, opts: "60=7878 12=78"})
	}
	for name, want := range map[string]int64{"pkt4-class-test-failed": 2, "pkt4-drop-class": 2, "pkt4-admin-filtered": 2, "pkt4-receive-drop": 2} {
		if got := b.count(name); got != want {
			t.Errorf("%s is %d, want %d", name, got, want)
		}
	}
}

// TestTraceHasClasses: whoever traces a query is told the classes in their order.
func TestTraceHasClasses(t *testing.T) {
	var got []string
	net := classy(t, `{"name": "named", "test": "option[60].exists"}`, "", "")
	b := newBenchWith(t, net, Options{Interfaces: eth0(), Trace: func(e Event) {
		if e.Step == "build" {
			got = slices.Collect(e.Exchange.Classes)
		}
	}})
	ways[0].ask(b, query{kind: dhcp4.Discover, opts: "60=6162"})
	if want := []string{"ALL", "named", "UNKNOWN", "VENDOR_CLASS_ab"}; !slices.Equal(got, want) {
		t.Errorf("got %v, want %v", got, want)
	}
}

// sized is a topology with so many subnets and reservations, twenty classes of
// which each packet passes ten, and guards, in the words of a file.
func sized(t testing.TB, subnets, hosts int) *topology.Topology {
	var nets []string
	for i := range subnets {
		var kept []string
		for h := range hosts / subnets {
			kept = append(kept, fmt.Sprintf(`{"hw-address": "02:01:%02x:%02x:%02x:%02x", "ip-address": "10.%d.%d.%d"}`, i>>8, i&255, h>>8, h&255, i>>8, i&255, h%200+1))
		}
		prefix, pool := 24, fmt.Sprintf("10.%d.%d.201 - 10.%d.%d.250", i>>8, i&255, i>>8, i&255)
		link := fmt.Sprintf(`"4o6-interface-id": "port%d"`, i)
		if i == subnets-1 {
			link = `"4o6-interface": "eth0"`
		}
		if subnets == 1 {
			prefix = 8
			kept = kept[:min(len(kept), 200)]
		}
		nets = append(nets, fmt.Sprintf(`{"id": %d, "subnet": "10.%d.%d.0/%d", "pools": [{"pool": "%s", "client-classes": ["c1", "c2"]}], "reservations": [%s], %s}`,
			i+1, i>>8, i&255, prefix, pool, strings.Join(kept, ","), link))
	}
	return compiled(t, fmt.Sprintf(`{"Dhcp4": {"dhcp4o6-port": 786, "ip-reservations-unique": false, "valid-lifetime": 600, "client-classes": [%s], "subnet4": [%s]}}`, twentyClasses(), strings.Join(nets, ",")))
}

// twentyClasses are c0 to c19, of which a client that is of class x passes ten.
func twentyClasses() string {
	var classes []string
	for i := range 20 {
		classes = append(classes, fmt.Sprintf(`{"name": "c%d", "test": "substring(option[60].hex, 0, 1) == '%s' and not option[%d].exists",
			"option-data": [{"name": "root-path", "data": "c%d"}]}`, i, string("xy"[i%2]), 200+i, i))
	}
	return strings.Join(classes, ",")
}

// atSize asks for a lease in the last of so many subnets and returns how.
func atSize(t testing.TB, subnets, hosts int) (b *bench, once func()) {
	b = newNowhere(t, sized(t, subnets, hosts))
	last := subnets - 1
	giaddr := fmt.Sprintf("10.%d.%d.1", last>>8, last&255)
	in := []transport.Datagram{query{kind: dhcp4.Discover, hw: hwA, giaddr: giaddr, opts: busy + " 60=78"}.datagram(t)}
	once = func() {
		b.now = b.now.Add(time.Second)
		if len(b.native(in...)) != 1 {
			t.Fatal("no reply")
		}
	}
	once()
	return b, once
}

// TestSizeAllocatesNothing: 1,000 subnets, 20 classes and 10,000 reservations cost
// no allocation on the way of a packet.
func TestSizeAllocatesNothing(t *testing.T) {
	b, once := atSize(t, 1000, 10000)
	if n := testing.AllocsPerRun(200, once); n != 0 {
		t.Errorf("%v allocations", n)
	}
	if n := len(slices.Collect(b.w.exchanges[0].Classes)); n != 13 { // ALL, UNKNOWN, VENDOR_CLASS_x and ten
		t.Errorf("%d classes", n)
	}
	msg := []ipc.Message{query{kind: dhcp4.Discover, hw: hwA, opts: busy + " 60=78"}.message(t)}
	if n := testing.AllocsPerRun(200, func() {
		b.now = b.now.Add(time.Second)
		if len(b.over6(msg...)) != 1 {
			t.Fatal("no reply over 4o6")
		}
	}); n != 0 {
		t.Errorf("4o6: %v allocations", n)
	}
}

// TestClassesOfReservations: when the classes of a reservation count. A global one
// has a say in the pool, with early-global-reservations-lookup in the subnet; one of
// a subnet in a shared network only in what the reply holds.
func TestClassesOfReservations(t *testing.T) {
	const reserved = `"reservations": [{"hw-address": "02:00:5e:00:00:0a", "client-classes": ["vip"]}]`
	file := func(global, subnet, pool string) string {
		return fmt.Sprintf(`{"Dhcp4": {"dhcp4o6-port": 786, "client-classes": [{"name": "vip", "option-data": [{"name": "root-path", "data": "vip"}]}], %s
			"shared-networks": [{"name": "n", "subnet4": [{"id": 1, "subnet": "192.0.2.0/24", "4o6-interface": "eth0", %s
			"pools": [{"pool": "192.0.2.100 - 192.0.2.109"%s}, {"pool": "192.0.2.110 - 192.0.2.119"}]}]}]}}`, global, subnet, pool)
	}
	const forVIP = `, "client-classes": ["vip"]`
	for _, tt := range []struct{ name, file, want string }{
		{"global: the pool of the class", file(`"reservations-global": true,`+reserved+",", "", forVIP), "192.0.2.100 vip"},
		{"of a subnet in a network: too late for the pool", file("", reserved+",", forVIP), "192.0.2.110 vip"},
		{"global: too late for the subnet", file(`"reservations-global": true,`+reserved+",", `"client-classes": ["vip"],`, ""), "silence"},
		{"early", file(`"early-global-reservations-lookup": true, "reservations-global": true,`+reserved+",", `"client-classes": ["vip"],`, ""), "192.0.2.100 vip"},
		{"early: DROP", file(`"early-global-reservations-lookup": true, "reservations-global": true,`+strings.Replace(reserved, "vip", "DROP", 1)+",", "", ""), "silence"},
	} {
		net := compiled(t, tt.file)
		for _, way := range ways {
			got := "silence"
			if m := way.ask(newBench(t, net), query{kind: dhcp4.Discover, hw: hwA, opts: "55=11"}); m != nil {
				v, _ := m.Option(dhcp4.OptRootPath)
				got = fmt.Sprintf("%v %s", m.YIAddr, v)
			}
			if got != tt.want {
				t.Errorf("%s, %s: got %s, want %s", tt.name, way.name, got, tt.want)
			}
		}
	}
}

// TestVendorOptionForAClass: what stands within an enterprise's part of option 125
// may be for some clients too.
func TestVendorOptionForAClass(t *testing.T) {
	net := classy(t, `{"name": "named", "test": "option[60].exists"}`, "", `"option-data": [
		{"space": "vendor-4491", "code": 2, "csv-format": false, "data": "c0000201", "client-classes": ["named"]},
		{"space": "vendor-4491", "code": 2, "csv-format": false, "data": "c0000202"}],`)
	for opts, want := range map[string]string{"60=78 125=0000118b03010102": "0000118b060204c0000201", "125=0000118b03010102": "0000118b060204c0000202"} {
		for _, way := range ways {
			m := way.ask(newBench(t, net), query{kind: dhcp4.Discover, opts: opts})
			if v, _ := m.Option(dhcp4.OptVIVendorInfo); fmt.Sprintf("%x", v) != want {
				t.Errorf("%s, %s: %x, want %s", way.name, opts, v, want)
			}
		}
	}
}
