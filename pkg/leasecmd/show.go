package leasecmd

import (
	"encoding/json"
	"fmt"
	"strconv"
	"time"

	"github.com/dhcp4o6/dhcp4o6/pkg/control"
	"github.com/dhcp4o6/dhcp4o6/pkg/lease"
)

var typeNames = map[lease.Kind]string{lease.NA: "IA_NA", lease.TA: "IA_TA", lease.PD: "IA_PD"}

// appendLease appends a lease as Kea shows it. What Kea cannot say of a lease stands
// in a member of ours, "dhcp4o6".
func appendLease(b []byte, l *lease.Lease) []byte {
	v4 := l.Resource.Kind == lease.V4
	b = append(b, '{')
	if v4 && len(l.ClientID) > 0 {
		b = append(appendHex(append(b, `"client-id":"`...), l.ClientID), `",`...)
	}
	b = strconv.AppendInt(append(b, `"cltt":`...), l.Start.Unix(), 10)
	b = appendOurs(b, l)
	if !v4 {
		b = append(appendDUID(append(b, `,"duid":"`...), l.DUID), '"')
	}
	b = strconv.AppendBool(append(b, `,"fqdn-fwd":`...), l.FwdDNS)
	b = strconv.AppendBool(append(b, `,"fqdn-rev":`...), l.RevDNS)
	b = appendText(append(b, `,"hostname":`...), l.Hostname)
	if v4 || len(l.HWAddr) > 0 {
		b = append(appendHex(append(b, `,"hw-address":"`...), l.HWAddr), '"')
	}
	if !v4 {
		b = strconv.AppendUint(append(b, `,"iaid":`...), uint64(l.IAID), 10)
	}
	b = append(l.Resource.Prefix.Addr().AppendTo(append(b, `,"ip-address":"`...)), '"')
	if l.Pool != 0 {
		b = strconv.AppendUint(append(b, `,"pool-id":`...), uint64(l.Pool), 10)
	}
	if !v4 {
		b = appendSeconds(append(b, `,"preferred-lft":`...), l.Preferred)
	}
	if l.Resource.Kind == lease.PD {
		b = strconv.AppendInt(append(b, `,"prefix-len":`...), int64(l.Resource.Prefix.Bits()), 10)
	}
	b = strconv.AppendUint(append(b, `,"state":`...), uint64(l.State), 10)
	b = strconv.AppendUint(append(b, `,"subnet-id":`...), uint64(l.Subnet), 10)
	if !v4 {
		b = append(append(append(b, `,"type":"`...), typeNames[l.Resource.Kind]...), '"')
	}
	b = appendContext(b, l.UserContext)
	b = appendSeconds(append(b, `,"valid-lft":`...), l.Valid)
	return append(b, '}')
}

// appendOurs appends what Kea has no member for: the port set of a shared address
// (RFC 7618), and a hardware type other than Ethernet.
func appendOurs(b []byte, l *lease.Lease) []byte {
	p := l.Resource.Ports
	odd := len(l.HWAddr) > 0 && l.HWType != hwEthernet && l.Resource.Kind == lease.V4
	if p.Whole() && !odd {
		return b
	}
	b = append(b, `,"dhcp4o6":{`...)
	if odd {
		b = fmt.Appendf(b, `"hwtype":%d`, l.HWType)
	}
	if odd && !p.Whole() {
		b = append(b, ',')
	}
	if !p.Whole() {
		b = fmt.Appendf(b, `"port-set":{"offset":%d,"psid-len":%d,"psid":%d}`, p.Offset, p.Len, p.ID)
	}
	return append(b, '}')
}

// appendContext appends the user context; text that is no JSON, as only a damaged
// file can hold it, is shown as a text.
func appendContext(b []byte, ctx json.RawMessage) []byte {
	if len(ctx) == 0 {
		return b
	}
	b = append(b, `,"user-context":`...)
	if !json.Valid(ctx) {
		return appendText(b, string(ctx))
	}
	return append(b, ctx...)
}

func appendSeconds(b []byte, d time.Duration) []byte {
	return strconv.AppendInt(b, int64(d/time.Second), 10)
}

// appendDUID appends a DUID; three octets of zero stand for none, as in Kea.
func appendDUID(b, id []byte) []byte {
	if len(id) == 0 {
		return append(b, "00:00:00"...)
	}
	return appendHex(b, id)
}

func appendHex(b, v []byte) []byte {
	const digits = "0123456789abcdef"
	for i, c := range v {
		if i > 0 {
			b = append(b, ':')
		}
		b = append(b, digits[c>>4], digits[c&15])
	}
	return b
}

// appendText appends a text; what is not ASCII is written octet for octet, as Kea
// does, so that isText reads what was there, be it UTF-8 or not.
func appendText(b []byte, s string) []byte {
	b = append(b, '"')
	for i := range len(s) {
		switch c := s[i]; {
		case c == '"' || c == '\\':
			b = append(b, '\\', c)
		case c < 0x20 || c >= 0x7f:
			b = fmt.Appendf(b, `\u%04x`, c)
		default:
			b = append(b, c)
		}
	}
	return append(b, '"')
}

// A list is leases in the making of an answer: the arguments of one.
type list struct {
	b    []byte
	n    int
	most int
	full bool
	tail string // other arguments, behind the leases
}

func (c *Commands) list() *list {
	return &list{b: []byte(`{"leases":[`), most: c.o.MaxAnswer}
}

// add appends a lease and reports whether there is room for more.
func (a *list) add(l *lease.Lease) bool {
	if a.n > 0 {
		a.b = append(a.b, ',')
	}
	a.b = appendLease(a.b, l)
	a.n++
	a.full = len(a.b) > a.most
	return !a.full
}

// errLarge is what becomes of an answer that would be too large.
func (c *Commands) errLarge() error {
	return fmt.Errorf("the leases take more than the %d octets that an answer may have: ask for fewer at a time by lease%s-get-page", c.o.MaxAnswer, c.digit())
}

// found makes an answer of what add has gathered; text stands behind their number.
func (c *Commands) found(a *list, text string) (control.Result, error) {
	if a.full {
		return control.Result{}, c.errLarge()
	}
	res := control.Result{
		Text:      fmt.Sprintf("%d %s lease(s) found%s.", a.n, c.protocol(), text),
		Arguments: json.RawMessage(append(append(append(a.b, ']'), a.tail...), '}')),
	}
	if a.n == 0 {
		res.Code = control.Empty
	}
	return res, nil
}
