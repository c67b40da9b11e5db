package leasecmd

import (
	"context"
	"encoding/json"
	"net/netip"
	"slices"
	"strconv"

	"github.com/dhcp4o6/dhcp4o6/pkg/config"
	"github.com/dhcp4o6/dhcp4o6/pkg/control"
	"github.com/dhcp4o6/dhcp4o6/pkg/topology"
)

// A hostDraft is a reservation as a command gives it.
type hostDraft struct {
	text   json.RawMessage // without subnet-id
	placed bool            // there is one
	subnet uint32
	addrs  []netip.Addr // that it keeps, those that can be read
	pd     bool         // it keeps prefixes
}

// hostDraft reads what Kea looks at before it reads the reservation itself.
func (c *Commands) hostDraft(v json.RawMessage) (d hostDraft, err error) {
	m, isMap := mapOf(v)
	if !isMap {
		return d, errNotMap
	}
	if raw, ok := m["subnet-id"]; ok {
		id, isNumber := isInt(raw)
		switch {
		case !isNumber:
			return d, refusef("'subnet-id' parameter is not integer.")
		case id < 0 || id > maxSubnet:
			return d, refusef("subnet-id: %d is invalid, must be between 0 and %d (inclusive).", id, int64(maxSubnet))
		}
		d.placed, d.subnet = true, uint32(id)
	}
	d.text = m.without("subnet-id")
	var list []string
	if s, ok := isText(m["ip-address"]); ok {
		list = append(list, s)
	}
	var more []string
	if json.Unmarshal(m["ip-addresses"], &more) == nil {
		list = append(list, more...)
	}
	for _, s := range list {
		if a, err := netip.ParseAddr(s); err == nil && !a.IsUnspecified() && a.Is4() == (c.o.Family == topology.V4) {
			d.addrs = append(d.addrs, a)
		}
	}
	var prefixes []json.RawMessage
	d.pd = json.Unmarshal(m["prefixes"], &prefixes) == nil && len(prefixes) > 0
	return d, nil
}

// fitting checks the subnet of a reservation against its addresses.
func (c *Commands) fitting(d *hostDraft, t *topology.Topology) error {
	if !d.placed {
		return c.whereTo(d, t)
	}
	if d.subnet == 0 {
		return nil
	}
	s := byID(t.Subnets, d.subnet)
	if s == nil {
		return refusef("%s subnet with ID of '%d' is not configured", c.protocol(), d.subnet)
	}
	for _, a := range d.addrs {
		if !s.Prefix.Contains(a) {
			return refusef("specified reservation '%s' is not matching the %s subnet prefix '%s'", a, c.protocol(), s.Prefix)
		}
	}
	return nil
}

// whereTo says for which subnet a reservation without one was probably meant. One that
// keeps no address is taken for a global one.
func (c *Commands) whereTo(d *hostDraft, t *topology.Topology) error {
	const missing = "Mandatory 'subnet-id' parameter missing."
	switch {
	case len(d.addrs) == 0 && d.pd:
		return refusef(missing + " Prefixes are not attached to subnets so no hint is available.")
	case len(d.addrs) == 0:
		return nil
	}
	var fits []*topology.Subnet
	for _, s := range t.Subnets {
		if !slices.ContainsFunc(d.addrs, func(a netip.Addr) bool { return !s.Prefix.Contains(a) }) {
			fits = append(fits, s)
		}
	}
	slices.SortStableFunc(fits, func(a, b *topology.Subnet) int { return min(len(a.Guard), 1) - min(len(b.Guard), 1) })
	what, belong, nowhere := "The address '"+d.addrs[0].String()+"'", "belongs", " belongs to no configured subnet."
	if c.o.Family == topology.V6 {
		what, belong, nowhere = "Reserved IPv6 addresses", "belong", " do not belong to a common configured subnet."
	}
	if len(fits) == 0 {
		return refusef("%s %s%s", missing, what, nowhere)
	}
	guarded, others := "", "."
	if len(fits[0].Guard) > 0 {
		guarded = "guarded "
	}
	if len(fits) > 1 {
		others = " and others."
	}
	return refusef("%s %s %s to %ssubnet '%s' id %d%s", missing, what, belong, guarded, fits[0].Prefix, fits[0].ID, others)
}

// duplicate says in Kea's words that a host, or its address, has a reservation already;
// what else is wrong with it is said when it is compiled. Those that go do not count.
func (c *Commands) duplicate(d *hostDraft, now *config.Config, gone []*config.Host) error {
	key, problems := now.HostKey(d.text)
	if len(problems) > 0 {
		return nil
	}
	unique := now.UniqueReservations()
	var host, addr *config.Host
	for h := range now.Hosts() {
		if h.Subnet != d.subnet || slices.Contains(gone, h) {
			continue
		}
		if h.Key == key {
			host = h
		}
		if unique && slices.ContainsFunc(d.addrs, func(a netip.Addr) bool { return h.Addr == a || slices.Contains(h.Addrs, a) }) {
			addr = h
		}
	}
	_, id := (&config.Host{Reservation: &topology.Reservation{Key: key}}).Identifier()
	hw, client := "(null)", "(null)"
	switch key.Kind {
	case topology.HWAddress:
		hw = id
	case topology.DUID:
		client = id
	}
	to := "to the " + c.protocol() + " subnet id '" + strconv.FormatUint(uint64(d.subnet), 10) + "'"
	switch {
	case host != nil && key.Kind == topology.HWAddress:
		return refusef("failed to add new host using the HW address '%s' %s as this host has already been added", hw, to)
	case host != nil && key.Kind == topology.DUID:
		return refusef("failed to add new host using the DUID '%s' %s as this host has already been added", client, to)
	case host != nil:
		kind, _ := host.Identifier()
		return refusef("failed to add duplicate %s host using identifier: %s=%s", c.protocol(), kind, id)
	case addr != nil && c.o.Family == topology.V6:
		return refusef("failed to add address reservation for host using the HW address '%s and DUID '%s' %s for address/prefix %s: "+
			"There's already reservation for this address/prefix", hw, client, to, d.addrs[0])
	case addr != nil:
		return refusef("failed to add new host using the HW address '%s and DUID '%s' %s for the address %s: "+
			"There's already a reservation for this address", hw, client, to, d.addrs[0])
	}
	return nil
}

func (c *Commands) hostAdd(ctx context.Context, args json.RawMessage) (control.Result, error) {
	m, err := given(args)
	if err != nil {
		return control.Result{}, err
	}
	r := &reader{m: m}
	if r.target("add new host"); r.err != nil {
		return control.Result{}, r.err
	}
	if !m.has("reservation") {
		return control.Result{}, refusef("reservation must be specified")
	}
	d, err := c.hostDraft(m["reservation"])
	if err != nil {
		return control.Result{}, err
	}
	text := "Host added."
	if !d.placed {
		text += " subnet-id not specified, assumed global (subnet-id 0)."
	}
	return c.change(ctx, func(now *config.Config) (Change, error) {
		if err := c.fitting(&d, now.Topology); err != nil {
			return Change{}, err
		}
		if err := c.duplicate(&d, now, nil); err != nil {
			return Change{}, err
		}
		next, problems := now.ChangeHosts(d.subnet, nil, d.text)
		return Change{next, problems, control.Result{Text: text}}, nil
	})
}

func (c *Commands) hostUpdate(ctx context.Context, args json.RawMessage) (control.Result, error) {
	if args == nil {
		return control.Result{}, refusef("invalid command: does not contain mandatory 'arguments'")
	}
	m, isMap := mapOf(args)
	if !isMap {
		return control.Result{}, refusef("invalid command: expected 'arguments' to be a map, got %s instead", typeName(args))
	}
	v := m["reservation"]
	if v == nil {
		return control.Result{}, refusef("invalid command: expected 'reservation' as the sole parameter inside the 'arguments' map, didn't get it instead")
	}
	if v[0] != '{' {
		return control.Result{}, refusef("invalid command: expected 'reservation' to be a map, got %s instead", typeName(v))
	}
	r := &reader{m: m}
	if r.target("update existing host"); r.err != nil {
		return control.Result{}, r.err
	}
	d, err := c.hostDraft(v)
	if err != nil {
		return control.Result{}, err
	}
	if !d.placed {
		return control.Result{}, refusef("Mandatory 'subnet-id' parameter missing. Use `reservation-get-by-id' or 'reservation-get-by-address' " +
			"to get the list of reservations with given identifier or address.")
	}
	return c.change(ctx, func(now *config.Config) (Change, error) {
		if err := c.fitting(&d, now.Topology); err != nil {
			return Change{}, err
		}
		key, problems := now.HostKey(d.text)
		if len(problems) > 0 {
			return Change{Problems: problems}, nil
		}
		q := hostQuery{subnet: d.subnet, key: key}
		gone := matching(now, &q)
		if len(gone) == 0 {
			return Change{}, refusef("Host not updated (not found).")
		}
		if err := c.duplicate(&d, now, gone); err != nil {
			return Change{}, err
		}
		next, problems := now.ChangeHosts(d.subnet, gone, d.text)
		return Change{next, problems, control.Result{Text: "Host updated."}}, nil
	})
}

func (c *Commands) hostDel(ctx context.Context, args json.RawMessage) (control.Result, error) {
	r, err := hostArguments(args)
	if err != nil {
		return control.Result{}, err
	}
	var q hostQuery
	if q.one(r, "delete a host"); r.err != nil {
		return control.Result{}, r.err
	}
	return c.change(ctx, func(now *config.Config) (Change, error) {
		gone := matching(now, &q)
		if len(gone) == 0 {
			return answered(control.Empty, "Host not deleted (not found).")
		}
		next, problems := now.ChangeHosts(q.subnet, gone, nil)
		return Change{next, problems, control.Result{Text: "Host deleted."}}, nil
	})
}

// matching are the reservations that a query means.
func matching(cfg *config.Config, q *hostQuery) (all []*config.Host) {
	for h := range cfg.Hosts() {
		if q.match(h) {
			all = append(all, h)
		}
	}
	return all
}

// typeName is what Kea calls the type of a value.
func typeName(v json.RawMessage) string {
	switch v[0] {
	case '{':
		return "map"
	case '[':
		return "list"
	case '"':
		return "string"
	case 't', 'f':
		return "boolean"
	case 'n':
		return "null"
	}
	if _, ok := isInt(v); ok {
		return "integer"
	}
	return "real"
}
