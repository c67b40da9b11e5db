package hostconf

import (
	"errors"
	"fmt"
	"net/netip"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
)

// A Resolver is who keeps the host's list of name servers.
type Resolver uint8

// The zero value takes systemd-resolved where /etc/resolv.conf leads to it or
// resolvconf is not there, else resolvconf (Debian's or openresolv), else none.
const (
	FindResolver Resolver = iota
	Resolvconf
	Resolved
	ResolvFile // /etc/resolv.conf is written
	NoResolver
)

// String returns the resolver's name as a configuration has it.
func (r Resolver) String() string {
	return [...]string{"auto", "resolvconf", "resolved", "file", "none"}[min(r, NoResolver)]
}

// ParseResolver is the reverse of String.
func ParseResolver(s string) (Resolver, error) {
	for r := FindResolver; r <= NoResolver; r++ {
		if r.String() == s {
			return r, nil
		}
	}
	return 0, fmt.Errorf("hostconf: %q is no resolver: auto, resolvconf, resolved, file or none", s)
}

// Where things stand on a host. The socket is there while systemd-resolved runs.
const (
	resolvedDir    = "/run/systemd/resolve"
	resolvedSocket = resolvedDir + "/io.systemd.Resolve"
	etcResolvConf  = "/etc/resolv.conf"
	usualPath      = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
)

// FoundResolver returns whom the options make the resolver at this moment.
func (o *NetlinkOptions) FoundResolver() Resolver {
	if o.Resolver != FindResolver {
		return o.Resolver
	}
	conf := o.find("resolvconf")
	real, _ := filepath.EvalSymlinks(conf)
	if filepath.Base(real) == "resolvectl" { // in resolvconf's clothes it knows one client of a link only
		conf = ""
	}
	if _, err := os.Stat(resolvedSocket); err == nil && o.find("resolvectl") != "" {
		to, _ := filepath.EvalSymlinks(etcResolvConf)
		if conf == "" || strings.HasPrefix(to, resolvedDir+"/") {
			return Resolved
		}
	}
	if conf != "" {
		return Resolvconf
	}
	return NoResolver
}

// find returns the file of a program, "" when there is none.
func (o *NetlinkOptions) find(name string) string {
	path := o.Path
	if path == "" {
		path = usualPath
	}
	for _, dir := range filepath.SplitList(path) {
		file := filepath.Join(dir, name)
		if info, err := os.Stat(file); err == nil && info.Mode().IsRegular() && info.Mode()&0o111 != 0 {
			return file
		}
	}
	return ""
}

// names is what a resolver is told of one lease. All of it has been checked.
type names struct {
	Servers []netip.Addr `json:"servers,omitempty"`
	Domain  string       `json:"domain,omitempty"`
	Search  []string     `json:"search,omitempty"`
}

// names takes those of the lease that may be told.
func (w *work) names() (*names, error) {
	var errs []error
	n := new(names)
	for _, a := range w.want.DNS {
		if !isHost(a) {
			errs = append(errs, fmt.Errorf("hostconf: name server %v: %w", a, ErrAddress))
		} else if !slices.Contains(n.Servers, a) {
			n.Servers = append(n.Servers, a)
		}
	}
	for i, s := range append([]string{w.want.Domain}, w.want.Search...) {
		switch {
		case s == "" && i == 0:
		case !IsName(s):
			errs = append(errs, fmt.Errorf("hostconf: domain %.80q: %w", s, ErrValue))
		case i == 0:
			n.Domain = strings.TrimSuffix(s, ".")
		default:
			n.Search = append(n.Search, strings.TrimSuffix(s, "."))
		}
	}
	if len(n.Servers) == 0 && n.Domain == "" && len(n.Search) == 0 {
		n = nil
	}
	return n, errors.Join(errs...)
}

// list is the search list: the names of the search option, or the domain where there is
// none.
func (n *names) list() []string {
	if len(n.Search) == 0 && n.Domain != "" {
		return []string{n.Domain}
	}
	return n.Search
}

// text is a resolv.conf. A link-local server is reached on the link only.
func (n *names) text(iface string) string {
	var b strings.Builder
	if n.Domain != "" {
		b.WriteString("domain " + n.Domain + "\n")
	}
	if list := n.list(); len(list) > 0 {
		b.WriteString("search " + strings.Join(list, " ") + "\n")
	}
	for _, a := range n.Servers {
		b.WriteString("nameserver " + scoped(a, iface).String() + "\n")
	}
	return b.String()
}

func scoped(a netip.Addr, iface string) netip.Addr {
	if a.Is6() && a.IsLinkLocalUnicast() {
		return a.WithZone(iface)
	}
	return a
}

// resolver tells the resolver what has changed.
func (w *work) resolver() error {
	now, refused := w.names()
	was := w.kept.Names
	renewal := slices.Contains([]Reason{Renew, Rebind, Renew6, Rebind6, Depref6}, w.c.Reason)
	if reflect.DeepEqual(now, was) && (renewal || now == nil) {
		return refused
	}
	tell := map[Resolver]func(*work, *names) error{
		Resolvconf: (*work).tellResolvconf, Resolved: (*work).tellResolved, ResolvFile: (*work).tellFile,
	}[w.o.FoundResolver()]
	if tell == nil {
		return refused
	}
	w.kept.Names = now
	err := tell(w, now)
	if err != nil {
		w.kept.Names = was // the next Change tries again
	}
	return errors.Join(refused, err)
}

// tellResolvconf speaks to Debian's resolvconf and to openresolv alike.
func (w *work) tellResolvconf(n *names) error {
	if n == nil {
		return w.run("", "resolvconf", "-d", string(w.slot))
	}
	return w.run(n.text(w.c.Iface), "resolvconf", "-a", string(w.slot))
}

// tellResolved tells systemd-resolved what both families have brought, since it keeps
// one list for each link. With the link its list has gone.
func (w *work) tellResolved(*names) error {
	if w.link == nil {
		return nil
	}
	all, err := w.together(func(s slot) bool { return s.iface() == w.c.Iface })
	if err != nil {
		return err
	}
	if len(all) == 0 {
		return w.run("", "resolvectl", "revert", w.c.Iface)
	}
	servers, domains := []string{"dns", w.c.Iface}, []string{"domain", w.c.Iface}
	for _, n := range all {
		for _, a := range n.Servers {
			servers = append(servers, scoped(a, w.c.Iface).String())
		}
		domains = append(domains, n.list()...)
	}
	for _, args := range []*[]string{&servers, &domains} {
		if len(*args) == 2 {
			*args = append(*args, "") // none
		}
	}
	return errors.Join(w.run("", "resolvectl", servers...), w.run("", "resolvectl", domains...))
}

// a told is what one slot says.
type told struct {
	slot
	*names
}

// together returns what the slots that ok takes have to say, ours among them as it
// is to be.
func (w *work) together(ok func(slot) bool) ([]told, error) {
	slots, err := w.shelf.slots()
	if err != nil {
		return nil, err
	}
	if !slices.Contains(slots, w.slot) {
		slots = append(slots, w.slot)
		slices.Sort(slots)
	}
	var all []told
	for _, s := range slots {
		k := w.kept
		if s != w.slot {
			if k, err = w.shelf.load(s); err != nil {
				return nil, err
			}
		}
		if ok(s) && k.Names != nil {
			all = append(all, told{s, k.Names})
		}
	}
	return all, nil
}
