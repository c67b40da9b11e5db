package probe

import (
	"bytes"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/dhcp4o6/dhcp4o6/pkg/dhcp4"
	"github.com/dhcp4o6/dhcp4o6/pkg/dhcp6"
	"github.com/dhcp4o6/dhcp4o6/pkg/metrics"
)

// A message is a datagram of the pair, taken apart by the test.
type message struct {
	dhcp6.Envelope
	four   dhcp4.Message
	origin [3][]byte // values of 60000, 60001, 60002; the first of each, as Kea reads them
}

const enterprise = 2495

// take takes a datagram apart. What a hostile one lacks is left empty.
func take(b []byte) (m message, err error) {
	if err := m.Parse(b); err != nil {
		return m, err
	}
	for c, v := range m.Message.Options.All {
		switch c {
		case dhcp6.OptDHCPv4Message:
			err = m.four.Parse(v)
		case dhcp6.OptVendorOpts:
			if o, e := dhcp6.ParseVendorOpts(v); e == nil && o.Enterprise == enterprise {
				m.note(o.Options)
			}
		}
	}
	return m, err
}

func (m *message) note(o dhcp6.Options) {
	for c, v := range o.All {
		if i := int(c) - 60000; i >= 0 && i < len(m.origin) && m.origin[i] == nil {
			m.origin[i] = v
		}
	}
}

// say writes down what kind of answer a message is: flags that are not zero, what each
// relay gets back besides its message, the DHCPv4 message type.
func (m *message) say() string {
	var b strings.Builder
	if m.Message.XID != [3]byte{} {
		fmt.Fprintf(&b, "flags %x ", m.Message.XID)
	}
	for i := range m.Relays {
		fmt.Fprintf(&b, "relay(%s) ", codes(m.Relays[i].Options, dhcp6.OptRelayMessage))
	}
	b.WriteString(strings.TrimPrefix(m.four.Type().String(), "DHCP"))
	return b.String()
}

// codes lists option codes in order, all but one.
func codes(o dhcp6.Options, but dhcp6.Code) string {
	var s []string
	for c := range o.All {
		if c != but {
			s = append(s, fmt.Sprint(uint16(c)))
		}
	}
	return strings.Join(s, " ")
}

// mirrors holds an answer of the v4 side to what must be true of every one: type and
// flags (RFC 7341 §6.4), nothing but the vendor option and option 87, the origin and the
// relay levels of the question, and the header of a DHCPv4 reply.
func mirrors(t *testing.T, question, answer []byte) {
	t.Helper()
	q, _ := take(question)
	a, err := take(answer)
	if err != nil {
		t.Errorf("the answer cannot be read: %v: %x", err, answer)
		return
	}
	check := func(ok bool, what string, got any) {
		t.Helper()
		if !ok {
			t.Errorf("%s: %v in %x", what, got, answer)
		}
	}
	check(a.Message.Type == dhcp6.DHCPv4Response, "type", a.Message.Type)
	check(a.Message.XID == [3]byte{}, "flags", a.Message.XID)
	check(codes(a.Message.Options, 0) == "17 87" || codes(a.Message.Options, 0) == "87 17", "options", codes(a.Message.Options, 0))
	for i, v := range q.origin {
		check(bytes.Equal(bytes.TrimRight(v, "\x00"), bytes.TrimRight(a.origin[i], "\x00")), "suboption", 60000+i)
	}
	check(len(q.Relays) == len(a.Relays) && (len(a.Relays) == 0 || a.Down), "relay levels", len(a.Relays))
	for i := range min(len(q.Relays), len(a.Relays)) {
		q, a := q.Relays[i], a.Relays[i]
		check(q.Hops == a.Hops && q.Link == a.Link && q.Peer == a.Peer, "relay level", i)
		for c, v := range a.Options.All {
			if w, _ := q.Options.Option(c); c != dhcp6.OptRelayMessage {
				check(bytes.Equal(v, w), "relay option", c)
			}
		}
	}
	mirrors4(check, &q.four, &a.four)
}

// serverID is what option 54 holds: the configuration says so.
const serverID = "\xc0\x00\x02\x01"

func mirrors4(check func(bool, string, any), q, a *dhcp4.Message) {
	check(a.Op == dhcp4.BootReply, "op", a.Op)
	check(a.XID == q.XID, "xid", a.XID)
	check(a.HType == q.HType && bytes.Equal(a.CHAddr(), q.CHAddr()), "chaddr", a.CHAddr())
	check(a.GIAddr == q.GIAddr, "giaddr", a.GIAddr)
	check(a.Flags == q.Flags, "flags of DHCPv4", a.Flags)
	if a.Type() == dhcp4.Ack {
		check(a.CIAddr == q.CIAddr, "ciaddr", a.CIAddr)
	}
	id, _ := a.Option(dhcp4.OptServerID)
	check(string(id) == serverID, "option 54", id)
	was, _ := q.Option(dhcp4.OptClientID)
	is, _ := a.Option(dhcp4.OptClientID)
	check(bytes.Equal(was, is), "option 61", is)
	_, lease := a.Option(dhcp4.OptLeaseTime)
	check(lease == (a.Type() != dhcp4.Nak && q.Type() != dhcp4.Inform), "option 51", lease)
}

// refusals are the counters that say why something was refused.
var refusals = []string{"4o6-bad-packet-", "pkt4-drop-", "pkt6-drop-", "4o6-no-receipt", "4o6-bad-answer", "4o6-answer-no-link"}

// A tally is what the counters of refusals stand at.
type tally map[string]int64

func count(m *metrics.Set) tally {
	c := make(tally)
	for _, s := range m.All() {
		if slices.ContainsFunc(refusals, func(p string) bool { return strings.HasPrefix(s.Name, p) }) {
			c[s.Name] = s.Value
		}
	}
	return c
}

// since names the counters that have gone up, with how much when it is not one.
func (c tally) since(before tally) string {
	var s []string
	for name, n := range c {
		switch n -= before[name]; {
		case n == 1:
			s = append(s, name)
		case n != 0:
			s = append(s, fmt.Sprintf("%s %+d", name, n))
		}
	}
	slices.Sort(s)
	return strings.Join(s, ", ")
}
