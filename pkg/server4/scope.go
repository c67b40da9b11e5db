package server4

import (
	"net/netip"

	"github.com/dhcp4o6/dhcp4o6/pkg/dhcp4"
	"github.com/dhcp4o6/dhcp4o6/pkg/topology"
)

// scopes are where the options of a reply come from. The order is Kea's: the
// host's own, those of the pool, the subnet and the network, those of the classes
// in their order, the global ones.
type scopes struct {
	host    topology.Options
	merged  topology.Options   // pool, subnet, network and global, each over the next
	classes []topology.Options // memory of the worker's
}

// scope finds out which sets of option-data hold for the client.
func (x *Exchange) scope() {
	r := &x.scopes
	r.host, r.classes = nil, r.classes[:0]
	if x.Host != nil {
		r.host = x.Host.Options
	}
	switch {
	case x.Pool != nil:
		r.merged = x.Pool.Options
	case x.Subnet != nil:
		r.merged = x.Subnet.Options
	default:
		r.merged = x.Net.Options
	}
	if len(x.Net.ByClass) == 0 {
		return
	}
	for id := range x.classes.All {
		if c := x.Net.Class(id); c != nil && len(c.Options) > 0 {
			r.classes = append(r.classes, c.Options)
		}
	}
}

// plain reports whether nothing is said of the client but by where it is.
func (r *scopes) plain() bool { return len(r.host) == 0 && len(r.classes) == 0 }

// eachScope yields the sets of option-data that hold for the client, and whether
// what is global counts of it or all else. The merged ones come twice, around
// those of the classes.
func (x *Exchange) eachScope(yield func(scope topology.Options, global bool) bool) {
	r := &x.scopes
	if len(r.host) > 0 && !yield(r.host, false) || len(r.merged) > 0 && !yield(r.merged, false) {
		return
	}
	for _, scope := range r.classes {
		if !yield(scope, false) {
			return
		}
	}
	if len(r.merged) > 0 {
		yield(r.merged, true)
	}
}

// counts reports whether an option of a scope is there for the client.
func (x *Exchange) counts(o *topology.Option, global bool) bool {
	return o.Global == global && o.Guard.Admits(&x.classes)
}

// instances yields every instance of a code, those of the innermost scope first.
func (x *Exchange) instances(code uint16) func(yield func(*topology.Option) bool) {
	return func(yield func(*topology.Option) bool) {
		for scope, global := range x.eachScope {
			all := scope.Of(code)
			for i := range all {
				if x.counts(&all[i], global) && !yield(&all[i]) {
					return
				}
			}
		}
	}
}

// option finds an option in the scopes: the first that is for the client, or one
// that says that it is never sent, wherever that stands.
func (x *Exchange) option(c dhcp4.Code) (found *topology.Option) {
	if r := &x.scopes; r.plain() {
		switch all := r.merged.Of(uint16(c)); {
		case len(all) == 0:
			return nil
		case len(all) == 1 && len(all[0].Guard) == 0:
			return &all[0]
		}
	}
	for o := range x.instances(uint16(c)) {
		if o.Never {
			return o
		}
		if found == nil {
			found = o
		}
	}
	return found
}

// always yields the codes that the client is sent unasked, some of them several
// times.
func (x *Exchange) always(yield func(dhcp4.Code) bool) {
	for scope, global := range x.eachScope {
		for i := range scope {
			o := &scope[i]
			if o.Always && !o.Sub && o.Code < uint16(dhcp4.OptEnd) && x.counts(o, global) && !yield(dhcp4.Code(o.Code)) {
				return
			}
		}
	}
}

// bootFields sets what a client boots from: each field by the host's own word,
// else by that of the first class that has one, else by the subnet's.
func (x *Exchange) bootFields() {
	next, host, file := x.Policy.NextServer, x.Policy.ServerHostname, x.Policy.BootFileName
	if len(x.Net.ByClass) > 0 {
		x.bootByClass(&next, &host, &file)
	}
	if h := x.Host; h != nil {
		if given(h.NextServer) {
			next = h.NextServer
		}
		if h.ServerHostname != "" {
			host = h.ServerHostname
		}
		if h.BootFileName != "" {
			file = h.BootFileName
		}
	}
	x.out.Header.SIAddr = next
	x.out.SetSName(host)
	x.out.SetFile(file)
}

func (x *Exchange) bootByClass(next *netip.Addr, host, file *string) {
	var said [3]bool
	for id := range x.classes.All {
		c := x.Net.Class(id)
		if c == nil {
			continue
		}
		if !said[0] && given(c.NextServer) {
			*next, said[0] = c.NextServer, true
		}
		if !said[1] && c.ServerHostname != "" {
			*host, said[1] = c.ServerHostname, true
		}
		if !said[2] && c.BootFileName != "" {
			*file, said[2] = c.BootFileName, true
		}
	}
}
