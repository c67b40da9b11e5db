package server4

import (
	"encoding/binary"
	"errors"

	"github.com/dhcp4o6/dhcp4o6/pkg/classify"
	"github.com/dhcp4o6/dhcp4o6/pkg/dhcp4"
	"github.com/dhcp4o6/dhcp4o6/pkg/optdef"
	"github.com/dhcp4o6/dhcp4o6/pkg/topology"
)

// flexOptions carries out what the library flex_option is told to do, on a reply
// that has all but what its relay put in.
func (x *Exchange) flexOptions() {
	x.flex.look(x)
	for i := range x.Net.FlexOptions {
		o := &x.Net.FlexOptions[i]
		if !x.inAll(o.Classes) || !x.flex.source(x, o.Answer) {
			continue
		}
		if o.Sub {
			x.flexSub(o)
		} else {
			x.flexOption(o)
		}
	}
}

// look shows a query to expressions, as the tests of classes see it.
func (m *flex) look(x *Exchange) {
	m.packet = x.eval.packet
}

// source shows the query to an entry, or the reply as it is by now.
func (m *flex) source(x *Exchange, answer bool) bool {
	if !answer {
		m.look(x)
		return true
	}
	m.packet.V4, m.packet.Agent = &m.answer, nil
	return m.answer.Parse(x.out.Bytes()) == nil
}

func (x *Exchange) inAll(classes []classify.ID) bool {
	for _, id := range classes {
		if !x.classes.Has(id) {
			return false
		}
	}
	return true
}

func (x *Exchange) flexOption(o *topology.FlexOption) {
	c := dhcp4.Code(o.Code)
	switch has := x.out.Has(c); {
	case o.Action == topology.FlexRemove:
		if has && x.flexHolds(o) {
			x.out.Remove(c)
		}
	case o.Action == topology.FlexAdd && has:
	default:
		if v := x.flexValue(o); len(v) > 0 {
			v = append(x.flex.out[:0], v...) // it may stand in the reply, where Remove moves it
			x.flex.out = v
			x.out.Remove(c)
			x.giveBack(c, v)
		}
	}
}

// flexSub changes an option within another: all of that is written anew, the
// parts of other enterprises as they were.
func (x *Exchange) flexSub(o *topology.FlexOption) {
	c := dhcp4.Code(o.Code)
	outer, ok := x.out.Value(c)
	switch {
	case x.out.Has(c) && !ok, // too long to be taken apart
		!ok && (o.Action == topology.FlexRemove || !o.Whole):
		return
	}
	before, part, after, found := split(outer, o.Vendor)
	subs, err := dhcp4.ParseSubOptions(part)
	if err != nil || !found && !o.Whole {
		return
	}
	_, has := subs.Option(dhcp4.Code(o.SubCode))
	var v []byte
	switch {
	case o.Action == topology.FlexRemove:
		if !has || !x.flexHolds(o) {
			return
		}
	case has && o.Action == topology.FlexAdd:
		return
	default:
		if v = x.flexValue(o); len(v) == 0 {
			return
		}
	}
	b, ok := rewritten(x.flex.out[:0], o, before, subs, v, after)
	x.flex.out = b
	switch {
	case !ok:
		x.noRoom(c)
	case len(b) == 0 && o.Whole:
		x.out.Remove(c)
	default:
		x.out.Remove(c)
		x.giveBack(c, b)
	}
}

// split takes the enterprise's part out of an option 125; of any other option all
// is the part. found tells whether there is one.
func split(v []byte, vendor uint32) (before, part, after []byte, found bool) {
	if vendor == 0 {
		return nil, v, nil, true
	}
	for rest := v; len(rest) >= 5 && len(rest) >= 5+int(rest[4]); {
		n := 5 + int(rest[4])
		if binary.BigEndian.Uint32(rest) == vendor {
			at := len(v) - len(rest)
			return v[:at], rest[5:n], rest[n:], true
		}
		rest = rest[n:]
	}
	return v, nil, nil, false
}

// rewritten writes an option with a sub-option changed: v in its place, or
// nothing. It reports false where a length would not fit into its octet.
func rewritten(b []byte, o *topology.FlexOption, before []byte, subs dhcp4.SubOptions, v, after []byte) ([]byte, bool) {
	b = append(b, before...)
	mark := len(b)
	if o.Vendor != 0 {
		b = append(binary.BigEndian.AppendUint32(b, o.Vendor), 0)
	}
	begin := len(b)
	for c, was := range subs.All {
		if c != dhcp4.Code(o.SubCode) {
			b = append(append(b, byte(c), byte(len(was))), was...)
		}
	}
	if o.Action != topology.FlexRemove {
		if len(v) > 255 {
			return b, false
		}
		b = append(append(b, byte(o.SubCode), byte(len(v))), v...)
	}
	switch n := len(b) - begin; {
	case o.Vendor == 0:
	case n > 255:
		return b, false
	case n == 0 && o.Whole:
		b = b[:mark]
	default:
		b[begin-1] = byte(n)
	}
	return append(b, after...), true
}

// flexHolds evaluates the condition of an entry.
func (x *Exchange) flexHolds(o *topology.FlexOption) bool {
	ok, err := o.Expr.Match(&x.flex.packet, &x.flex.scratch)
	return ok && err == nil
}

// flexValue makes the value of an entry, nothing where the expression has none
// or its text is not the option's.
func (x *Exchange) flexValue(o *topology.FlexOption) []byte {
	v, err := o.Expr.Value(&x.flex.packet, &x.flex.scratch)
	if err != nil {
		return nil
	}
	if o.Def != nil && len(v) > 0 {
		if v, err = o.Def.Encode(string(v)); err != nil && !errors.Is(err, optdef.ErrSurplus) {
			return nil
		}
	}
	return v
}
