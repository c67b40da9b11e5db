package dhcp4

import (
	"bytes"
	"net/netip"
	"slices"
	"testing"
)

// rewrite builds the message again from what was read, and compares.
func rewrite(t *testing.T, m *Message) {
	t.Helper()
	var w Builder
	w.Header = Message{HType: m.HType, Hops: m.Hops, XID: m.XID, Secs: m.Secs, Flags: m.Flags,
		CIAddr: m.CIAddr, YIAddr: m.YIAddr, SIAddr: m.SIAddr, GIAddr: m.GIAddr}
	w.SetCHAddr(m.CHAddr())
	w.Query(0, nil)
	w.Header.Op = m.Op
	for c, v := range m.All {
		if c != OptOverload && !w.Add(c, v) {
			t.Fatalf("option %d refused without a limit", c)
		}
	}
	var again Message
	if err := again.Parse(w.Bytes()); err != nil {
		t.Fatalf("what was written does not parse: %v", err)
	}
	if again.Op != m.Op || again.HType != m.HType || again.HLen != m.HLen || again.Hops != m.Hops || again.XID != m.XID ||
		again.Secs != m.Secs || again.Flags != m.Flags || again.CIAddr != m.CIAddr || again.YIAddr != m.YIAddr ||
		again.SIAddr != m.SIAddr || again.GIAddr != m.GIAddr || !bytes.Equal(again.CHAddr(), m.CHAddr()) {
		t.Error("fixed fields changed")
	}
	if got, want := instances(&again), instances(m); !slices.EqualFunc(got, want, bytes.Equal) {
		t.Errorf("options changed: %x, were %x", got, want)
	}
	for c := range 256 {
		got, _ := again.Option(Code(c))
		if want, _ := m.Option(Code(c)); Code(c) != OptOverload && !bytes.Equal(got, want) {
			t.Errorf("option %d is %x, was %x", c, got, want)
		}
	}
}

// instances returns every option part of m but option 52, code first.
func instances(m *Message) (all [][]byte) {
	for c, v := range m.All {
		if c != OptOverload {
			all = append(all, append([]byte{byte(c)}, v...))
		}
	}
	return all
}

// TestReply holds table 3 of RFC 2131 §4.3.1.
func TestReply(t *testing.T) {
	var q, r Message
	if err := q.Parse(wire(t, "35 01 01 ff")); err != nil {
		t.Fatal(err)
	}
	var w Builder
	w.Header.YIAddr = netip.MustParseAddr("192.0.2.99") // of the message before
	buf := make([]byte, 0, 1500)
	w.Reply(&q, Offer, buf)
	w.Header.YIAddr = netip.MustParseAddr("192.0.2.7")
	w.SetSName("host")
	w.SetFile("file")
	w.Add(OptHostName, []byte("a"))
	out := w.Bytes()
	if err := r.Parse(out); err != nil {
		t.Fatal(err)
	}
	zero := netip.IPv4Unspecified()
	if r.Op != BootReply || r.HType != 1 || r.HLen != 6 || r.Hops != 0 || r.XID != q.XID || r.Secs != 0 || r.Flags != q.Flags ||
		r.CIAddr != zero || r.YIAddr != netip.MustParseAddr("192.0.2.7") || r.SIAddr != zero || r.GIAddr != q.GIAddr {
		t.Errorf("fixed fields: %+v", r)
	}
	if !bytes.Equal(r.CHAddr(), q.CHAddr()) || !bytes.HasPrefix(r.SName(), []byte("host\x00")) || !bytes.HasPrefix(r.File(), []byte("file\x00")) {
		t.Errorf("chaddr %x sname %q file %q", r.CHAddr(), r.SName(), r.File())
	}
	if want := unhex(t, "35 01 02 0c 01 61 ff"); !bytes.Equal(out[HeaderLen:], want) {
		t.Errorf("options %x, want %x", out[HeaderLen:], want)
	}
	if &out[0] != &buf[:1][0] {
		t.Error("not in the memory that was given")
	}
	if !w.Has(OptHostName) || w.Has(OptRouter) || w.Len() != len(out) {
		t.Error("Has or Len is wrong")
	}
}

func TestLongValuesAreSplit(t *testing.T) {
	for _, n := range []int{0, 1, 254, 255, 256, 510, 511, 2000} {
		v := make([]byte, n)
		for i := range v {
			v[i] = byte(i)
		}
		var w Builder
		w.Query(Request, nil)
		if !w.Add(OptRelayAgentInfo, v) {
			t.Fatalf("%d octets refused", n)
		}
		var m Message
		if err := m.Parse(w.Bytes()); err != nil {
			t.Fatal(err)
		}
		if got, ok := m.Option(OptRelayAgentInfo); !ok || !bytes.Equal(got, v) {
			t.Errorf("%d octets came back as %d", n, len(got))
		}
		parts := 0
		for c := range m.All {
			if c == OptRelayAgentInfo {
				parts++
			}
		}
		if want := max(1, (n+254)/255); parts != want {
			t.Errorf("%d octets in %d parts, want %d", n, parts, want)
		}
	}
}

func TestLimit(t *testing.T) {
	value := func(n int) []byte { return bytes.Repeat([]byte{'x'}, n) }
	tests := []struct {
		name        string
		limit       int
		sname, file string
		add         []int // sizes of values, codes from 100 on
		want        []bool
		overload    byte
	}{
		{"all fits", 548, "", "", []int{100, 100}, []bool{true, true}, 0},
		{"file when the options field is full", 300, "", "", []int{40, 30}, []bool{true, true}, 1},
		{"file and sname", 300, "", "", []int{50, 120, 60}, []bool{true, true, true}, 3},
		{"sname when it is too small for what is left of file", 300, "", "", []int{50, 100, 61}, []bool{true, true, true}, 3},
		{"file is a name", 300, "", "boot", []int{50, 100, 60}, []bool{true, false, true}, 2},
		{"both are names", 300, "host", "boot", []int{50, 10}, []bool{true, false}, 0},
		{"both are names: to the last octet", 300, "host", "boot", []int{54}, []bool{true}, 0},
		{"both are names: one octet too many", 300, "host", "boot", []int{55}, []bool{false}, 0},
		{"a field is free: octets for option 52 are kept", 300, "host", "", []int{51, 0}, []bool{true, true}, 1},
		{"a small one still fits in front", 300, "", "", []int{40, 30, 5}, []bool{true, true, true}, 1},
		{"no octet left for option 52", 244, "", "", []int{10}, []bool{false}, 0},
		{"larger than any field", 300, "", "", []int{200}, []bool{false}, 0},
		{"a long value whole or not at all", 600, "", "", []int{400, 10}, []bool{false, true}, 0},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			var w Builder
			w.Query(Request, nil)
			w.Limit(tt.limit)
			w.SetSName(tt.sname)
			w.SetFile(tt.file)
			for i, n := range tt.add {
				if got := w.Add(Code(100+i), value(n)); got != tt.want[i] {
					t.Errorf("option of %d octets: %v, want %v", n, got, tt.want[i])
				}
			}
			out := w.Bytes()
			if len(out) > tt.limit || w.Len() != len(out) {
				t.Errorf("%d octets (Len %d) over the limit of %d", len(out), w.Len(), tt.limit)
			}
			var m Message
			if err := m.Parse(out); err != nil {
				t.Fatal(err)
			}
			for i, n := range tt.add {
				if v, ok := m.Option(Code(100 + i)); ok != tt.want[i] || ok && len(v) != n {
					t.Errorf("option of %d octets came back: %v, %d octets", n, ok, len(v))
				}
			}
			for bit, f := range map[byte][]byte{1: out[offFile:offCookie], 2: out[offSName:offFile]} {
				if n := 0; tt.overload&bit != 0 { // options from the first octet, End, then Pad (RFC 2131 §4.1)
					for Code(f[n]) >= 100 && Code(f[n]) != OptEnd {
						n += 2 + int(f[n+1])
					}
					if n == 0 || Code(f[n]) != OptEnd || len(bytes.Trim(f[n+1:], "\x00")) > 0 {
						t.Errorf("field %d is % x", bit, f)
					}
				}
			}
			if v, _ := m.Option(OptOverload); !bytes.Equal(v, bytes.Trim([]byte{tt.overload}, "\x00")) {
				t.Errorf("overload %x, want %d", v, tt.overload)
			}
		})
	}
}

// TestPartsKeepTheirOrder: a later part of a code never goes before an earlier
// one in the aggregate order (RFC 3396 §5).
func TestPartsKeepTheirOrder(t *testing.T) {
	var w Builder
	w.Query(Request, nil)
	w.Limit(300)
	w.Add(100, bytes.Repeat([]byte{0}, 40))
	w.Add(101, bytes.Repeat([]byte{1}, 30)) // in file
	w.Add(101, []byte{2})                   // would fit in the options field
	var m Message
	if err := m.Parse(w.Bytes()); err != nil {
		t.Fatal(err)
	}
	if v, _ := m.Option(101); len(v) != 31 || v[30] != 2 {
		t.Errorf("joined to %x", v)
	}
}

func TestBuilderRefuses(t *testing.T) {
	var w Builder
	w.Query(Request, nil)
	for _, c := range []Code{OptPad, OptEnd, OptOverload} {
		if w.Add(c, []byte{1}) {
			t.Errorf("option %d was added", c)
		}
	}
	w.Limit(260)
	w.Add(100, make([]byte, 100)) // in file
	if w.SetFile("boot") {
		t.Error("a name was laid over options")
	}
	if !w.SetSName("host") {
		t.Error("sname was free")
	}
}

// TestRemove: an option is gone with all its parts, from every field; what is
// left stays in order, and there is room again.
func TestRemove(t *testing.T) {
	var w Builder
	w.Query(Offer, nil)
	long := bytes.Repeat([]byte{7}, 300)
	w.Add(OptRouter, []byte{1, 2, 3, 4})
	w.Add(OptDomainSearch, long)
	w.Add(OptDNS, []byte{5, 6, 7, 8})
	w.Limit(w.Len() + 3)
	w.Add(OptTimeServer, []byte{1, 1, 1, 1}) // in file
	w.Add(OptLogServer, []byte{2, 2, 2, 2})
	if v, ok := w.Value(OptDNS); !ok || !bytes.Equal(v, []byte{5, 6, 7, 8}) {
		t.Errorf("DNS is % x, %v", v, ok)
	}
	if v, ok := w.Value(OptTimeServer); !ok || !bytes.Equal(v, []byte{1, 1, 1, 1}) {
		t.Errorf("what stands in file is % x, %v", v, ok)
	}
	if _, ok := w.Value(OptDomainSearch); ok {
		t.Error("a value in two parts was given as one")
	}
	w.Remove(OptDomainSearch)
	w.Remove(OptTimeServer)
	w.Remove(OptNTPServers) // never there
	if w.Has(OptDomainSearch) || w.Has(OptTimeServer) || !w.Has(OptDNS) {
		t.Error("Has tells otherwise")
	}
	if !w.Add(OptTimeServer, []byte{9}) {
		t.Error("no room, though 300 octets went")
	}
	var m Message
	if err := m.Parse(w.Bytes()); err != nil {
		t.Fatal(err)
	}
	var got []Code
	for c := range m.All {
		got = append(got, c)
	}
	if want := []Code{OptMessageType, OptRouter, OptDNS, OptTimeServer, OptOverload, OptLogServer}; !slices.Equal(got, want) {
		t.Errorf("got %v, want %v", got, want)
	}
}
