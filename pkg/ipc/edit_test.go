package ipc

import (
	"bytes"
	"encoding/hex"
	"errors"
	"net/netip"
	"strings"
	"testing"
)

// unhex reads hex that is spaced by field.
func unhex(t testing.TB, s string) []byte {
	t.Helper()
	b, err := hex.DecodeString(strings.NewReplacer(" ", "", "\n", "", "\t", "").Replace(s))
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// read opens one datagram as side does.
func read(side Side, b []byte) ([]byte, Origin, error) {
	w := walk{want: side.reads()}
	b = bytes.Clone(b)
	out, err := w.run(b[:0], b)
	if err == nil {
		err = w.found.check()
	}
	return out, Origin{string(w.found.name[:w.found.nameLen]), w.found.addr, w.found.port}, err
}

// written returns the datagram that side makes of a message.
func written(side Side, o Origin, b []byte) ([]byte, error) {
	w := walk{want: side.sends(), add: &o}
	return w.run(nil, b)
}

var (
	client = Origin{"s0", netip.MustParseAddr("fe80::5eff:fe46:1"), 546}
	ours   = `0011 0024 000009bf ea60 0002 7330 ea61 0010 fe800000000000000000 5efffe460001 ea62 0002 0222 `
)

// The sessions of Kea with Kea: what we would write on the pair, and send to
// the wire, is octet for octet what Kea wrote and sent.
func TestAsKeaDoes(t *testing.T) {
	for _, name := range []string{"kea6-kea4-isc-dhclient", "kea6-kea4-isc-dhclient-renew-release"} {
		all := capture(t, name)
		queries := pick(all, func(p packet) bool { return p.dst.Port() == 547 && p.data[0] == 20 })
		answers := pick(all, func(p packet) bool { return p.dst.Port() == 546 && p.data[0] == 21 })
		up, down := pick(all, toPort(6768)), pick(all, toPort(6767))
		if len(up) == 0 || len(queries) != len(up) || len(answers) != len(down) {
			t.Fatalf("%s: %d queries, %d on the pair; %d answers on it, %d sent", name, len(queries), len(up), len(down), len(answers))
		}
		for i := range up {
			got, err := written(V6Side, client, queries[i])
			if err != nil || !bytes.Equal(got, up[i]) {
				t.Errorf("%s: query %d: %v\n got %x\nwant %x", name, i, err, got, up[i])
			}
		}
		for i := range down {
			got, o, err := read(V6Side, down[i])
			if err != nil || o != client || !bytes.Equal(got, answers[i]) {
				t.Errorf("%s: answer %d: %v %v\n got %x\nwant %x", name, i, o, err, got, answers[i])
			}
			back, err := written(V4Side, client, answers[i])
			if err != nil || !bytes.Equal(back, down[i]) {
				t.Errorf("%s: answer %d written: %v\n got %x\nwant %x", name, i, err, back, down[i])
			}
		}
	}
}

// Through a relay Kea sorts the options of each layer and we do not, so the
// two are compared from the pair on: out of it and back in, nothing changes.
func TestAsKeaDoesRelayed(t *testing.T) {
	all := capture(t, "kea6-kea4-isc-dhclient-relay")
	relay := Origin{"s0", netip.MustParseAddr("2001:db8:47::2"), 547}
	for _, side := range []Side{V4Side, V6Side} {
		ports := map[Side]uint16{V4Side: 6768, V6Side: 6767}
		pair := pick(all, toPort(ports[side]))
		if len(pair) == 0 {
			t.Fatal("nothing on the pair")
		}
		for i, b := range pair {
			msg, o, err := read(side, b)
			if err != nil || o != relay {
				t.Fatalf("%v side, message %d: %v, %v", side, i, o, err)
			}
			back, err := written(1-side, o, msg)
			if err != nil || !bytes.Equal(back, b) {
				t.Errorf("%v side, message %d: %v\n got %x\nwant %x", side, i, err, back, b)
			}
		}
	}
	down := pick(all, toPort(6767))
	sent := pick(all, func(p packet) bool { return p.data[0] == 13 && innermostType(p.data) == 21 && p.dst.Port() == 547 })
	for i := range down {
		if got, _, err := read(V6Side, down[i]); err != nil || !bytes.Equal(got, sent[i]) {
			t.Errorf("answer %d: %v\n got %x\nwant %x", i, err, got, sent[i])
		}
	}
}

// The 50 questions that were put to kea-dhcp4, as our v4 side takes them. A
// note tells where we depart from Kea, and why.
func TestKea4Questions(t *testing.T) {
	const ok = Fault(255)
	tests := []struct {
		name string
		want Fault
	}{
		{"normal", ok}, {"17 after 87", ok}, {"suboptions in reverse", ok}, {"name with NUL", ok},
		{"no option 17", ErrNoOrigin}, {"no 60000", ErrIface}, {"no 60001", ErrAddr}, {"no 60002", ErrPort},
		{"60002 of 1 octet", ErrPort},
		{"60001 of 32 octets", ErrAddr},  // Kea takes the first 16
		{"each twice", ErrIface},         // Kea takes the first, which a client can forge
		{"unknown interface", ok},        // the engine's to judge
		{"empty name", ErrIface},         //
		{"no IPv4 socket", ok},           // the engine's to judge
		{"lo, address outside", ok},      // the engine's to judge
		{"enterprise 9 first", ok},       //
		{"two options 87", ErrMessage4},  //
		{"no option 87", ErrMessage4},    //
		{"type 21", ErrType},             // Kea answers
		{"type 1", ErrType},              // Kea answers
		{"flags ffffff", ok},             //
		{"three octets behind", ok},      //
		{"87 too long", ErrOptionLength}, //
		{"87 of 100 octets", ok},         // pkt4o6 refuses
		{"bad cookie", ok},               // dhcp4 refuses
		{"no option 53", ok}, {"client id", ok}, {"broadcast", ok}, {"giaddr and hops", ok}, {"giaddr", ok}, {"hops", ok},
		{"wrong net", ok}, {"another server", ok}, {"no server id", ok}, {"INFORM", ok}, {"INFORM without ciaddr", ok},
		{"DECLINE", ok}, {"RELEASE", ok}, {"LEASEQUERY", ok},
		{"relayed", ok}, {"relayed, 18 after 9", ok}, {"two relays", ok},
		{"17 outside only", ErrNoOrigin},
		{"relay port", ok}, {"ERO", ok},
		{"1 octet", ErrShort}, {"0 octets", ErrShort}, {"normal", ok}, {"87 empty", ok}, {"normal", ok},
	}
	all := pick(capture(t, "probe-kea4"), toPort(6768))
	if len(all) != len(tests) {
		t.Fatalf("%d questions, %d expected", len(all), len(tests))
	}
	for i, b := range all {
		msg, o, err := read(V4Side, b)
		if tests[i].want != ok {
			if !errors.Is(err, tests[i].want) {
				t.Errorf("%d %s: %v, want %v", i+1, tests[i].name, err, tests[i].want)
			}
			continue
		}
		if err != nil {
			t.Errorf("%d %s: %v", i+1, tests[i].name, err)
			continue
		}
		again, err := written(V6Side, o, msg)
		if err != nil {
			t.Errorf("%d %s: written: %v", i+1, tests[i].name, err)
		}
		if msg2, o2, err := read(V4Side, again); err != nil || o2 != o || !bytes.Equal(msg2, msg) {
			t.Errorf("%d %s: read back: %v %v", i+1, tests[i].name, o2, err)
		}
	}
}

// What kea-dhcp6 was sent by hand-made clients and relays passes our v6 side,
// or is refused for a reason.
func TestKea6Questions(t *testing.T) {
	refused := make(map[Fault]int)
	taken := 0
	for i, p := range capture(t, "probe-kea6") {
		if p.dst.Port() != 547 || p.src.Port() == 547 && p.data[0] == 13 {
			continue
		}
		b, err := written(V6Side, client, p.data)
		if err != nil {
			refused[err.(Fault)]++
			continue
		}
		taken++
		msg, o, err := read(V4Side, b)
		if err != nil || o != client {
			t.Errorf("packet %d: %v %v", i, o, err)
		}
		if bytes.Contains(msg, []byte{0xea, 0x60, 0, 2, 's', '0'}) {
			t.Errorf("packet %d: a forged suboption stays: %x", i, msg)
		}
	}
	// Of type: an answer, one in a Relay-forward, and the one of those that
	// kea-dhcp6 itself sent on when the pair brought it.
	if refused[ErrType] != 3 || refused[ErrMessage4] != 2 || len(refused) != 2 || taken != 18 {
		t.Errorf("%d taken, refused %v", taken, refused)
	}
}

// The sixteen answers that were put to kea-dhcp6, as our v6 side takes them.
// Each of ours is compared with what Kea sent on, where it is not to blame.
func TestKea6Answers(t *testing.T) {
	const ok = Fault(255)
	tests := []struct {
		name string
		want Fault
		same bool // as Kea sent it
	}{
		{"to link-local", ok, true},
		{"to global", ok, true},
		{"port 999", ok, true},
		{"flags ffffff", ok, true},
		{"type 20", ErrType, false},          // Kea sends it to the client
		{"type 7", ErrType, false},           // likewise
		{"no option 87", ErrMessage4, false}, // likewise
		{"two options 87", ErrMessage4, false},
		{"no option 17", ErrNoOrigin, false},
		{"another interface", ok, false},  // the engine's to judge
		{"enterprise 9 first", ok, false}, // Kea takes that out, and leaves an empty option of 2495
		{"another suboption", ok, true},
		{"relayed", ok, true},
		{"relayed, port 1547, with 135", ok, true},
		{"relayed, port 1547", ok, true},
		{"type 12", ErrType, false}, // Kea sends it to the relay
	}
	all := capture(t, "probe-kea6")
	n := 0
	for i, p := range all {
		if p.dst.Port() != 6767 || n == len(tests) {
			continue
		}
		tt := tests[n]
		n++
		got, _, err := read(V6Side, p.data)
		if tt.want != ok {
			if !errors.Is(err, tt.want) {
				t.Errorf("%s: %v, want %v", tt.name, err, tt.want)
			}
			continue
		}
		if err != nil || bytes.Contains(got, []byte{0xea, 0x61, 0, 16}) {
			t.Errorf("%s: %v %x", tt.name, err, got)
		}
		if tt.same && !bytes.Equal(got, all[i+1].data) {
			t.Errorf("%s:\n got %x\nwant %x", tt.name, got, all[i+1].data)
		}
	}
	if n != len(tests) {
		t.Errorf("%d answers, %d expected", n, len(tests))
	}
}

// A client or relay that puts suboptions of the pair into a query gains
// nothing: they go, at every level, and nothing else does.
func TestForgedOrigins(t *testing.T) {
	const (
		forged = `ea60 0002 7330 ea61 0010 20010db8000000000000000000000bad ea62 0002 03e7 `
		m87    = `0057 0004 01020304 `
		relay  = `0c01 20010db8000000000000000000000001 fe800000000000000000000000000002 `
		id     = `0012 0002 6162 `
	)
	tests := []struct {
		name     string
		in, want string
	}{
		{"nothing forged", "14000000 " + m87, "14000000 " + ours + m87},
		{"in front of 87", "14800000 0011 0024 000009bf" + forged + m87, "14800000 " + ours + m87},
		{"behind 87", "14000000 " + m87 + "0011 0024 000009bf" + forged, "14000000 " + ours + m87},
		{"two options", "14000000 0011 0024 000009bf" + forged + "0011 000a 000009bf ea62 0002 0001" + m87, "14000000 " + ours + m87},
		{"one of the three", "14000000 0011 0008 000009bf ea60 0000" + m87, "14000000 " + ours + m87},
		{"beside others", "14000000 0011 002f 000009bf 0001 0001 aa " + forged + "0002 0002 bbcc" + m87,
			"14000000 " + ours + "0011 000f 000009bf 0001 0001 aa 0002 0002 bbcc" + m87},
		{"twice inside", "14000000 0011 0044 000009bf" + forged + forged + m87, "14000000 " + ours + m87},
		{"another enterprise stays", "14000000 0011 0024 00000009" + forged + m87, "14000000 " + ours + "0011 0024 00000009" + forged + m87},
		{"too short for an enterprise stays", "14000000 0011 0002 0000" + m87, "14000000 " + ours + "0011 0002 0000" + m87},
		{"empty one stays", "14000000 0011 0004 000009bf" + m87, "14000000 " + ours + "0011 0004 000009bf" + m87},
		{"of wrong length", "14000000 0011 000d 000009bf ea61 0001 00 ea62 0000" + m87, "14000000 " + ours + m87},
		{"cut in a suboption", "14000000 0011 0009 000009bf ea61 0010 00" + m87, ""},
		{"cut in a suboption's header", "14000000 0011 0007 000009bf ea6100" + m87, ""},
		{"order kept", "14000000 0006 0002 0057 0001 0001 07" + m87 + "0011 0009 000009bf 0007 0001 01",
			"14000000 0006 0002 0057 0001 0001 07" + ours + m87 + "0011 0009 000009bf 0007 0001 01"},
		{"ours first of all 17", "14000000 0011 0004 00000009 0001 0001 07" + m87, "14000000 " + ours + "0011 0004 00000009 0001 0001 07" + m87},
		{"in a relay layer", relay + "0011 0024 000009bf" + forged + id + "0009 000c 14000000" + m87,
			relay + id + "0009 0034 14000000" + ours + m87},
		{"behind the relay message", relay + "0009 000c 14000000" + m87 + id + "0011 0024 000009bf" + forged,
			relay + "0009 0034 14000000" + ours + m87 + id},
		{"at three levels", relay + "0011 0024 000009bf" + forged + "0009 0080 " +
			relay + "0009 0032 14000000 0011 0022 000009bf ea60 0000 ea61 0010 20010db8000000000000000000000bad ea62 0002 03e7" + m87 +
			"0011 0024 000009bf" + forged,
			relay + "0009 005a " + relay + "0009 0034 14000000" + ours + m87},
	}
	for _, tt := range tests {
		got, err := written(V6Side, client, unhex(t, tt.in))
		if tt.want == "" {
			if !errors.Is(err, ErrOptionLength) {
				t.Errorf("%s: %v, want %v", tt.name, err, ErrOptionLength)
			}
			continue
		}
		if want := unhex(t, tt.want); err != nil || !bytes.Equal(got, want) {
			t.Errorf("%s: %v\n got %x\nwant %x", tt.name, err, got, want)
			continue
		}
		if _, o, err := read(V4Side, got); err != nil || o != client {
			t.Errorf("%s: read back: %v %v", tt.name, o, err)
		}
	}
}

// Lengths are checked at each level: 65,535 for an option, 65,527 for all.
func TestTooLong(t *testing.T) {
	message := func(relays, size int) []byte {
		b := append(make([]byte, 0, 1<<17), 20, 0, 0, 0, 0, 87)
		b = be.AppendUint16(b, uint16(size))
		b = append(b, make([]byte, size)...)
		for range relays {
			out := append([]byte{12}, make([]byte, relayHeader-1)...)
			out = be.AppendUint16(append(out, 0, 9), uint16(len(b)))
			b = append(out, b...)
		}
		return b
	}
	const grows = 4 + 36
	tests := []struct {
		name         string
		relays, size int
		err          error
	}{
		{"direct, as long as a datagram", 0, maxPayload - 8 - grows, nil},
		{"direct, one octet more", 0, maxPayload - 8 - grows + 1, ErrTooLong},
		{"relayed, as long as a datagram", 1, maxPayload - 38 - 8 - grows, nil},
		{"relayed, one octet more", 1, maxPayload - 38 - 8 - grows + 1, ErrTooLong},
		{"relayed, over the option", 1, maxOption - 8 - grows + 1, ErrTooLong},
	}
	for _, tt := range tests {
		out, err := written(V6Side, client, message(tt.relays, tt.size))
		if err != tt.err {
			t.Errorf("%s: %v, want %v", tt.name, err, tt.err)
		}
		if err != nil {
			continue
		}
		if back, _, err := read(V4Side, out); err != nil || !bytes.Equal(back, message(tt.relays, tt.size)) {
			t.Errorf("%s: read back: %v", tt.name, err)
		}
	}
}

// Thirty-two relay levels pass, one more does not.
func TestRelayLevels(t *testing.T) {
	b := unhex(t, "14000000 0057 0000")
	for n := 1; n <= 33; n++ {
		out := append([]byte{12}, make([]byte, relayHeader-1)...)
		out = be.AppendUint16(append(out, 0, 9), uint16(len(b)))
		b = append(out, b...)
		_, err := written(V6Side, client, b)
		if want := map[bool]error{true: ErrRelays}[n > 32]; err != want {
			t.Errorf("%d levels: %v, want %v", n, err, want)
		}
	}
}

// A relay layer has one message, not none, not two.
func TestRelayMessages(t *testing.T) {
	const relay = `0c01 20010db8000000000000000000000001 fe800000000000000000000000000002 `
	const msg = `0009 0008 14000000 0057 0000 `
	for in, want := range map[string]error{
		relay + msg:                             nil,
		relay:                                   ErrRelays,
		relay + "0012 0001 61":                  ErrRelays,
		relay + msg + msg:                       ErrRelays,
		relay + msg + "00":                      ErrOptionLength,
		relay + msg + "0012 0002 61":            ErrOptionLength,
		relay + "0012 0009 61":                  ErrOptionLength,
		relay[:40]:                              ErrShort,
		"14000000 0057 0000 0012 0002 61":       ErrOptionLength,
		"0d" + relay[2:] + msg:                  ErrType,
		relay + "0009 0008 15000000 0057 0000 ": ErrType,
	} {
		if _, err := written(V6Side, client, unhex(t, in)); err != want {
			t.Errorf("%s: %v, want %v", in, err, want)
		}
	}
}

// Only one option carries an origin, in the innermost message, and other
// suboptions of Kea's enterprise survive next to it.
func TestOriginFound(t *testing.T) {
	const (
		sub60  = `ea60 0002 7330 `
		sub61  = `ea61 0010 fe800000000000000000 5efffe460001 `
		sub62  = `ea62 0002 0222 `
		m87    = `0057 0000 `
		relay  = `0d01 20010db8000000000000000000000001 fe800000000000000000000000000002 `
		bare   = `15000000 ` + m87
		opened = `15000000 0011 `
	)
	tests := []struct {
		name, in, want string
		err            error
	}{
		{"alone", "15000000" + ours + m87, bare, nil},
		{"with others", opened + "0029 000009bf 0001 0001 aa" + sub60 + sub61 + sub62 + m87, "15000000 0011 0009 000009bf 0001 0001 aa" + m87, nil},
		{"padded", opened + "002b 000009bf" + sub60 + sub61 + sub62 + "fde8 0003 000000" + m87, bare, nil},
		{"name of 15", opened + "0031 000009bf ea60 000f 616161616161616161616161616161" + sub61 + sub62 + m87, bare, nil},
		{"name of 16", opened + "0032 000009bf ea60 0010 61616161616161616161616161616161" + sub61 + sub62 + m87, "", ErrIface},
		{"name of NULs", opened + "0024 000009bf ea60 0002 0000" + sub61 + sub62 + m87, "", ErrIface},
		{"NUL within the name", opened + "0025 000009bf ea60 0003 610062" + sub61 + sub62 + m87, "", ErrIface},
		{"60000 twice", opened + "002a 000009bf" + sub60 + sub60 + sub61 + sub62 + m87, "", ErrIface},
		{"60001 twice", opened + "0038 000009bf" + sub60 + sub61 + sub61 + sub62 + m87, "", ErrAddr},
		{"60002 twice", opened + "002a 000009bf" + sub60 + sub61 + sub62 + sub62 + m87, "", ErrPort},
		{"60002 of 4", opened + "0026 000009bf" + sub60 + sub61 + "ea62 0004 00000222" + m87, "", ErrPort},
		{"spread over two options", opened + "001e 000009bf" + sub60 + sub61 + "0011 000a 000009bf" + sub62 + m87, "", ErrTwoOrigins},
		{"two whole ones", "15000000" + ours + ours + m87, "", ErrTwoOrigins},
		{"another in a relay layer", relay + ours + "0009 0030 15000000" + ours + m87, "", ErrTwoOrigins},
		{"the header of ISC DHCP", "7330" + "000000000000000000000000000000000000" + bare, "", ErrType},
		{"in a relay layer only", relay + ours + "0009 0008" + bare, "", ErrNoOrigin},
	}
	for _, tt := range tests {
		got, o, err := read(V6Side, unhex(t, tt.in))
		if err != tt.err {
			t.Errorf("%s: %v, want %v", tt.name, err, tt.err)
			continue
		}
		if err != nil {
			continue
		}
		if o.Addr != client.Addr || o.Port != client.Port || !bytes.Equal(got, unhex(t, tt.want)) {
			t.Errorf("%s: %v\n got %x\nwant %x", tt.name, o, got, unhex(t, tt.want))
		}
	}
}

// Padding brings every length to a multiple of 64 and is gone on arrival.
func TestPadding(t *testing.T) {
	for n := range 200 {
		msg := append(unhex(t, "14000000 0057"), 0, byte(n))
		msg = append(msg, make([]byte, n)...)
		w := walk{want: query, add: &client, pad: true}
		out, err := w.run(nil, msg)
		if err != nil || len(out)%padTo != 0 {
			t.Fatalf("%d octets inside: %d on the pair, %v", n, len(out), err)
		}
		if back, o, err := read(V4Side, out); err != nil || o != client || !bytes.Equal(back, msg) {
			t.Errorf("%d octets inside: read back: %v %v", n, o, err)
		}
	}
}

// FuzzWrite: what is written is read back with its origin, and all that it
// loses against the network's message are suboptions of the pair.
func FuzzWrite(f *testing.F) {
	for _, name := range []string{"probe-kea6", "probe-kea4", "kea6-kea4-isc-dhclient-relay"} {
		for _, p := range capture(f, name) {
			f.Add(p.data, uint16(546))
		}
	}
	f.Fuzz(func(t *testing.T, msg []byte, port uint16) {
		o := Origin{"eth0", client.Addr, port}
		sent, err := written(V6Side, o, msg)
		if err != nil {
			return
		}
		got, back, err := read(V4Side, sent)
		if err != nil || back != o {
			t.Fatalf("read back: %v %v", back, err)
		}
		plain := walk{want: query}
		want, err := plain.run(nil, msg)
		if err != nil || !bytes.Equal(got, want) {
			t.Fatalf("%v\n got %x\nwant %x", err, got, want)
		}
		if plain.found.options == 0 && !bytes.Equal(want, msg[:len(want)]) && len(msg)-len(want) > 3 {
			t.Fatalf("nothing was forged, but bytes changed\n got %x\nwant %x", want, msg)
		}
	})
}

// FuzzRead: what is taken from the pair can be given back, and comes out of it
// as it went in.
func FuzzRead(f *testing.F) {
	for _, name := range []string{"probe-kea4", "probe-kea6", "kea6-kea4-isc-dhclient-relay"} {
		for _, p := range capture(f, name) {
			f.Add(p.data)
		}
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		for _, side := range []Side{V4Side, V6Side} {
			msg, o, err := read(side, b)
			if err != nil {
				continue
			}
			if !o.valid() {
				t.Fatalf("origin %v", o)
			}
			again, err := written(1-side, o, msg)
			if err == ErrTooLong { // suboptions of 65000 may have made room
				continue
			}
			if err != nil {
				t.Fatal(err)
			}
			if msg2, o2, err := read(side, again); err != nil || o2 != o || !bytes.Equal(msg2, msg) {
				t.Fatalf("%v %v\n got %x\nwant %x", o2, err, msg2, msg)
			}
		}
	})
}
