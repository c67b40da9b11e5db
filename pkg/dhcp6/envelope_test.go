package dhcp6

import (
	"bytes"
	"encoding/hex"
	"errors"
	"net/netip"
	"strings"
	"testing"
)

// unhex reads hexadecimal with spaces between the fields.
func unhex(t testing.TB, s string) []byte {
	t.Helper()
	b, err := hex.DecodeString(strings.Join(strings.Fields(s), ""))
	if err != nil {
		t.Fatal(err)
	}
	return b
}

const (
	solicit = "01 aabbcc 0001 0004 00030001 0006 0002 0017"
	zeros   = "00000000000000000000000000000000"
	link    = "20010db8000000000000000000000001"
	peer    = "fe800000000000000000000000000002"
)

func TestEnvelopeParse(t *testing.T) {
	tests := []struct {
		name   string
		wire   string
		relays int
		err    error
	}{
		{"nothing", "", 0, ErrShort},
		{"type alone", "01", 0, ErrShort},
		{"transaction id cut", "01 aabb", 0, ErrShort},
		{"no options", "01 aabbcc", 0, nil},
		{"solicit", solicit, 0, nil},
		{"unknown type", "c8 000000", 0, nil},
		{"empty option", "01 aabbcc 000e 0000", 0, nil},
		{"unknown option", "01 aabbcc fffe 0003 010203", 0, nil},
		{"option one too long", "01 aabbcc 0006 0003 0017", 0, ErrOptionLength},
		{"option header alone claims a value", "01 aabbcc 0006 0001", 0, ErrOptionLength},
		{"relay header cut", "0c 00 " + link + " fe80", 0, ErrShort},
		{"relay without options", "0c 00 " + link + peer, 0, ErrNoRelayMessage},
		{"relay with an interface-id only", "0c 00 " + link + peer + "0012 0001 61", 0, ErrNoRelayMessage},
		{"relay around nothing", "0c 00 " + link + peer + "0009 0000", 0, ErrShort},
		{"relay", "0c 00 " + link + peer + "0009 0004 01aabbcc", 1, nil},
		{"message before interface-id", "0c 00 " + link + peer + "0009 0004 01aabbcc 0012 0001 61", 1, nil},
		{"two messages in one relay", "0c 00 " + link + peer + "0009 0004 01aabbcc 0009 0004 01aabbcc", 0, ErrTwoRelayMessages},
		{"octets behind a relay's options", "0c 00 " + link + peer + "0009 0004 01aabbcc 00", 0, ErrOptionLength},
		{"inner length one too long", "0c 00 " + link + peer + "0009 0005 01aabbcc", 0, ErrOptionLength},
		{"relay-reply", "0d 00 " + link + peer + "0009 0004 07aabbcc", 1, nil},
		{"relay-reply in a relay-forward", "0c 01 " + link + peer + "0009 002a 0d00" + zeros + zeros + "0009 0004 07aabbcc", 0, ErrMixedRelays},
		{"relay in relay", "0c 01 " + link + peer + "0009 002a 0c00" + zeros + zeros + "0009 0004 01aabbcc", 2, nil},
	}
	var e Envelope
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			wire := unhex(t, tt.wire)
			if err := e.Parse(wire); !errors.Is(err, tt.err) {
				t.Fatalf("got error %v, want %v", err, tt.err)
			}
			if tt.err != nil {
				return
			}
			if len(e.Relays) != tt.relays {
				t.Errorf("%d relays, want %d", len(e.Relays), tt.relays)
			}
			if got := e.Append(nil); !bytes.Equal(got, wire) {
				t.Errorf("round trip:\n in  %x\n out %x", wire, got)
			}
			if got := e.Message.Append(nil); !bytes.HasPrefix(wire[e.Inner:], got) {
				t.Errorf("the message is not at %d", e.Inner)
			}
		})
	}
}

func TestOctetsBehindTheLastOptionAreLeftOut(t *testing.T) {
	for _, tail := range []string{"00", "0000", "000000"} {
		var e Envelope
		if err := e.Parse(unhex(t, solicit+tail)); err != nil {
			t.Fatalf("%s: %v", tail, err)
		}
		if got := e.Append(nil); !bytes.Equal(got, unhex(t, solicit)) {
			t.Errorf("%s: wrote %x", tail, got)
		}
	}
}

func TestRelayFields(t *testing.T) {
	var e Envelope
	err := e.Parse(unhex(t, "0c 05 "+link+peer+"0012 0002 6530 0009 0004 01aabbcc"))
	if err != nil {
		t.Fatal(err)
	}
	r := e.InnerRelay()
	if r.Hops != 5 || r.Link != netip.MustParseAddr("2001:db8::1") || r.Peer != netip.MustParseAddr("fe80::2") {
		t.Errorf("got %+v", *r)
	}
	if id, ok := r.Options.Option(OptInterfaceID); !ok || string(id) != "e0" {
		t.Errorf("interface-id %q %v", id, ok)
	}
	if e.Message.Type != Solicit || e.Message.XID != [3]byte{0xaa, 0xbb, 0xcc} {
		t.Errorf("message %+v", e.Message)
	}
}

// chain returns a Solicit in n relay levels, the hop counts made by hop.
func chain(n int, hop func(level int) byte) []byte {
	size := 4 + n*(relayHeader+4)
	b := make([]byte, 0, size)
	for level := n; level > 0; level-- {
		size -= relayHeader + 4
		b = append(b, byte(RelayForw), hop(level))
		b = append(b, make([]byte, 32)...)
		b = append(b, 0, byte(OptRelayMessage), byte(size>>8), byte(size))
	}
	return append(b, byte(Solicit), 1, 2, 3)
}

// Depth is counted, whatever the hop-count fields claim (fault class: about
// 1,700 levels fit in one datagram and exhausted the stack of another server).
func TestRelayDepth(t *testing.T) {
	hops := map[string]func(int) byte{
		"zero":   func(int) byte { return 0 },
		"rising": func(l int) byte { return byte(l - 1) },
		"255":    func(int) byte { return 255 },
	}
	depths := []int{256, 1700}
	for n := 1; n <= 40; n++ {
		depths = append(depths, n)
	}
	var e Envelope
	for name, hop := range hops {
		for _, n := range depths {
			wire := chain(n, hop)
			err := e.Parse(wire)
			switch {
			case n > MaxRelays && err != ErrTooManyRelays:
				t.Errorf("%s, %d levels: %v", name, n, err)
			case n <= MaxRelays && err != nil:
				t.Errorf("%s, %d levels: %v", name, n, err)
			case n <= MaxRelays && !bytes.Equal(e.Append(nil), wire):
				t.Errorf("%s, %d levels: not written back", name, n)
			}
		}
	}
}

func TestCutAtEveryOctet(t *testing.T) {
	inner := unhex(t, "14 000000 0057 0004 01010600")
	var e Envelope
	e.Relays = []Relay{
		{Hops: 1, Options: AppendOption(nil, OptInterfaceID, []byte("port1"))},
		{Hops: 0, Options: AppendOption(nil, OptRelayPort, []byte{0, 0})},
	}
	if err := e.Message.parse(inner); err != nil {
		t.Fatal(err)
	}
	wire := e.Append(nil)
	var got Envelope
	if err := got.Parse(wire); err != nil {
		t.Fatal(err)
	}
	for n := range wire {
		if err := got.Parse(wire[:n:n]); err == nil {
			t.Errorf("cut after %d of %d octets: accepted", n, len(wire))
		}
	}
	// A length one octet too long, in any of the headers, drops the datagram.
	for at := range wire[:len(wire)-len(inner)] {
		if wire[at] != 0 || at+3 >= len(wire) || Code(be.Uint16(wire[at:])) != OptRelayMessage {
			continue
		}
		bad := bytes.Clone(wire)
		be.PutUint16(bad[at+2:], be.Uint16(bad[at+2:])+1)
		if err := got.Parse(bad); err == nil {
			t.Errorf("length at %d one too long: accepted", at+2)
		}
	}
}

func TestAppendFollowsAnExchangedMessage(t *testing.T) {
	wire := unhex(t, "0c 00 "+link+peer+"0009 0004 01aabbcc 0012 0001 61")
	var e Envelope
	if err := e.Parse(wire); err != nil {
		t.Fatal(err)
	}
	e.Message.Options = AppendOption(nil, OptElapsedTime, []byte{0, 1})
	want := unhex(t, "0c 00 "+link+peer+"0009 000a 01aabbcc 0008 0002 0001 0012 0001 61")
	if got := e.Append(nil); !bytes.Equal(got, want) {
		t.Errorf("got  %x\nwant %x", got, want)
	}
}

func TestOuterSourcePort(t *testing.T) {
	tests := []struct {
		name string
		wire string
		want bool
	}{
		{"direct", solicit, false},
		{"relay without", "0c 00" + link + peer + "0009 0004 01aabbcc", false},
		{"relay with", "0c 00" + link + peer + "0087 0002 0000 0009 0004 01aabbcc", true},
		{"wrong length", "0c 00" + link + peer + "0087 0001 00 0009 0004 01aabbcc", false},
		{"in the inner level only", "0c 01" + link + peer + "0009 0030 0c00" + zeros + zeros + "0087 0002 0000 0009 0004 01aabbcc", false},
	}
	for _, tt := range tests {
		var e Envelope
		if err := e.Parse(unhex(t, tt.wire)); err != nil {
			t.Fatalf("%s: %v", tt.name, err)
		}
		if got := e.OuterSourcePort(); got != tt.want {
			t.Errorf("%s: %v", tt.name, got)
		}
	}
}

func TestParseAndAppendDoNotAllocate(t *testing.T) {
	wire := chain(3, func(int) byte { return 0 })
	var e Envelope
	out := make([]byte, 0, 1024)
	if err := e.Parse(wire); err != nil { // makes the list of relays
		t.Fatal(err)
	}
	e.Relays[1].Options = AppendOption(AppendOption(nil, OptERO, []byte{0, 37}), OptRemoteID, []byte("x"))
	relays := e.Relays[1].Options
	n := testing.AllocsPerRun(200, func() {
		if e.Parse(wire) != nil {
			t.Fatal("parse")
		}
		e.Relays[1].Options = relays
		out = e.Append(out[:0])
		out = e.AppendReply(out[:0], e.Message)
		for code := range e.Message.Options.All {
			_ = code
		}
	})
	if n != 0 {
		t.Errorf("%v allocations", n)
	}
}

func BenchmarkEnvelopeParse(b *testing.B) {
	wire := chain(1, func(int) byte { return 0 })
	var e Envelope
	b.ReportAllocs()
	for b.Loop() {
		if err := e.Parse(wire); err != nil {
			b.Fatal(err)
		}
	}
}
