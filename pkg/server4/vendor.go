package server4

import (
	"encoding/binary"
	"slices"

	"github.com/dhcp4o6/dhcp4o6/pkg/dhcp4"
	"github.com/dhcp4o6/dhcp4o6/pkg/topology"
)

// Options 124 and 125 hold what is of several enterprises, each part with the
// enterprise's number and a length in front (RFC 3925 §3, §4). Which of them a
// client gets is Kea's rule: of an enterprise that it names in 124 or 125 those
// options that it asks for (only CableLabs has a way to) or that are always sent;
// and when it asks for 125 as a whole, each enterprise that an option 125 is
// configured of.

// cableLabs is the enterprise whose option 1 lists the options that are asked for.
const cableLabs, cableLabsORO = 4491, 1

// maxEnterprises bounds the enterprises that one query is answered for.
const maxEnterprises = 16

// vendor is the memory for one of the two options.
type vendor struct {
	value []byte
	ids   []uint32
}

// vendorClass adds option 124 where it is configured, one part for each
// enterprise: from the innermost scope that has one.
func (x *Exchange) vendorClass() {
	const code = uint16(dhcp4.OptVIVendorClass)
	v := &x.vendor
	v.value, v.ids = v.value[:0], v.ids[:0]
	for o := range x.instances(code) {
		if o.Never {
			return
		}
		if v.name(o.Vendor) {
			v.value = binary.BigEndian.AppendUint32(v.value, o.Vendor)
			v.value = append(append(v.value, byte(len(o.Value))), o.Value...)
		}
	}
	if len(v.value) > 0 {
		x.add(dhcp4.OptVIVendorClass, v.value)
	}
}

// vendorInfo adds option 125, in full when asked says that the client asks for it
// or it is always sent.
func (x *Exchange) vendorInfo(asked bool) {
	const code = uint16(dhcp4.OptVIVendorInfo)
	if x.out.Has(dhcp4.OptVIVendorInfo) || !x.anyVendors() {
		return
	}
	v := &x.vendor
	v.value, v.ids = v.value[:0], v.ids[:0]
	for o := range x.instances(code) {
		if o.Never {
			return
		}
		if asked {
			v.name(o.Vendor)
		}
	}
	for _, c := range [...]dhcp4.Code{dhcp4.OptVIVendorInfo, dhcp4.OptVIVendorClass} {
		list, _ := x.Query.Option(c)
		for id := range enterprises(list) {
			v.name(id)
		}
	}
	slices.Sort(v.ids)
	for _, id := range v.ids {
		x.vendorPart(id, asked)
	}
	if len(v.value) > 0 {
		x.add(dhcp4.OptVIVendorInfo, v.value)
	}
}

// anyVendors reports whether anything is configured of an enterprise at all.
func (x *Exchange) anyVendors() bool {
	r := &x.scopes
	if ofVendors(r.merged) || ofVendors(r.host) {
		return true
	}
	return slices.ContainsFunc(r.classes, ofVendors)
}

func ofVendors(scope topology.Options) bool {
	n := len(scope)
	return n > 0 && (scope[n-1].Sub || scope.Find(uint16(dhcp4.OptVIVendorInfo)) != nil)
}

// vendorPart appends what the client gets of one enterprise: first what an option
// 125 has of its own, when that is sent, then what stands in the enterprise's
// space.
func (x *Exchange) vendorPart(id uint32, asked bool) {
	v := &x.vendor
	mark := len(v.value)
	v.value = binary.BigEndian.AppendUint32(v.value, id)
	v.value = append(v.value, 0)
	begin := len(v.value)
	whole := false
	for o := range x.instances(uint16(dhcp4.OptVIVendorInfo)) {
		if asked && o.Vendor == id {
			v.value, whole = append(v.value, o.Value...), true
			break
		}
	}
	var have, wanted dhcp4.CodeSet
	own, _ := dhcp4.ParseSubOptions(v.value[begin:])
	for c := range own.All {
		have.Add(c)
	}
	for _, c := range x.oro(id) {
		wanted.Add(dhcp4.Code(c))
	}
	for scope, global := range x.eachScope {
		in := scope.Within(id)
		for i := range in {
			if in[i].Always && x.counts(&in[i], global) {
				wanted.Add(dhcp4.Code(in[i].Code))
			}
		}
	}
	for c := range 256 { // in order of codes, as Kea
		if c := dhcp4.Code(c); wanted.Has(c) && !have.Has(c) {
			x.vendorOption(id, c, begin)
		}
	}
	if len(v.value) == begin && !whole {
		v.value = v.value[:mark]
		return
	}
	v.value[begin-1] = byte(len(v.value) - begin)
}

// vendorOption appends an option of an enterprise, from the innermost scope that
// has it, unless one says that it is never sent.
func (x *Exchange) vendorOption(id uint32, c dhcp4.Code, begin int) {
	var found *topology.Option
	for scope, global := range x.eachScope {
		in := scope.Within(id)
		for i := range in {
			switch o := &in[i]; {
			case o.Code != uint16(c) || !x.counts(o, global):
			case o.Never:
				return
			case found == nil:
				found = o
			}
		}
	}
	v := &x.vendor
	switch {
	case found == nil:
	case len(v.value)-begin+2+len(found.Value) > 255: // an enterprise's part has one octet of length
		x.noRoom(dhcp4.OptVIVendorInfo)
	default:
		v.value = append(append(v.value, byte(c), byte(len(found.Value))), found.Value...)
	}
}

// oro returns the codes that the client asks an enterprise for.
func (x *Exchange) oro(id uint32) []byte {
	if id != cableLabs {
		return nil
	}
	list, _ := x.Query.Option(dhcp4.OptVIVendorInfo)
	for enterprise, part := range enterprises(list) {
		if enterprise != id {
			continue
		}
		if subs, err := dhcp4.ParseSubOptions(part); err == nil {
			codes, _ := subs.Option(cableLabsORO)
			return codes
		}
	}
	return nil
}

// name notes an enterprise and reports whether it was not there yet.
func (v *vendor) name(id uint32) bool {
	if slices.Contains(v.ids, id) || len(v.ids) == maxEnterprises {
		return false
	}
	v.ids = append(v.ids, id)
	return true
}

// enterprises yields the parts of an option 124 or 125 up to the first that is
// torn.
func enterprises(list []byte) func(yield func(uint32, []byte) bool) {
	return func(yield func(uint32, []byte) bool) {
		for len(list) >= 5 {
			n := 5 + int(list[4])
			if n > len(list) || !yield(binary.BigEndian.Uint32(list), list[5:n]) {
				return
			}
			list = list[n:]
		}
	}
}
