package ipc

import (
	"bytes"
	"context"
	"errors"
	"net"
	"net/netip"
	"os"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/dhcp4o6/dhcp4o6/internal/dhcptest/need"
)

// freePair returns a port P such that P and P+1 are free on [::1].
func freePair(t testing.TB) uint16 {
	t.Helper()
	for range 100 {
		a, err := net.ListenUDP("udp6", &net.UDPAddr{IP: net.IPv6loopback})
		if err != nil {
			need.Skip(t, "needs [::1]: %v", err)
		}
		p := a.LocalAddr().(*net.UDPAddr).Port
		b, err := net.ListenUDP("udp6", &net.UDPAddr{IP: net.IPv6loopback, Port: p + 1})
		a.Close()
		if err == nil {
			b.Close()
			return uint16(p)
		}
	}
	t.Fatal("no two neighbouring ports are free")
	return 0
}

// open dials one side and closes it with the test.
func open(t testing.TB, side Side, port uint16, o Options) *Conn {
	t.Helper()
	c, err := Dial(side, port, o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	return c
}

// sized is a DHCPv6 message whose DHCPv4 message has n octets.
func sized(kind byte, n int) []byte {
	b := be.AppendUint16([]byte{kind, 0, 0, 0, 0, 87}, uint16(n))
	for i := range n {
		b = append(b, byte(i+n))
	}
	return b
}

// readAll reads n messages within two seconds, copying them.
func readAll(t testing.TB, c *Conn, n int) []Message {
	t.Helper()
	watch := time.AfterFunc(2*time.Second, c.Stop)
	defer watch.Stop()
	var all []Message
	in := make([]Message, 64)
	for len(all) < n {
		got, err := c.Read(in)
		if err != nil {
			t.Fatalf("%d of %d messages: %v", len(all), n, err)
		}
		for _, m := range in[:got] {
			m.Data = bytes.Clone(m.Data)
			all = append(all, m)
		}
	}
	return all
}

// Batches of equal and of mixed lengths arrive whole and in order, in both
// directions, padded or not.
func TestPair(t *testing.T) {
	for _, pad := range []bool{false, true} {
		port := freePair(t)
		v6 := open(t, V6Side, port, Options{Pad: pad})
		v4 := open(t, V4Side, port, Options{Pad: pad})
		for _, way := range []struct {
			from, to *Conn
			kind     byte
		}{{v6, v4, 20}, {v4, v6, 21}} {
			var out []Message
			for i := range 200 {
				n := 240
				if i > 100 {
					n = 240 + i*37%900
				}
				o := Origin{"eth0", netip.AddrFrom16([16]byte{0: 0xfe, 1: 0x80, 15: byte(i)}), uint16(i)}
				out = append(out, Message{Data: sized(way.kind, n), Origin: o})
			}
			if n, err := way.from.Write(out); n != len(out) || err != nil {
				t.Fatalf("pad %v, type %d: %d written, %v", pad, way.kind, n, err)
			}
			for i, m := range readAll(t, way.to, len(out)) {
				if m.Origin != out[i].Origin || !bytes.Equal(m.Data, out[i].Data) {
					t.Errorf("pad %v, type %d, message %d: %v %x", pad, way.kind, i, m.Origin, m.Data[:8])
				}
			}
		}
		if s := v4.Stats(); s.Received.Load() != 200 || s.Sent.Load() != 200 || s.Dropped.Load() != 0 {
			t.Errorf("%d received, %d sent, %d dropped", s.Received.Load(), s.Sent.Load(), s.Dropped.Load())
		}
	}
}

// The largest message there is passes; one bad message in a batch is skipped.
func TestWriteSkipsBadMessages(t *testing.T) {
	port := freePair(t)
	var refusals []Fault
	v6 := open(t, V6Side, port, Options{OnRefused: func(f Fault) { refusals = append(refusals, f) }})
	v4 := open(t, V4Side, port, Options{})
	good := Message{Data: sized(20, 300), Origin: client}
	n, err := v6.Write([]Message{
		good,
		{Data: sized(21, 300), Origin: client},
		{Data: sized(20, 300), Origin: Origin{"", client.Addr, 1}},
		{Data: sized(20, 300), Origin: Origin{"s0", netip.MustParseAddr("192.0.2.1"), 1}},
		{Data: sized(20, 65500), Origin: client},
		{Data: sized(20, maxPayload-4-4-4-36), Origin: client},
		good,
	})
	if n != 3 || err != ErrType {
		t.Errorf("%d written, %v", n, err)
	}
	got := readAll(t, v4, 3)
	if len(got[0].Data) != 308 || len(got[1].Data) != maxPayload-40 || len(got[2].Data) != 308 {
		t.Errorf("lengths %d %d %d", len(got[0].Data), len(got[1].Data), len(got[2].Data))
	}
	want := []Fault{ErrType, ErrOrigin, ErrOrigin, ErrTooLong}
	if len(refusals) != len(want) {
		t.Fatalf("refused %v", refusals)
	}
	for i := range want {
		if refusals[i] != want[i] {
			t.Errorf("refusal %d: %v, want %v", i, refusals[i], want[i])
		}
	}
}

// Bad datagrams from the peer's own port are counted by reason and skipped.
func TestReadSkipsBadDatagrams(t *testing.T) {
	port := freePair(t)
	v4 := open(t, V4Side, port, Options{})
	peer, err := net.DialUDP("udp6", &net.UDPAddr{IP: net.IPv6loopback, Port: int(port)}, &net.UDPAddr{IP: net.IPv6loopback, Port: int(port) + 1})
	if err != nil {
		t.Fatal(err)
	}
	defer peer.Close()
	good, _ := written(V6Side, client, sized(20, 300))
	for _, b := range [][]byte{{}, {20}, sized(20, 300), append([]byte{21}, good[1:]...), good[:len(good)-1], good} {
		if _, err := peer.Write(b); err != nil {
			t.Fatal(err)
		}
	}
	if got := readAll(t, v4, 1); !bytes.Equal(got[0].Data, sized(20, 300)) {
		t.Errorf("read %x", got[0].Data)
	}
	for f, n := range map[Fault]uint64{ErrShort: 2, ErrNoOrigin: 1, ErrType: 1, ErrOptionLength: 1} {
		if got := v4.Stats().Refused(f); got != n {
			t.Errorf("%v: counted %d, want %d", f, got, n)
		}
	}
}

// A fault of ours costs one message, and is told with it.
func TestPanicCostsOneMessage(t *testing.T) {
	port := freePair(t)
	told := 0
	var v4 *Conn
	var names map[string]string
	v6 := open(t, V6Side, port, Options{})
	v4 = open(t, V4Side, port, Options{OnPanic: func(fault any, message []byte) {
		if fault == nil || len(message) < 300 {
			t.Errorf("told of %v, %d octets", fault, len(message))
		}
		told++
		v4.names = names
	}})
	other := Origin{Iface: "s1", Addr: client.Addr, Port: 1}
	v6.Write([]Message{{Data: sized(20, 300), Origin: client}})
	readAll(t, v4, 1)
	names, v4.names = v4.names, nil // the fault to be injected: no name can be noted
	v6.Write([]Message{{Data: sized(20, 301), Origin: other}, {Data: sized(20, 302), Origin: other}})
	readAll(t, v4, 1)
	if told != 1 || v4.Stats().Refused(ErrPanic) != 1 {
		t.Errorf("told %d times, counted %d", told, v4.Stats().Refused(ErrPanic))
	}
}

// What finds the queue full is lost and counted, across a change of port too.
func TestOverflowsAreCounted(t *testing.T) {
	p1, p2 := freePair(t), freePair(t)
	v6 := open(t, V6Side, p1, Options{})
	v4 := open(t, V4Side, p1, Options{ReceiveBuffer: 4096})
	const n = 500
	for i := range n {
		v6.Write([]Message{{Data: sized(20, 300+i%2), Origin: client}})
	}
	in := make([]Message, 64)
	got, _ := v4.Read(in)
	for v4.in.next < v4.in.n {
		k, _ := v4.Read(in)
		got += k
	}
	stop := time.AfterFunc(100*time.Millisecond, func() { v4.socket.wake() })
	for v4.in.fill(v4.socket) == nil {
		got += v4.take(in)
	}
	stop.Stop()
	v4.socket.batch.SetReadDeadline(time.Time{})
	v6.Write([]Message{{Data: sized(20, 300), Origin: client}})
	readAll(t, v4, 1) // with this one the kernel tells
	lost := v4.Overflows()
	if lost == 0 || int(lost)+got != n {
		t.Errorf("%d read, %d lost of %d", got, lost, n)
	}
	if err := v4.Reopen(p2); err != nil {
		t.Fatal(err)
	}
	if v4.Overflows() != lost {
		t.Errorf("%d lost after the change of port, %d before", v4.Overflows(), lost)
	}
}

// Nobody but the peer's address and port is heard: the kernel keeps others
// out, and what came in before connect is found by its source.
func TestSourceIsCompared(t *testing.T) {
	port := freePair(t)
	v4 := open(t, V4Side, port, Options{})
	good, _ := written(V6Side, client, sized(20, 300))
	stranger, err := net.DialUDP("udp6", nil, &net.UDPAddr{IP: net.IPv6loopback, Port: int(port) + 1})
	if err != nil {
		t.Fatal(err)
	}
	defer stranger.Close()
	if _, err := stranger.Write(good); err != nil {
		t.Fatal(err)
	}
	v6 := open(t, V6Side, port, Options{})
	if _, err := v6.Write([]Message{{Data: sized(20, 301), Origin: client}}); err != nil {
		t.Fatal(err)
	}
	if got := readAll(t, v4, 1); len(got[0].Data) != 309 {
		t.Error("a stranger was heard")
	}

	v4.mu.Lock()
	v4.socket.peer = netip.AddrPortFrom(netip.IPv6Loopback(), port+2) // as if the kernel had let it through
	v4.mu.Unlock()
	v6.Write([]Message{{Data: sized(20, 302), Origin: client}})
	time.AfterFunc(200*time.Millisecond, v4.Stop)
	if n, err := v4.Read(make([]Message, 1)); n != 0 || !errors.Is(err, os.ErrDeadlineExceeded) {
		t.Errorf("%d read, %v", n, err)
	}
	if n := v4.Stats().Refused(ErrSource); n != 1 {
		t.Errorf("%d of another source", n)
	}
}

// The ports are held alone, whatever others ask the kernel for.
func TestPortIsNotShared(t *testing.T) {
	port := freePair(t)
	open(t, V6Side, port, Options{})
	if c, err := Dial(V6Side, port, Options{}); !errors.Is(err, syscall.EADDRINUSE) {
		t.Errorf("a second one: %v, %v", c, err)
	}
	for _, option := range []int{unix.SO_REUSEADDR, unix.SO_REUSEPORT} {
		lc := net.ListenConfig{Control: func(_, _ string, raw syscall.RawConn) error {
			return raw.Control(func(fd uintptr) { unix.SetsockoptInt(int(fd), unix.SOL_SOCKET, option, 1) })
		}}
		p, err := lc.ListenPacket(context.Background(), "udp6", netip.AddrPortFrom(netip.IPv6Loopback(), port).String())
		if err == nil {
			p.Close()
			t.Errorf("socket option %d shares the port", option)
		}
	}
}

// Stop ends a Read that waits, with a socket and without; writing goes on.
func TestStop(t *testing.T) {
	port := freePair(t)
	for _, p := range []uint16{port, 0} {
		c := open(t, V4Side, p, Options{})
		time.AfterFunc(20*time.Millisecond, c.Stop)
		if n, err := c.Read(make([]Message, 1)); n != 0 || !errors.Is(err, os.ErrDeadlineExceeded) {
			t.Errorf("port %d: %d read, %v", p, n, err)
		}
		if p == 0 {
			continue
		}
		v6 := open(t, V6Side, port, Options{})
		if n, err := c.Write([]Message{{Data: sized(21, 300), Origin: client}}); n != 1 || err != nil {
			t.Errorf("write after Stop: %d, %v", n, err)
		}
		readAll(t, v6, 1)
	}
}

// A message read and a message written cost no allocation, alone and in a
// batch.
func TestPairAllocatesNothing(t *testing.T) {
	port := freePair(t)
	o := Options{Pad: true, Owners: Trusted()}
	v6, v4 := open(t, V6Side, port, o), open(t, V4Side, port, o)
	for _, batch := range []int{1, 32} {
		out := make([]Message, batch)
		for i := range out {
			out[i] = Message{Data: sized(20, 300+i%3), Origin: client}
		}
		in := make([]Message, 64)
		run := func() {
			if n, err := v6.Write(out); n != batch || err != nil {
				t.Fatal(n, err)
			}
			for n := 0; n < batch; {
				k, err := v4.Read(in)
				if err != nil {
					t.Fatal(err)
				}
				n += k
			}
		}
		run()
		if n := testing.AllocsPerRun(200, run); n != 0 {
			t.Errorf("batch of %d: %v allocations", batch, n)
		}
	}
}

func BenchmarkPair(b *testing.B) {
	port := freePair(b)
	v6, v4 := open(b, V6Side, port, Options{}), open(b, V4Side, port, Options{})
	out := make([]Message, 16)
	for i := range out {
		out[i] = Message{Data: sized(20, 300), Origin: client}
	}
	in := make([]Message, 64)
	b.ReportAllocs()
	for b.Loop() {
		v6.Write(out)
		for n := 0; n < len(out); {
			k, err := v4.Read(in)
			if err != nil {
				b.Fatal(err)
			}
			n += k
		}
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N*len(out)), "ns/message")
}

// Each fault has a name of its own, under which it can be counted and logged.
func TestFaultNames(t *testing.T) {
	names := make(map[string]bool)
	for f := range Faults {
		names[f.Reason()] = true
		if f.Error() != "ipc: message refused: "+f.Reason() {
			t.Errorf("%q", f.Error())
		}
	}
	if len(names) != faults || names[""] || Fault(200).Reason() != "unknown" {
		t.Errorf("%d names for %d faults: %v", len(names), faults, names)
	}
}

// Names are remembered, so that none is made twice, and not without bound.
func TestNamesAreBounded(t *testing.T) {
	c := open(t, V6Side, 0, Options{})
	for i := range 3 * maxNames {
		if s := c.name([]byte{byte(i), byte(i >> 8)}); s != string([]byte{byte(i), byte(i >> 8)}) {
			t.Fatalf("%q", s)
		}
		if len(c.names) > maxNames {
			t.Fatalf("%d names", len(c.names))
		}
	}
}

// Padding can be switched while the pair runs, and a lone message is never
// padded.
func TestSetPad(t *testing.T) {
	port := freePair(t)
	v6 := open(t, V6Side, port, Options{})
	raw, err := net.DialUDP("udp6", &net.UDPAddr{IP: net.IPv6loopback, Port: int(port) + 1}, &net.UDPAddr{IP: net.IPv6loopback, Port: int(port)})
	if err != nil {
		t.Fatal(err)
	}
	defer raw.Close()
	buf := make([]byte, 2000)
	m := Message{Data: sized(20, 300), Origin: client}
	for _, tt := range []struct {
		pad         bool
		batch, want int
	}{{false, 2, 348}, {true, 2, 384}, {true, 1, 348}, {false, 2, 348}} {
		v6.SetPad(tt.pad)
		if _, err := v6.Write([]Message{m, m}[:tt.batch]); err != nil {
			t.Fatal(err)
		}
		for range tt.batch {
			raw.SetReadDeadline(time.Now().Add(2 * time.Second))
			if n, err := raw.Read(buf); n != tt.want || err != nil {
				t.Errorf("pad %v, batch of %d: %d octets, want %d, %v", tt.pad, tt.batch, n, tt.want, err)
			}
		}
	}
}
