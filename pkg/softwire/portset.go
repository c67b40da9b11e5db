// Package softwire holds what address sharing needs: the sets of ports that a
// shared IPv4 address is divided into (RFC 7597 §5.1, RFC 7618).
package softwire

// A PortSet is the part of an IPv4 address's ports that one host may use: the
// ports whose Len bits after the first Offset bits equal ID (RFC 7597 §5.1).
// The zero value stands for the whole address.
type PortSet struct {
	Offset, Len uint8  // bits; Offset+Len is at most 16
	ID          uint16 // the PSID, right-aligned; less than 1<<Len
}

// Whole reports whether p is the whole address.
func (p PortSet) Whole() bool { return p.Len == 0 }

// Contains reports whether port belongs to the set. With an Offset of a bits
// the ports below 1<<(16-a) belong to no set.
func (p PortSet) Contains(port uint16) bool {
	if p.Whole() {
		return true
	}
	if p.Offset > 0 && port>>(16-p.Offset) == 0 {
		return false
	}
	shift := 16 - p.Offset - p.Len
	return port>>shift&(1<<p.Len-1) == p.ID
}

// Ranges yields the set's runs of neighbouring ports in ascending order, both
// ends included.
func (p PortSet) Ranges(yield func(lo, hi uint16) bool) {
	if p.Whole() {
		yield(0, 1<<16-1)
		return
	}
	shift := 16 - p.Offset - p.Len
	first := 0
	if p.Offset > 0 {
		first = 1
	}
	for i := first; i < 1<<p.Offset; i++ {
		lo := uint16(i<<(16-p.Offset)) | p.ID<<shift
		if !yield(lo, lo+(1<<shift-1)) {
			return
		}
	}
}
