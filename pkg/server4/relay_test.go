package server4

import (
	"bytes"
	"encoding/hex"
	"strings"
	"testing"

	"github.com/dhcp4o6/dhcp4o6/pkg/dhcp4"
	"github.com/dhcp4o6/dhcp4o6/pkg/lease"
	"github.com/dhcp4o6/dhcp4o6/pkg/topology"
)

// TestRelayInformation: what a relay wrote comes back as it was, behind all other
// options, whatever is in it (RFC 3046 §2.2), from a relay over IPv4 and in the
// message of a 4o6 client alike.
func TestRelayInformation(t *testing.T) {
	for name, info := range map[string]string{
		"circuit and remote id":                    "0104706f72740203000109",
		"a suboption that is unknown":              "c80109" + "0104706f7274",
		"relay agent flags, unicast (RFC 5010)":    "0a0180",
		"relay agent flags, broadcast (RFC 5010)":  "0a0100",
		"relay agent flags of another length":      "0a00",
		"a suboption cut short":                    "0104706f",
		"link selection of another length (3527)":  "0503c00002",
		"server identifier override, wrong length": "0b0100",
		"server identifier override, too long":     "0b05c000020900",
		"a source port of its own (RFC 8357)":      "1300",
		"nothing":                                  "",
		"long":                                     strings.Repeat("c8fa"+strings.Repeat("61", 250), 2),
	} {
		for _, way := range ways {
			for _, kind := range []dhcp4.MessageType{dhcp4.Discover, dhcp4.Request} {
				m := way.ask(newBench(t, net1()), query{kind: kind, opts: "61=010203 50=c0000264 55=0306 82=" + info})
				if kind == dhcp4.Request && m == nil {
					m = way.ask(newBench(t, net1()), query{kind: kind, opts: "54=c0000201 61=010203 50=c0000264 55=0306 82=" + info})
				}
				if m == nil {
					t.Errorf("%s, %s: silence", name, way.name)
					continue
				}
				var last dhcp4.Code
				for c := range m.All {
					last = c
				}
				if got, _ := m.Option(dhcp4.OptRelayAgentInfo); last != dhcp4.OptRelayAgentInfo || string(got) != string(unhex(t, info)) {
					t.Errorf("%s, %s: option 82 is %x, the last option %d", name, way.name, got, last)
				}
				if id, _ := m.Addr(dhcp4.OptServerID); id != ip("192.0.2.1") {
					t.Errorf("%s, %s: option 54 is %v", name, way.name, id)
				}
			}
		}
	}
}

// TestWhichLink: link selection goes before subnet selection, and both before
// giaddr (RFC 3527 §3, RFC 3011); a link that has no subnet is the last word. Over
// 4o6 Kea's rule goes before all of them, and the client's word counts last.
func TestWhichLink(t *testing.T) {
	n := net1(func(n *topology.Topology) {
		n.Subnets[0].Relays = append(n.Subnets[0].Relays, ip("10.9.9.9"))
		second, third := subnet(2, "198.51.100.0/24", "198.51.100.10", "198.51.100.20"), subnet(3, "203.0.113.0/24", "203.0.113.10", "203.0.113.20")
		n.Subnets = append(n.Subnets, second, third)
	})
	const to198, to203 = "c6336401", "cb007101"
	for _, tt := range []struct{ name, giaddr, opts, want string }{
		{"giaddr", "192.0.2.9", "", "192.0.2.100"},
		{"giaddr among the relays of a subnet", "10.9.9.9", "", "192.0.2.100"},
		{"subnet selection", "192.0.2.9", "118=" + to198, "198.51.100.10"},
		{"link selection", "192.0.2.9", "82=0504" + to198, "198.51.100.10"},
		{"both", "192.0.2.9", "118=" + to203 + " 82=0504" + to198, "198.51.100.10"},
		{"link selection of a link that is not served", "192.0.2.9", "82=05040a000001", ""},
		{"link selection of another length", "192.0.2.9", "82=0503c63364", "192.0.2.100"},
	} {
		m := ways[0].ask(newBench(t, n), query{kind: dhcp4.Discover, giaddr: tt.giaddr, opts: tt.opts})
		if got := ""; m != nil && m.YIAddr.String() != tt.want || m == nil && tt.want != got {
			t.Errorf("%s: %s, want %s", tt.name, say(m), tt.want)
		}
		if m := ways[1].ask(newBench(t, n), query{kind: dhcp4.Discover, giaddr: tt.giaddr, opts: tt.opts}); m == nil || m.YIAddr != ip("192.0.2.100") {
			t.Errorf("%s, 4o6: %s", tt.name, say(m))
		}
	}
}

// TestServerIDOverride: a relay's word stands in option 54, a client that gives it
// back means us, and one that names another server does not (RFC 5107 §4).
func TestServerIDOverride(t *testing.T) {
	const override = " 82=0b040a000001"
	for _, way := range ways {
		b := newBench(t, net1())
		for i, tt := range []struct {
			q    query
			want string
		}{
			{query{kind: dhcp4.Discover, opts: strings.TrimSpace(override)}, "OFFER 192.0.2.100 54=0a000001 "},
			{query{kind: dhcp4.Request, opts: "50=c0000264 54=0a000001" + override}, "ACK 192.0.2.100 54=0a000001 "},
			{query{kind: dhcp4.Request, opts: "50=c0000264 54=0a000002" + override}, "silence"},
			{query{kind: dhcp4.Request, opts: "50=c0000264 54=0a000001"}, "silence"},
			{query{kind: dhcp4.Request, opts: "50=0a090909 54=0a000001" + override}, "NAK 54=0a000001"},
			{query{kind: dhcp4.Release, ciaddr: "192.0.2.100", opts: "54=0a000001" + override}, "silence"},
			{query{kind: dhcp4.Discover, opts: "82=0b0400000000"}, "OFFER 192.0.2.100 54=c0000201 "},
			{query{kind: dhcp4.Request, opts: "50=c0000264 54=00000000 82=0b0400000000"}, "silence"},
		} {
			if got := say(way.ask(b, tt.q)); !strings.HasPrefix(got, tt.want) && !same(got, tt.want) {
				t.Errorf("%s, turn %d: got %s, want %s", way.name, i, got, tt.want)
			}
		}
		if l, ok := b.table.ByResource(resource(ip("192.0.2.100"))); ok && l.State == lease.Leased {
			t.Errorf("%s: the release went by", way.name)
		}
	}
}

// TestClientIDComesBack: in every reply to a client that sent one (RFC 6842 §3), as
// it was; never where the operator has switched it off.
func TestClientIDComesBack(t *testing.T) {
	for _, echo := range []bool{true, false} {
		n := net1(func(n *topology.Topology) {
			n.Policy.EchoClientID = echo
			n.Subnets[0].Policy.EchoClientID = echo
		})
		for _, q := range []query{
			{kind: dhcp4.Discover}, {kind: dhcp4.Request, opts: "50=c0000264 54=c0000201"},
			{kind: dhcp4.Request, opts: "50=0a000001 54=c0000201"}, {kind: dhcp4.Inform, ciaddr: "192.0.2.50"},
		} {
			for _, id := range []string{"01", "010203", "ff00000001000100", ""} {
				for _, way := range ways {
					sent := q
					if id != "" {
						sent.opts = strings.TrimSpace("61=" + id + " " + q.opts)
					}
					m := way.ask(newBench(t, n), sent)
					got, has := m.Option(dhcp4.OptClientID)
					if want := echo && id != ""; has != want || has && string(got) != string(unhex(t, id)) {
						t.Errorf("%v, echo %v, %s: %x of %q", q.kind, echo, way.name, got, id)
					}
				}
			}
		}
	}
}

// TestRelayInformationIsNeverOverloaded: it stands in the options field, or not at
// all where the client's limit leaves no room (RFC 3046 §2.2).
func TestRelayInformationIsNeverOverloaded(t *testing.T) {
	for n := 1; n <= 240; n += 7 {
		q := query{kind: dhcp4.Discover, opts: "57=0240 61=01" + strings.Repeat("61", 199) + " 82=" + "c8" + hex.EncodeToString([]byte{byte(n)}) + strings.Repeat("62", n)}
		for _, way := range ways {
			m := way.ask(newBench(t, net1()), q)
			if m == nil {
				t.Fatalf("%s: silence with %d octets", way.name, n)
			}
			info, has := m.Option(dhcp4.OptRelayAgentInfo)
			options := m.Bytes()[dhcp4.HeaderLen:]
			if has && !bytes.Contains(options, info) || n < 60 && !has {
				t.Errorf("%s: %d octets: %v, in the options field %v", way.name, n, has, bytes.Contains(options, info))
			}
			if len(m.Bytes()) > 548 {
				t.Errorf("%s: %d octets are too long a reply", way.name, len(m.Bytes()))
			}
		}
	}
}

// TestRelayInformationBeforeClientID: where both are very long and there is room for one, it
// is the relay's, without which the reply would not reach the client.
func TestRelayInformationBeforeClientID(t *testing.T) {
	long := strings.Repeat("c8fa"+strings.Repeat("61", 250), 2) + "c828" + strings.Repeat("62", 40)
	for _, way := range ways {
		m := way.ask(newBench(t, net1()), query{kind: dhcp4.Discover, opts: "61=01" + strings.Repeat("61", 800) + " 82=" + long})
		if info, _ := m.Option(dhcp4.OptRelayAgentInfo); hex.EncodeToString(info) != long || m.Has(dhcp4.OptClientID) {
			t.Errorf("%s: %d octets of option 82, client identifier %v", way.name, len(info), m.Has(dhcp4.OptClientID))
		}
	}
}
