package config

import (
	"net/netip"
	"os"
	"reflect"
	"strings"
	"testing"
	"time"
)

// clientText loads the file of a client that is given as text.
func clientText(f Family, main string) (*Client, []Problem) {
	return LoadClient("c.json", f, Options{ReadFile: func(name string) ([]byte, error) {
		if name != "c.json" {
			return nil, os.ErrNotExist
		}
		return []byte(main), nil
	}, Links: []string{"eth0", "eth1"}})
}

// What is said of an interface goes before what is said of all, and an interface
// that the file does not name gets the latter.
func TestClientLinks(t *testing.T) {
	c, problems := clientText(v4, `{ "dhcp4c": { # comments are allowed
		"host-name": "all", "request": ["routers", "domain-name-servers", "121"], "request-also": ["ntp-servers"], "route-metric": 100,
		"client-id": "hw", "timing": {"requests": 2, "initial-interval": 30},
		"interfaces": [
			{"name": "eth0"},
			{"name": "eth1", "host-name": "one", "request": ["routers"], "client-id": "01:0a:0b", "probe": false, "v6-only": true,
			 "reject-hijacking-routes": true, "server": "127.0.0.1:6767", "resolver": "none", "set-host-name": true, "min-mtu": 1280, "shared-address": true, "timing": {"select-timeout": 7}, "keep-settings": false, "lease-time": 900, "keep-last": true, "dns-updates": false, "user-class": "u", "iaid": 0}
		]},
		"dhcp6c": {"not": "looked at"} }`)
	if c == nil || len(problems) > 0 {
		t.Fatal(show(problems))
	}
	all := ClientLink{HostName: "all", Request: []uint16{3, 6, 121}, Also: []uint16{42}, Metric: 100, HWClientID: true, Probe: true, Resolver: "auto",
		Stay: true, Timing: ClientTiming{Requests: 2, InitialInterval: 30 * time.Second}}
	one := all
	one.Name, one.HostName, one.Request, one.ClientID, one.HWClientID = "eth1", "one", []uint16{3}, []byte{1, 10, 11}, false
	one.Probe, one.V6Only, one.NoHijack, one.Resolver = false, true, true, "none"
	one.SetHostName, one.MinMTU, one.Shared = true, 1280, true
	one.Server, one.Timing, one.IAID = netip.MustParseAddrPort("127.0.0.1:6767"), ClientTiming{SelectTimeout: 7 * time.Second}, new(uint32)
	one.Stay, one.LeaseTime, one.KeepLast, one.NoDNS, one.UserClass = false, 15*time.Minute, true, true, "u"
	for name, want := range map[string]ClientLink{"eth0": all, "eth1": one, "eth2": all} {
		want.Name = name
		if got := c.Link(name); !reflect.DeepEqual(got, want) {
			t.Errorf("%s:\n%+v, want\n%+v", name, got, want)
		}
	}
	if len(c.Interfaces) != 2 {
		t.Errorf("%d interfaces", len(c.Interfaces))
	}
}

// A vendor class is text in DHCPv4, and in DHCPv6 a list for each enterprise.
func TestClientVendorClass(t *testing.T) {
	c, problems := clientText(v6, `{"dhcp6c": {"vendor-class": [{"enterprise-id": 32473, "classes": ["a", "b"]}]}}`)
	if c == nil {
		t.Fatal(show(problems))
	}
	want := []ClientVendorClass{{32473, []string{"a", "b"}}}
	if got := c.Link("eth0").VendorClasses; !reflect.DeepEqual(got, want) {
		t.Errorf("%+v", got)
	}
	c, problems = clientText(v4, `{"dhcp4c": {"vendor-class": "a"}}`)
	if c == nil || c.Link("eth0").VendorClass != "a" {
		t.Error(show(problems))
	}
}

func TestClientIAs(t *testing.T) {
	seven := uint32(7)
	for text, want := range map[string][]ClientIA{
		`{}`:           nil,
		`{"ia": []}`:   {},
		`{"ia": [{}]}`: {{Type: "na"}},
		`{"ia": [{"type": "na", "hint": "2001:db8::5"}, {"type": "ta"}, {"type": "pd", "hint": "::/56", "iaid": 7}, {"type": "na", "iaid": 7}]}`: {
			{Type: "na", Hint: netip.MustParsePrefix("2001:db8::5/128")}, {Type: "ta"},
			{Type: "pd", Hint: netip.MustParsePrefix("::/56"), IAID: &seven}, {Type: "na", IAID: &seven}},
	} {
		c, problems := clientText(v6, `{"dhcp6c": `+text+`}`)
		if c == nil {
			t.Errorf("%s: %s", text, show(problems))
			continue
		}
		l := c.Link("eth0")
		if !reflect.DeepEqual(l.IAs, want) || l.InfoOnly() != (text == `{"ia": []}`) {
			t.Errorf("%s: %+v, want %+v", text, l.IAs, want)
		}
	}
}

// Every fault has its place, and one run shows them all.
func TestClientProblems(t *testing.T) {
	tests := []struct {
		name string
		f    Family
		text string
		want []string
	}{
		{"misspelt", v4, `{"dhcp4c": {"hostname": "a"}}`, []string{`c.json:1:13: hostname: is not a key of dhcp4c; did you mean "host-name"?`}},
		{"root nearly", v6, `{"dhcp6": {}}`, []string{`did you mean "dhcp6c"?`}},
		{"of the other", v4, `{"dhcp4c": {"rapid-commit": true}}`, []string{"rapid-commit: is not a key of dhcp4c, only in dhcp6c"}},
		{"of a server", v4, `{"dhcp4c": {"subnet4": []}}`, []string{"subnet4: is not a key of dhcp4c"}},
		{"in the wrong place", v4, `{"dhcp4c": {"select-timeout": 1}}`, []string{"select-timeout: is not a key of dhcp4c; it may stand in timing"}},
		{"root", v4, `{"Dhcp4": {}}`, []string{`Dhcp4: is not known at top level, where dhcp4c and dhcp6c stand`}},
		{"no map", v4, `{"dhcp4c": 3}`, []string{"dhcp4c: has to be a map, not an integer"}},
		{"not a file of ours", v4, `[]`, []string{"the configuration has to be a map with a member dhcp4c, not a list"}},
		{"several at once", v4, `{"dhcp4c": {"interfaces": [{"name": "eth0"}, {"name": "eth0"}, {}],
			"request": ["router"], "client-id": "x", "server": "::1"}}`,
			[]string{`interfaces[1].name: eth0 stands here a second time`, `interfaces[2]: "name" is missing in this interface`,
				`c.json:2:16: request[0]: "router" is neither the name nor the number of an option; did you mean "routers"?`,
				`client-id: "x" is neither duid nor hw nor octets in hexadecimal`, `server: "::1" is not an IPv4 address`}},
		{"ias", v6, `{"dhcp6c": {"ia": [{"type": "nb"}, {"hint": "192.0.2.1"}, {"type": "pd", "hint": "2001:db8::1/56"}, {"iaid": 1}, {"iaid": 1}]}}`,
			[]string{`ia[0].type: "nb" is not one of na, ta, pd`, `ia[1].hint: "192.0.2.1" is not an IPv6 address`,
				`ia[2].hint: "2001:db8::1/56" is not an IPv6 prefix`, `ia[4].iaid: 1 is that of another ia of type na`}},
		{"absent interface", v4, `{"dhcp4c": {"interfaces": [{"name": "eth7"}]}}`, []string{"warning: interfaces[0].name: there is no interface eth7 on this host now"}},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			c, problems := clientText(test.f, test.text)
			if warned := strings.HasPrefix(test.want[0], "warning"); warned != (c != nil) {
				t.Error("refused or not: ", c != nil)
			}
			got := show(problems)
			for _, want := range test.want {
				if !strings.Contains(got, want) {
					t.Errorf("%q is not in\n%s", want, got)
				}
			}
			if len(problems) != len(test.want) {
				t.Errorf("%d problems, want %d:\n%s", len(problems), len(test.want), got)
			}
		})
	}
}

// Without a file all is as the client does it by itself.
func TestClientWithoutFile(t *testing.T) {
	for _, f := range []Family{v4, v6} {
		c, problems := LoadClient("", f, Options{})
		if c == nil || len(problems) > 0 {
			t.Fatal(show(problems))
		}
		want := ClientLink{Name: "eth0", Probe: true, Resolver: "auto", Stay: true}
		if got := c.Link("eth0"); !reflect.DeepEqual(got, want) || c.DUIDType != "" {
			t.Errorf("%+v", got)
		}
	}
}

func TestParseServer(t *testing.T) {
	for text, want := range map[string]string{
		"192.0.2.1": "192.0.2.1:0", "192.0.2.1:67": "192.0.2.1:67", "::1": "[::1]:0", "[::1]": "[::1]:0", "[::1]:5547": "[::1]:5547", "fe80::1%lo": "[fe80::1%lo]:0",
		"": "", "server": "", "192.0.2.1:": "", "192.0.2.1:x": "", "192.0.2.1:70000": "",
	} {
		got, err := ParseServer(text)
		if want == "" && err == nil || want != "" && got.String() != want {
			t.Errorf("%q: %v, %v", text, got, err)
		}
	}
}

// FuzzLoadClient: there is a Client exactly when no error is told.
func FuzzLoadClient(f *testing.F) {
	f.Add([]byte(`{"dhcp4c": {"interfaces": [{"name": "eth0", "request": ["routers"], "timing": {"requests": 1}}]}}`))
	f.Add([]byte(`{"dhcp6c": {"ia": [{"type": "pd", "hint": "::/56", "iaid": 1}], "server": "[::1]:547"}}`))
	f.Fuzz(func(t *testing.T, b []byte) {
		for _, family := range []Family{v4, v6} {
			c, problems := clientText(family, string(b))
			failed := false
			for i := range problems {
				failed = failed || problems[i].Severity == Error
			}
			if failed == (c != nil) {
				t.Fatalf("client %v with\n%s", c != nil, show(problems))
			}
		}
	})
}
