package server4

import (
	"fmt"
	"strings"
	"testing"

	"github.com/dhcp4o6/dhcp4o6/pkg/dhcp4"
)

// flexConfig is a configuration with the library flex_option.
func flexConfig(entries string) string {
	return fmt.Sprintf(`{"Dhcp4": {"dhcp4o6-port": 6767, "lease-database": {"type": "memfile", "persist": false},
		"hooks-libraries": [{"library": "/usr/lib/kea/hooks/libdhcp_flex_option.so", "parameters": {"options": [%s]}}],
		"option-def": [{"code": 222, "name": "holder", "type": "empty", "encapsulate": "inner"}, {"space": "inner", "code": 1, "name": "deep", "type": "uint16"},
			{"space": "vendor-9", "code": 1, "name": "v", "type": "string"}],
		"option-data": [{"name": "routers", "data": "192.0.2.1"}, {"name": "domain-name", "data": "example.org"},
			{"name": "holder"}, {"name": "deep", "space": "inner", "data": "7"},
			{"name": "vivso-suboptions", "data": "8", "always-send": true}],
		"subnet4": [{"id": 1, "subnet": "192.0.2.0/24", "interface": "eth0", "4o6-interface": "eth0", "valid-lifetime": 600,
			"pools": [{"pool": "192.0.2.100 - 192.0.2.199"}]}]}}`, entries)
}

// TestFlexOption: options of a reply are changed by what expressions make of the
// query, in Kea's order.
func TestFlexOption(t *testing.T) {
	tests := []struct {
		name, entries, query string
		want                 string // beside what every reply has
	}{
		{"add, what is not there", `{"code": 66, "add": "concat('tftp-', option[12].text)"}`, "12=61", "3=c0000201 15=6578616d706c652e6f7267 125=0000000800 66=746674702d61"},
		{"add, what is there", `{"code": 15, "add": "'x'"}`, "", "3=c0000201 15=6578616d706c652e6f7267 125=0000000800"},
		{"add, an empty value", `{"code": 66, "add": "option[12].text"}`, "", "3=c0000201 15=6578616d706c652e6f7267 125=0000000800"},
		{"supersede", `{"name": "domain-name", "supersede": "ifelse(option[60].exists, 'pxe', '')"}`, "60=61", "3=c0000201 125=0000000800 15=707865"},
		{"supersede by nothing", `{"name": "domain-name", "supersede": "ifelse(option[60].exists, 'pxe', '')"}`, "", "3=c0000201 15=6578616d706c652e6f7267 125=0000000800"},
		{"remove", `{"code": 3, "remove": "option[60].exists"}`, "60=61", "15=6578616d706c652e6f7267 125=0000000800"},
		{"remove, not so", `{"code": 3, "remove": "option[60].exists"}`, "", "3=c0000201 15=6578616d706c652e6f7267 125=0000000800"},
		{"text", `{"code": 4, "csv-format": true, "add": "'192.0.2.7, 192.0.2.8'"}`, "", "3=c0000201 15=6578616d706c652e6f7267 125=0000000800 4=c0000207c0000208"},
		{"text that is none of the option", `{"code": 4, "csv-format": true, "add": "'seven'"}`, "", "3=c0000201 15=6578616d706c652e6f7267 125=0000000800"},
		{"for a class", `{"code": 66, "add": "'a'", "client-class": "ALL"}, {"code": 67, "add": "'b'", "client-class": "KNOWN"}`, "", "3=c0000201 15=6578616d706c652e6f7267 125=0000000800 66=61"},
		{"in order of codes", `{"code": 67, "add": "'b'"}, {"code": 66, "add": "'a'"}`, "", "3=c0000201 15=6578616d706c652e6f7267 125=0000000800 66=61 67=62"},
		{"a sub-option beside others", `{"name": "holder", "sub-options": [{"code": 2, "add": "0x0102"}]}`, "55=de", "222=0102000702020102 3=c0000201 15=6578616d706c652e6f7267 125=0000000800"},
		{"a sub-option in place", `{"name": "holder", "sub-options": [{"name": "deep", "csv-format": true, "supersede": "'300'"}]}`, "55=de", "3=c0000201 15=6578616d706c652e6f7267 125=0000000800 222=0102012c"},
		{"the last sub-option takes its option along", `{"name": "holder", "sub-options": [{"code": 1, "remove": "option[55].exists"}]}`, "55=de", "3=c0000201 15=6578616d706c652e6f7267 125=0000000800"},
		{"or leaves it", `{"name": "holder", "sub-options": [{"code": 1, "remove": "option[55].exists", "container-remove": false}]}`, "55=de", "3=c0000201 15=6578616d706c652e6f7267 125=0000000800 222="},
		{"a sub-option makes its option", `{"name": "holder", "sub-options": [{"code": 2, "add": "'a'"}]}`, "", "3=c0000201 15=6578616d706c652e6f7267 125=0000000800 222=020161"},
		{"or does not", `{"name": "holder", "sub-options": [{"code": 2, "add": "'a'", "container-add": false}]}`, "", "3=c0000201 15=6578616d706c652e6f7267 125=0000000800"},
		{"an enterprise's", `{"code": 125, "sub-options": [{"space": "vendor-8", "code": 1, "add": "'a'"}, {"space": "vendor-9", "name": "v", "add": "'b'"}]}`, "", "3=c0000201 15=6578616d706c652e6f7267 125=00000008030101610000000903010162"},
		{"what is too long for its octet", `{"code": 125, "sub-options": [{"space": "vendor-8", "code": 1, "add": "concat(option[12].hex, option[12].hex)"}]}`, "12=" + strings.Repeat("61", 130), "3=c0000201 15=6578616d706c652e6f7267 125=0000000800"},
		{"of the reply", `{"code": 66, "add": "option[15].hex", "source": "response"}, {"code": 67, "add": "option[66].hex", "source": "response"}, {"code": 68, "add": "pkt4.yiaddr", "source": "response"}`, "",
			"3=c0000201 15=6578616d706c652e6f7267 125=0000000800 66=6578616d706c652e6f7267 67=6578616d706c652e6f7267 68=c0000264"},
		{"option 82 stays last", `{"code": 66, "add": "'a'"}`, "82=010161", "3=c0000201 15=6578616d706c652e6f7267 125=0000000800 66=61 82=010161"},
	}
	for _, tt := range tests {
		for _, way := range ways {
			t.Run(tt.name+", "+way.name, func(t *testing.T) {
				b := newBench(t, compiled(t, flexConfig(tt.entries)))
				got := say(way.ask(b, query{kind: dhcp4.Discover, opts: "57=05dc " + tt.query}))
				head, want := "OFFER 192.0.2.100 54=c0000201 51=00000258 1=ffffff00 ", tt.want
				got, _ = strings.CutPrefix(got, head)
				var rest []string
				for field := range strings.FieldsSeq(got) {
					if !strings.HasPrefix(field, "12=") {
						rest = append(rest, field)
					}
				}
				if got := strings.Join(rest, " "); !sameOptions(got, want) {
					t.Errorf("\n got %s\nwant %s", got, want)
				}
			})
		}
	}
}

// sameOptions compares options without regard to their order.
func sameOptions(got, want string) bool {
	g, w := strings.Fields(got), strings.Fields(want)
	if len(g) != len(w) {
		return false
	}
	for _, f := range g {
		if !strings.Contains(" "+want+" ", " "+f+" ") {
			return false
		}
	}
	return true
}

// TestFlexOptionOfItself: an option of the reply may be made of what it is, which
// moves while it is written anew.
func TestFlexOptionOfItself(t *testing.T) {
	net := compiled(t, flexConfig(`{"code": 3, "supersede": "option[3].hex", "source": "response"}, {"code": 15, "supersede": "substring(option[15].hex, 0, 7)", "source": "response"}`))
	for _, way := range ways {
		got := say(way.ask(newBench(t, net), query{kind: dhcp4.Discover, opts: "57=05dc"}))
		for _, want := range []string{" 3=c0000201", " 15=6578616d706c65"} {
			if !strings.Contains(got+" ", want+" ") {
				t.Errorf("%s: no%s: %s", way.name, want, got)
			}
		}
	}
}

// TestFlexOptionLeavesRoomForTheRelay: what flex_option adds never takes the room of
// option 82, without which a relay cannot forward the reply.
func TestFlexOptionLeavesRoomForTheRelay(t *testing.T) {
	var entries []string
	for _, code := range []string{"66", "67", "17", "18", "40"} {
		entries = append(entries, `{"code": `+code+`, "add": "option[60].hex"}`)
	}
	net := compiled(t, flexConfig(strings.Join(entries, ", ")))
	relay := " 82=01c8" + strings.Repeat("61", 200)
	for _, way := range ways {
		m := way.ask(newBench(t, net), query{kind: dhcp4.Discover, opts: "60=" + strings.Repeat("62", 250) + relay})
		if got := say(m); !strings.HasSuffix(got, relay) {
			t.Errorf("%s: %s", way.name, got)
		}
	}
}
