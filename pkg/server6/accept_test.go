package server6

import (
	"bytes"
	"testing"

	"github.com/dhcp4o6/dhcp4o6/pkg/dhcp6"
	"github.com/dhcp4o6/dhcp4o6/pkg/transport"
)

// verdict takes a datagram through parse and accept.
func (l *lab) verdict(d transport.Datagram) Verdict {
	x := l.w.exchanges[0]
	x.In, x.Link = d, l.w.socket
	x.begin()
	if v := l.s.parse(x); v != Next {
		return v
	}
	return l.s.accept(x)
}

// RFC 9915 §16.2 to §16.12, and RFC 7341 for the query, as one table.
func TestIdentifiersByMessageType(t *testing.T) {
	type want struct{ none, client, both Verdict } // identifiers in the message
	tests := map[dhcp6.MessageType]want{
		dhcp6.Solicit:            {DropClientID, Next, DropServerID},
		dhcp6.Advertise:          {DropType, DropType, DropType},
		dhcp6.Request:            {DropClientID, DropServerID, Next},
		dhcp6.Confirm:            {DropClientID, Next, DropServerID},
		dhcp6.Renew:              {DropClientID, DropServerID, Next},
		dhcp6.Rebind:             {DropClientID, Next, DropServerID},
		dhcp6.Reply:              {DropType, DropType, DropType},
		dhcp6.Release:            {DropClientID, DropServerID, Next},
		dhcp6.Decline:            {DropClientID, DropServerID, Next},
		dhcp6.Reconfigure:        {DropType, DropType, DropType},
		dhcp6.InformationRequest: {Next, Next, Next},
		dhcp6.LeaseQuery:         {DropType, DropType, DropType},
		dhcp6.DHCPv4Query:        {Next, Next, Next},
		dhcp6.DHCPv4Response:     {DropType, DropType, DropType},
		200:                      {DropType, DropType, DropType},
		0:                        {DropType, DropType, DropType},
	}
	l := newLab(t)
	other := opt(dhcp6.OptServerID, dhcp6.NewDUIDEN(32473, []byte("another")))
	for mt, w := range tests {
		check := func(name string, want Verdict, options ...[]byte) {
			t.Helper()
			if got := l.verdict(l.in(l.message(mt, options...))); got != want {
				t.Errorf("%v with %s: %v, want %v", mt, name, got, want)
			}
		}
		check("no identifier", w.none)
		check("client", w.client, cid())
		check("both", w.both, cid(), sid())
		if w.both == DropType {
			continue
		}
		check("two clients", DropClientID, cid(), cid())
		check("a client of 2 octets", orServer(w.client, DropClientID), opt(dhcp6.OptClientID, []byte{0, 1}))
		check("a client of 131 octets", orServer(w.client, DropClientID), opt(dhcp6.OptClientID, make([]byte, 131)))
		check("an empty client", orServer(w.client, DropClientID), opt(dhcp6.OptClientID, nil))
		check("two servers", DropServerID, cid(), sid(), sid())
		if w.both == Next {
			check("another server", DropOtherServer, cid(), other)
			check("an empty server", DropOtherServer, cid(), opt(dhcp6.OptServerID, nil))
		}
	}
}

// orServer is DropServerID where the message is refused for that already.
func orServer(without, want Verdict) Verdict {
	if without == DropServerID {
		return DropServerID
	}
	return want
}

func TestRelayReplyIsNotForAServer(t *testing.T) {
	l := newLab(t)
	var e dhcp6.Envelope
	if err := e.Parse(relayed(l.message(dhcp6.Solicit, cid()), dhcp6.Relay{Link: relayLink})); err != nil {
		t.Fatal(err)
	}
	e.Down = true
	if got := l.verdict(l.in(e.Append(nil))); got != DropType {
		t.Error(got)
	}
}

// RFC 9915 §16: a server should not take unicasts, for the messages of that
// document; other documents have their own rules, and relays always unicast.
func TestUnicast(t *testing.T) {
	l := newLab(t)
	types := []dhcp6.MessageType{dhcp6.Solicit, dhcp6.Request, dhcp6.Confirm, dhcp6.Renew, dhcp6.Rebind,
		dhcp6.Release, dhcp6.Decline, dhcp6.InformationRequest, dhcp6.DHCPv4Query}
	for _, mt := range types {
		options := [][]byte{cid()}
		if rules[mt].server == required {
			options = append(options, sid())
		}
		d := l.in(l.message(mt, options...))
		d.Local = ours
		want := DropUnicast
		if mt == dhcp6.DHCPv4Query {
			want = Next
		}
		if got := l.verdict(d); got != want {
			t.Errorf("%v to a global address: %v, want %v", mt, got, want)
		}
		d.Local = loopback
		if got := l.verdict(d); got != Next {
			t.Errorf("%v to ::1: %v", mt, got)
		}
		d.Local = ours
		d.Data = relayed(d.Data, dhcp6.Relay{Link: relayLink})
		if got := l.verdict(d); got != Next {
			t.Errorf("%v by a relay's unicast: %v", mt, got)
		}
	}
}

func TestBounds(t *testing.T) {
	l := newLab(t)
	many := func(o []byte, n int) []byte { return bytes.Repeat(o, n) }
	tests := []struct {
		name string
		wire []byte
		want Verdict
	}{
		{"64 IAs", l.message(dhcp6.Solicit, cid(), many(iaNA(1), 64)), Next},
		{"65 IAs", l.message(dhcp6.Solicit, cid(), many(iaNA(1), 65)), DropTooMany},
		{"3,000 IAs", l.message(dhcp6.Solicit, cid(), many(iaNA(1), 3000)), DropTooMany},
		{"512 options", l.message(dhcp6.Solicit, cid(), many(opt(9999, nil), 511)), Next},
		{"513 options", l.message(dhcp6.Solicit, cid(), many(opt(9999, nil), 512)), DropTooMany},
		{"1,000 options in one IA", l.message(dhcp6.Solicit, cid(), opt(dhcp6.OptIANA, append(make([]byte, 12), many(opt(9999, nil), 1000)...))), DropTooMany},
		{"600 options at a relay", relayed(l.message(dhcp6.Solicit, cid()), dhcp6.Relay{Link: relayLink, Options: many(opt(9999, nil), 600)}), DropTooMany},
		{"600 options in a 4o6 query", l.message(dhcp6.DHCPv4Query, many(opt(9999, nil), 600)), DropTooMany},
		{"IA_NA cut short", l.message(dhcp6.Solicit, cid(), opt(dhcp6.OptIANA, make([]byte, 11))), DropMalformed},
		{"IA_TA cut short", l.message(dhcp6.Solicit, cid(), opt(dhcp6.OptIATA, make([]byte, 3))), DropMalformed},
		{"IA_PD cut short", l.message(dhcp6.Solicit, cid(), opt(dhcp6.OptIAPD, make([]byte, 11))), DropMalformed},
		{"IA address cut short", l.message(dhcp6.Solicit, cid(), opt(dhcp6.OptIANA, append(make([]byte, 12), opt(dhcp6.OptIAAddr, make([]byte, 23))...))), DropMalformed},
		{"prefix of 129 bits", l.message(dhcp6.Solicit, cid(), opt(dhcp6.OptIAPD, append(make([]byte, 12), opt(dhcp6.OptIAPrefix, append(make([]byte, 8), append([]byte{129}, make([]byte, 16)...)...))...))), DropMalformed},
		{"options that overrun the IA", l.message(dhcp6.Solicit, cid(), opt(dhcp6.OptIANA, append(make([]byte, 12), 0, 5, 0, 24))), DropMalformed},
		{"IA in an Information-request", l.message(dhcp6.InformationRequest, iaNA(1)), DropIA},
		{"IA_PD in an Information-request", l.message(dhcp6.InformationRequest, opt(dhcp6.OptIAPD, make([]byte, 12))), DropIA},
		{"bad IA in a 4o6 query", l.message(dhcp6.DHCPv4Query, opt(dhcp6.OptIANA, nil)), Next},
		{"truncated", l.message(dhcp6.Solicit, cid())[:10], DropMalformed},
		{"empty", nil, DropMalformed},
	}
	for _, tt := range tests {
		if got := l.verdict(l.in(tt.wire)); got != tt.want {
			t.Errorf("%s: %v, want %v", tt.name, got, tt.want)
		}
	}
}

func TestEveryVerdictHasANameAndACounter(t *testing.T) {
	l := newLab(t)
	seen := map[string]bool{}
	for v := DropMalformed; v < verdicts; v++ {
		if verdictNames[v].reason == "" || seen[verdictNames[v].reason] {
			t.Errorf("verdict %d: %+v", v, verdictNames[v])
		}
		seen[verdictNames[v].reason] = true
	}
	l.ask([]byte{1})
	for _, name := range []string{"pkt6-received", "pkt6-parse-failed", "pkt6-drop-malformed", "pkt6-receive-drop"} {
		if l.counted(name) != 1 {
			t.Errorf("%s is %d", name, l.counted(name))
		}
	}
	l.ask(l.message(dhcp6.Solicit, cid(), iaNA(1)))
	for _, name := range []string{"pkt6-solicit-received", "pkt6-advertise-sent", "pkt6-sent"} {
		if l.counted(name) != 1 {
			t.Errorf("%s is %d", name, l.counted(name))
		}
	}
}
