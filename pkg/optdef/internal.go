package optdef

import (
	"encoding/binary"
	"errors"
	"fmt"
	"math"
	"net/netip"
	"strings"
)

// The options of type internal have a syntax of their own.
const (
	sipServers      = 120 // DHCPv4, RFC 3361
	classlessRoutes = 121 // DHCPv4, RFC 3442
	pcpServers      = 158 // DHCPv4, RFC 7291
	resolvers4      = 162 // DHCPv4, RFC 9463
	resolvers6      = 144 // DHCPv6, RFC 9463
)

func (d *Definition) encodeInternal(text string) ([]byte, error) {
	switch d.Code {
	case sipServers:
		return d.encodeSIP(text)
	case classlessRoutes:
		return encodeRoutes(text)
	case pcpServers:
		return encodePCP(text)
	}
	return d.encodeResolvers(text)
}

func (d *Definition) decodeInternal(v []byte) (string, error) {
	switch d.Code {
	case sipServers:
		return d.decodeSIP(v)
	case classlessRoutes:
		return decodeRoutes(v)
	case pcpServers:
		return decodePCP(v)
	}
	return d.decodeResolvers(v)
}

// encodeRoutes reads "destination - router, ...".
func encodeRoutes(text string) ([]byte, error) {
	routes := split(text, ',')
	if len(routes) == 0 {
		return nil, fmt.Errorf("%w: expected routes such as 192.0.2.0/24 - 198.51.100.1", ErrFew)
	}
	var b []byte
	for i, r := range routes {
		dest, router, _ := strings.Cut(r.text, "-")
		p, err := netip.ParsePrefix(strings.TrimSpace(dest))
		a, err2 := netip.ParseAddr(strings.TrimSpace(router))
		if err != nil || err2 != nil || !p.Addr().Is4() || !a.Is4() {
			return nil, &Error{i + 1, r.offset, r.text, "a route such as 192.0.2.0/24 - 198.51.100.1"}
		}
		b = append(b, byte(p.Bits()))
		b = append(b, p.Masked().Addr().AsSlice()[:(p.Bits()+7)/8]...)
		b = append(b, a.AsSlice()...)
	}
	return b, nil
}

func decodeRoutes(v []byte) (string, error) {
	var routes []string
	for len(v) > 0 {
		bits := int(v[0])
		n := 1 + (bits+7)/8
		if bits > 32 || len(v) < n+4 {
			return "", fmt.Errorf("%w: classless route", ErrLength)
		}
		var a [4]byte
		copy(a[:], v[1:n])
		p := netip.PrefixFrom(netip.AddrFrom4(a), bits).Masked()
		routes = append(routes, p.String()+" - "+netip.AddrFrom4([4]byte(v[n:n+4])).String())
		v = v[n+4:]
	}
	if len(routes) == 0 {
		return "", fmt.Errorf("%w: no route", ErrLength)
	}
	return strings.Join(routes, ", "), nil
}

// A resolver is one instance of the encrypted DNS option: its priority, its
// authentication domain name, and where it is not known by name alone, addresses
// and service parameters.
type resolver struct {
	priority int64
	name     []byte // wire form
	addrs    []byte
	params   []byte
}

// encodeResolvers reads "priority, name[, addresses][, parameters] | ...".
func (d *Definition) encodeResolvers(text string) ([]byte, error) {
	var b []byte
	instances := split(text, '|')
	for i, t := range instances {
		r, want := d.parseResolver(t.text)
		if want != "" {
			return nil, &Error{i + 1, t.offset, t.text, want}
		}
		var one []byte
		one = binary.BigEndian.AppendUint16(one, uint16(r.priority))
		if d.Family == V6 {
			one = binary.BigEndian.AppendUint16(one, uint16(len(r.name)))
		} else {
			one = append(one, byte(len(r.name)))
		}
		one = append(one, r.name...)
		if len(r.addrs) > 0 {
			if d.Family == V6 {
				one = binary.BigEndian.AppendUint16(one, uint16(len(r.addrs)))
			} else {
				one = append(one, byte(len(r.addrs)))
			}
			one = append(append(one, r.addrs...), r.params...)
		}
		if d.Family == V4 {
			b = binary.BigEndian.AppendUint16(b, uint16(len(one)))
		} else if len(instances) > 1 { // one option is one resolver (RFC 9463 §4.1)
			return nil, &Error{2, instances[1].offset, instances[1].text, "a single resolver"}
		}
		b = append(b, one...)
	}
	if len(b) == 0 {
		return nil, fmt.Errorf("%w: expected priority, name, addresses, parameters", ErrFew)
	}
	return b, nil
}

func (d *Definition) parseResolver(text string) (r resolver, want string) {
	f := split(text, ',')
	if len(f) < 2 || len(f) > 4 {
		return r, "priority, name, addresses, parameters, the last two optional"
	}
	var err error
	if r.priority, err = parseInt(f[0].text); err != nil || r.priority < 0 || r.priority > math.MaxUint16 {
		return r, "a priority from 0 to 65535"
	}
	if r.name, want = appendName(nil, f[1].text); want != "" {
		return r, want
	}
	if len(f) > 2 {
		for field := range strings.FieldsSeq(f[2].text) {
			a, err := netip.ParseAddr(field)
			if err != nil || a.Is4() != (d.Family == V4) || a.Zone() != "" {
				return r, "addresses of the option's family, parted by spaces"
			}
			r.addrs = append(r.addrs, a.AsSlice()...)
		}
		if len(r.addrs) > math.MaxUint8 && d.Family == V4 {
			return r, "no more than 63 addresses"
		}
	}
	if len(f) > 3 {
		r.params, err = encodeParams(f[3].text)
		if err != nil {
			return r, err.Error()
		}
	}
	return r, ""
}

func (d *Definition) decodeResolvers(v []byte) (string, error) {
	if d.Family == V6 {
		return decodeResolver(v, 2, 16)
	}
	var all []string
	for len(v) > 0 {
		if len(v) < 2 || len(v) < 2+int(binary.BigEndian.Uint16(v)) {
			return "", fmt.Errorf("%w: resolver", ErrLength)
		}
		n := 2 + int(binary.BigEndian.Uint16(v))
		text, err := decodeResolver(v[2:n], 1, 4)
		if err != nil {
			return "", err
		}
		all = append(all, text)
		v = v[n:]
	}
	if len(all) == 0 {
		return "", fmt.Errorf("%w: no resolver", ErrLength)
	}
	return strings.Join(all, " | "), nil
}

var errResolver = fmt.Errorf("%w: resolver", ErrLength)

// decodeResolver reads one instance; lengths have width octets, addresses size.
func decodeResolver(v []byte, width, size int) (string, error) {
	if len(v) < 2 {
		return "", errResolver
	}
	text := fmt.Sprint(binary.BigEndian.Uint16(v))
	name, v, ok := cutLength(v[2:], width)
	if !ok {
		return "", errResolver
	}
	full, n, err := parseName(name, 0)
	if err != nil || n != len(name) || len(name) == 0 {
		return "", errors.Join(errResolver, err)
	}
	text += ", " + full
	if len(v) == 0 {
		return text, nil
	}
	addrs, params, ok := cutLength(v, width)
	if !ok || len(addrs) == 0 || len(addrs)%size != 0 {
		return "", errResolver
	}
	var list []string
	for ; len(addrs) > 0; addrs = addrs[size:] {
		a, _ := netip.AddrFromSlice(addrs[:size])
		list = append(list, a.String())
	}
	text += ", " + strings.Join(list, " ")
	if len(params) == 0 {
		return text, nil
	}
	svc, err := decodeParams(params)
	return text + ", " + svc, err
}

func cutLength(v []byte, width int) (value, rest []byte, ok bool) {
	if len(v) < width {
		return nil, nil, false
	}
	n := int(v[0])
	if width == 2 {
		n = int(binary.BigEndian.Uint16(v))
	}
	if len(v) < width+n {
		return nil, nil, false
	}
	return v[width : width+n], v[width+n:], true
}
