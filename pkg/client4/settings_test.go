package client4

import (
	"fmt"
	"math/rand/v2"
	"net/netip"
	"reflect"
	"strings"
	"testing"

	"github.com/dhcp4o6/dhcp4o6/pkg/dhcp4"
	"github.com/dhcp4o6/dhcp4o6/pkg/hostconf"
)

// given returns what a DHCPACK with these options gives the host.
func given(t *testing.T, o func(*Options), ack ...edit) *hostconf.Settings {
	t.Helper()
	return bound(t, ack, func(opt *Options) {
		for c := byte(1); c < 255; c++ { // everything is asked for, but for the shares of an address
			if c != 159 {
				opt.Request = append(opt.Request, c)
			}
		}
		if o != nil {
			o(opt)
		}
	}).host
}

// TestAddressOfALease: the mask, or the class where there is none that makes sense.
func TestAddressOfALease(t *testing.T) {
	for _, test := range []struct {
		name   string
		change func(*Options)
		ack    []edit
		want   string
		bcast  string
	}{
		{"mask", nil, []edit{with(1, 255, 255, 240, 0)}, "192.0.2.77/20", "invalid IP"},
		{"mask of one host", nil, []edit{with(1, 255, 255, 255, 255)}, "192.0.2.77/32", "invalid IP"},
		{"no mask: class C", nil, []edit{without(1)}, "192.0.2.77/24", "invalid IP"},
		{"no mask: class A", nil, []edit{without(1), giving(netip.MustParseAddr("10.1.2.3"))}, "10.1.2.3/8", "invalid IP"},
		{"no mask: class B", nil, []edit{without(1), giving(netip.MustParseAddr("172.16.2.3"))}, "172.16.2.3/16", "invalid IP"},
		{"no mask over 4o6", over6, []edit{without(1)}, "192.0.2.77/32", "invalid IP"},
		{"a mask of nothing", nil, []edit{with(1, 0, 0, 0, 0)}, "192.0.2.77/24", "invalid IP"},
		{"a mask of half the internet", nil, []edit{with(1, 128, 0, 0, 0)}, "192.0.2.77/24", "invalid IP"},
		{"a mask as long as class A's", nil, []edit{with(1, 255, 0, 0, 0)}, "192.0.2.77/8", "invalid IP"},
		{"a mask with holes", nil, []edit{with(1, 255, 0, 255, 0)}, "192.0.2.77/24", "invalid IP"},
		{"a mask of three octets", nil, []edit{with(1, 255, 255, 0)}, "192.0.2.77/24", "invalid IP"},
		{"broadcast address", nil, []edit{with(28, 192, 0, 2, 255)}, "192.0.2.77/24", "192.0.2.255"},
		{"broadcast of all ones", nil, []edit{with(28, 255, 255, 255, 255)}, "192.0.2.77/24", "255.255.255.255"},
		{"broadcast elsewhere", nil, []edit{with(28, 8, 8, 8, 8)}, "192.0.2.77/24", "invalid IP"},
	} {
		s := given(t, test.change, test.ack...)
		if got := s.Addresses[0]; got.Prefix.String() != test.want || got.Broadcast.String() != test.bcast {
			t.Errorf("%s: %v broadcast %v, want %v, %v", test.name, got.Prefix, got.Broadcast, test.want, test.bcast)
		}
	}
}

// TestRoutes: options 3, 33 and 121 (RFC 2132 §3.5, §5.8, RFC 3442), without and
// with the setting that refuses to be hijacked.
func TestRoutes(t *testing.T) {
	const none = ""
	for _, test := range []struct {
		name string
		ack  []edit
		want string
		safe string // with NoHijack
	}{
		{"a router", nil, "0.0.0.0/0 via 192.0.2.1 0", "0.0.0.0/0 via 192.0.2.1 0"},
		{"two routers, one twice", []edit{with(3, 192, 0, 2, 1, 192, 0, 2, 2, 192, 0, 2, 1)},
			"0.0.0.0/0 via 192.0.2.1 0, 0.0.0.0/0 via 192.0.2.2 1", "0.0.0.0/0 via 192.0.2.1 0, 0.0.0.0/0 via 192.0.2.2 1"},
		{"a router on another network", []edit{with(3, 198, 51, 100, 1)},
			"198.51.100.1/32 link 0, 0.0.0.0/0 via 198.51.100.1 0", "198.51.100.1/32 link 0, 0.0.0.0/0 via 198.51.100.1 0"},
		{"routers that are none", []edit{with(3, 0, 0, 0, 0, 255, 255, 255, 255, 127, 0, 0, 1, 224, 0, 0, 1)}, none, none},
		{"routers of five octets", []edit{with(3, 192, 0, 2, 1, 0)}, none, none},
		{"static routes", []edit{with(33, 10, 0, 0, 0, 192, 0, 2, 2, 198, 51, 100, 7, 192, 0, 2, 2, 0, 0, 0, 0, 192, 0, 2, 9)},
			"10.0.0.0/8 via 192.0.2.2 0, 198.51.100.7/32 via 192.0.2.2 0, 0.0.0.0/0 via 192.0.2.1 0", "0.0.0.0/0 via 192.0.2.1 0"},
		{"classless routes: options 3 and 33 say nothing", []edit{with(33, 10, 0, 0, 0, 192, 0, 2, 2), with(121, 24, 198, 51, 100, 192, 0, 2, 5)},
			"198.51.100.0/24 via 192.0.2.5 0", "0.0.0.0/0 via 192.0.2.1 0"},
		{"classless default", []edit{with(121, 0, 192, 0, 2, 5, 32, 192, 0, 3, 1, 0, 0, 0, 0)},
			"0.0.0.0/0 via 192.0.2.5 0, 192.0.3.1/32 link 0", "0.0.0.0/0 via 192.0.2.5 0"},
		{"classless default by a gateway off the network", []edit{with(121, 32, 10, 0, 0, 1, 0, 0, 0, 0, 0, 10, 0, 0, 1)},
			"10.0.0.1/32 link 0, 0.0.0.0/0 via 10.0.0.1 0", "10.0.0.1/32 link 0, 0.0.0.0/0 via 10.0.0.1 0"},
		{"halves of the internet", []edit{with(121, 1, 0, 192, 0, 2, 66, 1, 128, 192, 0, 2, 66, 0, 192, 0, 2, 1)},
			"0.0.0.0/1 via 192.0.2.66 0, 128.0.0.0/1 via 192.0.2.66 0, 0.0.0.0/0 via 192.0.2.1 0", "0.0.0.0/0 via 192.0.2.1 0"},
		{"bits behind the prefix", []edit{with(121, 20, 198, 51, 111, 192, 0, 2, 5)}, "198.51.96.0/20 via 192.0.2.5 0", "0.0.0.0/0 via 192.0.2.1 0"},
		{"a prefix of 33", []edit{with(121, 33, 1, 2, 3, 4, 5, 192, 0, 2, 5)}, "0.0.0.0/0 via 192.0.2.1 0", "0.0.0.0/0 via 192.0.2.1 0"},
		{"cut", []edit{with(121, 24, 198, 51, 100, 192, 0, 2)}, "0.0.0.0/0 via 192.0.2.1 0", "0.0.0.0/0 via 192.0.2.1 0"},
		{"to multicast, to loopback, by broadcast", []edit{with(121, 8, 127, 192, 0, 2, 5, 4, 224, 192, 0, 2, 5, 8, 10, 255, 255, 255, 255)}, none, "0.0.0.0/0 via 192.0.2.1 0"},
		{"the same twice", []edit{with(121, 8, 10, 192, 0, 2, 5, 8, 10, 192, 0, 2, 6)}, "10.0.0.0/8 via 192.0.2.5 0", "0.0.0.0/0 via 192.0.2.1 0"},
	} {
		for _, hijack := range []bool{true, false} {
			want := test.want
			if !hijack {
				want = test.safe
			}
			var got []string
			for _, r := range given(t, func(o *Options) { o.NoHijack = !hijack }, test.ack...).Routes {
				way := "link"
				if r.Via.IsValid() {
					way = "via " + r.Via.String()
				}
				got = append(got, fmt.Sprint(r.Dest, " ", way, " ", r.Metric))
			}
			if strings.Join(got, ", ") != want {
				t.Errorf("%s (hijack %v): %v, want %v", test.name, hijack, got, want)
			}
		}
	}
}

// TestNoHijackForScripts: what the setting refuses is in no variable either, since
// scripts set routes by them.
func TestNoHijackForScripts(t *testing.T) {
	ack := []edit{with(33, 10, 0, 0, 0, 192, 0, 2, 66), with(249, 1, 0, 192, 0, 2, 66),
		with(121, 1, 0, 192, 0, 2, 66, 32, 10, 0, 0, 1, 0, 0, 0, 0, 0, 10, 0, 0, 1, 24, 198, 51, 100, 192, 0, 2, 66)}
	for _, v := range given(t, func(o *Options) { o.NoHijack = true }, ack...).Vars {
		if v.Name == "rfc3442_classless_static_routes" && v.Value != "32 10 0 0 1 0 0 0 0 0 10 0 0 1" || v.Name == "static_routes" || v.Name == "unknown_249" {
			t.Errorf("%s=%q", v.Name, v.Value)
		}
	}
	for _, v := range given(t, func(o *Options) { o.NoHijack = true }, with(121, 1, 0, 192, 0, 2, 66)).Vars {
		if v.Name == "rfc3442_classless_static_routes" {
			t.Errorf("%s=%q", v.Name, v.Value)
		}
	}
}

// TestNamesAndServers: what the rest of the options give, and what is left out.
func TestNamesAndServers(t *testing.T) {
	text := func(c dhcp4.Code, s string) edit { return with(c, []byte(s)...) }
	for _, test := range []struct {
		name string
		ack  edit
		want hostconf.Settings
	}{
		{"name servers", with(6, 192, 0, 2, 53, 0, 0, 0, 0, 192, 0, 2, 54), hostconf.Settings{DNS: []netip.Addr{netip.MustParseAddr("192.0.2.53"), netip.MustParseAddr("192.0.2.54")}}},
		{"name servers of three octets", with(6, 192, 0, 2), hostconf.Settings{}},
		{"time servers", with(42, 192, 0, 2, 123), hostconf.Settings{NTP: []netip.Addr{netip.MustParseAddr("192.0.2.123")}}},
		{"MTU", with(26, 0, 68), hostconf.Settings{MTU: 68}},
		{"an MTU that there is not", with(26, 0, 67), hostconf.Settings{}},
		{"host name", text(12, "kitchen\x00"), hostconf.Settings{HostName: "kitchen"}},
		{"host name for a shell", text(12, "x;reboot"), hostconf.Settings{}},
		{"host name for a shell, quoted", text(12, "x$(reboot)"), hostconf.Settings{}},
		{"host name with a line", text(12, "x\nnameserver 192.0.2.66"), hostconf.Settings{}},
		{"host name that begins with a hyphen", text(12, "-rf"), hostconf.Settings{}},
		{"domain", text(15, "example.net"), hostconf.Settings{Domain: "example.net"}},
		{"domains", text(15, "example.net example.org"), hostconf.Settings{Domain: "example.net", Search: []string{"example.net", "example.org"}}},
		{"domain with a line", text(15, "example.net\noptions rotate"), hostconf.Settings{}},
		{"domain of nothing", text(15, " "), hostconf.Settings{}},
		{"search list, compressed", text(119, "\x03eng\x07example\x03net\x00\x05sales\xc0\x04"), hostconf.Settings{Search: []string{"eng.example.net", "sales.example.net"}}},
		{"search list with a bad name", text(119, "\x03e;g\x00\x03eng\x00"), hostconf.Settings{Search: []string{"eng"}}},
		{"search list that loops", text(119, "\x03eng\xc0\x00"), hostconf.Settings{}},
		{"captive portal", text(114, "https://portal.example/?a=1"), hostconf.Settings{CaptivePortal: "https://portal.example/?a=1"}},
		{"captive portal for a shell", text(114, "https://portal.example/`reboot`"), hostconf.Settings{}},
		{"captive portal of another kind", text(114, "file:///etc/passwd"), hostconf.Settings{}},
	} {
		got := given(t, nil, test.ack, without(3))
		test.want.Addresses, test.want.Vars = got.Addresses, got.Vars
		if !reflect.DeepEqual(*got, test.want) {
			t.Errorf("%s: %+v, want %+v", test.name, *got, test.want)
		}
		for _, v := range got.Vars {
			if strings.ContainsAny(v.Value, "\n;`") && (v.Name == "host_name" || v.Name == "domain_name") {
				t.Errorf("%s: variable %s=%q", test.name, v.Name, v.Value)
			}
		}
	}
}

// TestWhatWasNotAskedFor: a server's own ideas are left out.
func TestWhatWasNotAskedFor(t *testing.T) {
	b := bound(t, []edit{with(6, 192, 0, 2, 53), with(3, 192, 0, 2, 9), with(26, 5, 0), with(15, 'x'), with(121, 0, 192, 0, 2, 9)},
		func(o *Options) { o.Request = []byte{1} })
	s := b.host
	if s.DNS != nil || s.Routes != nil || s.MTU != 0 || s.Domain != "" {
		t.Errorf("%+v", s)
	}
	for _, v := range s.Vars {
		if v.Name == "domain_name" || v.Name == "routers" {
			t.Errorf("variable %v", v)
		}
	}
}

// TestRequestList: each code once, 121 before 33 and 3 (RFC 3442), 108 only by its
// own option (RFC 8925 §3.2).
func TestRequestList(t *testing.T) {
	for _, test := range []struct {
		o    Options
		want []byte
	}{
		{Options{Request: []byte{3, 1, 3, 0, 255, 108}}, []byte{3, 1}},
		{Options{Request: []byte{3, 1, 33, 121}}, []byte{121, 3, 1, 33}},
		{Options{Request: []byte{}, V6Only: true}, []byte{108}},
		{Options{}, DefaultRequest},
	} {
		if got := test.o.request(); string(got) != string(test.want) {
			t.Errorf("%v: %v, want %v", test.o.Request, got, test.want)
		}
	}
}

// TestFQDN: option 81 in wire form, and then no option 12 (RFC 4702 §2, §3.1).
func TestFQDN(t *testing.T) {
	for _, test := range []struct {
		name string
		o    Options
		want string // of option 81
		host bool   // option 12
	}{
		{"whole", Options{FQDN: "a.example.", HostName: "b"}, "\x05\x00\x00\x01a\x07example\x00", false},
		{"without the last dot", Options{FQDN: "a.example"}, "\x05\x00\x00\x01a\x07example\x00", false},
		{"partial", Options{FQDN: "a"}, "\x05\x00\x00\x01a", false},
		{"no updates", Options{FQDN: "a", NoDNS: true}, "\x0c\x00\x00\x01a", false},
		{"no name", Options{FQDN: "a..b"}, "", false},
		{"long label", Options{FQDN: strings.Repeat("a", 64)}, "", false},
		{"host name", Options{HostName: "b"}, "", true},
	} {
		test.o.Rand = rand.New(rand.NewPCG(1, 1))
		b := &bench{t: t, m: New(test.o), now: epoch}
		b.step(Start{})
		b.step(Ready{Up: true})
		_, q := b.last(dhcp4.Discover)
		if v, _ := q.Option(dhcp4.OptClientFQDN); string(v) != test.want || q.Has(dhcp4.OptHostName) != test.host {
			t.Errorf("%s: option 81 %q, want %q; option 12 %v", test.name, v, test.want, q.Has(dhcp4.OptHostName))
		}
	}
}

// TestUserClass: option 77 as RFC 3004 §4 has it.
func TestUserClass(t *testing.T) {
	b := started(t, func(o *Options) { o.UserClass = "lab" })
	_, q := b.last(dhcp4.Discover)
	if v, _ := q.Option(dhcp4.OptUserClass); string(v) != "\x03lab" {
		t.Errorf("option 77 %q", v)
	}
}
