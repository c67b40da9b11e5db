package server6

import (
	"bytes"
	"unsafe"

	"github.com/dhcp4o6/dhcp4o6/pkg/ddns"
	"github.com/dhcp4o6/dhcp4o6/pkg/dhcp6"
	"github.com/dhcp4o6/dhcp4o6/pkg/lease"
	"github.com/dhcp4o6/dhcp4o6/pkg/topology"
)

// A name is what a client calls itself by the Client FQDN option (RFC 4704), and
// what it is called in the end: by the first IA of a message that gets an address,
// as in Kea.
type name struct {
	asked ddns.Asked
	is    ddns.Decision
	of    *ia // the IA by whose address it was decided; nil: none yet
	wire  [255]byte
}

// The flags of the Client FQDN option (RFC 4704 §4.1).
const (
	fqdnS = 1 << 0 // the server shall do the AAAA update
	fqdnO = 1 << 1 // the server overrode S
	fqdnN = 1 << 2 // the server does no updates
)

// read takes the name out of a query. A malformed option counts as absent.
func (h *name) read(q *dhcp6.Message) {
	h.asked, h.of = ddns.Asked{}, nil
	h.is.Clear()
	v, ok := q.Options.Option(dhcp6.OptClientFQDN)
	if !ok || len(v) == 0 {
		return
	}
	h.asked = ddns.Asked{FQDN: true, Named: true, S: v[0]&fqdnS != 0, N: v[0]&fqdnN != 0}
	if !h.labels(v[1:]) {
		h.asked = ddns.Asked{}
	}
}

// labels reads a name in wire form, without compression (RFC 4704 §4.2); one that
// does not end in the root is partial.
func (h *name) labels(v []byte) bool {
	b := h.wire[:0]
	for len(v) > 0 {
		n := int(v[0])
		if n == 0 {
			h.asked.Full = len(b) > 0
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
	h.asked.Name = b
	return true
}

// text returns the name that the client has; it shares memory with h, which the
// lease table copies.
func (h *name) text() string {
	b := h.is.Name()
	return unsafe.String(unsafe.SliceData(b), len(b))
}

// decide gives a lease in subnet n its name. The addresses of further IAs have
// it too, and are not in the DNS.
func (x *Exchange) decide(l *lease.Lease, n *topology.Subnet) {
	h := &x.name
	if h.of != nil && h.of != x.current {
		l.Hostname, l.FwdDNS, l.RevDNS = h.text(), false, false
		return
	}
	reserved := ""
	if x.Host != nil {
		reserved = x.Host.Hostname
	}
	a := l.Resource.Prefix.Addr()
	n.NamesAt(lease.NA, a).Decide6(&h.is, &h.asked, reserved, a)
	l.Hostname, l.FwdDNS, l.RevDNS = h.text(), h.is.Fwd, h.is.Rev
	if h.is.Answer == ddns.None {
		l.Hostname = reserved
	}
}

// appendFQDN tells the client its name.
func (h *name) appendFQDN(b []byte) []byte {
	if h.of == nil || h.is.Answer != ddns.FQDN {
		return b
	}
	b, mark := dhcp6.Open(b, dhcp6.OptClientFQDN)
	flags := byte(0)
	if h.is.S {
		flags |= fqdnS
	}
	if h.is.O {
		flags |= fqdnO
	}
	if h.is.N {
		flags |= fqdnN
	}
	b = append(b, flags)
	for s := h.is.Name(); len(s) > 0; {
		label, rest, _ := bytes.Cut(s, []byte{'.'})
		b = append(append(b, byte(len(label))), label...)
		s = rest
	}
	return dhcp6.Shut(append(b, 0), mark)
}
