package ipc

import (
	"bytes"
	"net/netip"
	"slices"
	"testing"
)

var inISCs = Options{Dialect: ISC}

// iscSessions are those of ISC's two servers with each other.
var iscSessions = []string{
	"isc6-isc4-isc-dhclient", "isc6-isc4-isc-dhclient-relay", "isc6-isc4-isc-dhclient-renew-release",
	"isc6-isc4-isc-dhclient-o88empty", "isc6-isc4-isc-dhclient-stateless", "isc6-isc4-isc-dhclient-pingcheck",
}

// ofFour reports whether a packet of the wire to or from the server carries DHCPv4.
func ofFour(kind byte, toServer bool) func(packet) bool {
	server := func(a netip.AddrPort) bool {
		return a.Port() == 547 && (a.Addr() == netip.MustParseAddr("2001:db8:46::1") || a.Addr() == netip.MustParseAddr("2001:db8:47::1") ||
			a.Addr() == netip.MustParseAddr("ff02::1:2") || a.Addr() == netip.MustParseAddr("fe80::5eff:fe46:2"))
	}
	return func(p packet) bool {
		if p.dst.Addr().IsLoopback() || innermostType(p.data) != kind {
			return false
		}
		return toServer && server(p.dst) || !toServer && server(p.src)
	}
}

// The sessions of ISC with ISC: what we would write on the pair, and send to the
// wire, is octet for octet what ISC wrote and sent, in both seats.
func TestAsISCDoes(t *testing.T) {
	for _, name := range iscSessions {
		all := capture(t, name)
		up, down := pick(all, toPort(6768)), pick(all, toPort(6767))
		if len(up) == 0 {
			t.Fatalf("%s: nothing on the pair", name)
		}
		v6, v4 := newBench(V6Side, inISCs), newBench(V4Side, Options{})
		var queries []packet
		for _, p := range all {
			if ofFour(20, true)(p) && !slices.ContainsFunc(queries, func(q packet) bool { return bytes.Equal(q.data, p.data) && q.src == p.src }) {
				queries = append(queries, p)
			}
		}
		for i, b := range up {
			q, err := v4.take(b)
			if err != nil || q.Dialect != ISC {
				t.Fatalf("%s: query %d: %v, %v", name, i, q.Dialect, err)
			}
			k := slices.IndexFunc(queries, func(p packet) bool { return bytes.Equal(p.data, q.Data) })
			if k < 0 {
				t.Errorf("%s: query %d was not on the wire: %x", name, i, q.Data)
				continue
			}
			o := Origin{"s0", queries[k].src.Addr(), queries[k].src.Port()}
			if q.Origin != o {
				t.Errorf("%s: query %d from %v, on the wire from %v", name, i, q.Origin, o)
			}
			if got := v6.datagram(t, Message{Data: queries[k].data, Origin: o}); !bytes.Equal(got, b) {
				t.Errorf("%s: query %d:\n got %x\nwant %x", name, i, got, b)
			}
		}
		sent := pick(all, ofFour(21, false))
		for i, b := range down {
			a, err := v6.take(b)
			if err != nil || !slices.ContainsFunc(sent, func(s []byte) bool { return bytes.Equal(s, a.Data) }) {
				t.Errorf("%s: answer %d: %v, not sent: %x", name, i, err, a.Data)
			}
			if got := v4.datagram(t, Message{Data: a.Data, Origin: a.Origin, Dialect: ISC}); !bytes.Equal(got, b) {
				t.Errorf("%s: answer %d written:\n got %x\nwant %x", name, i, got, b)
			}
		}
	}
}

// The 37 questions that were put to dhcpd -4, as our v4 side takes them, and the
// header of the answer, octet for octet that of dhcpd's where it gave one.
func TestISC4Questions(t *testing.T) {
	const ok = Fault(255)
	tests := []struct {
		name string
		want Fault
	}{
		{"normal", ok}, {"unknown interface", ok}, {"lo", ok}, {"interface without subnet6", ok},
		{"octets behind the name's NUL", ok}, {"octet 34 is 7", ok},
		{"two options 87", ErrMessage4},      // dhcpd answers the first
		{"two different ones", ErrMessage4},  // likewise
		{"none", ErrMessage4}, {"empty", ok}, // pkt4o6 refuses
		{"datagram of 271", ErrOptionLength},      // its option 87 is cut
		{"type 21", ErrType}, {"type 1", ErrType}, //
		{"unicast flag", ok}, {"flags ffffff", ok}, //
		{"no option 53", ok}, {"client id", ok}, {"broadcast", ok}, {"giaddr known", ok}, {"giaddr unknown", ok}, {"hops", ok},
		{"REQUEST", ok}, {"wrong net", ok}, {"INFORM", ok}, {"INFORM without ciaddr", ok}, {"DECLINE", ok}, {"RELEASE", ok},
		{"unpadded", ok}, {"relayed", ok}, {"link-address unknown", ok}, {"link-address ::", ok}, {"two relays", ok},
		{"relay port", ok}, {"ERO", ok}, {"relay without option 9", ErrRelays},
		{"in Kea's format", ok}, {"normal", ok},
	}
	all := capture(t, "probe-isc4")
	n := -1
	var q Message
	v4 := newBench(V4Side, Options{})
	for _, p := range all {
		switch {
		case toPort(6768)(p):
			n++
			var err error
			if q, err = v4.take(p.data); tests[n].want != ok && err != tests[n].want || tests[n].want == ok && err != nil {
				t.Errorf("%d %s: %v, want %v", n+1, tests[n].name, err, tests[n].want)
			}
			if dialect := map[bool]Dialect{true: Kea, false: ISC}[n == 35]; tests[n].want == ok && q.Dialect != dialect {
				t.Errorf("%d %s: in the dialect %v", n+1, tests[n].name, q.Dialect)
			}
		case toPort(6767)(p) && tests[n].want == ok:
			a := Message{Data: p.data[iscSize:], Origin: q.Origin, Dialect: q.Dialect, Echo: q.Echo}
			if got := v4.datagram(t, a); !bytes.Equal(got, p.data) {
				t.Errorf("%d %s: answered with\n%x\n%x", n+1, tests[n].name, got, p.data)
			}
		}
	}
	if n != len(tests)-1 {
		t.Errorf("%d questions, %d expected", n+1, len(tests))
	}
}

// What is no header of ISC's, each for its reason; those of the releases before
// 4.4 are known as such.
func TestISCHeader(t *testing.T) {
	const (
		name   = `73300000000000000000000000000000 `
		addr   = `fe8000000000000000005efffe460001 `
		port   = `0222 `
		tail   = `0000 `
		query  = `14000000 0057 0004 01020304 `
		relay  = `0c00 20010c00000000000000000000000001 fe800000000000000000000000000001 `
		answer = `15000000 0057 0004 01020304 `
	)
	tests := []struct {
		name, in string
		err      error
	}{
		{"right", name + addr + port + tail + query, nil},
		{"relayed", name + addr + port + tail + relay + "0009 000c" + query, nil},
		{"octets behind the NUL", `73300061620000000000000000000000` + addr + port + tail + query, nil},
		{"name of 15 octets", `61616161616161616161616161616100` + addr + port + tail + query, nil},
		{"name of 16 octets", `61616161616161616161616161616161` + addr + port + tail + query, ErrIface},
		{"header alone", name + addr + port + tail, ErrShort},
		{"cut in the header", name + addr, ErrShort},
		{"a letter", "73", ErrShort},
		{"an answer", name + addr + port + tail + answer, ErrType},
		{"port like a message type", name + addr + "1400" + tail + query, nil},
		{"port like a relay's", name + addr + "0c00" + tail + query, nil},
		{"4.3.6", name + addr + query, ErrOldHeader},
		{"4.3.6, relayed", name + addr + relay + "0009 000c" + query, ErrOldHeader},
		{"4.3.6, cut", name + addr + "14000000 0057 0005 01020304", ErrType},
		{"empty name", `00000000000000000000000000000000` + addr + port + tail + query, ErrType},
	}
	for _, tt := range tests {
		v4 := newBench(V4Side, Options{})
		m, err := v4.take(unhex(t, tt.in))
		if err != tt.err {
			t.Errorf("%s: %v, want %v", tt.name, err, tt.err)
		}
		if err == nil && (m.Dialect != ISC || m.Origin.Addr != client.Addr || innermostType(m.Data) != 20) {
			t.Errorf("%s: %v from %v: %x", tt.name, m.Dialect, m.Origin, m.Data)
		}
	}
	v6 := newBench(V6Side, inISCs)
	if _, err := v6.take(unhex(t, name+addr+answer)); err != ErrOldHeader {
		t.Errorf("an answer of 4.3.6: %v", err)
	}
}

// The v6 side takes what is in the dialect that is set and nothing else; the v4
// side takes both at once.
func TestDialects(t *testing.T) {
	a, q := Message{Data: sized(21, 300), Origin: client}, Message{Data: sized(20, 300), Origin: client}
	v4 := newBench(V4Side, Options{})
	for _, d := range []Dialect{Kea, ISC, Kea} {
		v6 := newBench(V6Side, Options{Dialect: d})
		m, err := v4.take(v6.datagram(t, q))
		if err != nil || m.Dialect != d || m.Origin != client || !bytes.Equal(m.Data, q.Data) {
			t.Errorf("%v: %v, in %v", d, err, m.Dialect)
		}
		a.Dialect, a.Echo = m.Dialect, m.Echo
		back := v4.datagram(t, a)
		if m, err := v6.take(back); err != nil || m.Origin != client || !bytes.Equal(m.Data, a.Data) {
			t.Errorf("%v: answer: %v", d, err)
		}
		v6.SetDialect(1 - d)
		if _, err := v6.take(back); err != ErrDialect {
			t.Errorf("%v: answer in the other one: %v", d, err)
		}
	}
}

// What the network forged for the pair is no use in ISC's dialect either.
func TestForgedOriginInISC(t *testing.T) {
	forged := unhex(t, `14000000 0011 0024 000009bf ea60 0002 7330 ea61 0010 20010db8000000000000000000000bad ea62 0002 03e7 0057 0004 01020304`)
	v6, v4 := newBench(V6Side, inISCs), newBench(V4Side, Options{})
	d := v6.datagram(t, Message{Data: forged, Origin: client})
	if want := unhex(t, "14000000 0057 0004 01020304"); !bytes.Equal(d[iscSize:], want) {
		t.Errorf("handed over: %x", d)
	}
	m, err := v4.take(append(bytes.Clone(d[:iscSize]), forged...)) // as dhcpd would hand it over
	if err != nil || m.Origin != client || !bytes.Equal(m.Data, d[iscSize:]) {
		t.Errorf("taken: %v from %v, %x", err, m.Origin, m.Data)
	}
}

// Where a MAC is required ISC's dialect is refused, in and out; where it is
// accepted it goes without.
func TestNoMACInISC(t *testing.T) {
	q := Message{Data: sized(20, 300), Origin: client}
	plain := newBench(V6Side, inISCs).datagram(t, q)
	for _, mode := range []AuthMode{AuthOff, AuthAccept, AuthRequire} {
		var want error
		if mode == AuthRequire {
			want = ErrNoMAC
		}
		auth := Auth{Mode: mode, Keys: []Key{key1}}
		if _, err := newBench(V4Side, Options{Auth: auth}).take(plain); err != want {
			t.Errorf("mode %d: taken: %v", mode, err)
		}
		v6 := newBench(V6Side, Options{Dialect: ISC, Auth: auth})
		if err := v6.seal(&q); err != want || err == nil && !bytes.Equal(v6.out.buf, plain) {
			t.Errorf("mode %d: written: %v, %x", mode, err, v6.out.buf)
		}
	}
}

// Through sockets and segmented sends, both dialects at once, with no allocation.
func TestISCOverSockets(t *testing.T) {
	port := freePair(t)
	v6, v4 := open(t, V6Side, port, Options{Dialect: ISC, Owners: Trusted(), Pad: true}), open(t, V4Side, port, Options{Owners: Trusted()})
	queries, answers, in := make([]Message, 32), make([]Message, 32), make([]Message, 64)
	for i := range queries {
		queries[i] = Message{Data: sized(20, 240+i%5), Origin: client}
	}
	answer := sized(21, 300)
	if n := testing.AllocsPerRun(50, func() {
		v6.SetDialect(1 - v6.Dialect())
		if n, err := v6.Write(queries); n != len(queries) || err != nil {
			t.Fatal(n, err)
		}
		for n := 0; n < len(queries); {
			k, err := v4.Read(in)
			if err != nil {
				t.Fatal(err)
			}
			for i, m := range in[:k] {
				if !bytes.Equal(m.Data, queries[n+i].Data) || m.Dialect != v6.Dialect() {
					t.Fatalf("query %d in %v: %x", n+i, m.Dialect, m.Data)
				}
				answers[i] = Message{Data: answer, Origin: m.Origin, Dialect: m.Dialect, Echo: m.Echo}
			}
			if _, err := v4.Write(answers[:k]); err != nil {
				t.Fatal(err)
			}
			n += k
		}
		for n := 0; n < len(queries); {
			k, err := v6.Read(in)
			if err != nil {
				t.Fatal(err)
			}
			n += k
		}
	}); n != 0 {
		t.Errorf("%v allocations", n)
	}
	for f := range Faults {
		if v6.Stats().Refused(f)+v4.Stats().Refused(f) != 0 {
			t.Errorf("refused: %v", f)
		}
	}
}

// FuzzISC: what is taken is written back octet for octet, but for what the
// network has forged and what is behind the last option, and read once more.
func FuzzISC(f *testing.F) {
	for _, name := range append(iscSessions, "probe-isc4", "probe-isc6") {
		for _, p := range capture(f, name) {
			if p.dst.Addr().IsLoopback() {
				f.Add(p.data)
			}
		}
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		if !inISC(b) {
			return
		}
		for _, side := range []Side{V4Side, V6Side} {
			from, to := newBench(1-side, inISCs), newBench(side, inISCs)
			m, err := to.take(b)
			if err != nil {
				continue
			}
			again := from.datagram(t, m)
			if len(again) == len(b) && !bytes.Equal(again[iscSize:], b[iscSize:]) || !bytes.Equal(again[16:34], b[16:34]) {
				t.Fatalf("written back:\n%x\n%x", again, b)
			}
			m2, err := to.take(again)
			if err != nil || m2.Origin != m.Origin || !bytes.Equal(m2.Data, m.Data) {
				t.Fatalf("read back: %v %v", err, m2.Origin)
			}
		}
	})
}
