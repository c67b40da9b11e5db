package topology

import (
	"cmp"
	"slices"
)

// Find returns the first option with this code, nil for none.
func (o Options) Find(code uint16) *Option {
	lo, hi := 0, len(o)
	for lo < hi {
		mid := int(uint(lo+hi) >> 1)
		if o[mid].Code < code {
			lo = mid + 1
		} else {
			hi = mid
		}
	}
	if lo == len(o) || o[lo].Code != code {
		return nil
	}
	return &o[lo]
}

// Merge returns the options of an inner scope laid over those of an outer one:
// a code of inner hides every instance of it in outer. Both are sorted and stay
// as they are.
func Merge(outer, inner Options) Options {
	if len(inner) == 0 {
		return outer
	}
	if len(outer) == 0 {
		return inner
	}
	merged := make(Options, 0, len(outer)+len(inner))
	for _, o := range outer {
		if inner.Find(o.Code) == nil {
			merged = append(merged, o)
		}
	}
	merged = append(merged, inner...)
	merged.Sort()
	return merged
}

// Sort puts options in the order that Find needs; instances of one code keep
// theirs.
func (o Options) Sort() {
	slices.SortStableFunc(o, func(a, b Option) int { return cmp.Compare(a.Code, b.Code) })
}
