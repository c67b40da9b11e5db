package layered_test

import (
	"bytes"
	"net/netip"
	"testing"

	"github.com/dhcp4o6/dhcp4o6/pkg/link"
	"github.com/dhcp4o6/dhcp4o6/pkg/link/layered"
)

// FuzzFramers: gopacket and package link write the same octets.
func FuzzFramers(f *testing.F) {
	f.Add(uint32(0xc0000201), uint16(67), uint32(0xc000020a), uint16(68), []byte("abc"))
	f.Add(uint32(0), uint16(0), uint32(0xffffffff), uint16(0xffff), []byte{})
	f.Add(uint32(0), uint16(68), uint32(0), uint16(0xffdb), []byte{0, 0}) // a sum of zero, near enough
	var ours, theirs link.Framer = new(link.Headers), new(layered.Framer)
	f.Fuzz(func(t *testing.T, src uint32, from uint16, dst uint32, to uint16, payload []byte) {
		if len(payload) > 65507 {
			return
		}
		a, b := netip.AddrPortFrom(addr(src), from), netip.AddrPortFrom(addr(dst), to)
		got, err := ours.Frame(a, b, payload)
		want, werr := theirs.Frame(a, b, payload)
		if err != nil || werr != nil || !bytes.Equal(got, want) {
			t.Errorf("%x, %v; gopacket %x, %v", got, err, want, werr)
		}
	})
}

func addr(v uint32) netip.Addr {
	return netip.AddrFrom4([4]byte{byte(v >> 24), byte(v >> 16), byte(v >> 8), byte(v)})
}

func TestFrameDoesNotAllocate(t *testing.T) {
	var f layered.Framer
	payload, a := make([]byte, 300), netip.AddrPortFrom(addr(0xc0000201), 67)
	if n := testing.AllocsPerRun(100, func() {
		if _, err := f.Frame(a, a, payload); err != nil {
			t.Fatal(err)
		}
	}); n != 0 {
		t.Errorf("%v allocations per frame", n)
	}
}
