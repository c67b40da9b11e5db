package lease

import "unsafe"

// WatchNames has f told of every change of what the DNS is to hold: of a lease
// that is in force with FwdDNS or RevDNS and of one that was, when they are given,
// extended or end. was is the lease as it was, nil when nothing of it was in the
// DNS; is is what it has become, nil when nothing of it is to be there any more. What
// ends loses both flags in the table, so that no end is told of twice; a lease that has
// them while it is over, as Kea leaves it, is told of when its history ends.
//
// f runs with locks of the table held: it must not ask the table, nor wait, nor keep
// what it is given. The leases of one resource come in the order of their changes;
// that a client's old lease ends comes before that it has another one. WatchNames is
// called once, before anybody asks for leases.
func (t *Table) WatchNames(f func(was, is *Lease, seq Seq)) { t.names = f }

const inDNS = fwdDNS | revDNS

// before keeps what r says if the DNS knows of it and somebody watches; nil
// otherwise. It is valid while the shard is locked.
func (t *Table) before(s *shard, r *record) *Lease {
	if t.names == nil || r.flags&inDNS == 0 {
		return nil
	}
	k := &s.kept
	s.arena.show(r, &k.lease)
	k.mem = k.mem[:0]
	l := &k.lease
	l.ClientID, l.HWAddr, l.DUID = k.keep(l.ClientID), k.keep(l.HWAddr), k.keep(l.DUID)
	host := k.keep(unsafe.Slice(unsafe.StringData(l.Hostname), len(l.Hostname)))
	l.Hostname = unsafe.String(unsafe.SliceData(host), len(host))
	l.UserContext = nil
	return l
}

// kept is a copy of a lease that outlives a change of its record.
type kept struct {
	lease Lease
	mem   []byte
}

// keep copies v into the memory of k. When that grows, what was kept before stays
// where it is.
func (k *kept) keep(v []byte) []byte {
	if len(v) == 0 {
		return nil
	}
	k.mem = append(k.mem, v...)
	return k.mem[len(k.mem)-len(v) : len(k.mem) : len(k.mem)]
}

// ended tells that a lease is over.
func (t *Table) ended(was *Lease, seq Seq) {
	if was != nil {
		t.names(was, nil, seq)
	}
}

// named tells of a grant. When the client has other leases, which end with it, that
// is put off until they have.
func (g *given) named(was *Lease, seq Seq) {
	is := &g.r.Lease
	switch {
	case g.t.names == nil || was == nil && !is.FwdDNS && !is.RevDNS:
	case !g.hasOthers():
		g.t.names(was, is, seq)
	default:
		g.late = &change{is: is.copy(), seq: seq}
		if was != nil {
			c := was.copy()
			g.late.was = &c
		}
	}
}

// change is a grant that is yet to be told of.
type change struct {
	was *Lease
	is  Lease
	seq Seq
}

// hasOthers reports whether endOthers may have something to end.
func (g *given) hasOthers() bool {
	if g.best.rank != none && g.best.key != g.k {
		return true
	}
	for i := range g.others[:g.n] {
		if g.others[i].key != g.k {
			return true
		}
	}
	return false
}

// tell makes up for what named has put off.
func (a *attempt) tell() {
	if c := a.late; c != nil {
		a.t.names(c.was, &c.is, c.seq)
	}
}
