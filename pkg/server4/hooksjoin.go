package server4

import (
	"encoding/json"

	"github.com/dhcp4o6/dhcp4o6/pkg/control"
	"github.com/dhcp4o6/dhcp4o6/pkg/lease"
	"github.com/dhcp4o6/dhcp4o6/pkg/topology"
)

// JoinHooks makes one of several: at each point their functions are called in
// order, and the first that says Skip or Drop is the last that is asked. A packet
// parked by several goes on when all have let it. A nil element is left out.
func JoinHooks(all ...*Hooks) *Hooks {
	j := new(Hooks)
	for _, h := range all {
		if h != nil {
			j.join(h)
		}
	}
	return j
}

func (j *Hooks) join(h *Hooks) {
	j.BufferReceive = both(j.BufferReceive, h.BufferReceive)
	j.PacketReceive = both(j.PacketReceive, h.PacketReceive)
	j.SubnetSelect = both(j.SubnetSelect, h.SubnetSelect)
	j.LeaseOffer = both(j.LeaseOffer, h.LeaseOffer)
	j.PacketSend = both(j.PacketSend, h.PacketSend)
	j.BufferSend = both(j.BufferSend, h.BufferSend)
	j.LeaseRenew = both2(j.LeaseRenew, h.LeaseRenew)
	j.LeaseRelease = both2(j.LeaseRelease, h.LeaseRelease)
	j.LeaseDecline = both2(j.LeaseDecline, h.LeaseDecline)
	j.LeasesCommitted = both2(j.LeasesCommitted, h.LeasesCommitted)
	j.LeaseRecover = both(j.LeaseRecover, h.LeaseRecover)
	j.LeaseExpire = both2(j.LeaseExpire, h.LeaseExpire)
	j.LeaseServerDecline = after2(j.LeaseServerDecline, h.LeaseServerDecline)
	j.NameUpdate = after2(j.NameUpdate, h.NameUpdate)
	j.joinOthers(h)
}

// joinOthers joins what has a shape of its own.
func (j *Hooks) joinOthers(h *Hooks) {
	if a, b := j.LeaseSelect, h.LeaseSelect; a == nil {
		j.LeaseSelect = b
	} else if b != nil {
		j.LeaseSelect = func(x *Exchange, l *lease.Lease, offer bool) NextStep {
			return then(a(x, l, offer), func() NextStep { return b(x, l, offer) })
		}
	}
	if a, b := j.HostIdentifier, h.HostIdentifier; a == nil {
		j.HostIdentifier = b
	} else if b != nil {
		j.HostIdentifier = func(x *Exchange) (topology.Identifier, bool) {
			if id, ok := a(x); ok {
				return id, true
			}
			return b(x)
		}
	}
	if a, b := j.Configured, h.Configured; a == nil {
		j.Configured = b
	} else if b != nil {
		j.Configured = func(t *topology.Topology) error {
			if err := a(t); err != nil {
				return err
			}
			return b(t)
		}
	}
	if a, b := j.CommandProcessed, h.CommandProcessed; a == nil {
		j.CommandProcessed = b
	} else if b != nil {
		j.CommandProcessed = func(command string, args json.RawMessage, r *control.Result) {
			a(command, args, r)
			b(command, args, r)
		}
	}
}

// then asks the next function unless the first has ended it.
func then(first NextStep, next func() NextStep) NextStep {
	if first == Skip || first == Drop {
		return first
	}
	if n := next(); n != Continue {
		return n
	}
	return first // a packet that the first parked stays so
}

func both[A any](a, b func(A) NextStep) func(A) NextStep {
	if a == nil || b == nil {
		return either(a, b, a == nil)
	}
	return func(x A) NextStep { return then(a(x), func() NextStep { return b(x) }) }
}

func both2[A, B any](a, b func(A, B) NextStep) func(A, B) NextStep {
	if a == nil || b == nil {
		return either(a, b, a == nil)
	}
	return func(x A, y B) NextStep { return then(a(x, y), func() NextStep { return b(x, y) }) }
}

func after2[A, B any](a, b func(A, B)) func(A, B) {
	if a == nil || b == nil {
		return either(a, b, a == nil)
	}
	return func(x A, y B) {
		a(x, y)
		b(x, y)
	}
}

func either[F any](a, b F, second bool) F {
	if second {
		return b
	}
	return a
}
