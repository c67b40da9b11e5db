package optdef

import "maps"

// Local returns a copy of s to which one scope of the configuration may add
// definitions of its own, in the place of the operator's.
func (s *Set) Local() *Set {
	local := &Set{family: s.family, byCode: maps.Clone(s.byCode), byName: maps.Clone(s.byName)}
	for _, d := range s.byCode {
		if !d.standard {
			open := *d
			open.Weak = true
			local.put(&open)
		}
	}
	return local
}
