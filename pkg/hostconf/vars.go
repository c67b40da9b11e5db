package hostconf

import (
	"fmt"
	"math"
	"net/netip"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/dhcp4o6/dhcp4o6/pkg/softwire"
)

// vars are those of a lease: what the client has written, then port set and softwires.
func (s *Settings) vars() []Var {
	if s == nil {
		return nil
	}
	return slices.Concat(s.Vars, portVars("", s.PortSet), softwireVars(s.Softwires))
}

// softwireVars are those of all containers: how many, and each with its number.
func softwireVars(s []Softwire) (all []Var) {
	if len(s) > 0 {
		all = append(all, Var{"s46_count", strconv.Itoa(len(s))})
	}
	for i := range s {
		all = append(all, s[i].vars("s46_"+strconv.Itoa(i)+"_")...)
	}
	return all
}

// vars are dhclient's for one address or prefix.
func (r resource) vars() []Var {
	all := []Var{{"ip6_prefixlen", strconv.Itoa(r.Prefix.Prefix.Bits())}, {"ip6_address", r.Prefix.Prefix.Addr().String()}}
	if r.delegated {
		all = []Var{{"ip6_prefix", r.Prefix.Prefix.String()}}
	}
	if r.Temporary {
		all = append(all, Var{"ip6_type", "temporary"})
	}
	from := r.Starts
	if from.IsZero() {
		from = time.Now()
	}
	starts := strconv.FormatInt(from.Unix(), 10)
	return append(all, Var{"life_starts", starts}, Var{"preferred_life", lifetime(r.Preferred, from)}, Var{"max_life", lifetime(r.Valid, from)},
		Var{"iaid", colons(r.IAID)}, Var{"starts", starts}, Var{"renew", whole(r.Renew)}, Var{"rebind", whole(r.Rebind)})
}

// lifetime writes a lifetime in seconds as the server has said it.
func lifetime(end, from time.Time) string {
	if end.IsZero() {
		return strconv.FormatUint(math.MaxUint32, 10)
	}
	return whole(max(0, end.Sub(from)))
}

func whole(d time.Duration) string {
	return strconv.FormatInt(min(int64(d.Round(time.Second)/time.Second), math.MaxUint32), 10)
}

// colons writes an IAID as dhclient does: 00:11:22:33.
func colons(id uint32) string {
	return fmt.Sprintf("%02x:%02x:%02x:%02x", id>>24, id>>16&0xff, id>>8&0xff, id&0xff)
}

// portVars are those of a share of an address; none for the whole of it.
func portVars(prefix string, p softwire.PortSet) []Var {
	if p.Whole() {
		return nil
	}
	all := []Var{{prefix + "psid_offset", strconv.Itoa(int(p.Offset))}, {prefix + "psid_len", strconv.Itoa(int(p.Len))}, {prefix + "psid", strconv.Itoa(int(p.ID))}}
	if p.Offset > 10 || p.Offset+p.Len > 16 { // over a thousand runs are left to be reckoned
		return all
	}
	var ranges []string
	for lo, hi := range p.Ranges {
		ranges = append(ranges, fmt.Sprintf("%d-%d", lo, hi))
	}
	return append(all, Var{prefix + "port_ranges", strings.Join(ranges, " ")})
}

// vars are those of one container.
func (s *Softwire) vars(prefix string) []Var {
	all := []Var{{prefix + "kind", s.Kind.String()}}
	if len(s.BRs) > 0 {
		all = append(all, Var{prefix + "br", join(s.BRs)})
	}
	if s.DMR.IsValid() {
		all = append(all, Var{prefix + "dmr", s.DMR.String()})
	}
	for i, r := range s.Rules {
		p := prefix + "rule_" + strconv.Itoa(i) + "_"
		fmr := "0"
		if r.Forwarding {
			fmr = "1"
		}
		all = append(all, Var{p + "v4", r.V4.String()}, Var{p + "v6", r.V6.String()}, Var{p + "ealen", strconv.Itoa(int(r.EALen))}, Var{p + "fmr", fmr})
		all = append(all, portVars(p, r.PortSet)...)
	}
	for i, b := range s.Binds {
		p := prefix + "bind_" + strconv.Itoa(i) + "_"
		all = append(all, Var{p + "v4", b.V4.String()}, Var{p + "v6", b.V6.String()})
		all = append(all, portVars(p, b.PortSet)...)
	}
	return all
}

func join(all []netip.Addr) string {
	words := make([]string, len(all))
	for i, a := range all {
		words[i] = a.String()
	}
	return strings.Join(words, " ")
}
