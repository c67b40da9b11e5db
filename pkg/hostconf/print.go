package hostconf

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/netip"
	"strconv"
	"strings"
	"sync"
	"time"
)

// NewPrint returns a System that does nothing and writes what it would do, for
// people: a line for each thing, with + before what comes, - before what goes and
// a space before what stays.
func NewPrint(w io.Writer) System { return &printer{w: w, write: (*Change).lines} }

// NewPrintJSON returns a System that does nothing and writes each Change as one line
// of JSON, with lifetimes in seconds.
func NewPrintJSON(w io.Writer) System { return &printer{w: w, write: (*Change).json} }

// printer is the System of NewPrint.
type printer struct {
	mu    sync.Mutex
	w     io.Writer
	write func(c *Change, now time.Time) []byte
}

// Apply implements System.
func (p *printer) Apply(_ context.Context, c *Change) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	if _, err := p.w.Write(p.write(c, time.Now())); err != nil {
		return fmt.Errorf("hostconf: print: %w", err)
	}
	return nil
}

// A fact is a line about a lease: what it says, and what may change while it stays
// the same.
type fact struct{ what, more string }

// facts are the lines of a lease.
func (s *Settings) facts(now time.Time) (all []fact) {
	if s == nil {
		return nil
	}
	add := func(more, format string, args ...any) { all = append(all, fact{fmt.Sprintf(format, args...), more}) }
	for _, a := range s.Addresses {
		what := "address " + a.Prefix.String()
		if a.Broadcast.IsValid() {
			what += " broadcast " + a.Broadcast.String()
		}
		add(lasts(a.Preferred, a.Valid, now), "%s", what)
	}
	for _, p := range s.Prefixes {
		add(lasts(p.Preferred, p.Valid, now), "prefix %v", p.Prefix)
	}
	for _, r := range s.Routes {
		add("", "%s", r.String())
	}
	if s.MTU != 0 {
		add("", "mtu %d", s.MTU)
	}
	for _, a := range s.DNS {
		add("", "dns %v", a)
	}
	for _, t := range []struct{ what, text string }{{"domain", s.Domain}, {"search", strings.Join(s.Search, " ")}, {"host-name", s.HostName}, {"captive-portal", s.CaptivePortal}} {
		if t.text != "" {
			add("", "%s %s", t.what, printable(t.text))
		}
	}
	for _, a := range s.NTP {
		add("", "ntp %v", a)
	}
	for _, v := range append(portVars("", s.PortSet), softwireVars(s.Softwires)...) {
		add("", "%s %s", strings.ReplaceAll(v.Name, "_", "-"), v.Value)
	}
	return all
}

// String is the route as ip route names it.
func (r Route) String() string {
	s := "route " + r.Dest.String()
	if r.Via.IsValid() {
		s += " via " + r.Via.String()
	}
	if r.Metric != 0 {
		s += " metric " + strconv.Itoa(r.Metric)
	}
	return s
}

// lasts says how long an address or a prefix lasts.
func lasts(preferred, valid, now time.Time) string {
	s := "for " + inWords(valid, now)
	if !preferred.Equal(valid) {
		s += ", preferred for " + inWords(preferred, now)
	}
	return s
}

func inWords(end, now time.Time) string {
	if end.IsZero() {
		return "ever"
	}
	return max(0, end.Sub(now)).Round(time.Second).String()
}

// lines writes a Change for people.
func (c *Change) lines(now time.Time) []byte {
	var b strings.Builder
	fmt.Fprintf(&b, "%s %s\n", c.Reason, c.Iface)
	was, is := c.Old.facts(now), c.New.facts(now)
	write := func(mark string, f fact) {
		b.WriteString("  " + mark + " " + f.what)
		if f.more != "" && mark != "-" {
			b.WriteString(" " + f.more)
		}
		b.WriteByte('\n')
	}
	for _, f := range was {
		if !has(is, f) {
			write("-", f)
		}
	}
	for _, f := range is {
		if has(was, f) {
			write(" ", f)
		} else {
			write("+", f)
		}
	}
	return []byte(b.String())
}

func has(all []fact, f fact) bool {
	for _, o := range all {
		if o.what == f.what {
			return true
		}
	}
	return false
}

// What a Change is in JSON.
type (
	jsonChange struct {
		Reason Reason        `json:"reason"`
		Iface  string        `json:"iface"`
		Old    *jsonSettings `json:"old,omitempty"`
		New    *jsonSettings `json:"new,omitempty"`
	}
	jsonSettings struct {
		Addresses     []jsonLeased      `json:"addresses,omitempty"`
		Prefixes      []jsonLeased      `json:"prefixes,omitempty"`
		Routes        []jsonRoute       `json:"routes,omitempty"`
		MTU           int               `json:"mtu,omitempty"`
		DNS           []netip.Addr      `json:"dns,omitempty"`
		Domain        string            `json:"domain,omitempty"`
		Search        []string          `json:"search,omitempty"`
		HostName      string            `json:"host-name,omitempty"`
		NTP           []netip.Addr      `json:"ntp,omitempty"`
		CaptivePortal string            `json:"captive-portal,omitempty"`
		Variables     map[string]string `json:"variables,omitempty"`
	}
	jsonLeased struct {
		Prefix    netip.Prefix `json:"prefix"`
		Broadcast netip.Addr   `json:"broadcast,omitzero"`
		Preferred *int64       `json:"preferred,omitempty"` // none: for ever
		Valid     *int64       `json:"valid,omitempty"`
		IAID      uint32       `json:"iaid,omitempty"`
		Temporary bool         `json:"temporary,omitempty"`
	}
	jsonRoute struct {
		Dest   netip.Prefix `json:"dest"`
		Via    netip.Addr   `json:"via,omitzero"`
		Metric int          `json:"metric,omitempty"`
	}
)

// json writes a Change as one line.
func (c *Change) json(now time.Time) []byte {
	text, err := json.Marshal(jsonChange{c.Reason, c.Iface, c.Old.json(now), c.New.json(now)})
	if err != nil {
		panic(err) // there is nothing in it that cannot be written
	}
	return append(text, '\n')
}

func (s *Settings) json(now time.Time) *jsonSettings {
	if s == nil {
		return nil
	}
	j := &jsonSettings{MTU: s.MTU, DNS: s.DNS, Domain: s.Domain, Search: s.Search, HostName: s.HostName, NTP: s.NTP, CaptivePortal: s.CaptivePortal}
	for _, a := range s.Addresses {
		j.Addresses = append(j.Addresses, jsonLeased{a.Prefix, a.Broadcast, inSeconds(a.Preferred, now), inSeconds(a.Valid, now), a.IAID, a.Temporary})
	}
	for _, p := range s.Prefixes {
		j.Prefixes = append(j.Prefixes, jsonLeased{p.Prefix, netip.Addr{}, inSeconds(p.Preferred, now), inSeconds(p.Valid, now), p.IAID, p.Temporary})
	}
	for _, r := range s.Routes {
		j.Routes = append(j.Routes, jsonRoute(r))
	}
	if vars := s.vars(); len(vars) > 0 {
		j.Variables = make(map[string]string, len(vars))
		for _, v := range vars {
			j.Variables[v.Name] = v.Value
		}
	}
	return j
}

func inSeconds(end, now time.Time) *int64 {
	if end.IsZero() {
		return nil
	}
	s := int64(max(0, end.Sub(now)).Round(time.Second) / time.Second)
	return &s
}
