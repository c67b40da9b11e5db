package dhcp4

import "testing"

// split is a query with overload and an option in three parts.
func splitQuery(t testing.TB) []byte {
	b := wire(t, "35 01 01 34 01 03 3d 03 010203 0c 01 61 37 04 01030633 52 04 01 02 6162 ff")
	copy(b[offFile:], unhex(t, "0c 01 62 ff"))
	copy(b[offSName:], unhex(t, "0c 01 63 ff"))
	return b
}

func TestAllocs(t *testing.T) {
	b := splitQuery(t)
	var m Message
	var w Builder
	buf := make([]byte, 0, 1500)
	sum := 0
	n := testing.AllocsPerRun(100, func() {
		if m.Parse(b) != nil {
			t.Fatal("does not parse")
		}
		v, _ := m.Option(OptHostName)
		for c, v := range m.All {
			sum += int(c) + len(v)
		}
		w.Reply(&m, Offer, buf)
		w.Limit(300)
		w.Add(OptHostName, v)
		for range 4 {
			w.Add(OptDomainName, b[:40])
		}
		sum += len(w.Bytes())
	})
	if n != 0 {
		t.Errorf("%v allocations", n)
	}
}

func BenchmarkParse(b *testing.B) {
	msg := splitQuery(b)
	var m Message
	b.ReportAllocs()
	for b.Loop() {
		if m.Parse(msg) != nil {
			b.Fatal("does not parse")
		}
	}
}

func BenchmarkReply(b *testing.B) {
	var m Message
	if err := m.Parse(splitQuery(b)); err != nil {
		b.Fatal(err)
	}
	var w Builder
	buf := make([]byte, 0, 1500)
	v := []byte{192, 0, 2, 1}
	b.ReportAllocs()
	for b.Loop() {
		w.Reply(&m, Offer, buf)
		for c := Code(1); c < 8; c++ {
			w.Add(c, v)
		}
		w.Bytes()
	}
}
