package client6

import (
	"strings"

	"github.com/dhcp4o6/dhcp4o6/pkg/hostconf"
)

// names reads a list of domain names (RFC 9915 §10: uncompressed, each whole). A name
// that is none of a host or a domain, and what stands behind one that cannot be read,
// is left out: they end in files and scripts.
func names(v []byte) (all []string) {
	for len(v) > 0 {
		name, rest, ok := cutName(v)
		if !ok {
			return all
		}
		if v = rest; hostconf.IsName(name) {
			all = append(all, name)
		}
	}
	return all
}

// cutName cuts one name off: labels with dots between them, the root's label last.
func cutName(v []byte) (name string, rest []byte, ok bool) {
	var b strings.Builder
	for len(v) > 0 {
		n := int(v[0])
		if n == 0 {
			return b.String(), v[1:], true
		}
		if n > 63 || len(v) < 1+n || b.Len()+1+n > 254 {
			return "", nil, false
		}
		if b.Len() > 0 {
			b.WriteByte('.')
		}
		b.WriteString(strings.ReplaceAll(string(v[1:1+n]), ".", " ")) // which no name has
		v = v[1+n:]
	}
	return "", nil, false
}

// appendFQDN writes the value of the Client FQDN option (RFC 4704 §4): the S flag asks
// the server for the AAAA records, the N flag for none. A name of one label is
// written without the root behind it, for the server to complete (§4.2).
func (m *Machine) appendFQDN(b []byte) []byte {
	const s, n = 1, 4
	flags := byte(s)
	if m.o.NoDNS {
		flags = n
	}
	b = append(b, flags)
	name := strings.TrimSuffix(m.o.FQDN, ".")
	for label := range strings.SplitSeq(name, ".") {
		b = append(append(b, byte(len(label))), label...)
	}
	if strings.Contains(m.o.FQDN, ".") {
		b = append(b, 0)
	}
	return b
}
