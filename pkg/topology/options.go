package topology

import (
	"cmp"
	"slices"
)

// Find returns the first option with this code, nil for none. Those within
// option 125 are not looked at.
func (o Options) Find(code uint16) *Option {
	if i := o.search(&Option{Code: code}); i < len(o) && o[i].Code == code && !o[i].Sub {
		return &o[i]
	}
	return nil
}

// Of returns all instances of a code, those within option 125 aside.
func (o Options) Of(code uint16) Options {
	o = o[o.search(&Option{Code: code}):]
	n := 0
	for n < len(o) && o[n].Code == code && !o[n].Sub {
		n++
	}
	return o[:n:n]
}

// Within returns what stands within the enterprise's part of option 125.
func (o Options) Within(enterprise uint32) Options {
	if len(o) == 0 || !o[len(o)-1].Sub {
		return nil
	}
	o = o[o.search(&Option{Vendor: enterprise, Sub: true}):]
	n := 0
	for n < len(o) && o[n].Vendor == enterprise {
		n++
	}
	return o[:n:n]
}

// search returns where the first option stands that does not come before p.
func (o Options) search(p *Option) int {
	lo, hi := 0, len(o)
	for lo < hi {
		mid := int(uint(lo+hi) >> 1)
		if o[mid].compare(p) < 0 {
			lo = mid + 1
		} else {
			hi = mid
		}
	}
	return lo
}

// compare is the order of Options: instances of one identity are equal.
func (o *Option) compare(p *Option) int {
	switch {
	case o.Sub != p.Sub:
		if p.Sub {
			return -1
		}
		return 1
	case !o.Sub && o.Code != p.Code:
		return cmp.Compare(o.Code, p.Code)
	case o.Vendor != p.Vendor:
		return cmp.Compare(o.Vendor, p.Vendor)
	}
	return cmp.Compare(o.Code, p.Code)
}

// Merge returns the options of an inner scope laid over those of an outer one: a
// code of inner that is for everybody hides every instance of it in outer, but
// what outer says with always-send and never-send goes on to hold, as in Kea. Both
// are sorted and stay as they are.
func Merge(outer, inner Options) Options {
	if len(inner) == 0 {
		return outer
	}
	if len(outer) == 0 {
		return inner
	}
	merged := make(Options, 0, len(outer)+len(inner))
	for _, o := range inner {
		for _, out := range outer.identical(&o) {
			if len(out.Guard) == 0 {
				o.Always, o.Never = o.Always || out.Always, o.Never || out.Never
			}
		}
		merged = append(merged, o)
	}
	for i := range outer {
		o := &outer[i]
		if !inner.hides(o) || len(o.Guard) > 0 && (o.Always || o.Never) {
			merged = append(merged, *o)
		}
	}
	merged.Sort()
	return merged
}

// hides reports whether p, of an outer scope, is nobody's: one of its identity here
// is for everybody.
func (o Options) hides(p *Option) bool {
	for _, own := range o.identical(p) {
		if len(own.Guard) == 0 {
			return true
		}
	}
	return false
}

// identical returns the instances that p hides or is hidden by, nil for none.
func (o Options) identical(p *Option) Options {
	i := o.search(p)
	n := i
	for n < len(o) && o[n].compare(p) == 0 {
		n++
	}
	if n == i {
		return nil
	}
	return o[i:n:n]
}

// Sort puts options in the order that Find needs; instances of one identity keep
// theirs.
func (o Options) Sort() {
	slices.SortStableFunc(o, func(a, b Option) int { return a.compare(&b) })
}
