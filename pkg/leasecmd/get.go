package leasecmd

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"net/netip"
	"slices"

	"github.com/dhcp4o6/dhcp4o6/pkg/control"
	"github.com/dhcp4o6/dhcp4o6/pkg/lease"
)

func (c *Commands) get(_ context.Context, args json.RawMessage) (control.Result, error) {
	m, isMap := mapOf(args)
	if !isMap {
		return control.Result{}, errParameters
	}
	q, err := c.query(m, "Query")
	if err != nil {
		return control.Result{}, err
	}
	l, found, err := c.find(&q)
	switch {
	case err != nil:
		return control.Result{}, err
	case !found:
		return empty("Lease not found.")
	}
	return control.Result{Text: c.protocol() + " lease found.", Arguments: json.RawMessage(appendLease(nil, &l))}, nil
}

// leastLease is fewer octets than any lease takes in an answer.
const leastLease = 128

// walked answers with all leases that want picks; text stands behind their number.
func (c *Commands) walked(ctx context.Context, text string, want func(*lease.Lease) bool) (control.Result, error) {
	done, err := c.alone(ctx)
	if err != nil {
		return control.Result{}, err
	}
	defer done()
	a := c.list()
	err = c.o.Leases.Walk(ctx, c.o.MaxAnswer/leastLease, want, a.add)
	if errors.Is(err, lease.ErrMany) {
		return control.Result{}, c.errLarge()
	}
	if err != nil {
		return control.Result{}, err
	}
	return c.found(a, text)
}

func (c *Commands) getAll(ctx context.Context, args json.RawMessage) (control.Result, error) {
	if args == nil {
		return c.walked(ctx, "", func(*lease.Lease) bool { return true })
	}
	m, isMap := mapOf(args)
	if !isMap {
		return control.Result{}, errNotMap
	}
	subnets, err := subnetIDs(m)
	if err != nil {
		return control.Result{}, err
	}
	return c.walked(ctx, "", func(l *lease.Lease) bool {
		_, listed := slices.BinarySearch(subnets, l.Subnet)
		return listed
	})
}

// subnetIDs reads the list of lease4-get-all, sorted.
func subnetIDs(m members) ([]uint32, error) {
	if !m.has("subnets") {
		return nil, refusef("'subnets' parameter not specified")
	}
	var all []json.RawMessage
	if v := m["subnets"]; v[0] != '[' || json.Unmarshal(v, &all) != nil {
		return nil, refusef("'subnets' parameter must be a list")
	}
	var ids []uint32
	for _, e := range all {
		n, ok := isInt(e)
		if !ok {
			return nil, refusef("listed subnet identifiers must be numbers")
		}
		if n >= 0 && n <= math.MaxUint32 {
			ids = append(ids, uint32(n))
		}
	}
	slices.Sort(ids)
	return ids, nil
}

func (c *Commands) getPage(ctx context.Context, args json.RawMessage) (control.Result, error) {
	if args == nil {
		return control.Result{}, refusef("no parameters specified for the lease%s-get-page command", c.digit())
	}
	m, isMap := mapOf(args)
	if !isMap {
		return control.Result{}, errNotMap
	}
	from, limit, err := c.page(m)
	if err != nil {
		return control.Result{}, err
	}
	done, err := c.alone(ctx)
	if err != nil {
		return control.Result{}, err
	}
	defer done()
	most := int64(c.o.MaxAnswer / leastLease)
	all, err := c.o.Leases.Page(ctx, from, int(min(limit, most+1)))
	if err != nil {
		return control.Result{}, err
	}
	if int64(len(all)) > most && limit > most {
		return control.Result{}, c.errLarge()
	}
	a := c.list()
	for i := range all {
		if !a.add(&all[i]) {
			break
		}
	}
	a.tail = fmt.Sprintf(`,"count":%d`, a.n)
	return c.found(a, "")
}

// page reads the parameters of a page.
func (c *Commands) page(m members) (from netip.Addr, limit int64, err error) {
	if !m.has("from") {
		return from, 0, refusef("'from' parameter not specified")
	}
	if !m.has("limit") {
		return from, 0, refusef("'limit' parameter not specified")
	}
	text, ok := isText(m["from"])
	if !ok {
		return from, 0, refusef("'from' parameter must be a string")
	}
	if text != "start" {
		if from, err = address(text); err != nil {
			return from, 0, refusef("'from' parameter value is neither 'start' keyword nor a valid %s address", c.protocol())
		}
		if from.Is4() != (c.kind == lease.V4) {
			return from, 0, refusef("'from' parameter value %s is not an %s address", from, c.protocol())
		}
	}
	limit, ok = isInt(m["limit"])
	switch {
	case !ok:
		return from, 0, refusef("'limit' parameter must be a number")
	case limit == 0:
		return from, 0, refusef("page size of retrieved leases must not be 0")
	case limit < 0 || limit > math.MaxUint32:
		return from, 0, refusef("page size of retrieved leases must not be greater than %d", uint32(math.MaxUint32))
	}
	return from, limit, nil
}

// one reads the one text that a command of the kind lease4-get-by-* needs.
func one(args json.RawMessage, name string) (string, error) {
	m, isMap := mapOf(args)
	if !isMap {
		return "", refusef("Command arguments missing or a not a map.")
	}
	if !m.has(name) {
		return "", refusef("'%s' parameter not specified", name)
	}
	s, ok := isText(m[name])
	if !ok {
		return "", refusef("'%s' parameter must be a string", name)
	}
	return s, nil
}

func (c *Commands) byHWAddress(_ context.Context, args json.RawMessage) (control.Result, error) {
	return c.indexed(args, "hw-address", lease.ByHWAddr, hwAddr)
}

func (c *Commands) byClientID(_ context.Context, args json.RawMessage) (control.Result, error) {
	return c.indexed(args, "client-id", lease.ByClientID, clientID)
}

// indexed answers with the leases that the table finds by an identity.
func (c *Commands) indexed(args json.RawMessage, name string, kind lease.IdentityKind, read func(string) ([]byte, error)) (control.Result, error) {
	s, err := one(args, name)
	if err != nil {
		return control.Result{}, err
	}
	id, err := read(s)
	if err != nil {
		return control.Result{}, err
	}
	all := c.o.Leases.ByIdentity(lease.Identity{Kind: kind, ID: id})
	slices.SortFunc(all, func(a, b lease.Lease) int { return a.Resource.Prefix.Addr().Compare(b.Resource.Prefix.Addr()) })
	a := c.list()
	for i := range all {
		if !a.add(&all[i]) {
			break
		}
	}
	return c.found(a, "")
}

// byDUID walks: the table's index has DUID and IAID in one.
func (c *Commands) byDUID(ctx context.Context, args json.RawMessage) (control.Result, error) {
	s, err := one(args, "duid")
	if err != nil {
		return control.Result{}, err
	}
	id, err := duid(s)
	if err != nil {
		return control.Result{}, err
	}
	return c.walked(ctx, "", func(l *lease.Lease) bool { return string(l.DUID) == string(id) })
}

func (c *Commands) byHostname(ctx context.Context, args json.RawMessage) (control.Result, error) {
	name, err := one(args, "hostname")
	if err != nil {
		return control.Result{}, err
	}
	if name == "" {
		return control.Result{}, refusef("'hostname' parameter is empty")
	}
	return c.walked(ctx, "", func(l *lease.Lease) bool { return sameName(l.Hostname, name) })
}

// sameName compares names as lower does.
func sameName(a, b string) bool {
	if len(a) != len(b) {
		return false
	}
	for i := range len(a) {
		x, y := a[i], b[i]
		if x != y && (x|0x20 != y|0x20 || x|0x20 < 'a' || x|0x20 > 'z') {
			return false
		}
	}
	return true
}

// stateNames are Kea's names of states; "assigned" is another name of the first.
var stateNames = [...]string{"default", "declined", "expired-reclaimed", "released", "registered"}

func (c *Commands) byState(ctx context.Context, args json.RawMessage) (control.Result, error) {
	m, isMap := mapOf(args)
	if !isMap {
		return control.Result{}, refusef("Command arguments missing or a not a map.")
	}
	state, err := stateOf(m)
	if err != nil {
		return control.Result{}, err
	}
	text := fmt.Sprintf(" with state %d", state)
	if state < uint32(len(stateNames)) {
		text = fmt.Sprintf(" with state %s (%d)", stateNames[state], state)
	}
	subnet := uint32(0)
	if m.has("subnet-id") {
		n, ok := isInt(m["subnet-id"])
		switch {
		case !ok:
			return control.Result{}, refusef("'subnet-id' parameter must be a number")
		case n < 0 || n > math.MaxUint32:
			return control.Result{}, refusef("'subnet-id' parameter must be a 32 bit unsigned integer")
		case n > 0:
			text += fmt.Sprintf(" in subnet %d", n)
		}
		subnet = uint32(n)
	}
	return c.walked(ctx, text, func(l *lease.Lease) bool {
		return uint32(l.State) == state && (subnet == 0 || l.Subnet == subnet)
	})
}

// stateOf reads a state, a number or a name.
func stateOf(m members) (uint32, error) {
	if !m.has("state") {
		return 0, refusef("'state' parameter not specified")
	}
	v := m["state"]
	if n, ok := isInt(v); ok {
		return uint32(n), nil
	}
	name, ok := isText(v)
	switch i := slices.Index(stateNames[:], name); {
	case !ok:
		return 0, refusef("'state' parameter must be a number or a string")
	case name == "":
		return 0, refusef("'state' parameter is empty")
	case name == "assigned":
		return 0, nil
	case i < 0:
		return 0, refusef("'state' parameter value (%s) is not recognized", name)
	default:
		return uint32(i), nil
	}
}
