package ipc

import (
	"math/rand/v2"
	"net/netip"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/dhcp4o6/dhcp4o6/pkg/dhcp6"
)

// envelope parses a message as the engine does.
func envelope(t testing.TB, b []byte) *dhcp6.Envelope {
	t.Helper()
	e := new(dhcp6.Envelope)
	if err := e.Parse(b); err != nil {
		t.Fatal(err)
	}
	return e
}

// query4 is a DHCPV4-QUERY with that xid inside, or the response to it.
func query4(kind byte, xid uint32) []byte {
	b := []byte{kind, 0, 0, 0, 0, 87, 0, 12, 1, 1, 6, 0}
	return append(be.AppendUint32(b, xid), 0, 0, 0, 0)
}

// What Kea answered in its sessions is let out once for each query.
func TestReceiptsOfKea(t *testing.T) {
	for _, name := range []string{"kea6-kea4-isc-dhclient", "kea6-kea4-isc-dhclient-relay", "kea6-kea4-isc-dhclient-renew-release"} {
		all := capture(t, name)
		r := NewReceipts()
		for i, p := range all {
			switch p.dst.Port() {
			case 6768:
				msg, o, err := read(V4Side, p.data)
				if err != nil {
					t.Fatal(err)
				}
				r.Note(o, envelope(t, msg))
			case 6767:
				msg, o, err := read(V6Side, p.data)
				if err != nil {
					t.Fatal(err)
				}
				e := envelope(t, msg)
				if !r.Take(o, e) {
					t.Errorf("%s: answer %d was asked for", name, i)
				}
				if r.Take(o, e) {
					t.Errorf("%s: answer %d goes out twice", name, i)
				}
			}
		}
	}
}

// An answer that differs from its query in anything a peer gives back is not
// the answer to it; what peers re-encode does not matter.
func TestReceiptCoversWhatComesBack(t *testing.T) {
	const (
		layer = `20010db8000000000000000000000001 fe800000000000000000000000000002 `
		id    = `0012 0002 6162 `
		up    = `0c01 ` + layer + id + `0025 0001 00 0009 0014 14800000 0057 000c 01010600 11223344 00000000`
		down  = `0d01 ` + layer + id + `0009 0014 15000000 0057 000c 02010600 11223344 00010000`
	)
	tests := []struct {
		name   string
		origin Origin
		answer string
		want   bool
	}{
		{"the answer", client, down, true},
		{"another address", Origin{"s0", netip.MustParseAddr("fe80::1"), 546}, down, false},
		{"another port", Origin{"s0", client.Addr, 547}, down, false},
		{"another interface", Origin{"s1", client.Addr, 546}, down, false},
		{"another hop count", client, `0d02 ` + layer + id + `0009 0014 15000000 0057 000c 02010600 11223344 00010000`, false},
		{"another link", client, `0d01 3` + layer[1:] + id + `0009 0014 15000000 0057 000c 02010600 11223344 00010000`, false},
		{"another peer", client, `0d01 ` + layer[:len(layer)-2] + "3 " + id + `0009 0014 15000000 0057 000c 02010600 11223344 00010000`, false},
		{"another interface-id", client, `0d01 ` + layer + `0012 0002 6163 0009 0014 15000000 0057 000c 02010600 11223344 00010000`, false},
		{"no interface-id", client, `0d01 ` + layer + `0009 0014 15000000 0057 000c 02010600 11223344 00010000`, false},
		{"another xid", client, `0d01 ` + layer + id + `0009 0014 15000000 0057 000c 02010600 11223345 00010000`, false},
		{"not relayed", client, `15000000 0057 000c 02010600 11223344 00010000`, false},
		{"no DHCPv4 message", client, `0d01 ` + layer + id + `0009 0004 15000000`, false},
		{"short DHCPv4 message", client, `0d01 ` + layer + id + `0009 000c 15000000 0057 0004 02010600`, false},
	}
	for _, tt := range tests {
		r := NewReceipts()
		r.Note(client, envelope(t, unhex(t, up)))
		if got := r.Take(tt.origin, envelope(t, unhex(t, tt.answer))); got != tt.want {
			t.Errorf("%s: %v, want %v", tt.name, got, tt.want)
		}
	}
}

// A query sent twice may be answered twice, and no more.
func TestReceiptEachOnce(t *testing.T) {
	r := NewReceipts()
	q, a := envelope(t, query4(20, 7)), envelope(t, query4(21, 7))
	r.Note(client, q)
	r.Note(client, q)
	for i, want := range []bool{true, true, false} {
		if got := r.Take(client, a); got != want {
			t.Errorf("answer %d: %v, want %v", i+1, got, want)
		}
	}
}

// A receipt lives thirty seconds.
func TestReceiptLapses(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := NewReceipts()
		q, a := envelope(t, query4(20, 7)), envelope(t, query4(21, 7))
		r.Note(client, q)
		time.Sleep(receiptLife - time.Nanosecond)
		if !r.Take(client, a) {
			t.Error("gone too early")
		}
		r.Note(client, q)
		time.Sleep(receiptLife)
		if r.Take(client, a) {
			t.Error("lives too long")
		}
	})
}

// A flood that is never answered does not keep out the query that is.
func TestReceiptsUnderFlood(t *testing.T) {
	r := NewReceipts()
	q := envelope(t, query4(20, 0))
	a := envelope(t, query4(21, 0))
	m, _ := q.Message.Options.Option(87)
	n, _ := a.Message.Options.Option(87)
	const flood = 4 * receiptBuckets * receiptSlots
	lost := 0
	for i := range flood {
		be.PutUint32(m[4:], uint32(i))
		r.Note(client, q)
		if back := i - 1000; back >= 0 && back%100 == 0 { // a thousand queries later
			be.PutUint32(n[4:], uint32(back))
			if !r.Take(client, a) {
				lost++
			}
		}
	}
	if lost > 0 {
		t.Errorf("%d answers lost", lost)
	}
	if r.Evicted() == 0 {
		t.Error("nothing gave way: the flood was none")
	}
}

// Each note is taken exactly once, whoever takes it.
func TestReceiptsConcurrent(t *testing.T) {
	r := NewReceipts()
	const notes = 20000
	var taken atomic.Int64
	var wg sync.WaitGroup
	for g := range 4 {
		wg.Go(func() {
			q, a := envelope(t, query4(20, 0)), envelope(t, query4(21, 0))
			m, _ := q.Message.Options.Option(87)
			n, _ := a.Message.Options.Option(87)
			for i := range notes {
				be.PutUint32(m[4:], uint32(g*notes+i))
				r.Note(client, q)
				be.PutUint32(n[4:], rand.Uint32N(4*notes))
				if r.Take(client, a) {
					taken.Add(1)
				}
				be.PutUint32(n[4:], uint32(g*notes+i))
				if r.Take(client, a) {
					taken.Add(1)
				}
			}
		})
	}
	wg.Wait()
	if n := taken.Load(); n != 4*notes {
		t.Errorf("%d taken, %d noted", n, 4*notes)
	}
}

func TestReceiptsAllocateNothing(t *testing.T) {
	r := NewReceipts()
	var up, down *dhcp6.Envelope
	all := capture(t, "kea6-kea4-isc-dhclient-relay")
	msg, o, _ := read(V4Side, pick(all, toPort(6768))[0])
	up = envelope(t, msg)
	msg, _, _ = read(V6Side, pick(all, toPort(6767))[0])
	down = envelope(t, msg)
	if n := testing.AllocsPerRun(100, func() {
		r.Note(o, up)
		if !r.Take(o, down) {
			t.Fatal("not taken")
		}
	}); n != 0 {
		t.Errorf("%v allocations", n)
	}
}

func BenchmarkReceipts(b *testing.B) {
	r := NewReceipts()
	q, a := envelope(b, query4(20, 7)), envelope(b, query4(21, 7))
	b.ReportAllocs()
	for b.Loop() {
		r.Note(client, q)
		r.Take(client, a)
	}
}

func BenchmarkEdit(b *testing.B) {
	msg := query4(20, 7)
	msg = append(msg, make([]byte, 288)...)
	be.PutUint16(msg[6:], 300)
	w, rd := walk{want: query, add: &client}, walk{want: query}
	var buf []byte
	b.ReportAllocs()
	for b.Loop() {
		buf, _ = w.run(buf[:0], msg)
		rd.run(buf[:0], buf)
	}
}

// An answer tells how long its query was away; one that comes after the receipt's
// life is known as late, and one that nobody asked for is not.
func TestRedeem(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := NewReceipts()
		o, e := Origin{"s0", netip.MustParseAddr("fe80::1"), 546}, envelope(t, query4(byte(dhcp6.DHCPv4Query), 7))
		r.Note(o, e)
		if n := r.InUse(); n != 1 {
			t.Errorf("%d receipts in use", n)
		}
		time.Sleep(7 * time.Millisecond)
		if after, ok := r.Redeem(o, e); !ok || after != 7*time.Millisecond {
			t.Errorf("answered after %v, %v", after, ok)
		}
		if after, ok := r.Redeem(o, e); ok || after != 0 {
			t.Errorf("a second answer after %v, %v", after, ok)
		}
		r.Note(o, e)
		time.Sleep(receiptLife)
		if after, ok := r.Redeem(o, e); ok || after != receiptLife {
			t.Errorf("too late by %v, %v", after, ok)
		}
		if n := r.InUse(); n != 0 {
			t.Errorf("%d receipts in use at the end", n)
		}
	})
}
