package server6

import (
	"encoding/binary"

	"github.com/dhcp4o6/dhcp4o6/pkg/dhcp6"
	"github.com/dhcp4o6/dhcp4o6/pkg/topology"
)

// minRefresh is IRT_MINIMUM (RFC 9915 §7.6), in seconds.
const minRefresh = 600

// scopes are where the options of an answer come from. The order is Kea's: the
// host's own, those of the pool, the subnet and the network, those of the classes
// in their order, the global ones.
type scopes struct {
	all []scope // memory of the exchange's
}

// A scope is a set of options; of one that outer scopes have been merged into
// either what is global counts or what is not.
type scope struct {
	options topology.Options
	global  bool
}

// scope finds out which sets of options hold for the client.
func (x *Exchange) scope() {
	all := x.scopes.all[:0]
	if x.Host != nil && len(x.Host.Options) > 0 {
		all = append(all, scope{x.Host.Options, false})
	}
	merged := x.merged()
	all = append(all, scope{merged, false})
	if len(x.Net.ByClass) > 0 {
		for id := range x.Classes.All {
			if c := x.Net.Class(id); c != nil && len(c.Options) > 0 {
				all = append(all, scope{c.Options, false})
			}
		}
	}
	x.scopes.all = append(all, scope{merged, true})
}

// merged returns the options of the innermost scope that the client is in: of
// the pool of its first address, else of its subnet.
func (x *Exchange) merged() topology.Options {
	for i := range x.ias {
		if p := x.ias[i].pool; p != nil {
			return p.Options
		}
	}
	if x.Subnet != nil {
		return x.Subnet.Options
	}
	return x.Net.Options
}

// appendOptions writes what the client asks for by its Option Request option
// and what is sent unasked, as far as it is configured.
func (x *Exchange) appendOptions(b []byte) []byte {
	x.scope()
	x.asked.set(&x.Query.Message)
	defer x.asked.reset()
	for i := range x.scopes.all {
		s := &x.scopes.all[i]
		for n := 0; n < len(s.options); {
			run := s.options[n:].Of(s.options[n].Code)
			n += len(run)
			b = x.appendRun(b, i, run)
		}
	}
	return b
}

// appendRun writes the options of one code of the i-th scope, unless a scope
// before it has that code, or any scope says that it is never sent.
func (x *Exchange) appendRun(b []byte, i int, run topology.Options) []byte {
	c := dhcp6.Code(run[0].Code)
	if !x.mayHold(c) || !x.speaks(i, run) || !x.wanted(c) {
		return b
	}
	for n := range i {
		if s := &x.scopes.all[n]; x.speaks(n, s.options.Of(run[0].Code)) {
			return b
		}
	}
	for n := range run {
		if !x.counts(i, &run[n]) {
			continue
		}
		v := run[n].Value
		if c == dhcp6.OptInformationRefreshTime && len(v) == 4 && binary.BigEndian.Uint32(v) < minRefresh {
			v = refreshFloor[:]
		}
		b = dhcp6.AppendOption(b, c, v)
		if !several(c) {
			break
		}
	}
	return b
}

// several reports whether an option may stand in a message more than once: for
// each enterprise (RFC 9915 §21.16, §21.17), for each softwire (RFC 7598).
func several(c dhcp6.Code) bool {
	return c == dhcp6.OptVendorClass || c == dhcp6.OptVendorOpts || c >= dhcp6.OptS46ContMAPE && c <= dhcp6.OptS46ContLW
}

// counts reports whether an option of the i-th scope is there for the client.
func (x *Exchange) counts(i int, o *topology.Option) bool {
	return o.Global == x.scopes.all[i].global && o.Guard.Admits(&x.Classes)
}

// speaks reports whether one of the options is there for the client.
func (x *Exchange) speaks(i int, run topology.Options) bool {
	for n := range run {
		if x.counts(i, &run[n]) {
			return true
		}
	}
	return false
}

// wanted reports whether an option is sent: it is asked for, or some scope has it
// always sent, and none says never.
func (x *Exchange) wanted(c dhcp6.Code) bool {
	wanted := x.asked.has(c)
	for i := range x.scopes.all {
		run := x.scopes.all[i].options.Of(uint16(c))
		for n := range run {
			if o := &run[n]; x.counts(i, o) {
				if o.Never {
					return false
				}
				wanted = wanted || o.Always
			}
		}
	}
	return wanted
}

var refreshFloor = [4]byte{0, 0, minRefresh >> 8, minRefresh & 0xff}

// mayHold reports whether an answer may carry an option that is configured.
func (x *Exchange) mayHold(c dhcp6.Code) bool {
	switch c {
	case dhcp6.OptClientID, dhcp6.OptServerID, dhcp6.OptIANA, dhcp6.OptIATA, dhcp6.OptIAPD,
		dhcp6.OptIAAddr, dhcp6.OptIAPrefix, dhcp6.OptORO, dhcp6.OptElapsedTime, dhcp6.OptRelayMessage,
		dhcp6.OptStatusCode, dhcp6.OptRapidCommit, dhcp6.OptInterfaceID, dhcp6.OptReconfMsg, dhcp6.OptClientFQDN:
		return false // the protocol's own
	case dhcp6.OptInformationRefreshTime:
		return x.Query.Message.Type == dhcp6.InformationRequest // RFC 9915 §21.23
	}
	return true
}

// asked is the set of codes in an Option Request option. A short list is
// searched as it is; one of thousands of codes is put in a bitmap first, so that
// it costs no more than its length.
type asked struct {
	codes dhcp6.Codes
	bits  *[1 << 16 / 64]uint64 // nil until a long list has been seen
	long  bool
}

const longList = 64 // codes

func (a *asked) set(m *dhcp6.Message) {
	a.codes, a.long = nil, false
	v, _ := m.Options.Option(dhcp6.OptORO)
	codes, err := dhcp6.ParseCodes(v)
	if err != nil {
		return
	}
	a.codes, a.long = codes, codes.Len() > longList
	if !a.long {
		return
	}
	if a.bits == nil {
		a.bits = new([1 << 16 / 64]uint64)
	}
	for c := range codes.All {
		a.bits[c/64] |= 1 << (c % 64)
	}
}

// reset takes out of the bitmap what set has put there.
func (a *asked) reset() {
	if !a.long {
		return
	}
	for c := range a.codes.All {
		a.bits[c/64] = 0
	}
}

func (a *asked) has(c dhcp6.Code) bool {
	if a.long {
		return a.bits[c/64]&(1<<(c%64)) != 0
	}
	return a.codes.Has(c)
}
