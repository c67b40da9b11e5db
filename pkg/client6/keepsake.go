package client6

import (
	"bytes"
	"slices"
	"time"

	"go.uber.org/zap"
)

// The record: what the machine holds, with wall times.

// save puts what there is on file.
func (m *Machine) save(now time.Time) { m.do(Save{m.record(now)}) }

// Record returns what is in force, nil where nothing is.
func (m *Machine) Record(now time.Time) *Record {
	if m.applied == nil {
		return nil
	}
	return m.record(now)
}

// record returns what there is.
func (m *Machine) record(now time.Time) *Record {
	r := &Record{
		Version: RecordVersion, Interface: m.o.Iface, DUID: m.o.DUID, Server: m.server,
		Updated: wall(m.got, now), Refresh: wall(m.refresh, now),
	}
	if m.solMaxRT != solMaxRT {
		r.SolMaxRT = m.solMaxRT
	}
	if m.infMaxRT != infMaxRT {
		r.InfMaxRT = m.infMaxRT
	}
	if m.key != nil {
		r.Key = &ReconfigureKey{slices.Clone(m.key.key[:]), m.key.replay}
	}
	for i := range m.ias {
		b := &m.ias[i]
		if len(b.leases) == 0 {
			continue
		}
		ia := RecordedIA{Kind: b.Kind, IAID: b.IAID, Updated: wall(b.got, now), T1: wire(b.t1), T2: wire(b.t2)}
		for _, l := range b.leases {
			ia.Leases = append(ia.Leases, RecordedLease{l.prefix, wall(l.preferred, now), wall(l.valid, now)})
		}
		r.IAs = append(r.IAs, ia)
	}
	for _, o := range m.options {
		r.Options = append(r.Options, RecordedOption{o.code, o.code.String(), o.value})
	}
	return r
}

// wall turns a time of the machine's into one of the wall clock as it stands now.
func wall(t, now time.Time) time.Time {
	if t.IsZero() {
		return t
	}
	return now.Round(0).Add(t.Sub(now)).Round(time.Millisecond).UTC()
}

// wire is a lifetime in seconds, as messages have it.
func wire(d time.Duration) uint32 {
	if d == infinite {
		return forever
	}
	return uint32(min(max(d/time.Second, 0), forever-1))
}

// remember takes over the record of the last life: leases that have not ended, of
// IAs that are still wanted, and what servers have set for good. Without leases the
// rest is asked for again in any case.
func (m *Machine) remember(now time.Time) {
	r := m.o.Record
	if r == nil {
		return
	}
	if !bytes.Equal(r.DUID, m.o.DUID) {
		m.note(zap.WarnLevel, "the record is of another client identifier, it is not used")
		return
	}
	m.solMaxRT, m.infMaxRT = maxRTOr(r.SolMaxRT, solMaxRT), maxRTOr(r.InfMaxRT, infMaxRT)
	future := r.Updated.After(now.Add(time.Minute))
	if future {
		m.note(zap.WarnLevel, "the record is from a time that has not come, its leases are asked for again")
	}
	for i := range r.IAs {
		if b := m.bindingOf(&r.IAs[i]); b != nil {
			b.remember(now, &r.IAs[i], future)
		}
	}
	if !m.holds() {
		return
	}
	m.server, m.got = r.Server, now.Add(min(r.Updated.Sub(now), 0))
	if r.Key != nil {
		m.key = &reconfigureKey{[keyLen]byte(r.Key.Key), r.Key.Replay}
	}
	for _, o := range r.Options {
		if slices.Contains(m.request, o.Code) {
			m.options = append(m.options, option{o.Code, o.Value})
		}
	}
}

func maxRTOr(said, usual uint32) uint32 {
	if said < leastMaxRT || said > mostMaxRT {
		return usual
	}
	return said
}

func (m *Machine) bindingOf(ia *RecordedIA) *binding {
	i := slices.IndexFunc(m.ias, func(b binding) bool { return b.Kind == ia.Kind && b.IAID == ia.IAID })
	if i < 0 {
		return nil
	}
	return &m.ias[i]
}

// remember takes over leases that have not ended. When the clock has been set back
// nobody knows how much of them is left: they are hints then.
func (b *binding) remember(now time.Time, ia *RecordedIA, future bool) {
	here := func(t time.Time) time.Time {
		if t.IsZero() {
			return t
		}
		return now.Add(t.Sub(now))
	}
	for _, l := range ia.Leases[:min(len(ia.Leases), mostLeases)] {
		preferred, valid := here(l.Preferred), here(l.Valid)
		if future || over(valid, now) {
			b.hint(l.Prefix)
		} else if b.find(l.Prefix) == nil {
			b.leases = append(b.leases, lease{prefix: l.Prefix, preferred: preferred, valid: valid, deprecated: over(preferred, now)})
		}
	}
	b.got, b.t1, b.t2 = here(ia.Updated), seconds(ia.T1), seconds(ia.T2)
}
