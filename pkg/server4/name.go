package server4

import (
	"bytes"
	"net/netip"
	"unsafe"

	"github.com/dhcp4o6/dhcp4o6/pkg/classify"
	"github.com/dhcp4o6/dhcp4o6/pkg/ddns"
	"github.com/dhcp4o6/dhcp4o6/pkg/dhcp4"
	"github.com/dhcp4o6/dhcp4o6/pkg/lease"
	"github.com/dhcp4o6/dhcp4o6/pkg/topology"
)

// A name is what a client calls itself, by the client FQDN option (RFC 4702) or
// else by the host name option, and what it is called in the end.
type name struct {
	asked ddns.Asked
	flags byte // of option 81
	is    ddns.Decision
	wire  [255]byte // memory of a name that came in wire form
}

// The flags of the client FQDN option (RFC 4702 §2.1).
const (
	fqdnS = 1 << 0 // the server shall do the A update
	fqdnO = 1 << 1 // the server overrode S
	fqdnE = 1 << 2 // the name is in wire form
	fqdnN = 1 << 3 // the server does no updates
)

// read takes the name out of a query. With option 81 there, option 12 says
// nothing (RFC 4702 §4); a malformed one counts as absent. The name shares
// memory with the query.
func (h *name) read(q *dhcp4.Message) {
	h.asked, h.flags = ddns.Asked{}, 0
	h.is.Clear()
	if v, ok := q.Option(dhcp4.OptClientFQDN); ok && h.fqdn(v) {
		return
	}
	h.asked = ddns.Asked{}
	if v, ok := q.Option(dhcp4.OptHostName); ok {
		v = bytes.TrimRight(v, "\x00") // some add one (RFC 2132 §2)
		h.asked.Name, h.asked.Named = v, len(v) > 0
	}
}

// fqdn reads the content of option 81, which is well-formed if it says so.
func (h *name) fqdn(v []byte) bool {
	if len(v) < 3 {
		return false
	}
	a := &h.asked
	h.flags, v = v[0], v[3:]
	a.FQDN, a.Named, a.S, a.N = true, true, h.flags&fqdnS != 0, h.flags&fqdnN != 0
	if h.flags&fqdnE != 0 {
		return h.labels(v)
	}
	a.Name = v
	a.Full = len(v) > 0 && v[len(v)-1] == '.'
	return true
}

// labels reads a name in wire form, without compression (RFC 4702 §2.3.1); one
// that does not end in the root is partial.
func (h *name) labels(v []byte) bool {
	a, b := &h.asked, h.wire[:0]
	for len(v) > 0 {
		n := int(v[0])
		if n == 0 {
			a.Full = len(b) > 0
			break
		}
		if n > 63 || n >= len(v) || len(b)+1+n > len(h.wire) {
			return false
		}
		if len(b) > 0 {
			b = append(b, '.')
		}
		for _, c := range v[1 : 1+n] {
			if c != '.' { // inside a label it is no separator
				b = append(b, c)
			}
		}
		v = v[1+n:]
	}
	a.Name = b
	return true
}

// text returns the name that the client has; it shares memory with h, which the
// lease table copies.
func (h *name) text() string {
	b := h.is.Name()
	return unsafe.String(unsafe.SliceData(b), len(b))
}

// hostname is the name that the client has, as far as that has been found out.
func (x *Exchange) hostname() string { return x.name.text() }

// decide gives lease l its name.
func (x *Exchange) decide(l *lease.Lease, sub *topology.Subnet, p *ddns.Params, host *topology.Reservation) {
	h, a := &x.name, l.Resource.Prefix.Addr()
	p.Decide(&h.is, &h.asked, reservedName(host), a)
	if x.Net.Tuning != nil {
		x.tune(sub, p)
	}
	if x.renamed {
		name := x.names.Hostname
		if x.sameName {
			name = h.text()
		}
		p.Rename(&h.is, name, x.names.Forward, x.names.Reverse, a)
	}
	if x.unnamed {
		h.is.Clear()
	}
	l.Hostname, l.FwdDNS, l.RevDNS = h.text(), h.is.Fwd, h.is.Rev
}

// tune has the library ddns_tuning look at the name.
func (x *Exchange) tune(sub *topology.Subnet, p *ddns.Params) {
	var said []byte
	if e := sub.HostnameExpr; e != nil {
		m := &x.flex
		m.look(x)
		said, _ = e.Value(&m.packet, &m.scratch) // nothing when it says nothing of this query
	}
	p.Tune(&x.name.is, said, x.classes.Has(classify.SkipDDNS))
}

// foresee decides on the name of a lease that is not there yet, whose address may not be
// known.
func (x *Exchange) foresee(sub *topology.Subnet, p *ddns.Params, host *topology.Reservation, a netip.Addr) {
	p.Decide(&x.name.is, &x.name.asked, reservedName(host), a)
	if x.Net.Tuning != nil {
		x.tune(sub, p)
	}
}

func reservedName(host *topology.Reservation) string {
	if host == nil {
		return ""
	}
	return host.Hostname
}

// appendFQDN writes the content of option 81 as the answer to the one that was
// read. The name is in the form in which the client's was (RFC 4702 §4).
func (h *name) appendFQDN(b []byte) []byte {
	flags := h.flags & fqdnE
	for _, f := range [...]struct {
		on  bool
		bit byte
	}{{h.is.S, fqdnS}, {h.is.O, fqdnO}, {h.is.N, fqdnN}} {
		if f.on {
			flags |= f.bit
		}
	}
	b = append(b, flags, 255, 255) // both rcodes (RFC 4702 §2.2)
	s := h.is.Name()
	if flags&fqdnE == 0 {
		return append(b, s...)
	}
	for len(s) > 0 {
		label, rest, _ := bytes.Cut(s, []byte{'.'})
		b = append(append(b, byte(len(label))), label...)
		s = rest
	}
	return append(b, 0)
}
