package classify

import (
	"encoding/binary"

	"github.com/dhcp4o6/dhcp4o6/pkg/dhcp4"
	"github.com/dhcp4o6/dhcp4o6/pkg/dhcp6"
	"github.com/dhcp4o6/dhcp4o6/pkg/optdef"
)

// The options that hold other options behind an enterprise number.
const (
	vendorClass4 = 124 // RFC 3925 §3
	vendorOpts4  = 125 // RFC 3925 §4
	vendorClass6 = uint16(dhcp6.OptVendorClass)
	vendorOpts6  = uint16(dhcp6.OptVendorOpts)
)

// know looks up what the step's option is when it stands in space, and returns the
// space of the options within it. As in Kea only definitions that encapsulate a
// space make an option hold others.
func (s *step) know(set *optdef.Set, space string) (inner string) {
	s.skip = noInner
	if space == "" {
		return ""
	}
	family := set.Family()
	if space == family.Space() {
		switch {
		case family == optdef.V4 && s.code == vendorOpts4:
			s.skip = inVendor
			return ""
		case family == optdef.V6 && s.code == vendorOpts6:
			s.skip = 4
			return ""
		}
	}
	d, ok := set.ByCode(space, s.code)
	if !ok {
		return ""
	}
	s.def = d
	if d.Encapsulates == "" {
		return ""
	}
	s.skip = fieldsLen(d)
	s.pads = d.Encapsulates == "vendor-encapsulated-options-space"
	return d.Encapsulates
}

// isText reports whether the option is of type string.
func (s *step) isText() bool { return s.def != nil && s.def.Type == optdef.String && !s.def.Array }

// fieldsLen returns how many octets an option's own fields take, noInner when that
// depends on the value.
func fieldsLen(d *optdef.Definition) int {
	if d.Type != optdef.Record {
		return typeLen(d.Type)
	}
	n := 0
	for _, t := range d.Record {
		one := typeLen(t)
		if one < 0 {
			return noInner
		}
		n += one
	}
	return n
}

func typeLen(t optdef.Type) int {
	switch t {
	case optdef.Empty:
		return 0
	case optdef.Boolean, optdef.Int8, optdef.Uint8:
		return 1
	case optdef.Int16, optdef.Uint16:
		return 2
	case optdef.PSID:
		return 3
	case optdef.Int32, optdef.Uint32, optdef.IPv4Address:
		return 4
	case optdef.IPv6Address:
		return 16
	default:
		return noInner
	}
}

// find returns the option that an instruction means. Text ends ahead of the NULs
// that some clients put behind it, and text of nothing else is not there at all, as
// in Kea's codec.
func (in *instr) find(p *Packet) (v []byte, ok bool) {
	v, ok = in.lookUp(p)
	return in.trim(v, ok)
}

func (in *instr) trim(v []byte, ok bool) ([]byte, bool) {
	if ok && in.path[len(in.path)-1].isText() {
		v = trimNULs(v)
		ok = len(v) > 0
	}
	return v, ok
}

func (in *instr) lookUp(p *Packet) (v []byte, ok bool) {
	first := in.path[0].code
	switch in.where {
	case inMessage:
		if in.family == optdef.V6 {
			v, ok = option6(p, first)
		} else {
			v, ok = option4(p, first)
		}
	case inAgent:
		v, ok = option4(p, first)
	case inRelay6:
		if r := relay(p, in.n); r != nil {
			v, ok = r.Options.Option(dhcp6.Code(first))
		}
	case inEnvelope:
		v, ok = option6(p, first)
	}
	if !ok {
		return nil, false
	}
	return in.descend(v, in.path)
}

func option4(p *Packet, code uint16) (v []byte, ok bool) {
	if p.V4 == nil {
		return nil, false
	}
	if p.Agent != nil && dhcp4.Code(code) == dhcp4.OptRelayAgentInfo {
		return p.Agent, true
	}
	return p.V4.Option(dhcp4.Code(code))
}

func option6(p *Packet, code uint16) (v []byte, ok bool) {
	if p.V6 == nil {
		return nil, false
	}
	return p.V6.Message.Options.Option(dhcp6.Code(code))
}

// relay returns a relay by its level: from 0 the one nearest the server inwards,
// from -1 the one nearest the client outwards. Nil: there are not so many.
func relay(p *Packet, level int) *dhcp6.Relay {
	if p.V6 == nil {
		return nil
	}
	if level < 0 {
		level += len(p.V6.Relays)
	}
	if level < 0 || level >= len(p.V6.Relays) {
		return nil
	}
	return &p.V6.Relays[level]
}

// descend walks from the option that path begins with to the one it ends with. v
// is the value of the first.
func (in *instr) descend(v []byte, path []step) ([]byte, bool) {
	for i := 1; i < len(path); i++ {
		outer := &path[i-1]
		switch {
		case outer.skip == inVendor:
			_, v, _ = block4(v)
		case outer.skip < 0 || len(v) < outer.skip:
			return nil, false
		default:
			v = v[outer.skip:]
		}
		var ok bool
		if v, ok = in.within(v, path[i].code, outer.pads); !ok {
			return nil, false
		}
	}
	return v, true
}

// within finds an option in a run of options. What stands ahead of a fault is
// found, as in Kea.
func (in *instr) within(run []byte, code uint16, pads bool) (v []byte, ok bool) {
	if in.family == optdef.V4 {
		return within4(run, code, pads)
	}
	for len(run) >= 4 {
		n := 4 + int(binary.BigEndian.Uint16(run[2:]))
		if n > len(run) {
			break
		}
		if binary.BigEndian.Uint16(run) == code {
			return run[4:n:n], true
		}
		run = run[n:]
	}
	return nil, false
}

func within4(run []byte, code uint16, pads bool) (v []byte, ok bool) {
	for len(run) > 0 {
		if pads && run[0] == 0 {
			run = run[1:]
			continue
		}
		if len(run) < 2 || pads && run[0] == 255 {
			break
		}
		n := 2 + int(run[1])
		if n > len(run) {
			break
		}
		if uint16(run[0]) == code {
			return run[2:n:n], true
		}
		run = run[n:]
	}
	return nil, false
}

// block4 cuts the first block off a DHCPv4 vendor option: an enterprise number, an
// octet of length, and that many octets. Data is nil when there is none.
func block4(v []byte) (enterprise uint32, data, rest []byte) {
	if len(v) < 5 || len(v) < 5+int(v[4]) {
		return 0, nil, nil
	}
	n := 5 + int(v[4])
	return binary.BigEndian.Uint32(v), v[5:n:n], v[n:]
}

// vendorOption finds the options of the enterprise asked for, or of the first
// enterprise there is; without a path their whole run is what is found. Kea looks
// at the first enterprise alone.
func (in *instr) vendorOption(p *Packet) (enterprise uint32, v []byte, ok bool) {
	if in.family == optdef.V4 {
		rest, _ := option4(p, vendorOpts4)
		for len(rest) > 0 {
			enterprise, v, rest = block4(rest)
			if v != nil && (in.enterprise == 0 || in.enterprise == enterprise) {
				return in.vendorPath(enterprise, v)
			}
		}
		return 0, nil, false
	}
	if p.V6 == nil {
		return 0, nil, false
	}
	for o := p.V6.Message.Options; len(o) > 0; {
		code, v, rest := next6(o)
		o = rest
		if code != vendorOpts6 || len(v) < 4 {
			continue
		}
		if n := binary.BigEndian.Uint32(v); in.enterprise == 0 || in.enterprise == n {
			return in.vendorPath(n, v[4:])
		}
	}
	return 0, nil, false
}

// next6 cuts the first option off a run that has been checked.
func next6(o dhcp6.Options) (code uint16, v []byte, rest dhcp6.Options) {
	n := 4 + int(binary.BigEndian.Uint16(o[2:]))
	return binary.BigEndian.Uint16(o), o[4:n:n], o[n:]
}

func (in *instr) vendorPath(enterprise uint32, run []byte) (uint32, []byte, bool) {
	if len(in.path) == 0 {
		return enterprise, run, true
	}
	v, ok := in.within(run, in.path[0].code, false)
	if ok {
		v, ok = in.descend(v, in.path)
	}
	v, ok = in.trim(v, ok)
	return enterprise, v, ok
}

// vendorClassOption finds the vendor class of the enterprise asked for, or the
// first there is, and its data: the n-th opaque string. A class that is not well
// formed is none.
func (in *instr) vendorClassOption(p *Packet) (enterprise uint32, data []byte, ok bool) {
	if in.family == optdef.V4 {
		return in.vendorClass4(p)
	}
	if p.V6 == nil {
		return 0, nil, false
	}
	for o := p.V6.Message.Options; len(o) > 0; {
		code, v, rest := next6(o)
		o = rest
		if code != vendorClass6 {
			continue
		}
		c, err := dhcp6.ParseVendorClass(v)
		if err == nil && (in.enterprise == 0 || in.enterprise == c.Enterprise) {
			return c.Enterprise, nth6(c.Classes, in.n), true
		}
	}
	return 0, nil, false
}

func nth6(o dhcp6.Opaques, n int) []byte {
	for v := range o.All {
		if n == 0 {
			return v
		}
		n--
	}
	return nil
}

// vendorClass4 counts the strings of one enterprise alone, since in DHCPv4 each
// stands behind an enterprise number of its own.
func (in *instr) vendorClass4(p *Packet) (enterprise uint32, data []byte, ok bool) {
	rest, _ := option4(p, vendorClass4)
	n := in.n
	for len(rest) > 0 {
		var e uint32
		var v []byte
		if e, v, rest = block4(rest); v == nil {
			break
		}
		if ok && e != enterprise || in.enterprise != 0 && e != in.enterprise {
			continue
		}
		if enterprise, ok = e, true; n == 0 {
			return e, v, true
		}
		n--
	}
	return enterprise, nil, ok
}
