package server4

import (
	"unsafe"

	"github.com/dhcp4o6/dhcp4o6/pkg/dhcp4"
)

// A name is what a client calls itself, by the client FQDN option (RFC 4702) or
// else by the host name option, cleaned for lease file, logs and scripts:
// letters in lower case, digits, hyphens and dots are left, as with Kea's
// hostname-char-set. A name that is then empty or ill-formed counts as none.
type name struct {
	b      [255]byte
	n      int
	fqdn   bool // it came in option 81
	flags  byte // of option 81
	rooted bool // of option 81 in wire form: it ended in the root
}

// The flags of the client FQDN option (RFC 4702 §2.1).
const (
	fqdnS = 1 << 0 // the server shall do the A update
	fqdnO = 1 << 1 // the server overrode S
	fqdnE = 1 << 2 // the name is in wire form
	fqdnN = 1 << 3 // the server does no updates
)

// read takes the name out of a query. With option 81 there, option 12 says
// nothing (RFC 4702 §3.2).
func (h *name) read(q *dhcp4.Message) {
	h.n, h.fqdn, h.rooted, h.flags = 0, false, false, 0
	if v, ok := q.Option(dhcp4.OptClientFQDN); ok && len(v) >= 3 {
		h.fqdn, h.flags = true, v[0]
		if h.flags&fqdnE != 0 {
			h.labels(v[3:])
		} else {
			h.clean(v[3:])
		}
	} else if v, ok := q.Option(dhcp4.OptHostName); ok {
		h.clean(v)
	}
	h.check()
}

// labels reads a name in wire form, without compression (RFC 4702 §2.3.1).
func (h *name) labels(v []byte) {
	for len(v) > 0 {
		n := int(v[0])
		if n == 0 {
			h.rooted = true
			return
		}
		if n > 63 || n >= len(v) {
			h.n = 0
			return
		}
		if h.n > 0 {
			h.add('.')
		}
		for _, c := range v[1 : 1+n] {
			if c != '.' { // inside a label it is no separator
				h.add(c)
			}
		}
		v = v[1+n:]
	}
}

func (h *name) clean(v []byte) {
	for _, c := range v {
		h.add(c)
	}
}

// add appends a character if it belongs into a name.
func (h *name) add(c byte) {
	switch {
	case 'A' <= c && c <= 'Z':
		c += 'a' - 'A'
	case 'a' <= c && c <= 'z', '0' <= c && c <= '9', c == '-', c == '.':
	default:
		return
	}
	if h.n < len(h.b) {
		h.b[h.n] = c
	}
	h.n++
}

// check drops a final dot, and the name itself when a label is empty or longer
// than 63 octets (RFC 1035 §2.3.4) or when it does not fit.
func (h *name) check() {
	if h.n > len(h.b) {
		h.n = 0
	}
	if h.n > 0 && h.b[h.n-1] == '.' {
		h.n--
	}
	label := 0
	for _, c := range h.b[:h.n] {
		if c != '.' {
			label++
		} else if label == 0 {
			break
		} else {
			label = 0
		}
		if label > 63 {
			break
		}
	}
	if label == 0 || label > 63 {
		h.n = 0
	}
}

// text returns the name; it shares memory with h, which the lease table copies.
func (h *name) text() string { return unsafe.String(&h.b[0], h.n) }

// appendFQDN writes the content of option 81 as the answer to the one that was
// read: no DNS update is done here, and the client must not count on one (RFC
// 4702 §4). s is the name that the client has, which may be another one.
func (h *name) appendFQDN(b []byte, s string) []byte {
	flags := h.flags&fqdnE | fqdnN
	if h.flags&fqdnS != 0 {
		flags |= fqdnO
	}
	b = append(b, flags, 255, 255) // both rcodes (RFC 4702 §2.2)
	if flags&fqdnE == 0 {
		return append(b, s...)
	}
	for i := 0; i < len(s); {
		end := i
		for end < len(s) && s[end] != '.' {
			end++
		}
		b = append(append(b, byte(end-i)), s[i:end]...)
		i = end + 1
	}
	if h.rooted {
		b = append(b, 0)
	}
	return b
}
