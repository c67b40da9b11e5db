package hostile

import (
	"bytes"
	"net/netip"
	"runtime"
	"slices"
	"testing"

	"go.uber.org/zap/zapcore"

	"github.com/dhcp4o6/dhcp4o6/pkg/dhcp4"
	"github.com/dhcp4o6/dhcp4o6/pkg/dhcp6"
)

func captured(t testing.TB) *Seeds {
	t.Helper()
	s, err := Captured("../../testdata/captures")
	if err != nil {
		t.Fatal(err)
	}
	for i := range byte(8) {
		s.AddClient4(server, [6]byte{2, 0, 0x5e, 0x47, 1, i}, netip.AddrFrom4([4]byte{192, 0, 2, 100 + i}), netip.Addr{})
		s.AddClient6(duid, dhcp6.NewDUIDLL(1, []byte{2, 0, 0x5e, 0x47, 0, i}), netip.AddrFrom16([16]byte{0: 0x20, 1: 1, 2: 0xd, 3: 0xb8, 5: 0x46, 14: 0x10, 15: i}))
	}
	return s
}

// TestSourceIsItsNumber: one number, one run of packets.
func TestSourceIsItsNumber(t *testing.T) {
	seeds := captured(t)
	a, b, c := NewSource(1, seeds), NewSource(1, seeds), NewSource(2, seeds)
	same := 0
	for range 3000 {
		if x, y := a.V6(), b.V6(); !bytes.Equal(x, y) {
			t.Fatalf("%x and %x", x, y)
		}
		if bytes.Equal(a.V4(), c.V4()) {
			same++
		}
		b.V4()
	}
	if same > 600 {
		t.Errorf("another number makes %d of 3000 packets alike", same)
	}
}

// TestSourceIsWorthIt: of what a source makes a part is good enough to be
// answered, a part is refused at once, and the bounds of each kind are passed.
func TestSourceIsWorthIt(t *testing.T) {
	s := NewSource(1, captured(t))
	var good4, good6, deep, long, nested int
	const n = 20000
	for range n {
		var m dhcp4.Message
		if m.Parse(s.V4()) == nil {
			good4++
		}
		var e dhcp6.Envelope
		b := s.V6()
		switch err := e.Parse(b); err {
		case nil:
			good6++
			if len(e.Relays) > 2 {
				nested++
			}
		case dhcp6.ErrTooManyRelays:
			deep++
		}
		if len(b) > 9000 {
			long++
		}
	}
	t.Logf("of %d each: %d and %d parse, %d with more than two relays, %d with too many, %d long ones", n, good4, good6, nested, deep, long)
	for name, got := range map[string]int{"v4": good4, "v6": good6, "nested": nested, "deep": deep, "long": long} {
		if got < n/200 || got > n-n/200 {
			t.Errorf("%s: %d of %d", name, got, n)
		}
	}
}

// limited makes n packets of a road.
func limited(n int, make func() []byte) func() []byte {
	return func() []byte {
		if n--; n < 0 {
			return nil
		}
		return make()
	}
}

// TestStormOnEveryRoad throws packets at every road into the engines. There is no fault,
// what leaves is an answer, every packet is accounted for, and the log stays short.
func TestStormOnEveryRoad(t *testing.T) {
	const each = 15000
	for _, r := range roads {
		t.Run(r.name, func(t *testing.T) {
			h, src := newHost(t, zapcore.InfoLevel), NewSource(1, captured(t))
			answers := 0
			r.drive(h, limited(each, func() []byte { return r.make(src) }), func(b []byte) {
				answers++
				checkAnswer(t, r.name, b)
			})
			h.account(t, r.name, each)
			if n := h.lines.lines; n > 20 {
				t.Errorf("%d lines in the log, the last %s", n, h.lines.last)
			}
			t.Logf("%d answers, %d lines in the log", answers, h.lines.lines)
		})
	}
}

// checkAnswer holds what anything that leaves must be.
func checkAnswer(t testing.TB, road string, b []byte) {
	t.Helper()
	var m dhcp4.Message
	var e dhcp6.Envelope
	switch {
	case m.Parse(b) == nil:
		if m.Op != dhcp4.BootReply {
			t.Fatalf("%s: %x leaves", road, b)
		}
		return
	case e.Parse(b) != nil:
		t.Fatalf("%s: %x leaves and does not parse", road, b)
	}
	switch e.Message.Type {
	case dhcp6.Advertise, dhcp6.Reply, dhcp6.DHCPv4Response:
	default:
		t.Fatalf("%s: a %v leaves", road, e.Message.Type)
	}
	if len(e.Relays) > 0 && !e.Down {
		t.Fatalf("%s: an answer goes up", road)
	}
}

// account checks that each packet is either answered, dropped for a reason, or one
// that has no answer.
func (h *host) account(t *testing.T, road string, sent int64) {
	t.Helper()
	sum := func(e *engine, prefix string) (n int64) {
		for _, s := range e.stats.All() {
			if len(s.Name) > len(prefix) && s.Name[:len(prefix)] == prefix {
				n += s.Value
			}
		}
		return n
	}
	switch road {
	case "v6 from the pair":
		for _, name := range []string{"4o6-returned", "pkt6-sent"} {
			if n := h.v6.count(name); n != 0 {
				t.Errorf("%s: %d, though nobody has asked", name, n)
			}
		}
		held := h.v6.count("4o6-bad-answer") + h.v6.count("4o6-answer-no-link") + h.v6.count("4o6-answer-too-long") + h.v6.count("4o6-no-receipt") +
			h.v6.count("4o6-receipt-expired")
		if held != sent {
			t.Errorf("%d of %d held back", held, sent)
		}
		return
	case "v6 multicast", "v6 unicast":
		got := sum(h.v6, "pkt6-drop-") + h.v6.count("pkt6-sent") + h.v6.count("4o6-forwarded") + h.v6.count("4o6-not-forwarded")
		if n := h.v6.count("pkt6-received"); n != sent || got != sent || h.v6.count("pkt6-receive-drop") != sum(h.v6, "pkt6-drop-") {
			t.Errorf("%d sent, %d received, %d accounted for", sent, n, got)
		}
	default:
		got := sum(h.v4, "pkt4-drop-") + h.v4.count("pkt4-sent") + h.v4.count("pkt4-done")
		if n := h.v4.count("pkt4-received"); n != sent || got != sent || h.v4.count("pkt4-receive-drop") != sum(h.v4, "pkt4-drop-") {
			t.Errorf("%d sent, %d received, %d accounted for", sent, n, got)
		}
	}
	if n := h.v4.count("pkt4-drop-panic") + h.v6.count("pkt6-drop-panic"); n != 0 {
		t.Errorf("%d faults: %s", n, h.lines.last)
	}
}

// TestStormWithDebugLog: what only a log line would trip over is found too.
func TestStormWithDebugLog(t *testing.T) {
	for _, r := range roads {
		h, src := newHost(t, zapcore.DebugLevel), NewSource(2, captured(t))
		r.drive(h, limited(5000, func() []byte { return r.make(src) }), func([]byte) {})
		h.account(t, r.name, 5000)
		if h.lines.lines < 1000 {
			t.Errorf("%s: %d lines", r.name, h.lines.lines)
		}
	}
}

// TestAnswersAreNoQuestions: nothing that a server says is answered by a server, on
// any road: two of them cannot keep each other busy, whatever address is forged.
// Nor is a question that calls itself a reply.
func TestAnswersAreNoQuestions(t *testing.T) {
	var answers [][]byte
	for _, r := range roads {
		src := NewSource(3, captured(t))
		r.drive(newHost(t, zapcore.InfoLevel), limited(5000, func() []byte { return r.make(src) }), func(b []byte) {
			answers = append(answers, slices.Clone(b))
		})
	}
	if len(answers) < 1000 {
		t.Fatalf("only %d answers", len(answers))
	}
	for _, m := range captured(t).V4 {
		answers = append(answers, append([]byte{byte(dhcp4.BootReply)}, m[1:]...))
	}
	for _, r := range roads {
		i := -1
		r.drive(newHost(t, zapcore.InfoLevel), limited(len(answers), func() []byte { i++; return answers[i] }), func(b []byte) {
			t.Fatalf("%s: an answer is answered by %x", r.name, b)
		})
	}
}

// TestStormLeavesMemoryFlat: what hostile packets leave behind does not grow with
// their number.
func TestStormLeavesMemoryFlat(t *testing.T) {
	h, src := newHost(t, zapcore.InfoLevel), NewSource(4, captured(t))
	heap := func() uint64 {
		for _, r := range roads {
			r.drive(h, limited(8000, func() []byte { return r.make(src) }), func([]byte) {})
		}
		runtime.GC()
		var m runtime.MemStats
		runtime.ReadMemStats(&m)
		return m.HeapAlloc
	}
	first := heap()
	then := heap()
	runtime.KeepAlive(h)
	t.Logf("heap %d kB, then %d kB", first>>10, then>>10)
	if then > first+1<<20 {
		t.Errorf("the heap grew from %d to %d octets", first, then)
	}
}
