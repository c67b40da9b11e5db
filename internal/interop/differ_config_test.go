//go:build interop

package interop

import (
	"encoding/hex"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"

	"github.com/dhcp4o6/dhcp4o6/pkg/dhcp4"
	"github.com/dhcp4o6/dhcp4o6/pkg/optdef"
)

type (
	obj  = map[string]any
	list = []any
)

// A gen makes one case: a configuration and what is asked. The same seed and
// index give the same case.
type gen struct {
	*rand.Rand
	index int
	turns map[string]int  // of cycle
	cover map[string]bool // what occurs

	top, network               obj
	local, second, far, shared obj // the subnets: of s0, of s1, behind a relay, the first of the network
	shared2, alias             obj // the second of the network, one known by the address of a relay
	people                     []*person
	asks                       []*ask
	codes                      []byte // options that something is configured for
	hosts                      int
	defs                       list
	classes                    list
}

func (g *gen) note(format string, args ...any) { g.cover[fmt.Sprintf(format, args...)] = true }

func (g *gen) chance(p float64) bool { return g.Float64() < p }

func oneOf[T any](g *gen, all ...T) T { return all[g.IntN(len(all))] }

// cycle takes the elements of a list in turn, from case to case, so that few
// cases see them all.
func cycle[T any](g *gen, name string, all []T) T {
	const stride = 1009 // a prime: every element comes first in some case
	n := g.turns[name]
	g.turns[name]++
	// the parts of a configuration come round every few cases, whatever the length of all
	return all[(g.index*stride+g.index/(1+strings.Count(*differParts, ","))+n)%len(all)]
}

// newGen makes the configuration that all cases begin with.
func newGen(seed uint64, index int) *gen {
	g := &gen{Rand: rand.New(rand.NewPCG(seed, uint64(index))), index: index, turns: map[string]int{}, cover: map[string]bool{}}
	subnet := func(id int, prefix, first, last string) obj {
		return obj{"id": id, "subnet": prefix, "pools": list{obj{"pool": first + " - " + last}}}
	}
	fence := subnet(1, "203.0.113.0/24", "203.0.113.10", "203.0.113.10")
	fence["4o6-subnet"] = "2001:db8:fe::/64"
	g.local = subnet(10, "192.0.2.0/24", "192.0.2.100", "192.0.2.119")
	g.second = subnet(20, "198.51.100.0/24", "198.51.100.100", "198.51.100.109")
	g.far = subnet(6, "10.30.0.0/24", "10.30.0.100", "10.30.0.120")
	g.shared = subnet(5, "10.40.0.0/24", "10.40.0.100", "10.40.0.101")
	g.shared2 = subnet(41, "10.41.0.0/24", "10.41.0.100", "10.41.0.120")
	g.alias = subnet(50, "10.50.0.0/24", "10.50.0.100", "10.50.0.120")
	g.alias["relay"] = obj{"ip-addresses": list{"172.16.5.1"}}
	if g.chance(.3) {
		g.local["pools"] = append(g.local["pools"].(list), obj{"pool": "192.0.2.128/30"})
	}
	// of those with a key that fits a query the lowest id has it
	g.local["4o6-interface"] = "s0"
	g.far["4o6-subnet"] = "2001:db8:30::/64"
	g.shared["4o6-interface-id"] = "port-40"
	g.network = obj{"name": "net", "subnet4": list{g.shared, g.shared2}}
	g.top = obj{
		"interfaces-config": obj{"interfaces": list{"s0", "s1"}, "dhcp-socket-type": "raw"},
		"lease-database":    obj{"type": "memfile", "persist": false},
		"control-socket":    obj{"socket-type": "unix", "socket-name": "DIR/run/sock"},
		"dhcp4o6-port":      bedPort,
		"valid-lifetime":    3600,
		"subnet4":           list{fence, g.local, g.second, g.far, g.alias},
		"shared-networks":   list{g.network},
		"loggers":           list{obj{"name": "kea-dhcp4", "severity": "WARN", "output_options": list{obj{"output": "stdout"}}}},
	}
	return g
}

// config is the configuration as a file.
func (g *gen) config() string {
	if len(g.defs) > 0 {
		g.top["option-def"] = g.defs
	}
	if len(g.classes) > 0 {
		g.top["client-classes"] = g.classes
	}
	b, err := json.MarshalIndent(obj{"Dhcp4": g.top}, "", " ")
	if err != nil {
		panic(err)
	}
	return string(b)
}

func push(o obj, key string, v any) {
	have, _ := o[key].(list)
	o[key] = append(have, v)
}

// A scope is where option-data and the like may stand.
type scope struct {
	name string
	o    obj
}

func (g *gen) scopes() []scope {
	pool := g.local["pools"].(list)[0].(obj)
	return []scope{{"global", g.top}, {"network", g.network}, {"subnet", g.local}, {"pool", pool}, {"subnet", g.far}, {"subnet", g.shared}, {"subnet", g.second}}
}

// samples are values of each type, as option-data writes them.
var samples = map[optdef.Type][]string{
	optdef.Empty:       {""},
	optdef.Binary:      {"0a0b0c", "ff"},
	optdef.Boolean:     {"true", "false", "1", "0"},
	optdef.Int8:        {"-128", "127", "-1"},
	optdef.Int16:       {"-32768", "32767"},
	optdef.Int32:       {"-2147483648", "2147483647"},
	optdef.Uint8:       {"0", "255", "7"},
	optdef.Uint16:      {"0", "65535", "513"},
	optdef.Uint32:      {"0", "4294967295", "16909060"},
	optdef.IPv4Address: {"192.0.2.1", "255.255.255.255", "10.0.0.1"},
	optdef.IPv6Address: {"2001:db8::1", "::1"},
	optdef.IPv6Prefix:  {"2001:db8:1::/48", "2001:db8::/33"},
	optdef.PSID:        {"1/4", "3/8"},
	optdef.String:      {"text", "example.org", "two words"},
	optdef.Tuple:       {"tuple", "x"},
	optdef.FQDN:        {"example.org", "a.b.example.com."},
}

// sample writes a value of a definition.
func (g *gen) sample(d *optdef.Definition) string {
	if d.Code == 119 && d.Space == "dhcp4" {
		return oneOf(g, "example.org, eng.example.org", "a.example.com, b.example.com, example.com")
	}
	var fields []string
	for _, t := range d.Record {
		fields = append(fields, oneOf(g, samples[t]...))
	}
	if d.Type != optdef.Record {
		fields = append(fields, oneOf(g, samples[d.Type]...))
	}
	if d.Array {
		last := d.Type
		if len(d.Record) > 0 {
			last = d.Record[len(d.Record)-1]
		}
		for range g.IntN(3) {
			fields = append(fields, oneOf(g, samples[last]...))
		}
	}
	return strings.Join(fields, ", ")
}

// reserved4 are the codes that are no option-data.
var reserved4 = []uint16{0, 12, 43, 50, 51, 52, 53, 54, 55, 56, 57, 58, 59, 60, 61, 81, 82, 90, 91, 92, 118, 124, 125, 151, 152, 153, 154, 155, 156, 157, 255}

// standard is option-data for a standard option.
func (g *gen) standard() obj {
	defs := optdef.New(optdef.V4)
	var all []*optdef.Definition
	for c := uint16(1); c < 255; c++ {
		if d, ok := defs.ByCode("dhcp4", c); ok && !slices.Contains(reserved4, c) && d.Type != optdef.Internal && !d.Weak {
			all = append(all, d)
		}
	}
	d := cycle(g, "standard", all)
	text := g.sample(d)
	o := obj{"name": d.Name, "data": text}
	if g.chance(.2) {
		o = obj{"code": int(d.Code), "data": text}
	}
	csv := "csv"
	if wire, err := d.Encode(text); err == nil && g.chance(.25) && d.Type != optdef.Empty {
		csv = "hex"
		o["csv-format"], o["data"] = false, oneOf(g, "", "0x")+hex.EncodeToString(wire)
		if g.chance(.3) {
			o["data"] = strings.ToUpper(hex.EncodeToString(wire))
		}
	}
	g.note("option type %v, %s", d.Type, csv)
	g.codes = append(g.codes, byte(d.Code))
	return o
}

// own defines an option of the operator's and returns option-data for it, with
// what it holds inside.
func (g *gen) own() []obj {
	types := []optdef.Type{optdef.Empty, optdef.Binary, optdef.Boolean, optdef.Int8, optdef.Int16, optdef.Int32, optdef.Uint8, optdef.Uint16,
		optdef.Uint32, optdef.IPv4Address, optdef.IPv6Address, optdef.IPv6Prefix, optdef.PSID, optdef.String, optdef.Tuple, optdef.FQDN, optdef.Record, optdef.Record}
	code := 224 + len(g.defs)
	if code > 239 {
		return nil
	}
	name := fmt.Sprintf("own-%d", code)
	d := &optdef.Definition{Code: uint16(code), Name: name, Type: cycle(g, "own", types)}
	def := obj{"name": name, "code": code, "type": d.Type.String()}
	if d.Type == optdef.Record {
		for range 2 + g.IntN(3) {
			d.Record = append(d.Record, cycle(g, "field", []optdef.Type{optdef.Uint8, optdef.Boolean, optdef.Int16, optdef.Uint32, optdef.IPv4Address, optdef.IPv6Address, optdef.PSID, optdef.Int8, optdef.Uint16, optdef.Int32}))
		}
		if g.chance(.8) {
			d.Record = append(d.Record, cycle(g, "last field", []optdef.Type{optdef.String, optdef.FQDN, optdef.IPv6Prefix, optdef.Binary}))
		}
		var names []string
		for _, t := range d.Record {
			names = append(names, t.String())
			g.note("option-def, record field %v", t)
		}
		def["record-types"] = strings.Join(names, ", ")
	}
	g.note("option-def type %v", d.Type)
	last := d.Type
	if len(d.Record) > 0 {
		last = d.Record[len(d.Record)-1]
	}
	out := []obj{}
	switch {
	case d.Type != optdef.Empty && last != optdef.String && last != optdef.Binary && last != optdef.IPv6Prefix && last != optdef.IPv6Address && g.chance(.4):
		d.Array, def["array"] = true, true
		g.note("option-def, array of %v", last)
	case last != optdef.String && last != optdef.Binary && last != optdef.FQDN && last != optdef.Tuple && g.chance(.4):
		space := fmt.Sprintf("space-%d", code)
		def["encapsulate"] = space
		g.defs = append(g.defs, def)
		def = nil
		for sub := 1; sub <= 2; sub++ {
			t := oneOf(g, optdef.Uint8, optdef.IPv4Address, optdef.String, optdef.FQDN)
			g.defs = append(g.defs, obj{"name": fmt.Sprintf("in-%d", sub), "code": sub, "space": space, "type": t.String()})
			out = append(out, obj{"name": fmt.Sprintf("in-%d", sub), "space": space, "data": oneOf(g, samples[t]...)})
		}
		g.note("option-def that encapsulates a space")
	}
	if def != nil {
		g.defs = append(g.defs, def)
	}
	g.codes = append(g.codes, byte(code))
	return append([]obj{{"name": name, "data": g.sample(d)}}, out...)
}

// special are options with rules of their own.
func (g *gen) special() []obj {
	switch g.IntN(8) {
	case 0:
		g.note("vendor options, 43 with sub-options")
		g.codes = append(g.codes, 43)
		if !slices.ContainsFunc(g.defs, func(d any) bool { return d.(obj)["name"] == "sub-one" }) {
			g.defs = append(g.defs, obj{"name": "sub-one", "code": 1, "space": "vendor-encapsulated-options-space", "type": "uint16"})
		}
		return []obj{{"name": "vendor-encapsulated-options"}, {"name": "sub-one", "space": "vendor-encapsulated-options-space", "data": "515"}}
	case 1:
		g.note("vendor options, 43 in hexadecimal")
		g.codes = append(g.codes, 43)
		return []obj{{"name": "vendor-encapsulated-options", "csv-format": false, "data": "0102cafe"}}
	case 2:
		g.note("vendor options, 125")
		g.codes = append(g.codes, 125)
		return []obj{{"name": "vivso-suboptions", "data": "4491"}, {"name": "tftp-servers", "space": "vendor-4491", "data": "192.0.2.7"}}
	case 3:
		g.note("option that no definition knows")
		g.codes = append(g.codes, 222)
		return []obj{{"code": 222, "csv-format": false, "data": "c0ffee"}}
	case 4:
		g.note("option-data that is empty")
		g.codes = append(g.codes, 116)
		return []obj{{"name": "auto-config", "data": "1"}}
	case 5:
		g.note("option-data for the server identifier")
		return []obj{{"name": "dhcp-server-identifier", "data": "192.0.2.77"}}
	case 6:
		g.note("vendor class, 60, in the answer")
		g.codes = append(g.codes, 60)
		return []obj{{"name": "vendor-class-identifier", "data": "PXEClient"}}
	}
	g.note("host name in option-data")
	g.codes = append(g.codes, 12)
	return []obj{{"name": "host-name", "data": "configured"}}
}

// options puts option-data of all kinds into scopes of all kinds.
func (g *gen) options() {
	add := func(all ...obj) {
		s := oneOf(g, g.scopes()...)
		g.note("option-data of a %s", s.name)
		for _, o := range all {
			if g.chance(.2) {
				o["always-send"] = true
				g.note("always-send, %s", s.name)
			}
			push(s.o, "option-data", o)
		}
	}
	for range 4 + g.IntN(6) {
		add(g.standard())
	}
	for range 1 + g.IntN(4) {
		if own := g.own(); own != nil {
			add(own...)
		}
	}
	if g.chance(.5) {
		add(g.special()...)
	}
	if g.chance(.3) { // one option in two scopes
		push(g.top, "option-data", obj{"name": "domain-name", "data": "outer.example.org"})
		push(g.local, "option-data", obj{"name": "domain-name", "data": "inner.example.org"})
		g.note("an option in two scopes")
	}
}

// lifetimes sets how long leases last and when they are renewed.
func (g *gen) lifetimes() {
	for _, s := range g.scopes() {
		if s.name == "pool" || g.chance(.5) {
			continue
		}
		valid := 3000 + g.IntN(1000)
		switch g.IntN(4) {
		case 0:
			s.o["valid-lifetime"], s.o["min-valid-lifetime"], s.o["max-valid-lifetime"] = valid, 2900-g.IntN(900), 4100+g.IntN(900)
			g.note("lifetimes with min and max, %s", s.name)
		case 1:
			s.o["valid-lifetime"] = valid
			g.note("lifetime, %s", s.name)
		case 2:
			s.o["renew-timer"], s.o["rebind-timer"] = 200+g.IntN(400), 600+g.IntN(700)
			g.note("renew-timer and rebind-timer, %s", s.name)
		case 3:
			s.o["calculate-tee-times"] = true
			g.note("calculate-tee-times, %s", s.name)
			if g.chance(.5) {
				s.o["t1-percent"], s.o["t2-percent"] = .25, .75
				g.note("t1-percent and t2-percent, %s", s.name)
			}
		}
	}
}

// boot sets the fields that clients boot from.
func (g *gen) boot() {
	for _, s := range g.scopes() {
		if s.name == "pool" || g.chance(.6) {
			continue
		}
		if g.chance(.6) {
			s.o["next-server"] = oneOf(g, "192.0.2.200", "192.0.2.201", "0.0.0.0")
		}
		if g.chance(.6) {
			s.o["server-hostname"] = oneOf(g, "boot.example.org", "b", "")
		}
		if g.chance(.6) {
			s.o["boot-file-name"] = oneOf(g, "/boot/image", "x", "")
		}
		g.note("boot fields, %s", s.name)
	}
}

// flags sets the switches.
func (g *gen) flags() {
	if g.chance(.5) {
		g.top["echo-client-id"] = g.chance(.5)
		g.note("echo-client-id")
	}
	for _, s := range g.scopes() {
		if s.name == "pool" {
			continue
		}
		if g.chance(.3) && s.o["id"] != 5 { // Kea wants the whole network the same
			s.o["authoritative"] = g.chance(.6)
			g.note("authoritative, %s", s.name)
		}
		if g.chance(.3) {
			s.o["match-client-id"] = g.chance(.4)
			g.note("match-client-id, %s", s.name)
		}
	}
	if g.chance(.3) {
		g.top["decline-probation-period"] = oneOf(g, 1, 3600)
		g.note("decline-probation-period")
	}
}

// ddns sets what has to do with names, without updates.
func (g *gen) ddns() {
	if g.chance(.4) { // the test takes the requests and does nothing with them
		g.top["dhcp-ddns"] = obj{"enable-updates": true}
		g.note("enable-updates")
	}
	for _, s := range g.scopes() {
		if s.name == "pool" || g.chance(.5) {
			continue
		}
		if g.chance(.4) {
			s.o["ddns-qualifying-suffix"] = oneOf(g, "example.org", "example.org.", "")
			g.note("ddns-qualifying-suffix, %s", s.name)
		}
		if g.chance(.4) {
			s.o["ddns-replace-client-name"] = oneOf(g, "never", "always", "when-present", "when-not-present")
			g.note("ddns-replace-client-name %v", s.o["ddns-replace-client-name"])
		}
		if g.chance(.3) {
			s.o["ddns-override-client-update"] = true
			g.note("ddns-override-client-update")
		}
		if g.chance(.3) {
			s.o["ddns-override-no-update"] = true
			g.note("ddns-override-no-update")
		}
		if g.chance(.3) {
			s.o["ddns-generated-prefix"] = "gen"
			g.note("ddns-generated-prefix")
		}
		if g.chance(.3) {
			s.o["hostname-char-set"], s.o["hostname-char-replacement"] = oneOf(g, "[^A-Za-z0-9.-]", "[^a-z]"), oneOf(g, "x", "", "-")
			g.note("hostname-char-set and hostname-char-replacement")
		}
		if g.chance(.2) {
			s.o["ddns-send-updates"] = g.chance(.5)
			g.note("ddns-send-updates")
		}
	}
}

// extras are what stands at the top level and changes how everything is done.
func (g *gen) extras() {
	if g.chance(.4) {
		push(g.top, "hooks-libraries", obj{"library": keaHooks + "libdhcp_bootp.so"})
		g.note("the library bootp")
		p, s := g.person(), g.seat()
		g.say(p, s, 0, "BOOTP", nil)
		g.say(p, s, 0, "BOOTP, bound", nil)
		g.say(p, s, dhcp4.Discover, "bound by BOOTP", nil)
	}
	if g.chance(.3) {
		g.top["early-global-reservations-lookup"] = true
		g.note("early-global-reservations-lookup")
	}
	if g.chance(.3) {
		g.top["store-extended-info"] = true
		g.note("store-extended-info")
	}
	if g.chance(.3) {
		g.top["compatibility"] = obj{"lenient-option-parsing": true}
		g.note("lenient-option-parsing")
	}
}

// keaHooks is where Debian keeps Kea's libraries.
const keaHooks = "/usr/lib/x86_64-linux-gnu/kea/hooks/"
