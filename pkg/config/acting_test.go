package config

import (
	"fmt"
	"reflect"
	"slices"
	"strings"
	"testing"
)

// TestServedKeysAct: a key of DHCPv4 that is called served changes what is made of
// the file when it stands there with another value than its default, at each level
// that has it.
func TestServedKeysAct(t *testing.T) {
	for _, place := range actingPlaces {
		for i := range place.scope.keys {
			r := &place.scope.keys[i]
			if r.state != Served || r.in != 0 && r.in != v4 || slices.Contains(place.there, r.name) || r.newer != "" && r.of != nil {
				continue
			}
			value, another, two := strings.Cut(acting(place.name, r), " or ")
			if value == "" {
				t.Errorf("%s of %s: no value to try", r.name, place.name)
				continue
			}
			says := func(value string) string {
				instead := place.instead
				if slices.Contains(place.lead, r.name) {
					instead = ""
				}
				return dumpOf(t, place.name+" "+r.name, strings.ReplaceAll(place.text, "@", fmt.Sprintf("%s %q: %s,", instead, r.name, value)))
			}
			base := ""
			if two {
				base = says(another)
			} else {
				base = dumpOf(t, place.name, strings.ReplaceAll(place.text, "@", place.instead))
			}
			if says(value) == base {
				t.Errorf("%s %s of %s changes nothing", r.name, value, place.name)
			}
		}
	}
}

// actingPlaces are files with a place in them, @, where a key of a map may stand.
var actingPlaces = []struct {
	name    string
	scope   *scope
	text    string
	instead string   // what stands at the place besides
	lead    []string // keys that take the place of that
	there   []string // keys that are tried elsewhere
}{
	{"global", global, within(`@ "subnet4": [{"id": 9, "subnet": "192.0.2.0/24", "pools": [{"pool": "192.0.2.0/25"}]}]`), "", nil,
		[]string{"subnet4", "shared-networks", "interfaces-config", "lease-database", "client-classes", "option-def", "hooks-libraries", "dhcp-ddns",
			"expired-leases-processing", "loggers", "control-socket", "control-sockets", "sanity-checks", "compatibility",
			"ip-reservations-unique"}}, // whether a file is refused: TestAgreementWithKea
	{"subnet", subnet, within(`"subnet4": [{@ "subnet": "192.0.2.0/24", "pools": [{"pool": "192.0.2.0/25"}]}]`), "", nil, []string{"subnet", "pools"}},
	{"shared network", sharedNetwork, within(`"shared-networks": [{"name": "n", @ "subnet4": [{"id": 9, "subnet": "192.0.2.0/24", "pools": [{"pool": "192.0.2.0/25"}]}]}]`), "", nil,
		[]string{"name", "subnet4"}},
	{"pool", pools, within(`"subnet4": [{"id": 9, "subnet": "192.0.2.0/24", "pools": [{@ "pool": "192.0.2.0/25"}]}]`), "", nil, []string{"pool"}},
	{"reservation", reservation, within(`"host-reservation-identifiers": ["hw-address", "duid", "client-id", "circuit-id", "flex-id"],
		"subnet4": [{"id": 9, "subnet": "192.0.2.0/24", "pools": [{"pool": "192.0.2.0/25"}], "reservations": [{@ "comment": ""}]}]`),
		`"hw-address": "02:00:00:00:00:09",`, []string{"hw-address", "duid", "client-id", "circuit-id", "flex-id"}, nil},
	{"client class", clientClass, within(`"client-classes": [{@ "name": "a"}]`), "", nil, []string{"name", "option-def"}},
	{"interfaces-config", interfacesConfig, within(`"interfaces-config": {@ "comment": ""}`), "", nil, nil},
	{"lease-database", leaseDatabase, within(`"lease-database": {@ "type": "memfile"}`), "", nil, []string{"type"}},
	{"expired-leases-processing", expiredLeases, within(`"expired-leases-processing": {@ "comment": ""}`), "", nil, nil},
	{"dhcp-ddns", dhcpDDNS, `{"Dhcp4": {"dhcp-ddns": {@ "comment": ""}, "subnet4": [{"id": 9, "subnet": "192.0.2.0/24"}]}}`, "", nil, []string{"ncr-protocol", "ncr-format"}},
	{"sanity-checks", global.find(v4, "sanity-checks").of, within(`"sanity-checks": {@ "comment": ""}`), "", nil, nil},
	{"compatibility", global.find(v4, "compatibility").of, within(`"compatibility": {@ "comment": ""}, "subnet4": [{"id": 9, "subnet": "192.0.2.0/24"}]`), "", nil, nil},
	{"loggers", loggersKeys, within(`"loggers": [{@ "comment": ""}]`), `"name": "kea-dhcp4",`, []string{"name"}, []string{"output_options"}},
	{"output-options", outputOptions, within(`"loggers": [{"name": "kea-dhcp4", "output-options": [{@ "comment": ""}]}]`), `"output": "f",`, []string{"output"}, nil},
	{"option-data", optionData[0].of, within(`"option-data": [{@ "comment": ""}]`), "", nil, nil},
	{"option-def", optionDef[0].of, within(`"option-def": [{@ "comment": ""}, {"name": "in", "code": 1, "space": "s", "type": "uint8"}], "option-data": [{"name": "in", "space": "s", "data": "1"},
		{"code": 230, "data": "1, 1"}]`), "", nil, []string{"name", "code", "space"}}, // without which it would have no definition
}

// within is a file with something in it, and updates of the DNS switched on.
func within(text string) string {
	return `{"Dhcp4": {"dhcp-ddns": {"enable-updates": true}, ` + text + `}}`
}

// acting is a value of a key that is not its default; or, where it takes something
// else beside it to be more than a word, two values with that, to be told apart.
func acting(place string, r *rule) string {
	for _, key := range []string{place + " " + r.name, r.name} {
		if v, ok := actingValues[key]; ok {
			return v
		}
	}
	switch {
	case r.typ == tBool && r.def == "true":
		return "false"
	case r.typ == tBool:
		return "true"
	case r.typ == tInt:
		return fmt.Sprint(min(77, r.max))
	case r.typ == tFloat || r.typ == tShare:
		return "0.3"
	case len(r.enum) > 0:
		return fmt.Sprintf("%q", r.enum[slices.IndexFunc(r.enum, func(s string) bool { return s != r.def })])
	case r.typ == tAddr4:
		return `"192.0.2.3"`
	}
	return ""
}

// actingValues are those that their type does not tell, by key or place and key.
var actingValues = map[string]string{
	"server-hostname": `"boot"`, "boot-file-name": `"/boot"`, "option-data": `[{"name": "domain-name", "data": "x"}]`,
	"client-class": `"KNOWN"`, "client-classes": `["KNOWN"]`, "evaluate-additional-classes": `["KNOWN"]`, "require-client-classes": `["KNOWN"]`,
	"ddns-generated-prefix": `"gen"`, "ddns-qualifying-suffix": `"example.org"`, "hostname-char-set": `"[x]"`, "hostname-char-replacement": `"y"`,
	"max-valid-lifetime": "10000", "valid-lifetime": "4000", "interface": `"eth7"`, "relay": `{"ip-addresses": ["192.0.2.200"]}`, "allocator": `"random"`,
	"4o6-interface": `"eth7"`, "4o6-interface-id": `"x"`, "4o6-subnet": `"2001:db8::/64"`, "reservations": `[{"hw-address": "02:00:00:00:00:01"}]`,
	"t1-percent": `0.3, "calculate-tee-times": true or 0.4, "calculate-tee-times": true`, "t2-percent": `0.7, "calculate-tee-times": true or 0.8, "calculate-tee-times": true`,
	"adaptive-lease-time-threshold": `0.3, "allocator": "flq"`,
	"host-reservation-identifiers":  `["duid"]`, "data-directory": `"/tmp"`, "statistic-default-sample-age": `77, "statistic-default-sample-count": 0 or 78, "statistic-default-sample-count": 0`,
	"hw-address": `"02:00:00:00:00:01"`, "duid": `"0001"`, "client-id": `"0001"`, "circuit-id": `"0001"`, "flex-id": `"0001"`, "hostname": `"h"`,
	"client class test": `"known"`, "template-test": `"'x'"`, "interfaces": `["eth7"]`, "outbound-interface": `"use-routing", "dhcp-socket-type": "udp" or "same-as-inbound", "dhcp-socket-type": "udp"`,
	"lease-database name": `"/tmp/f"`, "server-ip": `"192.0.2.3"`, "sender-ip": `"192.0.2.3"`, "replace-client-name": `"always"`, "generated-prefix": `"gen"`, "qualifying-suffix": `"example.org"`,
	"lease-checks": `"del"`, "loggers name": `"kea-dhcp4.leases"`, "severity": `"WARN"`, "output-options": `[{"output": "f"}]`, "output": `"g"`, "maxsize": "300000",
	"debuglevel": `77, "severity": "DEBUG" or 78, "severity": "DEBUG"`,

	"option-data name": `"domain-name", "data": "x" or "nis-domain", "data": "x"`, "option-data code": `15, "data": "x" or 40, "data": "x"`,
	"option-data data": `"x", "name": "domain-name" or "y", "name": "domain-name"`, "csv-format": `false, "name": "domain-name", "data": "3132" or true, "name": "domain-name", "data": "3132"`,
	"always-send": `true, "name": "domain-name", "data": "x" or false, "name": "domain-name", "data": "x"`, "never-send": `true, "name": "domain-name", "data": "x" or false, "name": "domain-name", "data": "x"`,
	"option-data client-classes": `["KNOWN"], "name": "domain-name", "data": "x" or [], "name": "domain-name", "data": "x"`,
	"option-data space":          `"vendor-4491", "code": 224, "csv-format": false, "data": "31" or "dhcp4", "code": 224, "csv-format": false, "data": "31"`,
	"option-def type":            `"uint8", "name": "a", "code": 230 or "uint16", "name": "a", "code": 230`,
	"array":                      `true, "name": "a", "code": 230, "type": "uint8" or false, "name": "a", "code": 230, "type": "uint8"`,
	"record-types":               `"uint8, uint8", "name": "a", "code": 230, "type": "record" or "uint8, uint16", "name": "a", "code": 230, "type": "record"`,
	"encapsulate":                `"s", "name": "a", "code": 230, "type": "uint8" or "", "name": "a", "code": 230, "type": "uint8"`,
}

// dumpOf is everything that a file means.
func dumpOf(t *testing.T, name, file string) string {
	t.Helper()
	cfg, problems := text(v4, file, nil)
	if cfg == nil {
		t.Errorf("%s: %s", name, show(problems))
		return ""
	}
	var b strings.Builder
	cfg.doc, cfg.Unserved = nil, nil
	dump(&b, reflect.ValueOf(cfg), map[uintptr]bool{}, 0)
	return b.String()
}

// dump writes a value with all that it leads to, each pointer once.
func dump(b *strings.Builder, v reflect.Value, seen map[uintptr]bool, depth int) {
	if depth > 40 {
		return
	}
	switch v.Kind() {
	case reflect.Pointer:
		if v.IsNil() || seen[v.Pointer()] {
			fmt.Fprintf(b, "%v", v.IsNil())
			return
		}
		seen[v.Pointer()] = true
		dump(b, v.Elem(), seen, depth+1)
	case reflect.Interface:
		if !v.IsNil() {
			dump(b, v.Elem(), seen, depth+1)
		}
	case reflect.Struct:
		b.WriteString("{")
		for i := range v.NumField() {
			fmt.Fprintf(b, " %s:", v.Type().Field(i).Name)
			dump(b, v.Field(i), seen, depth+1)
		}
		b.WriteString("}")
	case reflect.Slice, reflect.Array:
		b.WriteString("[")
		for i := range v.Len() {
			dump(b, v.Index(i), seen, depth+1)
			b.WriteString(" ")
		}
		b.WriteString("]")
	case reflect.Map:
		var all []string
		for _, k := range v.MapKeys() {
			var one strings.Builder
			dump(&one, k, seen, depth+1)
			one.WriteString("=")
			dump(&one, v.MapIndex(k), seen, depth+1)
			all = append(all, one.String())
		}
		slices.Sort(all)
		fmt.Fprint(b, all)
	case reflect.Func, reflect.Chan, reflect.UnsafePointer:
		fmt.Fprint(b, v.IsNil())
	default:
		fmt.Fprint(b, v)
	}
}
