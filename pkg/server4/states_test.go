package server4

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/dhcp4o6/dhcp4o6/pkg/dhcp4"
	"github.com/dhcp4o6/dhcp4o6/pkg/topology"
)

// A client asks for address A of the pool, each time another one. leaseStates are what the
// server knows of it before: what was said to it by the client (hwA), by another one
// (hwB), and whether a while passes, in which leases of a second run out.
var leaseStates = []struct {
	name   string
	before func(a, b string) []query
}{
	{"nobody has it", func(a, b string) []query { return nil }},
	{"it is the client's", func(a, b string) []query { return []query{granted(hwA, a, 600)} }},
	{"it is another's", func(a, b string) []query { return []query{granted(hwB, a, 600)} }},
	{"the client has another", func(a, b string) []query { return []query{granted(hwA, b, 600)} }},
	{"the client had it and it ran out", func(a, b string) []query { return []query{granted(hwA, a, 1)} }},
	{"another had it and it ran out", func(a, b string) []query { return []query{granted(hwB, a, 1)} }},
	{"the client gave it back", func(a, b string) []query {
		return []query{granted(hwA, a, 600), {kind: dhcp4.Release, hw: hwA, ciaddr: dotted(a), opts: "54=c0000201"}}
	}},
	{"the client declined it", func(a, b string) []query {
		return []query{granted(hwA, a, 600), {kind: dhcp4.Decline, hw: hwA, opts: "54=c0000201 50=" + a}}
	}},
}

// granted is a REQUEST that gets an address for so many seconds.
func granted(hw, addr string, seconds uint32) query {
	return query{kind: dhcp4.Request, hw: hw, opts: fmt.Sprintf("50=%s 54=c0000201 51=%08x", addr, seconds)}
}

// clientStates are the ways in which it asks (RFC 2131 §4.3.2, table 4).
var clientStates = []struct {
	name string
	ask  func(a string) query
}{
	{"DISCOVER", func(a string) query { return query{kind: dhcp4.Discover, hw: hwA, opts: "50=" + a} }},
	{"SELECTING", func(a string) query { return query{kind: dhcp4.Request, hw: hwA, opts: "54=c0000201 50=" + a} }},
	{"INIT-REBOOT", func(a string) query { return query{kind: dhcp4.Request, hw: hwA, opts: "50=" + a} }},
	{"RENEWING", func(a string) query { return query{kind: dhcp4.Request, hw: hwA, ciaddr: dotted(a)} }},
}

func dotted(addr string) string {
	var o [4]byte
	fmt.Sscanf(addr, "%02x%02x%02x%02x", &o[0], &o[1], &o[2], &o[3])
	return fmt.Sprintf("%d.%d.%d.%d", o[0], o[1], o[2], o[3])
}

// stateAnswers is the table: for each state of the lease, what is said in each state of the client.
// "A" is the address asked for, "other" another one; where the second answer differs it is
// that of a server that is authoritative.
var stateAnswers = map[string][4]string{
	"nobody has it":                    {"OFFER A", "ACK A", "silence/NAK", "ACK A"},
	"it is the client's":               {"OFFER A", "ACK A", "ACK A", "ACK A"},
	"it is another's":                  {"OFFER other", "NAK", "silence/NAK", "NAK"},
	"the client has another":           {"OFFER other", "ACK A", "NAK", "ACK A"},
	"the client had it and it ran out": {"OFFER A", "ACK A", "ACK A", "ACK A"},
	"another had it and it ran out":    {"OFFER A", "ACK A", "silence/NAK", "ACK A"},
	"the client gave it back":          {"OFFER A", "ACK A", "silence/NAK", "ACK A"},
	"the client declined it":           {"OFFER other", "NAK", "silence/NAK", "NAK"},
}

// word is the answer in a word.
func word(m *dhcp4.Message, a string) string {
	if m == nil {
		return "silence"
	}
	t := strings.TrimPrefix(m.Type().String(), "DHCP")
	switch {
	case m.YIAddr.IsUnspecified():
		return t
	case m.YIAddr.String() == dotted(a):
		return t + " A"
	}
	return t + " other"
}

// A caseOf is one place of the table: the clients of each are others.
type caseOf struct {
	name, want string
	a, b       string
	before     []query
	ask        query
}

// stateCases returns the table for a server that is authoritative or not.
func stateCases(authoritative bool) (all []caseOf) {
	for i, had := range leaseStates {
		for j, asks := range clientStates {
			n := byte(i*len(clientStates) + j)
			a, b := fmt.Sprintf("c00002%02x", 100+n), fmt.Sprintf("c00002%02x", 150+n)
			c := caseOf{name: asks.name + ", " + had.name, a: a, b: b, before: had.before(a, b), ask: asks.ask(a), want: stateAnswers[had.name][j]}
			mine := func(q query) query {
				q.hw = q.hw[:8] + fmt.Sprintf("%02x", n) + q.hw[10:]
				return q
			}
			for k := range c.before {
				c.before[k] = mine(c.before[k])
			}
			c.ask = mine(c.ask)
			if first, second, two := strings.Cut(c.want, "/"); two {
				c.want = first
				if authoritative {
					c.want = second
				}
			}
			all = append(all, c)
		}
	}
	return all
}

func statesNet(authoritative bool) *topology.Topology {
	return net1(func(n *topology.Topology) {
		n.Subnets[0].Policy.Authoritative = authoritative
		n.Subnets[0].Policy.Valid = topology.Lifetime{Min: 1, Default: 600, Max: 600}
	})
}

// TestClientStates: what a client hears in each of its states, whatever is known of it and of
// the address that it asks for (RFC 2131 §4.3.2).
func TestClientStates(t *testing.T) {
	for _, authoritative := range []bool{false, true} {
		for _, way := range ways {
			b := newBench(t, statesNet(authoritative))
			cases := stateCases(authoritative)
			for _, c := range cases {
				for _, q := range c.before {
					way.ask(b, q)
				}
			}
			b.now = b.now.Add(3 * time.Second)
			for _, c := range cases {
				if got := word(way.ask(b, c.ask), c.a); got != c.want {
					t.Errorf("%s, %s, authoritative %v: %s, want %s", way.name, c.name, authoritative, got, c.want)
				}
			}
		}
	}
}

// TestClientStatesAgainstKea asks kea-dhcp4 the same.
func TestClientStatesAgainstKea(t *testing.T) {
	p := besideKea(t)
	if p == nil {
		return
	}
	xid := uint32(5000)
	for _, authoritative := range []bool{false, true} {
		for _, r := range roads {
			t.Run(fmt.Sprintf("%s, authoritative %v", r.name, authoritative), func(t *testing.T) {
				conn := startKea(t, &r, p, fmt.Sprintf(keaConfig, fmt.Sprintf(`"authoritative": %v, "min-valid-lifetime": 1`, authoritative), "", ""))
				cases := stateCases(authoritative)
				ask := func(q query) *dhcp4.Message {
					xid++
					q.xid = xid
					return r.ask(t, conn, q)
				}
				for _, c := range cases {
					for _, q := range c.before {
						ask(q)
					}
				}
				time.Sleep(3 * time.Second)
				for _, c := range cases {
					if got := word(ask(c.ask), c.a); got != c.want {
						t.Errorf("%s: Kea says %s, want %s", c.name, got, c.want)
					}
				}
			})
		}
	}
}

// TestOfferIsNoRecord: who was offered an address and names no server in its REQUEST is not
// known by that (RFC 2131 §4.3.2, INIT-REBOOT), as with Kea; but over 4o6, where ISC's
// server sends no identifier that its client could name.
func TestOfferIsNoRecord(t *testing.T) {
	for _, authoritative := range []bool{false, true} {
		for _, way := range ways {
			b := newBench(t, statesNet(authoritative))
			if got := word(way.ask(b, query{kind: dhcp4.Discover, hw: hwA, opts: "50=c0000264"}), "c0000264"); got != "OFFER A" {
				t.Fatal(got)
			}
			want := map[bool]string{false: "silence", true: "NAK"}[authoritative]
			if way.name == "4o6" {
				want = "ACK A"
			}
			if got := word(way.ask(b, query{kind: dhcp4.Request, hw: hwA, opts: "50=c0000264"}), "c0000264"); got != want {
				t.Errorf("%s, authoritative %v: %s, want %s", way.name, authoritative, got, want)
			}
		}
	}
}
