package leasefile

import (
	"encoding/binary"

	"github.com/dhcp4o6/dhcp4o6/pkg/lease"
	"github.com/dhcp4o6/dhcp4o6/pkg/softwire"
)

// seen is the set of resources whose last row was read. Whole IPv4 addresses,
// which come by the million, take four octets.
type seen struct {
	v4    map[uint32]struct{}
	other map[seenKey]struct{}
}

type seenKey struct {
	high, low  uint64
	ports      softwire.PortSet
	kind, bits uint8
}

// newSeen makes a set for a file of that many octets.
func newSeen(size int64) seen {
	hint := min(int(size/100), 1<<16)
	return seen{make(map[uint32]struct{}, hint), make(map[seenKey]struct{}, hint)}
}

func (s *seen) has(r *lease.Resource) bool {
	if a, ok := seen4(r); ok {
		_, ok := s.v4[a]
		return ok
	}
	_, ok := s.other[newSeenKey(r)]
	return ok
}

// add reports whether r was not in the set.
func (s *seen) add(r *lease.Resource) bool {
	if a, ok := seen4(r); ok {
		n := len(s.v4)
		s.v4[a] = struct{}{}
		return len(s.v4) > n
	}
	n := len(s.other)
	s.other[newSeenKey(r)] = struct{}{}
	return len(s.other) > n
}

func seen4(r *lease.Resource) (uint32, bool) {
	if r.Kind != lease.V4 || !r.Ports.Whole() {
		return 0, false
	}
	a := r.Prefix.Addr().As4()
	return binary.BigEndian.Uint32(a[:]), true
}

func newSeenKey(r *lease.Resource) seenKey {
	a := r.Prefix.Addr().As16()
	return seenKey{
		high:  binary.BigEndian.Uint64(a[:8]),
		low:   binary.BigEndian.Uint64(a[8:]),
		ports: r.Ports,
		kind:  uint8(r.Kind),
		bits:  uint8(r.Prefix.Bits()),
	}
}
