//go:build interop

package interop

import (
	"fmt"
	"net/netip"
	"testing"
	"time"

	"github.com/dhcp4o6/dhcp4o6/pkg/dhcp6"
)

// An outcome is an answer in short: its type, the addresses of its first IA,
// the status of that IA and that of the message. "silence" is one too.
type outcome string

func outcomeOf(m *dhcp6.Message) outcome {
	if m == nil {
		return "silence"
	}
	s := m.Type.String()
	if v, ok := m.Options.Option(dhcp6.OptIANA); ok {
		ia, err := dhcp6.ParseIANA(v)
		if err != nil {
			return outcome(err.Error())
		}
		for code, v := range ia.Options.All {
			if a, err := dhcp6.ParseIAAddr(v); code == dhcp6.OptIAAddr && err == nil {
				s += " address"
				if a.Valid == 0 {
					s += " for 0 s"
				}
			}
		}
		s += status(" IA", ia.Options)
	}
	return outcome(s + status("", m.Options))
}

func status(of string, o dhcp6.Options) string {
	v, ok := o.Option(dhcp6.OptStatusCode)
	if !ok {
		return ""
	}
	c, err := dhcp6.ParseStatusCode(v)
	if err != nil {
		return " " + err.Error()
	}
	return fmt.Sprintf("%s %v", of, c.Status)
}

// ia is an IA_NA that names addresses.
func ia(iaid uint32, addrs ...string) []byte {
	b, mark := dhcp6.OpenIANA(nil, iaid, 0, 0)
	for _, a := range addrs {
		b = dhcp6.IAAddr{Addr: netip.MustParseAddr(a)}.Append(b)
	}
	return dhcp6.Shut(b, mark)
}

// TestBeside6 asks Kea's DHCPv6 server and ours the same, one after the other on
// the same link. Where ours does otherwise on purpose, the row says what and why.
func TestBeside6(t *testing.T) {
	const (
		inPool  = clientNet + "1234" // nobody's
		offLink = "2001:db8:77::1"
	)
	type row struct {
		name string
		mt   dhcp6.MessageType
		id   bool // name the server
		held bool // the client holds a lease and names it, else the IA below
		ia   []byte
		more []byte
		kea  outcome
		ours outcome // empty: as Kea
	}
	foreign := dhcp6.AppendOption(nil, dhcp6.OptServerID, dhcp6.NewDUIDLL(1, []byte{9, 9, 9, 9, 9, 9}))
	rows := []row{
		{name: "Solicit", mt: dhcp6.Solicit, ia: ia(1), kea: "ADVERTISE address"},
		{name: "Solicit with a hint in the pool", mt: dhcp6.Solicit, ia: ia(1, inPool), kea: "ADVERTISE address"},
		{name: "Solicit with a hint off link", mt: dhcp6.Solicit, ia: ia(1, offLink), kea: "ADVERTISE address"},
		{name: "Solicit that names a server", mt: dhcp6.Solicit, ia: ia(1), id: true, kea: "silence"},
		{name: "Solicit, rapid commit not configured", mt: dhcp6.Solicit, ia: ia(1), more: dhcp6.AppendOption(nil, dhcp6.OptRapidCommit, nil), kea: "ADVERTISE address"},
		{name: "Request", mt: dhcp6.Request, id: true, ia: ia(2), kea: "REPLY address"},
		{name: "Request that names no server", mt: dhcp6.Request, ia: ia(1), kea: "silence"},
		{name: "Request to another server", mt: dhcp6.Request, ia: ia(1), more: foreign, kea: "silence"},
		{name: "Renew of a lease", mt: dhcp6.Renew, id: true, held: true, kea: "REPLY address"},
		{name: "Rebind of a lease", mt: dhcp6.Rebind, held: true, kea: "REPLY address"},
		{name: "Confirm on link", mt: dhcp6.Confirm, ia: ia(1, inPool), kea: "REPLY Success"},
		{name: "Confirm off link", mt: dhcp6.Confirm, ia: ia(1, offLink), kea: "REPLY NotOnLink"},
		{name: "Confirm of nothing", mt: dhcp6.Confirm, ia: ia(1), kea: "silence"},
		{name: "Release of a lease", mt: dhcp6.Release, id: true, held: true, kea: "REPLY IA Success Success", ours: "REPLY Success"},
		{name: "Decline of a lease", mt: dhcp6.Decline, id: true, held: true, kea: "REPLY IA Success", ours: "REPLY Success"},
		{name: "Information-request", mt: dhcp6.InformationRequest, kea: "REPLY"},

		// ours by RFC 9915 §18.3.2, §18.3.5, §18.3.7, §18.3.8 and §16.12
		{name: "Request of an address off link", mt: dhcp6.Request, id: true, ia: ia(2, offLink), kea: "REPLY address", ours: "REPLY IA NotOnLink"},
		{name: "Renew without binding", mt: dhcp6.Renew, id: true, ia: ia(2, inPool), kea: "REPLY address"},
		{name: "Rebind without binding", mt: dhcp6.Rebind, ia: ia(3, inPool), kea: "REPLY address address for 0 s", ours: "REPLY IA NoBinding"},
		{name: "Release without binding", mt: dhcp6.Release, id: true, ia: ia(2, inPool), kea: "REPLY IA NoBinding NoBinding", ours: "REPLY IA NoBinding Success"},
		{name: "Decline without binding", mt: dhcp6.Decline, id: true, ia: ia(2, inPool), kea: "REPLY IA NoBinding", ours: "REPLY IA NoBinding Success"},
		{name: "Information-request with an IA", mt: dhcp6.InformationRequest, ia: ia(1), kea: "REPLY", ours: "silence"},
	}
	answers := make(map[seat][]outcome)
	for _, who := range []seat{kea, ours} {
		s := bare(t, 0)
		p := s.run(t, who, 6, plain6(""))
		s.listening(t, ":547")
		c := s.client6(t, "ff02::1:2")
		for i, r := range rows {
			c.duid = dhcp6.NewDUIDLL(1, []byte{2, 0, 0x5e, 0x44, 0, byte(i)})
			l, err := c.lease(t)
			if err != nil {
				t.Fatal(err)
			}
			b := r.ia
			if r.held {
				b = ia(1, l.addr.String())
			}
			if r.id {
				b = dhcp6.AppendOption(append([]byte{}, b...), dhcp6.OptServerID, l.server)
			}
			m := c.ask(t, 400*time.Millisecond, r.mt, append(append([]byte{}, b...), r.more...))
			answers[who] = append(answers[who], outcomeOf(m))
		}
		p.Stop()
	}
	for i, r := range rows {
		t.Run(r.name, func(t *testing.T) {
			if r.ours == "" {
				r.ours = r.kea
			}
			if got := answers[kea][i]; got != r.kea {
				t.Errorf("Kea: %q, want %q", got, r.kea)
			}
			if got := answers[ours][i]; got != r.ours {
				t.Errorf("ours: %q, want %q", got, r.ours)
			}
		})
	}
}
