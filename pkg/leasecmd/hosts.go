package leasecmd

import (
	"context"
	"encoding/json"
	"fmt"
	"math"
	"net/netip"
	"slices"
	"strings"

	"github.com/dhcp4o6/dhcp4o6/pkg/config"
	"github.com/dhcp4o6/dhcp4o6/pkg/control"
	"github.com/dhcp4o6/dhcp4o6/pkg/topology"
)

var errHostParameters = refusef("Parameters missing or are not a map.")

const maxSubnet = math.MaxUint32 - 1 // Kea's SUBNET_ID_MAX

// hostArguments reads the map of a command about reservations.
func hostArguments(args json.RawMessage) (*reader, error) {
	m, isMap := mapOf(args)
	if !isMap {
		return nil, errHostParameters
	}
	return &reader{m: m}, nil
}

// target reads operation-target. Reservations are in memory and nowhere else.
func (r *reader) target(verb string) {
	switch t := r.text("operation-target"); {
	case r.err != nil:
	case t == "database":
		r.fail("Unable to %s because there is no hosts-databases configured.", verb)
	case r.m.has("operation-target") && t != "memory" && t != "all" && t != "default":
		r.fail("The 'operation-target' value (%s) is not within expected set: (memory, database, all, default)", t)
	}
}

// needNumber reads a mandatory number.
func (r *reader) needNumber(name string, most int64) int64 {
	r.need(name)
	return r.number(name, most, 0)
}

// A hostQuery says which reservations are meant.
type hostQuery struct {
	any    bool // in all subnets
	subnet uint32
	addr   netip.Addr // invalid: by the key
	key    topology.Key
}

func (q *hostQuery) match(h *config.Host) bool {
	switch {
	case !q.any && h.Subnet != q.subnet:
		return false
	case q.addr.IsValid():
		return h.Addr == q.addr || slices.Contains(h.Addrs, q.addr)
	}
	return h.Key == q.key
}

// one reads the parameters of reservation-get and -del.
func (q *hostQuery) one(r *reader, verb string) {
	addr, kind, id := r.m["ip-address"], r.m["identifier-type"], r.m["identifier"]
	placed := r.m.has("subnet-id")
	if placed || addr == nil && kind == nil && id == nil {
		q.subnet = uint32(r.needNumber("subnet-id", maxSubnet))
	}
	r.target(verb)
	if r.err != nil {
		return
	}
	if addr != nil {
		text, ok := isText(addr)
		if !ok {
			r.fail("'ip-address' is not a string.")
			return
		}
		a, err := address(text)
		q.addr = keep(r, a, err)
		if !placed {
			r.fail(`missing parameter 'subnet-id', use 'reservation-get-by-address' with 'ip-address' set to "%s" to get the list of `+
				"reservations with this address", text)
		}
		return
	}
	q.identifier(r, "No 'ip-address' provided and ")
	if r.err == nil && !placed {
		t, _ := isText(kind)
		i, _ := isText(id)
		r.fail(`missing parameter 'subnet-id', use 'reservation-get-by-id' with 'identifier-type' set to "%s" and 'identifier' to "%s" `+
			"to get the list of reservations with this identifier", t, i)
	}
}

var identifierKinds = map[string]topology.IdentifierKind{
	"hw-address": topology.HWAddress, "duid": topology.DUID, "circuit-id": topology.CircuitID,
	"client-id": topology.ClientID, "flex-id": topology.FlexID,
}

// identifier reads identifier-type and identifier.
func (q *hostQuery) identifier(r *reader, otherwise string) {
	kind, ok := isText(r.m["identifier-type"])
	if !ok {
		r.fail("%s'identifier-type' is either missing or not a string.", otherwise)
	}
	text, ok := isText(r.m["identifier"])
	if !ok {
		r.fail("%s'identifier' is either missing or not a string.", otherwise)
	}
	id, err := []byte(nil), error(nil)
	if t := strings.TrimSpace(text); len(t) > 1 && t[0] == '\'' && t[len(t)-1] == '\'' {
		id = []byte(t[1 : len(t)-1])
	}
	if len(id) == 0 {
		id, err = formatted(text)
	}
	switch k, known := identifierKinds[kind]; {
	case r.err != nil:
	case err != nil:
		r.fail("Unable to parse 'identifier' value.")
	case len(id) == 0:
		r.fail("Unable to query for empty 'identifier'.")
	case !known:
		r.fail("Value of 'identifier-type' was not recognized.")
	default:
		q.key = topology.Key{Kind: k, ID: string(id)}
	}
}

// known complains of a subnet that is not there; 0 is all of them.
func (c *Commands) known(r *reader, id uint32) {
	if r.err == nil && id != 0 && byID(c.o.Topology().Subnets, id) == nil {
		r.fail("%s subnet with ID of '%d' is not configured", c.protocol(), id)
	}
}

func (c *Commands) hostGet(_ context.Context, args json.RawMessage) (control.Result, error) {
	r, err := hostArguments(args)
	if err != nil {
		return control.Result{}, err
	}
	var q hostQuery
	if q.one(r, "get a host"); r.err != nil {
		return control.Result{}, r.err
	}
	cfg := c.o.Config()
	for h := range cfg.Hosts() {
		if q.match(h) {
			return control.Result{Text: "Host found.", Arguments: cfg.HostJSON(h)}, nil
		}
	}
	return empty("Host not found.")
}

// hostsFound answers with the reservations that match.
func (c *Commands) hostsFound(match func(*config.Host) bool) (control.Result, error) {
	cfg := c.o.Config()
	list, size := []json.RawMessage{}, 0
	for h := range cfg.Hosts() {
		if !match(h) {
			continue
		}
		text := cfg.HostJSON(h)
		if size += len(text); size > c.o.MaxAnswer {
			return control.Result{}, refusef("more than %d octets of reservations: reservation-get-page gets them in parts", c.o.MaxAnswer)
		}
		list = append(list, text)
	}
	return c.hostList(list, map[string]any{"hosts": list}), nil
}

func (c *Commands) hostList(list []json.RawMessage, args map[string]any) control.Result {
	res := control.Result{Text: fmt.Sprintf("%d %s host(s) found.", len(list), c.protocol()), Arguments: args}
	if len(list) == 0 {
		res.Code = control.Empty
	}
	return res
}

func (c *Commands) hostGetAll(_ context.Context, args json.RawMessage) (control.Result, error) {
	r, err := hostArguments(args)
	if err != nil {
		return control.Result{}, err
	}
	id := uint32(r.needNumber("subnet-id", maxSubnet))
	r.target("get hosts")
	if c.known(r, id); r.err != nil {
		return control.Result{}, r.err
	}
	return c.hostsFound(func(h *config.Host) bool { return h.Subnet == id })
}

func (c *Commands) hostGetPage(_ context.Context, args json.RawMessage) (control.Result, error) {
	r, err := hostArguments(args)
	if err != nil {
		return control.Result{}, err
	}
	limit := r.needNumber("limit", math.MaxUint32)
	all, id := c.perhapsSubnet(r)
	source := r.number("source-index", 10, 0)
	from := int64(0)
	if r.m.has("from") {
		from = r.integer("from")
	}
	if r.err == nil && limit == 0 {
		r.fail("page size of retrieved hosts must not be 0")
	}
	if c.known(r, id); r.err != nil {
		return control.Result{}, r.err
	}
	list, size, last := []json.RawMessage{}, 0, uint64(0)
	cfg := c.o.Config()
	for h := range cfg.Hosts() {
		if source > 0 || h.Number <= uint64(from) || !all && h.Subnet != id {
			continue
		}
		text := cfg.HostJSON(h)
		if size += len(text); int64(len(list)) == limit || size > c.o.MaxAnswer {
			break // the next page has it
		}
		list, last = append(list, text), h.Number
	}
	found := map[string]any{"hosts": list, "count": len(list)}
	if len(list) > 0 {
		found["next"] = map[string]any{"source-index": source, "from": last}
	}
	return c.hostList(list, found), nil
}

// perhapsSubnet reads a subnet-id that may be missing.
func (c *Commands) perhapsSubnet(r *reader) (all bool, id uint32) {
	if !r.m.has("subnet-id") {
		return true, 0
	}
	return false, uint32(r.number("subnet-id", maxSubnet, 0))
}

func (c *Commands) hostsByAddress(_ context.Context, args json.RawMessage) (control.Result, error) {
	r, err := hostArguments(args)
	if err != nil {
		return control.Result{}, err
	}
	var q hostQuery
	q.addr = r.address("ip-address")
	q.any, q.subnet = c.perhapsSubnet(r)
	r.target("get hosts")
	if c.known(r, q.subnet); r.err != nil {
		return control.Result{}, r.err
	}
	return c.hostsFound(q.match)
}

func (c *Commands) hostsByID(_ context.Context, args json.RawMessage) (control.Result, error) {
	r, err := hostArguments(args)
	if err != nil {
		return control.Result{}, err
	}
	q := hostQuery{any: true}
	q.identifier(r, "")
	if r.m.has("subnet-id") && r.err == nil {
		r.fail("'subnet-id' is forbidden in reservation-get-by-id")
	}
	if r.target("get hosts"); r.err != nil {
		return control.Result{}, r.err
	}
	return c.hostsFound(q.match)
}

func (c *Commands) hostsByHostname(_ context.Context, args json.RawMessage) (control.Result, error) {
	r, err := hostArguments(args)
	if err != nil {
		return control.Result{}, err
	}
	r.need("hostname")
	name := r.text("hostname")
	all, id := c.perhapsSubnet(r)
	r.target("get hosts")
	if r.err == nil && name == "" {
		r.fail("Empty hostname")
	}
	if c.known(r, id); r.err != nil {
		return control.Result{}, r.err
	}
	name = lower(name)
	return c.hostsFound(func(h *config.Host) bool { return (all || h.Subnet == id) && lower(h.Hostname) == name })
}
