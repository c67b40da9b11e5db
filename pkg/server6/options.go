package server6

import (
	"encoding/binary"

	"github.com/dhcp4o6/dhcp4o6/pkg/dhcp6"
	"github.com/dhcp4o6/dhcp4o6/pkg/topology"
)

// minRefresh is IRT_MINIMUM (RFC 9915 §7.6), in seconds.
const minRefresh = 600

// appendOptions writes what the client asks for by its Option Request option
// and what is sent unasked, as far as it is configured: the host's own options
// first, then those of the pool, the subnet, or the global scope.
func (x *Exchange) appendOptions(b []byte) []byte {
	x.asked.set(&x.Query.Message)
	defer x.asked.reset()
	var host topology.Options
	if x.Host != nil {
		host = x.Host.Options
		b = x.appendScope(b, host, nil)
	}
	return x.appendScope(b, x.scope(), host)
}

// scope returns the options of the innermost scope that the client is in: of
// the pool of its first address, else of its subnet. Outer scopes have been
// merged into it.
func (x *Exchange) scope() topology.Options {
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

// appendScope writes the options of one scope that another does not hide.
func (x *Exchange) appendScope(b []byte, scope, over topology.Options) []byte {
	for i := range scope {
		o := &scope[i]
		c := dhcp6.Code(o.Code)
		if o.Never || !o.Always && !x.asked.has(c) || over.Find(o.Code) != nil || !x.mayHold(c) {
			continue
		}
		v := o.Value
		if c == dhcp6.OptInformationRefreshTime && len(v) == 4 && binary.BigEndian.Uint32(v) < minRefresh {
			v = refreshFloor[:]
		}
		b = dhcp6.AppendOption(b, c, v)
	}
	return b
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
