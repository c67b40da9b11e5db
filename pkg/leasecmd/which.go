package leasecmd

import (
	"bytes"
	"encoding/json"
	"net/netip"

	"github.com/dhcp4o6/dhcp4o6/pkg/lease"
)

// hwEthernet is the type of a hardware address whose type nobody has said.
const hwEthernet = 1

// A query names one lease: by address, or by a client, a subnet and, in IPv6, an
// IAID.
type query struct {
	kind   lease.Kind
	none   bool       // nothing can match
	addr   netip.Addr // invalid: by client
	length int        // of a delegated prefix; 0: any
	id     lease.Identity
	subnet uint32
}

var errParameters = refusef("Parameters missing or are not a map.")

// query reads the parameters of lease4-get and lease4-del; verb is what a text calls the
// command.
func (c *Commands) query(m members, verb string) (q query, err error) {
	q.kind = c.kind
	if m.has("type") {
		if err := q.typed(m["type"]); err != nil {
			return q, err
		}
	}
	if m.has("ip-address") {
		return q, c.byAddress(&q, m)
	}
	if !m.has("subnet-id") {
		return q, refusef("Mandatory 'subnet-id' parameter missing.")
	}
	n, ok := isInt(m["subnet-id"])
	if !ok {
		return q, refusef("'subnet-id' parameter is not integer.")
	}
	q.subnet = uint32(n)
	q.none = q.none || n != int64(q.subnet)
	if m.has("iaid") {
		n, ok := isInt(m["iaid"])
		if !ok {
			return q, refusef("intValue() called on non-integer Element")
		}
		q.id.IAID = uint32(n)
	}
	return q, c.byClient(&q, m, verb)
}

// typed reads the type of an IPv6 lease. V4 is one of Kea's, and matches nothing.
func (q *query) typed(v json.RawMessage) error {
	s, ok := isText(v)
	if !ok {
		return refusef("stringValue() called on non-string Element")
	}
	v4 := q.kind == lease.V4
	switch s {
	case "V4":
		q.none = !v4
		return nil
	case "IA_NA", "IA_TA", "IA_PD":
		if !v4 {
			q.kind = kindOf(s)
		}
		return nil
	}
	return refusef("Invalid lease type specified: %s, only supported values are: IA_NA, IA_TA, IA_PD and V4", s)
}

func kindOf(name string) lease.Kind {
	for k, n := range typeNames {
		if n == name {
			return k
		}
	}
	return lease.NA
}

func (c *Commands) byAddress(q *query, m members) error {
	s, ok := isText(m["ip-address"])
	if !ok {
		return refusef("'ip-address' is not a string.")
	}
	a, err := address(s)
	if err != nil {
		return err
	}
	if a.Is4() != (q.kind == lease.V4) {
		return refusef("Invalid %s address specified: %s", c.protocol(), a)
	}
	q.addr = a
	if n, ok := isInt(m["prefix-len"]); ok && q.kind == lease.PD && n > 0 && n <= 128 {
		q.length = int(n)
	}
	return nil
}

func (c *Commands) byClient(q *query, m members, verb string) (err error) {
	kind, ok := isText(m["identifier-type"])
	if !ok {
		return refusef("No 'ip-address' provided and 'identifier-type' is either missing or not a string.")
	}
	id, ok := isText(m["identifier"])
	if !ok {
		return refusef("No 'ip-address' provided and 'identifier' is either missing or not a string.")
	}
	v4 := q.kind == lease.V4
	allowed := v4
	switch kind {
	case "hw-address":
		q.id.Kind = lease.ByHWAddr
		q.id.ID, err = hwAddr(id)
	case "client-id":
		q.id.Kind = lease.ByClientID
		q.id.ID, err = clientID(id)
	case "duid":
		q.id.Kind, q.id.For, allowed = lease.ByDUID, q.kind, !v4
		q.id.ID, err = duid(id)
	case "address": // Kea takes it and finds nothing
		q.none, allowed = true, true
	default:
		return refusef("Incorrect identifier type: %s, the only supported values are: address, hw-address, duid", kind)
	}
	if err == nil && !allowed {
		return refusef("%s by %s is not allowed in v%s.", verb, kind, c.digit())
	}
	return err
}

// find returns the lease that a query names.
func (c *Commands) find(q *query) (l lease.Lease, found bool, err error) {
	switch {
	case q.none:
		return l, false, nil
	case q.addr.IsValid():
		l, found = c.at(q.kind, q.addr, q.length)
		return l, found, nil
	}
	for _, e := range c.o.Leases.ByIdentity(q.id) {
		if e.Subnet != q.subnet {
			continue
		}
		if found && q.kind != lease.V4 {
			return l, false, refusef("More than one lease found for type %d, duid %s, iaid %d and subnet-id %d",
				q.kind-lease.NA, appendHex(nil, q.id.ID), q.id.IAID, q.subnet)
		}
		if !found || before(&e, &l) {
			l, found = e, true
		}
	}
	return l, found, nil
}

// at returns the lease of an address. A delegated prefix of any length is found by
// its first address, since Kea asks for no length.
func (c *Commands) at(k lease.Kind, a netip.Addr, length int) (lease.Lease, bool) {
	if k != lease.PD {
		return c.o.Leases.ByResource(lease.Resource{Kind: k, Prefix: netip.PrefixFrom(a, a.BitLen())})
	}
	for n := 128; n > 0; n-- {
		p := netip.PrefixFrom(a, n)
		if p.Masked() != p {
			break // a shorter prefix begins elsewhere
		}
		if length > 0 && n != length {
			continue
		}
		if l, ok := c.o.Leases.ByResource(lease.Resource{Kind: k, Prefix: p}); ok {
			return l, true
		}
	}
	return lease.Lease{}, false
}

// before orders what one client has: by address.
func before(a, b *lease.Lease) bool {
	x, y := a.Resource, b.Resource
	if c := x.Prefix.Addr().Compare(y.Prefix.Addr()); c != 0 {
		return c < 0
	}
	return bytes.Compare([]byte{byte(x.Kind), byte(x.Prefix.Bits())}, []byte{byte(y.Kind), byte(y.Prefix.Bits())}) < 0
}
