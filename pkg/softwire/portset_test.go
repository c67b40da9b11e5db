package softwire

import "testing"

// The worked example of RFC 7597 §5.1 and its appendix: a=6, k=8, so 63 runs of
// four ports each.
func TestPortSetOfRFC7597(t *testing.T) {
	p := PortSet{Offset: 6, Len: 8, ID: 0x34}
	var n int
	var first [2]uint16
	for lo, hi := range p.Ranges {
		if n == 0 {
			first = [2]uint16{lo, hi}
		}
		if hi-lo != 3 {
			t.Errorf("run %d-%d is not of four ports", lo, hi)
		}
		n++
	}
	if n != 63 || first != [2]uint16{1232, 1235} {
		t.Errorf("%d runs, first %v; want 63 runs, first [1232 1235]", n, first)
	}
}

// Contains and Ranges are two tellings of one rule.
func TestContainsAgreesWithRanges(t *testing.T) {
	for _, p := range []PortSet{{}, {0, 6, 5}, {6, 8, 0x34}, {4, 12, 0xfff}, {16, 0, 0}, {0, 16, 9}} {
		in := make(map[uint16]bool)
		for lo, hi := range p.Ranges {
			for port := int(lo); port <= int(hi); port++ {
				in[uint16(port)] = true
			}
		}
		for port := 0; port < 1<<16; port++ {
			if p.Contains(uint16(port)) != in[uint16(port)] {
				t.Fatalf("%+v: port %d: Contains says %v", p, port, p.Contains(uint16(port)))
			}
		}
	}
}

// Without an offset the sets of one length share out every port exactly once.
func TestSetsDivideTheAddress(t *testing.T) {
	const length = 4
	for port := 0; port < 1<<16; port++ {
		owners := 0
		for id := uint16(0); id < 1<<length; id++ {
			if (PortSet{Len: length, ID: id}).Contains(uint16(port)) {
				owners++
			}
		}
		if owners != 1 {
			t.Fatalf("port %d has %d owners", port, owners)
		}
	}
}
