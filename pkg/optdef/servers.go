package optdef

import (
	"fmt"
	"math"
	"net/netip"
	"strings"
)

// The first octet of the SIP servers option says what follows (RFC 3361 §3).
const (
	sipNames = 0
	sipAddrs = 1
)

// encodeSIP reads a list of names or of addresses.
func (d *Definition) encodeSIP(text string) ([]byte, error) {
	servers := split(text, ',')
	if len(servers) == 0 {
		return nil, fmt.Errorf("%w: expected names or addresses of SIP servers", ErrFew)
	}
	t, b, want := FQDN, []byte{sipNames}, ""
	if _, err := netip.ParseAddr(servers[0].text); err == nil {
		t, b[0] = IPv4Address, sipAddrs
	}
	for i, s := range servers {
		if b, want = d.appendValue(b, t, s.text); want != "" {
			return nil, &Error{i + 1, s.offset, s.text, want + ", as names and addresses cannot be mixed"}
		}
	}
	return b, nil
}

func (d *Definition) decodeSIP(v []byte) (string, error) {
	if len(v) < 2 || v[0] > sipAddrs {
		return "", fmt.Errorf("%w: SIP servers", ErrLength)
	}
	t, list := FQDN, v[1:]
	if v[0] == sipAddrs {
		t = IPv4Address
	}
	var all []string
	for rest := list; len(rest) > 0; {
		text, n, err := d.read(t, list, rest)
		if err != nil {
			return "", err
		}
		all, rest = append(all, text), rest[n:]
	}
	return strings.Join(all, ", "), nil
}

// encodePCP reads lists of addresses, one list for each PCP server: the
// addresses of a list are parted by spaces, the lists by commas. On the wire the
// length of a list, in octets, goes before it (RFC 7291 §4.1).
func encodePCP(text string) ([]byte, error) {
	var b []byte
	for i, s := range split(text, ',') {
		var list []byte
		for field := range strings.FieldsSeq(s.text) {
			a, err := netip.ParseAddr(field)
			if err != nil || !a.Is4() || len(list)+4 > math.MaxUint8 {
				return nil, &Error{i + 1, s.offset, s.text, "1 to 63 IPv4 addresses of one server, parted by spaces"}
			}
			list = append(list, a.AsSlice()...)
		}
		b = append(append(b, byte(len(list))), list...)
	}
	if len(b) == 0 {
		return nil, fmt.Errorf("%w: expected addresses of PCP servers", ErrFew)
	}
	return b, nil
}

func decodePCP(v []byte) (string, error) {
	var servers []string
	for len(v) > 0 {
		list, rest, ok := cutLength(v, 1)
		if !ok || len(list) == 0 || len(list)%4 != 0 {
			return "", fmt.Errorf("%w: PCP servers", ErrLength)
		}
		var addrs []string
		for ; len(list) > 0; list = list[4:] {
			addrs = append(addrs, netip.AddrFrom4([4]byte(list[:4])).String())
		}
		servers, v = append(servers, strings.Join(addrs, " ")), rest
	}
	if len(servers) == 0 {
		return "", fmt.Errorf("%w: no PCP server", ErrLength)
	}
	return strings.Join(servers, ", "), nil
}
