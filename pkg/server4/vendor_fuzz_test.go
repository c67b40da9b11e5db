package server4

import (
	"bytes"
	"testing"

	"github.com/dhcp4o6/dhcp4o6/pkg/dhcp4"
)

// FuzzVendorOptions: whatever a client says of enterprises, and whatever it asks
// for, what comes back is whole: each enterprise once in 125, its part whole
// options, with flex_option at work on them as well.
func FuzzVendorOptions(f *testing.F) {
	f.Add([]byte{124, 125}, []byte{0, 0, 0, 9, 0}, []byte{0, 0, 17, 139, 3, 1, 1, 2}, []byte("a"))
	f.Add([]byte{125}, []byte{}, []byte{0, 0, 0, 9, 255, 0, 0, 0, 8, 0}, bytes.Repeat([]byte("x"), 255))
	f.Fuzz(func(t *testing.T, list, class, info, name []byte) {
		n := compiled(t, flexConfig(`{"code": 66, "add": "option[12].hex"}, {"code": 3, "remove": "option[60].exists"},
			{"code": 125, "sub-options": [{"space": "vendor-8", "code": 1, "add": "option[12].hex"}, {"space": "vendor-9", "name": "v", "supersede": "option[12].hex"}]}`))
		with(sub(4491, 2, "tftp"), always(sub(9, 2, "nine")), always(sub(9, 3, "ten")))(n)
		b := newBench(t, n)
		var w dhcp4.Builder
		w.Header.HType, w.Header.XID, w.Header.GIAddr = 1, 1, ip("192.0.2.9")
		w.SetCHAddr(unhex(t, hwA))
		w.Query(dhcp4.Discover, nil)
		for c, v := range map[dhcp4.Code][]byte{55: list, 124: class, 125: info, 12: name} {
			if len(v) > 0 {
				w.Add(c, v)
			}
		}
		d := query{kind: dhcp4.Discover, giaddr: "192.0.2.9"}.datagram(t)
		d.Data = bytes.Clone(w.Bytes())
		out := b.native(d)
		if len(out) != 1 {
			t.Fatalf("%d replies, verdict %v", len(out), b.w.exchanges[0].verdict)
		}
		m := read(t, out[0].Data)
		v, _ := m.Option(dhcp4.OptVIVendorInfo)
		seen, size := map[uint32]bool{}, 0
		for id, part := range enterprises(v) {
			if _, err := dhcp4.ParseSubOptions(part); err != nil || seen[id] {
				t.Fatalf("enterprise %d, seen %v: % x", id, seen[id], part)
			}
			seen[id] = true
			size += 5 + len(part)
		}
		if size != len(v) {
			t.Fatalf("torn: % x", v)
		}
	})
}
