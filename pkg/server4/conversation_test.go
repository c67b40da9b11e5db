package server4

import (
	"testing"
	"time"

	"github.com/dhcp4o6/dhcp4o6/pkg/dhcp4"
	"github.com/dhcp4o6/dhcp4o6/pkg/pkt4o6"
	"github.com/dhcp4o6/dhcp4o6/pkg/topology"
)

// An exchange of a conversation: what the client sends, what comes back, and how
// much later it is than the one before.
type turn struct {
	after time.Duration
	q     query
	want  string
}

const (
	// what every lease of net1 comes with
	given1 = " 54=c0000201 51=00000258 1=ffffff00 3=c0000201 6=c0000235"
	hwA    = "02005e00000a"
	hwB    = "02005e00000b"
)

// A conversation is what a client says, turn by turn, and what it hears.
type conversation struct {
	name  string
	net   []func(*topology.Topology)
	turns []turn
}

// conversations hold what the client's states mean (RFC 2131 §4.3).
func conversations() []conversation {
	authoritative := func(n *topology.Topology) { n.Subnets[0].Policy.Authoritative = true }
	discover := func(hw string) query { return query{kind: dhcp4.Discover, hw: hw} }
	selecting := func(hw, addr string) query {
		return query{kind: dhcp4.Request, hw: hw, opts: "50=" + addr + " 54=c0000201"}
	}
	reboot := func(hw, addr string) query { return query{kind: dhcp4.Request, hw: hw, opts: "50=" + addr} }
	renew := func(hw, addr string) query { return query{kind: dhcp4.Request, hw: hw, ciaddr: addr} }
	inPool := "c0000264" // 192.0.2.100, the first of the pool
	return []conversation{
		{"DISCOVER, REQUEST, renewal", nil, []turn{
			{0, discover(hwA), "OFFER 192.0.2.100" + given1},
			{0, selecting(hwA, inPool), "ACK 192.0.2.100" + given1},
			{300 * time.Second, renew(hwA, "192.0.2.100"), "ACK 192.0.2.100" + given1},
		}},
		{"a retransmitted DISCOVER gets the same offer, another client another", nil, []turn{
			{0, discover(hwA), "OFFER 192.0.2.100" + given1},
			{2 * time.Second, discover(hwA), "OFFER 192.0.2.100" + given1},
			{0, discover(hwB), "OFFER 192.0.2.101" + given1},
		}},
		{"a DISCOVER of who has a lease gets that lease", nil, []turn{
			{0, discover(hwA), "OFFER 192.0.2.100" + given1},
			{0, selecting(hwA, inPool), "ACK 192.0.2.100" + given1},
			{60 * time.Second, discover(hwB), "OFFER 192.0.2.101" + given1},
			{0, discover(hwA), "OFFER 192.0.2.100" + given1},
		}},
		{"DISCOVER with a wish", nil, []turn{
			{0, query{kind: dhcp4.Discover, hw: hwA, opts: "50=c0000296"}, "OFFER 192.0.2.150" + given1},
		}},
		{"DISCOVER with a wish outside of the pool", nil, []turn{
			{0, query{kind: dhcp4.Discover, hw: hwA, opts: "50=0a000001"}, "OFFER 192.0.2.100" + given1},
		}},
		{"SELECTING another server is not answered", nil, []turn{
			{0, discover(hwA), "OFFER 192.0.2.100" + given1},
			{0, query{kind: dhcp4.Request, hw: hwA, opts: "50=c0000264 54=0a000001"}, "silence"},
		}},
		{"SELECTING without an offer before", nil, []turn{
			{0, selecting(hwA, inPool), "ACK 192.0.2.100" + given1},
		}},
		{"SELECTING what somebody else has", nil, []turn{
			{0, selecting(hwA, inPool), "ACK 192.0.2.100" + given1},
			{0, selecting(hwB, inPool), "NAK 54=c0000201 56=61646472657373"},
		}},
		{"SELECTING an address of another net", nil, []turn{
			{0, selecting(hwA, "0a000001"), "NAK 54=c0000201 56=72657175657374"},
		}},
		{"SELECTING an address outside of all pools", nil, []turn{
			{0, selecting(hwA, "c0000232"), "NAK 54=c0000201 56=72657175657374"},
		}},
		{"INIT-REBOOT with the right address", nil, []turn{
			{0, selecting(hwA, inPool), "ACK 192.0.2.100" + given1},
			{60 * time.Second, reboot(hwA, inPool), "ACK 192.0.2.100" + given1},
		}},
		{"INIT-REBOOT with another address than the leased one", nil, []turn{
			{0, selecting(hwA, inPool), "ACK 192.0.2.100" + given1},
			{60 * time.Second, reboot(hwA, "c0000265"), "NAK 54=c0000201 56=616e6f74686572"},
		}},
		{"INIT-REBOOT of an unknown client: silence", nil, []turn{
			{0, reboot(hwA, inPool), "silence"},
			{0, reboot(hwA, "0a090909"), "silence"},
		}},
		{"INIT-REBOOT of an unknown client, authoritative: NAK", []func(*topology.Topology){authoritative}, []turn{
			{0, reboot(hwA, inPool), "NAK 54=c0000201 56=756e6b6e6f776e"},
			{0, reboot(hwA, "0a090909"), "NAK 54=c0000201 56=756e6b6e6f776e"},
		}},
		{"RENEWING an address that the server forgot", nil, []turn{
			{0, renew(hwA, "192.0.2.100"), "ACK 192.0.2.100" + given1},
		}},
		{"RENEWING after the lease ran out", nil, []turn{
			{0, selecting(hwA, inPool), "ACK 192.0.2.100" + given1},
			{time.Hour, renew(hwA, "192.0.2.100"), "ACK 192.0.2.100" + given1},
		}},
		{"RENEWING what somebody else has", nil, []turn{
			{0, selecting(hwA, inPool), "ACK 192.0.2.100" + given1},
			{0, renew(hwB, "192.0.2.100"), "NAK 54=c0000201 56=61646472657373"},
		}},
		{"REBINDING an address that is not ours: silence", nil, []turn{
			{0, renew(hwA, "192.0.2.50"), "silence"},
			{0, renew(hwA, "10.0.0.1"), "silence"},
		}},
		{"REBINDING an address that is not ours, authoritative: NAK", []func(*topology.Topology){authoritative}, []turn{
			{0, renew(hwA, "192.0.2.50"), "NAK 54=c0000201 56=61646472657373"},
		}},
		{"RENEWING another address than the leased one, out of the pools", nil, []turn{
			{0, selecting(hwA, inPool), "ACK 192.0.2.100" + given1},
			{0, renew(hwA, "192.0.2.50"), "NAK 54=c0000201 56=61646472657373"},
		}},
		{"REQUEST that names nothing", nil, []turn{
			{0, query{kind: dhcp4.Request, hw: hwA}, "silence"},
			{0, query{kind: dhcp4.Request, hw: hwA, opts: "54=c0000201"}, "silence"},
			{0, query{kind: dhcp4.Request, hw: hwA, opts: "50=00000000 54=c0000201"}, "silence"},
		}},
		{"REQUEST with ciaddr is RENEWING, though it names a server", nil, []turn{
			{0, query{kind: dhcp4.Request, hw: hwA, ciaddr: "192.0.2.50", opts: "54=c0000201"}, "silence"},
		}},
		{"RELEASE frees the address, and the client gets it again", nil, []turn{
			{0, selecting(hwA, "c0000296"), "ACK 192.0.2.150" + given1},
			{0, query{kind: dhcp4.Release, hw: hwA, ciaddr: "192.0.2.150", opts: "54=c0000201"}, "silence"},
			{0, reboot(hwA, "c0000296"), "silence"},
			{0, discover(hwA), "OFFER 192.0.2.150" + given1},
		}},
		{"RELEASE frees the address for others", nil, []turn{
			{0, selecting(hwA, inPool), "ACK 192.0.2.100" + given1},
			{0, query{kind: dhcp4.Release, hw: hwA, ciaddr: "192.0.2.100", opts: "54=c0000201"}, "silence"},
			{0, selecting(hwB, inPool), "ACK 192.0.2.100" + given1},
			{0, discover(hwA), "OFFER 192.0.2.101" + given1},
		}},
		{"RELEASE by a stranger changes nothing", nil, []turn{
			{0, selecting(hwA, inPool), "ACK 192.0.2.100" + given1},
			{0, query{kind: dhcp4.Release, hw: hwB, ciaddr: "192.0.2.100", opts: "54=c0000201"}, "silence"},
			{0, reboot(hwA, inPool), "ACK 192.0.2.100" + given1},
		}},
		{"RELEASE to another server changes nothing", nil, []turn{
			{0, selecting(hwA, inPool), "ACK 192.0.2.100" + given1},
			{0, query{kind: dhcp4.Release, hw: hwA, ciaddr: "192.0.2.100", opts: "54=0a000001"}, "silence"},
			{0, reboot(hwA, inPool), "ACK 192.0.2.100" + given1},
		}},
		{"DECLINE puts the address out of service", nil, []turn{
			{0, selecting(hwA, inPool), "ACK 192.0.2.100" + given1},
			{0, query{kind: dhcp4.Decline, hw: hwA, opts: "50=c0000264 54=c0000201"}, "silence"},
			{time.Hour, discover(hwA), "OFFER 192.0.2.101" + given1},
			{0, selecting(hwB, inPool), "NAK 54=c0000201 56=61646472657373"},
		}},
		{"DECLINE by a stranger changes nothing", nil, []turn{
			{0, selecting(hwA, inPool), "ACK 192.0.2.100" + given1},
			{0, query{kind: dhcp4.Decline, hw: hwB, opts: "50=c0000264 54=c0000201"}, "silence"},
			{0, reboot(hwA, inPool), "ACK 192.0.2.100" + given1},
		}},
		{"DECLINE without an address", nil, []turn{
			{0, query{kind: dhcp4.Decline, hw: hwA, opts: "54=c0000201"}, "silence"},
		}},
		{"INFORM, with address and without: options and no lease", nil, []turn{
			{0, query{kind: dhcp4.Inform, hw: hwA, ciaddr: "192.0.2.50", opts: "55=06"}, "ACK 54=c0000201 6=c0000235 3=c0000201"},
			{0, query{kind: dhcp4.Inform, hw: hwA, opts: "55=0106"}, "ACK 54=c0000201 1=ffffff00 6=c0000235 3=c0000201"},
		}},
		{"what is not served: BOOTP, replies, LEASEQUERY, unknown types", nil, []turn{
			{0, query{kind: 0, hw: hwA}, "silence"},
			{0, query{kind: dhcp4.Offer, hw: hwA}, "silence"},
			{0, query{kind: dhcp4.Ack, hw: hwA}, "silence"},
			{0, query{kind: dhcp4.LeaseQuery, hw: hwA, ciaddr: "192.0.2.100"}, "silence"},
			{0, query{kind: dhcp4.BulkLeaseQuery, hw: hwA}, "silence"},
			{0, query{kind: 200, hw: hwA}, "silence"},
		}},
	}
}

func TestConversation(t *testing.T) { converse(t, conversations()) }

// converse holds conversations in both ways.
func converse(t *testing.T, all []conversation) {
	t.Helper()
	for _, tt := range all {
		for _, way := range ways {
			t.Run(tt.name+", "+way.name, func(t *testing.T) {
				b := newBench(t, net1(tt.net...))
				for i, turn := range tt.turns {
					b.now = b.now.Add(turn.after)
					got := say(way.ask(b, turn.q))
					if !same(got, turn.want) {
						t.Fatalf("turn %d, %v:\n got %s\nwant %s", i, turn.q.kind, got, turn.want)
					}
				}
			})
		}
	}
}

// TestReclaimed: whose lease ran out is still known, and gets it again whichever way it
// asks, until somebody else has taken it.
func TestReclaimed(t *testing.T) {
	const addr = "192.0.2.100"
	asks := []struct {
		name  string
		q     query
		want  string
		taken string // when another client was given the address
	}{
		{"DISCOVER", query{kind: dhcp4.Discover, hw: hwA}, "OFFER " + addr + given1, "OFFER 192.0.2.101" + given1},
		{"SELECTING", query{kind: dhcp4.Request, hw: hwA, opts: "50=c0000264 54=c0000201"}, "ACK " + addr + given1, "NAK 54=c0000201 56=61646472657373"},
		{"INIT-REBOOT", query{kind: dhcp4.Request, hw: hwA, opts: "50=c0000264"}, "ACK " + addr + given1, "silence"},
		{"INIT-REBOOT, another", query{kind: dhcp4.Request, hw: hwA, opts: "50=c0000265"}, "NAK 54=c0000201 56=616e6f74686572", "silence"},
		{"RENEWING", query{kind: dhcp4.Request, hw: hwA, ciaddr: addr}, "ACK " + addr + given1, "NAK 54=c0000201 56=61646472657373"},
	}
	for _, tt := range asks {
		for _, way := range ways {
			for _, taken := range []bool{false, true} {
				b := newBench(t, net1())
				way.ask(b, query{kind: dhcp4.Request, hw: hwA, ciaddr: addr})
				b.now = b.now.Add(700 * time.Second)
				if n := b.table.Expire(b.now, 0); n != 1 {
					t.Fatalf("%d leases ran out", n)
				}
				want := tt.want
				if taken {
					want = tt.taken
					way.ask(b, query{kind: dhcp4.Request, hw: hwB, ciaddr: addr})
				}
				if got := say(way.ask(b, tt.q)); !same(got, want) {
					t.Errorf("%s, %s, taken %v:\n got %s\nwant %s", tt.name, way.name, taken, got, want)
				}
			}
		}
	}
}

// same compares what say wrote; of the text in a NAK the beginning will do.
func same(got, want string) bool {
	if len(want) > 3 && want[:3] == "NAK" && len(got) > len(want) {
		got = got[:len(want)]
	}
	return got == want
}

// TestRepliesAreDropped: what another server says is not answered, were it of a type that
// clients send (RFC 2131 §2).
func TestRepliesAreDropped(t *testing.T) {
	for _, kind := range []dhcp4.MessageType{dhcp4.Discover, dhcp4.Request, dhcp4.Inform, dhcp4.Offer, dhcp4.Ack, dhcp4.Nak} {
		b := newBench(t, net1())
		q := query{kind: kind, hw: hwA, giaddr: "192.0.2.9", opts: "50=c0000264"}
		d := q.datagram(t)
		d.Data[0] = byte(dhcp4.BootReply)
		var p pkt4o6.Packet
		m := q.message(t)
		m.Data = p.Wrap(nil, d.Data, false)
		if n := len(b.native(d)) + len(b.over6(m)); n != 0 || b.count("pkt4-drop-reply") != 2 {
			t.Errorf("%v: %d answers, %d dropped", kind, n, b.count("pkt4-drop-reply"))
		}
	}
}
