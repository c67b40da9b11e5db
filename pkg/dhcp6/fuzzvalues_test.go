package dhcp6

import (
	"bytes"
	"net/netip"
	"testing"
)

// FuzzValues: the values that are lists, or a DUID: what parses is what its parts
// come to.
func FuzzValues(f *testing.F) {
	f.Add([]byte{0, 3, 0, 1, 2, 0, 0, 0, 0, 1})
	f.Add([]byte{0, 1, 0, 1, 0x2c, 0, 0, 0, 2, 0, 0, 0, 0, 1})
	f.Add(append([]byte{0, 16}, make([]byte, 16)...))
	f.Add(netip.MustParseAddr("2001:db8::1").AsSlice())
	f.Fuzz(func(t *testing.T, v []byte) {
		if d, err := ParseDUID(v); err == nil {
			hwType, addr, ok := d.HWAddr()
			if d.Type() == DUIDLL && ok && !bytes.Equal(NewDUIDLL(hwType, addr), d) {
				t.Errorf("DUID %v is %d, %x", d, hwType, addr)
			}
			if len(d.String()) != 3*len(d)-1 {
				t.Errorf("%x is %q", v, d)
			}
		}
		var again []byte
		if o, err := ParseOpaques(v); err == nil {
			for s := range o.All {
				again = append(be.AppendUint16(again, uint16(len(s))), s...)
			}
			same(t, "opaques", v, again)
		}
		if a, err := ParseAddrs(v); err == nil {
			again = again[:0]
			for addr := range a.All {
				again = append(again, addr.AsSlice()...)
			}
			same(t, "addresses", v, again)
		}
		if c, err := ParseCodes(v); err == nil {
			again = again[:0]
			for code := range c.All {
				if again = be.AppendUint16(again, uint16(code)); !c.Has(code) {
					t.Errorf("%x lacks %v", v, code)
				}
			}
			same(t, "codes", v, again)
		}
	})
}

func same(t *testing.T, what string, v, again []byte) {
	t.Helper()
	if !bytes.Equal(v, again) {
		t.Errorf("%s: %x, read as %x", what, v, again)
	}
}
