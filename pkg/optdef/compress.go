package optdef

import "bytes"

// maxPointer is the furthest offset that a compression pointer reaches
// (RFC 1035 §4.1.4).
const maxPointer = 1<<14 - 1

// compressed reports whether the names of the option have to be compressed: the
// domain search list of DHCPv4 (RFC 3397 §2).
func (d *Definition) compressed() bool {
	return d.Family == V4 && d.Space == "dhcp4" && d.Code == 119 && d.Type == FQDN && d.Array
}

// compressNames writes a list of whole names anew, each tail that an earlier
// name has replaced by a pointer to it. Offsets count from the beginning of the
// option's value, all its parts joined (RFC 3397 §2).
func compressNames(list []byte) []byte {
	out := make([]byte, 0, len(list))
	var seen []tail
	for len(list) > 0 {
		end := nameEnd(list)
		name := list[:end]
		list = list[end:]
		for {
			if len(name) == 1 { // the root
				out = append(out, 0)
				break
			}
			if at, ok := find(seen, name); ok {
				out = append(out, 0xc0|byte(at>>8), byte(at))
				break
			}
			if len(out) <= maxPointer {
				seen = append(seen, tail{name, len(out)})
			}
			label := 1 + int(name[0])
			out = append(out, name[:label]...)
			name = name[label:]
		}
	}
	return out
}

// A tail is the end of a name that has been written, and where.
type tail struct {
	name []byte // uncompressed
	at   int
}

func find(seen []tail, name []byte) (at int, ok bool) {
	for i := range seen {
		if bytes.Equal(seen[i].name, name) {
			return seen[i].at, true
		}
	}
	return 0, false
}

// nameEnd returns the length of the uncompressed name that b begins with.
func nameEnd(b []byte) int {
	n := 0
	for b[n] != 0 {
		n += 1 + int(b[n])
	}
	return n + 1
}
