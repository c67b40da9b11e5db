package ddns

import (
	"encoding/binary"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"strconv"
	"strings"
	"time"
)

// A Request is a name change request, the message that kea-dhcp-ddns takes.
type Request struct {
	Remove   bool // what was said in an earlier request, else to be added
	Fwd, Rev bool // the address of the name, the name of the address
	FQDN     string
	Addr     netip.Addr
	DHCID    []byte
	Expires  time.Time // when the records should be gone; of no consequence
	TTL      uint32    // of the records, in seconds
	Mode     Mode
}

// The layout of lease-expires-on: UTC.
const expiresLayout = "20060102150405"

// Append writes the request as it goes over UDP: a length of two octets and a JSON
// text. It holds what Kea 2 and what Kea 3 say: each reads its own part and passes
// over the other's.
func (r *Request) Append(b []byte) []byte {
	at := len(b)
	b = append(b, 0, 0)
	b = append(b, `{"change-type":`...)
	if r.Remove {
		b = append(b, '1')
	} else {
		b = append(b, '0')
	}
	b = strconv.AppendBool(append(b, `,"forward-change":`...), r.Fwd)
	b = strconv.AppendBool(append(b, `,"reverse-change":`...), r.Rev)
	b = appendText(append(b, `,"fqdn":"`...), r.FQDN)
	b = r.Addr.AppendTo(append(b, `","ip-address":"`...))
	b = append(b, `","dhcid":"`...)
	for _, o := range r.DHCID {
		b = append(b, digits[o>>4], digits[o&15])
	}
	b = r.Expires.UTC().AppendFormat(append(b, `","lease-expires-on":"`...), expiresLayout)
	b = strconv.AppendUint(append(b, `","lease-length":`...), uint64(r.TTL), 10)
	b = strconv.AppendBool(append(b, `,"use-conflict-resolution":`...), r.Mode.checks())
	b = append(append(b, `,"conflict-resolution-mode":"`...), r.Mode.String()...)
	b = append(b, '"', '}')
	binary.BigEndian.PutUint16(b[at:], uint16(len(b)-at-2))
	return b
}

const digits = "0123456789ABCDEF"

// appendText writes a name into a JSON string in the way of a master file (RFC
// 1035 §5.1), which is how kea-dhcp-ddns reads it: what is not a letter of a host
// name comes as its number behind a backslash, and that needs one more in JSON.
func appendText(b []byte, name string) []byte {
	for i := range len(name) {
		switch c := name[i]; {
		case c == '"', c == '\\', c == '(', c == ')', c == ';', c == '@', c == '$', c <= ' ', c >= 0x7f:
			b = append(b, '\\', '\\', '0'+c/100, '0'+c/10%10, '0'+c%10)
		default:
			b = append(b, c)
		}
	}
	return b
}

// ErrRequest says that a datagram is no name change request.
var ErrRequest = errors.New("ddns: no name change request")

// Parse reads a request as kea-dhcp-ddns does, in either generation's form.
func Parse(b []byte) (*Request, error) {
	if len(b) < 2 || len(b)-2 < int(binary.BigEndian.Uint16(b)) {
		return nil, ErrRequest
	}
	var m struct {
		Type    *int    `json:"change-type"`
		Fwd     *bool   `json:"forward-change"`
		Rev     *bool   `json:"reverse-change"`
		FQDN    *string `json:"fqdn"`
		Addr    *string `json:"ip-address"`
		DHCID   *string `json:"dhcid"`
		Expires *string `json:"lease-expires-on"`
		TTL     *uint32 `json:"lease-length"`
		Use     *bool   `json:"use-conflict-resolution"`
		Mode    *string `json:"conflict-resolution-mode"`
	}
	if err := json.Unmarshal(b[2:2+binary.BigEndian.Uint16(b)], &m); err != nil {
		return nil, fmt.Errorf("%w: %w", ErrRequest, err)
	}
	if m.Type == nil || *m.Type < 0 || *m.Type > 1 || m.Fwd == nil || m.Rev == nil || m.FQDN == nil || m.Addr == nil || m.DHCID == nil || m.TTL == nil {
		return nil, ErrRequest
	}
	r := &Request{Remove: *m.Type == 1, Fwd: *m.Fwd, Rev: *m.Rev, TTL: *m.TTL}
	var err error
	if r.FQDN, err = plain(*m.FQDN); err != nil {
		return nil, err
	}
	if r.Addr, err = netip.ParseAddr(*m.Addr); err != nil {
		return nil, fmt.Errorf("%w: %w", ErrRequest, err)
	}
	if r.DHCID, err = hex.DecodeString(*m.DHCID); err != nil || len(r.DHCID) == 0 {
		return nil, ErrRequest
	}
	if m.Expires != nil {
		if r.Expires, err = time.Parse(expiresLayout, *m.Expires); err != nil {
			return nil, fmt.Errorf("%w: %w", ErrRequest, err)
		}
	}
	switch {
	case m.Mode != nil:
		i := slices.Index(ModeNames[:], *m.Mode)
		if i < 0 {
			return nil, ErrRequest
		}
		r.Mode = Mode(i)
	case m.Use != nil && !*m.Use:
		r.Mode = NoCheckWithDHCID
	}
	if r.FQDN == "" || !r.Fwd && !r.Rev {
		return nil, ErrRequest
	}
	return r, nil
}

// plain takes the escapes out of a name.
func plain(s string) (string, error) {
	if !strings.Contains(s, `\`) {
		return s, nil
	}
	var b []byte
	for i := 0; i < len(s); i++ {
		if s[i] != '\\' {
			b = append(b, s[i])
			continue
		}
		if i+3 >= len(s) {
			return "", ErrRequest
		}
		n, err := strconv.ParseUint(s[i+1:i+4], 10, 8)
		if err != nil {
			return "", ErrRequest
		}
		b = append(b, byte(n))
		i += 3
	}
	return string(b), nil
}

// wireName writes a name, with or without the final dot, in canonical wire form. It has been
// checked by Decide; what a lease file brings along may be anything, and then ok is
// false.
func wireName(b []byte, name string) (_ []byte, ok bool) {
	if n, ok := labels([]byte(name)); !ok || n == 0 {
		return b, false
	}
	name = strings.TrimSuffix(name, ".")
	for label := range strings.SplitSeq(name, ".") {
		b = append(b, byte(len(label)))
		for i := range len(label) {
			c := label[i]
			if 'A' <= c && c <= 'Z' {
				c += 'a' - 'A'
			}
			b = append(b, c)
		}
	}
	return append(b, 0), true
}
