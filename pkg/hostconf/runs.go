package hostconf

import (
	"cmp"
	"net/netip"
	"slices"
	"time"
)

// A run is one run of a script.
type run struct {
	reason Reason
	gives  bool       // something is given, rather than taken away
	addr   netip.Addr // the IPv6 address it is about; zero: another thing
	vars   []prefixed
}

// prefixed is a variable of the lease that was, is, or lapses: old_, new_ or cur_.
type prefixed struct {
	prefix string
	Var
}

func (r *run) add(prefix string, vars []Var) {
	for _, v := range vars {
		r.vars = append(r.vars, prefixed{prefix, v})
	}
}

// runs are those of a Change: one for IPv4, and of IPv6 one for each address and
// each prefix. Those that the new lease does not have any more are told as EXPIRE6,
// after what is new; dhclient has no word for it.
func (c *Change) runs(now time.Time) []run {
	if !c.Reason.V6() {
		r := run{reason: c.Reason, gives: c.New != nil}
		r.add("old_", c.Old.vars())
		r.add("new_", c.New.vars())
		return []run{r}
	}
	was, is := c.Old.resources(), c.New.resources()
	switch {
	case c.Reason == Depref6:
		return c.depref(is, now)
	case c.New == nil:
		return c.gone(c.Reason, was)
	}
	var all []run
	lasting := slices.DeleteFunc(slices.Clone(is), func(r resource) bool { return left(r.Valid, now) == 0 })
	for _, n := range lasting {
		r := run{reason: c.Reason, gives: true, addr: n.addr()}
		if at := slices.IndexFunc(was, n.same); at >= 0 {
			r.add("old_", slices.Concat(c.Old.vars(), was[at].vars()))
		} else {
			r.add("old_", c.Old.vars())
		}
		r.add("new_", slices.Concat(c.New.vars(), n.vars()))
		all = append(all, r)
	}
	if len(all) == 0 { // stateless
		r := run{reason: c.Reason, gives: true}
		r.add("old_", c.Old.vars())
		r.add("new_", c.New.vars())
		all = append(all, r)
	}
	ended := slices.DeleteFunc(was, func(r resource) bool { return slices.ContainsFunc(lasting, r.same) })
	if len(ended) > 0 {
		all = append(all, c.gone(Expire6, ended)...)
	}
	return all
}

// gone are the runs for what goes, or one when nothing of IPv6 was leased.
func (c *Change) gone(why Reason, was []resource) (all []run) {
	for _, o := range was {
		r := run{reason: why, addr: o.addr()}
		r.add("old_", slices.Concat(c.Old.vars(), o.vars()))
		all = append(all, r)
	}
	if len(all) == 0 {
		r := run{reason: why}
		r.add("old_", c.Old.vars())
		all = append(all, r)
	}
	return all
}

// depref are the runs for what is not preferred any more.
func (c *Change) depref(is []resource, now time.Time) (all []run) {
	for _, n := range is {
		if left(n.Preferred, now) == 0 {
			r := run{reason: Depref6, gives: true, addr: n.addr()}
			r.add("cur_", slices.Concat(c.New.vars(), n.vars()))
			all = append(all, r)
		}
	}
	return all
}

// A resource is an IPv6 address or a prefix.
type resource struct {
	Prefix
	delegated bool
}

// addr is the address of one that is no prefix.
func (r resource) addr() netip.Addr {
	if r.delegated {
		return netip.Addr{}
	}
	return r.Prefix.Prefix.Addr()
}

// same reports whether two are the same thing of the same identity association.
func (r resource) same(o resource) bool {
	return r.delegated == o.delegated && r.Prefix.Prefix == o.Prefix.Prefix && r.IAID == o.IAID
}

// resources are those of a lease of IPv6.
func (s *Settings) resources() (all []resource) {
	if s == nil {
		return nil
	}
	for _, a := range s.Addresses {
		all = append(all, resource{Prefix{a.Prefix, a.Preferred, a.Valid, a.Terms}, false})
	}
	for _, p := range s.Prefixes {
		all = append(all, resource{p, true})
	}
	slices.SortStableFunc(all, func(a, b resource) int { return cmp.Compare(a.IAID, b.IAID) })
	return all
}
