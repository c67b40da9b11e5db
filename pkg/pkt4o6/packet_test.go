package pkt4o6

import (
	"bytes"
	"encoding/hex"
	"errors"
	"net/netip"
	"slices"
	"strings"
	"testing"

	"github.com/dhcp4o6/dhcp4o6/pkg/dhcp4"
	"github.com/dhcp4o6/dhcp4o6/pkg/dhcp6"
)

func unhex(t testing.TB, s string) []byte {
	t.Helper()
	b, err := hex.DecodeString(strings.ReplaceAll(s, " ", ""))
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// discover is a DHCPv4 message of the shortest kind.
func discover() []byte {
	var w dhcp4.Builder
	w.Header.XID = 0x11223344
	w.Query(dhcp4.Discover, nil)
	return w.Bytes()
}

// query is a DHCPV4-QUERY of these flags with these options.
func query(flags byte, options ...[]byte) []byte {
	return append([]byte{20, flags, 0, 0}, slices.Concat(options...)...)
}

func option(c dhcp6.Code, v []byte) []byte { return dhcp6.AppendOption(nil, c, v) }

func message() []byte { return option(dhcp6.OptDHCPv4Message, discover()) }

// relayed puts a Relay-forw around inner, with options before it.
func relayed(hops byte, link, peer string, inner []byte, options ...[]byte) []byte {
	l, p := netip.MustParseAddr(link).As16(), netip.MustParseAddr(peer).As16()
	b := slices.Concat([]byte{12, hops}, l[:], p[:], slices.Concat(options...))
	return dhcp6.AppendOption(b, dhcp6.OptRelayMessage, inner)
}

func TestOpen(t *testing.T) {
	short := option(dhcp6.OptDHCPv4Message, discover()[:239])
	noCookie := message()
	noCookie[4+236] = 0
	down := relayed(0, "::", "::", query(0, message()))
	down[0] = 13
	response := query(0, message())
	response[0] = 21
	tests := []struct {
		name string
		wire []byte
		err  error
	}{
		{"direct", query(0, message()), nil},
		{"unicast flag", query(0x80, message()), nil},
		{"all flags", query(0xff, message()), nil},
		{"other options around", query(0, option(1, []byte{0, 1, 2}), message(), option(6, []byte{0, 88})), nil},
		{"relayed", relayed(0, "2001:db8::1", "fe80::1", query(0, message())), nil},
		{"relayed twice", relayed(1, "::", "::", relayed(0, "::", "::", query(0, message()))), nil},
		{"no option 87", query(0), ErrNoMessage},
		{"two options 87", query(0, message(), message()), ErrTwoMessage},
		{"empty option 87", query(0, option(dhcp6.OptDHCPv4Message, nil)), dhcp4.ErrShort},
		{"option 87 of 239 octets", query(0, short), dhcp4.ErrShort},
		{"another cookie", query(0, noCookie), dhcp4.ErrCookie},
		{"option 87 longer than the datagram", query(0, message()[:200]), dhcp6.ErrOptionLength},
		{"type 21", response, ErrType},
		{"type 1", append([]byte{1}, query(0, message())[1:]...), ErrType},
		{"relayed type 21", relayed(0, "::", "::", response), ErrType},
		{"Relay-repl", down, ErrType},
		{"nothing", nil, dhcp6.ErrShort},
	}
	var p Packet // reused, as a worker does
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if err := p.Parse(tt.wire); !errors.Is(err, tt.err) {
				t.Fatalf("got %v, want %v", err, tt.err)
			}
			if tt.err == nil && p.Query.XID != 0x11223344 {
				t.Errorf("xid %x", p.Query.XID)
			}
		})
	}
}

func TestOpenResponse(t *testing.T) {
	response := query(0xff, message())
	response[0] = 21
	relayedResponse := relayed(0, "::", "::", response)
	relayedResponse[0] = 13
	tests := []struct {
		name string
		wire []byte
		err  error
	}{
		{"flags are ignored", response, nil},
		{"a query", query(0, message()), ErrType},
		{"relayed", relayedResponse, ErrType},
		{"no option 87", []byte{21, 0, 0, 0}, ErrNoMessage},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			var p Packet
			if err := p.Envelope.Parse(tt.wire); err != nil {
				t.Fatal(err)
			}
			if err := p.OpenResponse(); err != tt.err {
				t.Errorf("got %v, want %v", err, tt.err)
			}
		})
	}
}

func TestLink(t *testing.T) {
	q := query(0, message())
	id := func(s string) []byte { return option(dhcp6.OptInterfaceID, []byte(s)) }
	tests := []struct {
		name   string
		wire   []byte
		link   string // "": invalid
		id     string
		global string
	}{
		{"direct", q, "", "", ""},
		{"one relay", relayed(0, "2001:db8::1", "::", q, id("a")), "2001:db8::1", "a", "2001:db8::1"},
		{"interface-id of the nearest alone", relayed(1, "2001:db8::2", "::", relayed(0, "2001:db8::1", "::", q), id("b")), "2001:db8::1", "", "2001:db8::1"},
		{"unspecified in between", relayed(1, "2001:db8::2", "::", relayed(0, "::", "::", q, id("a"))), "::", "a", "2001:db8::2"},
		{"link-local in between", relayed(1, "fd00::2", "::", relayed(0, "fe80::1", "::", q)), "fe80::1", "", "fd00::2"},
		{"none is global", relayed(1, "::", "::", relayed(0, "fe80::1", "::", q)), "fe80::1", "", ""},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			var p Packet
			if err := p.Parse(tt.wire); err != nil {
				t.Fatal(err)
			}
			link, id := p.Link()
			if link != addr(tt.link) || string(id) != tt.id {
				t.Errorf("link %v %q, want %q %q", link, id, tt.link, tt.id)
			}
			if got := p.GlobalLink(); got != addr(tt.global) {
				t.Errorf("global link %v, want %q", got, tt.global)
			}
		})
	}
}

func addr(s string) netip.Addr {
	a, _ := netip.ParseAddr(s)
	return a
}

// TestSeal spells the answers out: what a relay finds of its own options, and
// nothing of the client's.
func TestSeal(t *testing.T) {
	q := query(0xff, option(1, []byte{0, 3, 0, 1}), message())
	tests := []struct{ name, query, want string }{
		{"direct, flags zero", hex.EncodeToString(q), "15000000 0057 0003 616263"},
		{"interface-id and source port go back, remote-id and RSOO do not",
			hex.EncodeToString(relayed(3, "2001:db8::1", "fe80::2", q, unhex(t, "0012 0001 61  0025 0005 0000000162  0087 0002 060b  0042 0004 00600000"))),
			"0d 03 20010db8000000000000000000000001 fe800000000000000000000000000002 0012 0001 61 0087 0002 060b 0009 000b 15000000 0057 0003 616263"},
		{"what the relay asks for comes once",
			hex.EncodeToString(relayed(0, "::", "::", q, unhex(t, "002b 000a 0025 0012 0009 002b 0025  0012 0001 61  0025 0005 0000000162"))),
			"0d 00" + strings.Repeat("00", 32) + "0012 0001 61 0025 0005 0000000162 0009 000b 15000000 0057 0003 616263"},
		{"two relays, each its own",
			hex.EncodeToString(relayed(1, "::", "::", relayed(0, "::", "::", q, unhex(t, "0012 0001 61")), unhex(t, "0012 0001 62"))),
			"0d 01" + strings.Repeat("00", 32) + "0012 0001 62 0009 0036 0d 00" + strings.Repeat("00", 32) + "0012 0001 61 0009 000b 15000000 0057 0003 616263"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			var p Packet
			if err := p.Parse(unhex(t, tt.query)); err != nil {
				t.Fatal(err)
			}
			if got := p.Seal(nil, []byte("abc")); !bytes.Equal(got, unhex(t, tt.want)) {
				t.Errorf("got  %x\nwant %x", got, unhex(t, tt.want))
			}
		})
	}
}

func TestWrap(t *testing.T) {
	var p, server Packet
	for _, unicast := range []bool{false, true} {
		if err := server.Parse(p.Wrap(nil, discover(), unicast)); err != nil {
			t.Fatal(err)
		}
		if server.Unicast() != unicast || !bytes.Equal(server.Query.Bytes(), discover()) {
			t.Errorf("unicast %v came back as %v, message %x", unicast, server.Unicast(), server.Query.Bytes())
		}
	}
}

// TestRoom: a reply of that size fits into one datagram with every option that
// the relays could ask back.
func TestRoom(t *testing.T) {
	q := query(0, message())
	for _, id := range []int{0, 1, 1000, 30000} {
		wire := q
		for range 2 {
			wire = relayed(0, "::", "::", wire, option(dhcp6.OptInterfaceID, make([]byte, id)), unhex(t, "002b 0002 0025"), option(37, make([]byte, id/100)))
		}
		var p Packet
		if err := p.Parse(wire); err != nil {
			t.Fatal(err)
		}
		out := p.Seal(nil, make([]byte, p.Room()))
		if len(out) > maxPayload-reserve {
			t.Errorf("interface-id of %d octets: %d octets out", id, len(out))
		}
		var e dhcp6.Envelope
		if err := e.Parse(out); err != nil {
			t.Errorf("interface-id of %d octets: %v", id, err)
		}
	}
}

func TestAllocs(t *testing.T) {
	wire := relayed(1, "2001:db8::2", "::", relayed(0, "2001:db8::1", "::", query(0, message()), unhex(t, "0012 0001 61 002b 0002 0012")))
	var p Packet
	reply, out := discover(), make([]byte, 0, 1500)
	if n := testing.AllocsPerRun(100, func() {
		if p.Parse(wire) != nil {
			t.Fatal("does not parse")
		}
		p.GlobalLink()
		out = p.Seal(out[:0], reply)
		out = p.Wrap(out[:0], reply, true)
	}); n != 0 {
		t.Errorf("%v allocations", n)
	}
}

func BenchmarkParseSeal(b *testing.B) {
	wire := relayed(0, "2001:db8::1", "::", query(0, message()), unhex(b, "0012 0001 61"))
	var p Packet
	reply, out := discover(), make([]byte, 0, 1500)
	b.ReportAllocs()
	for b.Loop() {
		if p.Parse(wire) != nil {
			b.Fatal("does not parse")
		}
		out = p.Seal(out[:0], reply)
	}
}
