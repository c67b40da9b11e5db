package server4

import (
	"encoding/hex"
	"encoding/json"
	"strings"
	"testing"

	"github.com/dhcp4o6/dhcp4o6/pkg/dhcp4"
	"github.com/dhcp4o6/dhcp4o6/pkg/lease"
	"github.com/dhcp4o6/dhcp4o6/pkg/topology"
)

func keepingInfo(n *topology.Topology) { n.Subnets[0].Policy.StoreExtendedInfo = true }

// agent is relay agent information: circuit "port7", remote-id 0x0a0b, relay-id 0x0102,
// as it stands in option 82 and in the digits of Kea.
const (
	agent     = "0105706f7274370202" + "0a0b" + "0c020102"
	agentKept = "0x0105706F72743702020A0B0C020102"
)

// kept returns the relay agent information of the lease of the pool's first address.
func (b *bench) kept() string {
	l, _ := b.table.ByResource(resource(ip("192.0.2.100")))
	if l.UserContext != nil && !json.Valid(l.UserContext) {
		b.t.Errorf("no JSON: %s", l.UserContext)
	}
	return string(lease.Member(lease.Member(l.UserContext, "ISC"), "relay-agent-info"))
}

// With store-extended-info a lease keeps what its relay said, as Kea has it in the user context;
// a query without it changes nothing.
func TestExtendedInfo(t *testing.T) {
	const want = `{"sub-options":"` + agentKept + `","remote-id":"0A0B","relay-id":"0102"}`
	for _, way := range ways {
		b := newBench(t, net1(keepingInfo))
		say := func(q query, want string) {
			t.Helper()
			if m := way.ask(b, q); m == nil || m.Type() != dhcp4.Ack {
				t.Fatalf("%s: %s", way.name, say(m))
			}
			if got := b.kept(); got != want {
				t.Errorf("%s: keeps %s, want %s", way.name, got, want)
			}
		}
		say(query{kind: dhcp4.Request, hw: hwA, opts: "50=c0000264 54=c0000201 82=" + agent}, want)
		say(query{kind: dhcp4.Request, hw: hwA, ciaddr: "192.0.2.100"}, want)
		say(query{kind: dhcp4.Request, hw: hwA, ciaddr: "192.0.2.100", opts: "82=01017a"}, `{"sub-options":"0x01017A"}`)
		say(query{kind: dhcp4.Request, hw: hwA, ciaddr: "192.0.2.100", opts: "82="}, `{"sub-options":"0x01017A"}`)
	}
	b := newBench(t, net1())
	b.native(query{kind: dhcp4.Request, hw: hwA, giaddr: "192.0.2.9", opts: "50=c0000264 54=c0000201 82=" + agent}.datagram(t))
	if got := b.kept(); got != "" {
		t.Errorf("not asked for, and keeps %s", got)
	}
}

// With stash-agent-options a client that renews without its relay is looked at as it was through it: here its
// reservation is found by the circuit. The answer has no option 82.
func TestStashedAgentOptions(t *testing.T) {
	for _, stash := range []bool{true, false} {
		net := net1(keepingInfo, func(n *topology.Topology) {
			n.StashAgentOptions = stash
			key := topology.Key{Kind: topology.CircuitID, ID: "port7"}
			n.Subnets[0].Reservations = map[topology.Key]*topology.Reservation{key: {Key: key, Hostname: "house"}}
		})
		b := newBench(t, net)
		b.native(query{kind: dhcp4.Request, hw: hwA, giaddr: "192.0.2.9", opts: "50=c0000264 54=c0000201 82=" + agent}.datagram(t))
		ask := func(q query) string {
			out := b.native(q.datagram(t))
			if len(out) != 1 {
				t.Fatalf("%d answers", len(out))
			}
			return say(read(t, out[0].Data))
		}
		renew := query{kind: dhcp4.Request, hw: hwA, ciaddr: "192.0.2.100"}
		want := "ACK 192.0.2.100" + given1
		if stash {
			want += " 12=686f757365"
		}
		if got := ask(renew); got != want {
			t.Errorf("stashed %v:\n got %s\nwant %s", stash, got, want)
		}
		own := renew
		own.opts = "82=01017a"
		if got := ask(own); strings.Contains(got, "686f757365") {
			t.Errorf("its own information goes first: %s", got)
		}
		if got := b.kept(); stash && got != `{"sub-options":"0x01017A"}` {
			t.Errorf("keeps %s", got)
		}
	}
}

// Only the holder of the lease is looked at through what it keeps, and only as a client that renews.
func TestStashIsForTheHolder(t *testing.T) {
	net := net1(keepingInfo, func(n *topology.Topology) { n.StashAgentOptions = true })
	b := newBench(t, net)
	b.native(query{kind: dhcp4.Request, hw: hwA, giaddr: "192.0.2.9", opts: "50=c0000264 54=c0000201 82=" + agent}.datagram(t))
	for name, q := range map[string]query{
		"somebody else":   {kind: dhcp4.Request, hw: hwB, ciaddr: "192.0.2.100"},
		"INIT-REBOOT":     {kind: dhcp4.Request, hw: hwA, opts: "50=c0000264"},
		"through a relay": {kind: dhcp4.Request, hw: hwA, ciaddr: "192.0.2.100", giaddr: "192.0.2.9"},
		"RELEASE":         {kind: dhcp4.Release, hw: hwB, ciaddr: "192.0.2.100"},
	} {
		b.native(q.datagram(t))
		if x := b.w.slot(0); x.recalled || len(x.relay) > 0 {
			t.Errorf("%s: looked at with %x", name, x.relay)
		}
	}
	b.native(query{kind: dhcp4.Request, hw: hwA, ciaddr: "192.0.2.100"}.datagram(t))
	if x := b.w.slot(0); !x.recalled {
		t.Error("the holder renews, and nothing is recalled")
	}
}

// What stands in a lease's context is read in either form of Kea, and in no other.
func TestSubOptions(t *testing.T) {
	for ctx, want := range map[string]string{
		`{"ISC":{"relay-agent-info":{"remote-id":"03","sub-options":"0x0103AABBCC"}}}`: "0103aabbcc",
		`{ "a": 1, "ISC": { "relay-agent-info": "0x0101AA" } }`:                        "0101aa",
		`{"ISC":{"relay-agent-info":{"sub-options":"0x0103AABBC"}}}`:                   "",
		`{"ISC":{"relay-agent-info":{"sub-options":"0103AABBCC"}}}`:                    "",
		`{"ISC":{"relay-agent-info":7}}`:                                               "",
		`{"ISC":[]}`:                                                                   "", `{`: "", ``: "", `[]`: "",
	} {
		if got := subOptions([]byte(ctx)); string(got) != string(unhex(t, want)) {
			t.Errorf("%s: %x", ctx, got)
		}
	}
}

// FuzzSubOptions: what is read from a context, whatever it says, stands there in hexadecimal.
func FuzzSubOptions(f *testing.F) {
	f.Add(`{"ISC":{"relay-agent-info":{"remote-id":"03","sub-options":"0x0103AABBCC"}}}`)
	f.Add(`{"ISC":{"relay-agent-info":"0x0101AA"}}`)
	f.Fuzz(func(t *testing.T, ctx string) {
		got := subOptions([]byte(ctx))
		if len(got) > 0 && !strings.Contains(strings.ToUpper(ctx), strings.ToUpper(hex.EncodeToString(got))) {
			t.Errorf("%x from %s", got, ctx)
		}
	})
}

// TestStashIsClassified: what is recalled is seen by the tests of classes, relay4 and
// option[82] alike, and its client is in STASH_AGENT_OPTIONS, by the configuration's own words.
func TestStashIsClassified(t *testing.T) {
	const classes = `{"name": "STASH_AGENT_OPTIONS"}, {"name": "circuit", "test": "relay4[1].hex == 'port7' and option[82].exists and member('STASH_AGENT_OPTIONS')",
		"option-data": [{"name": "root-path", "data": "recalled"}]}`
	net := classy(t, classes, `"stash-agent-options": true, "store-extended-info": true,`, "")
	b := newBench(t, net)
	selecting := query{kind: dhcp4.Request, hw: hwA, giaddr: "192.0.2.9", opts: "50=c0000264 54=c0000201 55=11 82=" + agent}
	renew := query{kind: dhcp4.Request, hw: hwA, ciaddr: "192.0.2.100", opts: "55=11"}
	for _, turn := range []struct {
		q    query
		want string
	}{{selecting, ""}, {renew, "recalled"}, {selecting, ""}} {
		out := b.native(turn.q.datagram(t))
		if len(out) != 1 {
			t.Fatalf("%d answers", len(out))
		}
		m := read(t, out[0].Data)
		if v, _ := m.Option(17); string(v) != turn.want || m.Type() != dhcp4.Ack {
			t.Errorf("root-path %q, want %q: %s", v, turn.want, say(m))
		}
	}
}

// TestClassOfferLifetime: offer-lifetime of a class holds for its clients alone.
func TestClassOfferLifetime(t *testing.T) {
	net := classy(t, `{"name": "phone", "test": "option[60].exists", "offer-lifetime": 60}`, "", "")
	for _, way := range ways {
		b := newBench(t, net)
		way.ask(b, query{kind: dhcp4.Discover, hw: hwA, opts: "60=70"})
		way.ask(b, query{kind: dhcp4.Discover, hw: hwB})
		if n := len(b.store.Replay()); n != 1 {
			t.Errorf("%s: %d offers stored", way.name, n)
		}
	}
}

// TestTornAgentOptionsAreNotRecalled: a renewing client that sends relay agent
// information of its own is looked at with nothing else, were it torn: what is
// recalled stands in the memory in which what is kept is written.
func TestTornAgentOptionsAreNotRecalled(t *testing.T) {
	for _, way := range ways[1:] {
		for _, torn := range []string{"01", "01ff" + strings.Repeat("00", 60)} {
			b := newBench(t, net1(keepingInfo, func(n *topology.Topology) { n.StashAgentOptions = true }))
			way.ask(b, query{kind: dhcp4.Request, hw: hwA, opts: "50=c0000264 54=c0000201 82=" + agent})
			m := way.ask(b, query{kind: dhcp4.Request, hw: hwA, ciaddr: "192.0.2.100", opts: "82=" + torn})
			if m == nil || m.Type() != dhcp4.Ack {
				t.Fatalf("%s, %s: %s", way.name, torn, say(m))
			}
			if x := b.w.slot(0); x.recalled {
				t.Errorf("%s, %s: recalled", way.name, torn)
			}
		}
	}
}
