package leasecmd

import (
	"bytes"
	"encoding/json"
	"math"
	"net/netip"
	"time"

	"github.com/dhcp4o6/dhcp4o6/pkg/lease"
	"github.com/dhcp4o6/dhcp4o6/pkg/topology"
)

// A draft is what lease4-add and lease4-update say about a lease.
type draft struct {
	lease.Lease
	force bool // "force-create"
}

// draft reads the parameters of a lease, in the order in which Kea looks at them.
func (c *Commands) draft(m members) (d draft, err error) {
	r := &reader{m: m}
	a := r.address("ip-address")
	if r.err == nil && a.Is4() != (c.kind == lease.V4) {
		r.fail("Non-%s address specified: %s", c.protocol(), a)
	}
	d.HWType = hwEthernet
	if c.kind == lease.V4 {
		r.need("hw-address")
		d.HWAddr = read(r, "hw-address", hwAddr)
		d.Resource = lease.Resource{Kind: lease.V4, Prefix: netip.PrefixFrom(a, a.BitLen())}
	} else {
		c.client6(r, &d.Lease, a)
	}
	s := c.subnet(r, d.Resource.Kind, a)
	if r.err != nil {
		return d, r.err
	}
	d.Subnet = s.ID
	if c.kind == lease.V4 && m.has("client-id") {
		d.ClientID = read(r, "client-id", clientID)
	}
	c.lifetimes(r, &d.Lease, s, a)
	d.FwdDNS, d.RevDNS = r.flag("fqdn-fwd"), r.flag("fqdn-rev")
	d.Hostname = lower(r.text("hostname"))
	if d.Hostname == "" && (d.FwdDNS || d.RevDNS) {
		r.fail("No hostname specified and either forward or reverse fqdn was set to true.")
	}
	d.State = state(r)
	d.UserContext = userContext(r)
	d.force = r.flag("force-create")
	if c.kind == lease.V4 && len(d.HWAddr) == 0 && len(d.ClientID) == 0 && d.State != lease.Declined {
		r.fail("Lease4: %s, state: %s has neither hardware address or client id", a, stateNames[d.State])
	}
	return d, r.err
}

// read reads a text that stands for octets.
func read(r *reader, name string, decode func(string) ([]byte, error)) []byte {
	s := r.text(name)
	if r.err != nil {
		return nil
	}
	b, err := decode(s)
	return keep(r, b, err)
}

// client6 reads what names an IPv6 lease.
func (c *Commands) client6(r *reader, l *lease.Lease, a netip.Addr) {
	r.need("duid")
	l.DUID = read(r, "duid", duid)
	kind, length := lease.NA, int64(128)
	if r.m.has("type") {
		switch s := r.text("type"); s {
		case "IA_NA", "IA_TA", "IA_PD":
			kind = kindOf(s)
		default:
			r.fail("Incorrect lease type: %s, the only supported values are: na, ta and pd", s)
		}
	}
	if kind == lease.PD {
		r.need("prefix-len")
		if length = r.number("prefix-len", math.MaxUint8, 128); length < 1 || length > 128 {
			r.fail("prefix-len %d is not between 1 and 128", length)
		}
	}
	r.need("iaid")
	l.IAID = uint32(r.number("iaid", math.MaxUint32, 0))
	l.HWType = 0
	if l.HWAddr = read(r, "hw-address", hwAddr); len(l.HWAddr) > 0 {
		l.HWType = hwEthernet
	}
	if r.err != nil {
		return
	}
	l.Resource = lease.Resource{Kind: kind, Prefix: netip.PrefixFrom(a, int(length))}
	if l.Resource.Prefix.Masked() != l.Resource.Prefix {
		r.fail("%s is not the first address of a prefix of %d bits", a, length)
	}
}

// subnet returns the subnet that is meant, or to which the address belongs.
func (c *Commands) subnet(r *reader, k lease.Kind, a netip.Addr) *topology.Subnet {
	id := uint32(r.number("subnet-id", math.MaxUint32, 0))
	if r.err != nil {
		return nil
	}
	all := c.o.Topology().Subnets
	if id == 0 {
		if k == lease.TA || k == lease.PD {
			r.fail("Subnet-id is 0 or not specified. This is allowed for address leases only, not prefix leases.")
			return nil
		}
		for _, s := range all {
			if s.Prefix.Contains(a) {
				return s
			}
		}
		r.fail("subnet-id not specified and failed to find a subnet for address %s", a)
		return nil
	}
	s := byID(all, id)
	switch {
	case s == nil:
		r.fail("Invalid subnet-id: No %s subnet with subnet-id=%d currently configured.", c.protocol(), id)
	case k != lease.PD && !s.Prefix.Contains(a):
		r.fail("The address %s does not belong to subnet %s, subnet-id=%d", a, s.Prefix, id)
	}
	return s
}

// lifetimes reads when the lease begins and how long it lasts.
func (c *Commands) lifetimes(r *reader, l *lease.Lease, s *topology.Subnet, a netip.Addr) {
	if c.kind != lease.V4 {
		// as in Kea, the valid lifetime of the subnet unless it is said
		l.Preferred = seconds(r.number("preferred-lft", math.MaxUint32, int64(s.Policy.Valid.Default)))
	}
	valid := r.number("valid-lft", math.MaxUint32, int64(s.Policy.Valid.Default))
	if r.err == nil && valid == 0 {
		r.fail("a valid lifetime of 0 would remove the lease %s when the lease file is read", a)
	}
	l.Valid = seconds(valid)
	l.Start = c.o.Now().Truncate(time.Second)
	if !r.m.has("expire") {
		return
	}
	expire := r.integer("expire")
	switch {
	case expire <= 0:
		r.fail("expiration time must be positive for address %s", a)
	case expire < valid:
		r.fail("expiration time must be greater than valid lifetime for address %s", a)
	case expire-valid >= math.MaxUint32:
		r.fail("expiration time is after the year 2106 for address %s", a)
	}
	l.Start = time.Unix(expire-valid, 0)
}

// lower makes the letters of ASCII small, in which names do not differ (RFC 4343), and
// leaves all other octets as they are.
func lower(s string) string {
	b := []byte(s)
	for i, c := range b {
		if 'A' <= c && c <= 'Z' {
			b[i] = c + 'a' - 'A'
		}
	}
	return string(b)
}

func seconds(n int64) time.Duration { return time.Duration(n) * time.Second }

// state reads the state. Kea 2.2 knows the first three, Kea 3 the fourth.
func state(r *reader) lease.State {
	n := r.number("state", math.MaxUint8, 0)
	if n > int64(lease.Released) {
		r.fail("Invalid state value: %d, supported values are: 0 (default), 1 (declined), 2 (expired-reclaimed) and 3 (released)", n)
		return 0
	}
	return lease.State(n)
}

// userContext reads the user context, with the comment in it.
func userContext(r *reader) json.RawMessage {
	ctx, comment := r.m["user-context"], r.m["comment"]
	if r.err != nil {
		return nil
	}
	in, isMap := mapOf(ctx)
	switch {
	case ctx != nil && !isMap:
		r.fail("Invalid user context '%s' is not a JSON map.", ctx)
	case comment != nil && in.has("comment"):
		r.fail("Duplicated comment entry '%s' in user context '%s'", comment, ctx)
	}
	if r.err != nil || ctx == nil && comment == nil {
		return nil
	}
	var b bytes.Buffer
	if ctx == nil {
		ctx = json.RawMessage("{}")
	}
	if err := json.Compact(&b, ctx); err != nil {
		r.fail("user context: %v", err)
		return nil
	}
	if comment != nil {
		b.Truncate(b.Len() - 1)
		if len(in) > 0 {
			b.WriteByte(',')
		}
		b.WriteString(`"comment":`)
		b.Write(comment)
		b.WriteByte('}')
	}
	return b.Bytes()
}

// byID returns a subnet by its id.
func byID(all []*topology.Subnet, id uint32) *topology.Subnet {
	lo, hi := 0, len(all)
	for lo < hi {
		if m := (lo + hi) / 2; all[m].ID < id {
			lo = m + 1
		} else {
			hi = m
		}
	}
	if lo < len(all) && all[lo].ID == id {
		return all[lo]
	}
	return nil
}
