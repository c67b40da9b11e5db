package client4

import (
	"fmt"
	"net/netip"
	"strconv"
	"strings"

	"github.com/dhcp4o6/dhcp4o6/pkg/dhcp4"
	"github.com/dhcp4o6/dhcp4o6/pkg/hostconf"
	"github.com/dhcp4o6/dhcp4o6/pkg/optdef"
)

// vars writes an answer as variables for dhclient-script: dhclient's names, and
// values as it prints them.
func (r *reader) vars(in *dhcp4.Message, l *lease, network netip.Prefix) (all []hostconf.Var) {
	add := func(name, value string) { all = append(all, hostconf.Var{Name: name, Value: value}) }
	if !l.informed() {
		add("ip_address", l.addr.String())
	}
	if !in.SIAddr.IsUnspecified() {
		add("next_server", in.SIAddr.String())
	}
	if !l.informed() && in.Has(dhcp4.OptSubnetMask) {
		add("network_number", network.Masked().Addr().String())
		if _, ok := r.option(in, dhcp4.OptBroadcastAddress); !ok {
			add("broadcast_address", lastOf(network).String())
		}
	}
	if name := cString(in.File()); isPath(name) {
		add("filename", name)
	}
	if name := cString(in.SName()); isName(name) {
		add("server_name", name)
	}
	for c := dhcp4.Code(1); c < dhcp4.OptEnd; c++ {
		if name, value, ok := r.variable(in, c); ok {
			add(name, value)
		}
	}
	if !l.informed() {
		expiry := uint32(0xffffffff) // for ever
		if !l.end.IsZero() {
			expiry = uint32(l.end.Unix())
		}
		add("expiry", strconv.FormatUint(uint64(expiry), 10))
	}
	return all
}

// always are the options that every answer may hold, asked for or not.
var always = map[dhcp4.Code]bool{
	dhcp4.OptSubnetMask: true, dhcp4.OptLeaseTime: true, dhcp4.OptMessageType: true, dhcp4.OptServerID: true,
	dhcp4.OptRenewalTime: true, dhcp4.OptRebindingTime: true, dhcp4.OptClientID: true,
}

// variable writes one option. A name that could do harm is left out.
func (r *reader) variable(in *dhcp4.Message, c dhcp4.Code) (name, value string, ok bool) {
	v, ok := r.option(in, c)
	if always[c] {
		v, ok = in.Option(c)
	}
	if !ok || len(v) == 0 {
		return "", "", false
	}
	switch c {
	case dhcp4.OptHostName, dhcp4.OptNISDomain, dhcp4.OptNetBIOSScope:
		ok = isName(text(v))
	case dhcp4.OptDomainName:
		ok = areNames(domainList(text(v)))
	case dhcp4.OptRootPath:
		ok = isPath(text(v))
	}
	return varName(c), varText(c, v), ok
}

// theirs are the options that dhclient, or the configuration that comes with it,
// calls otherwise than Kea.
var theirs = map[dhcp4.Code]string{
	5: "ien116_name_servers", 62: "nwip_domain", 64: "nisplus_domain", 67: "bootfile_name",
	93: "pxe_system_type", 94: "pxe_interface_id", 97: "pxe_client_id",
	121: "rfc3442_classless_static_routes", 142: "ipv4_address_andsf",
	209: "loader_configfile", 210: "loader_pathprefix", 211: "loader_reboottime",
}

// varName is the name of an option as a variable.
func varName(c dhcp4.Code) string {
	if name, ok := theirs[c]; ok {
		return name
	}
	if d, ok := definitions().ByCode("", uint16(c)); ok {
		return strings.ReplaceAll(d.Name, "-", "_")
	}
	return "unknown_" + strconv.Itoa(int(c))
}

// varText is the value of an option as dhclient prints it: what is text as it is,
// lists with a space between, octets as hexadecimal numbers with colons.
func varText(c dhcp4.Code, v []byte) string {
	d, ok := definitions().ByCode("", uint16(c))
	switch {
	case c == dhcp4.OptClasslessStaticRoute:
		return numbers(v, 10, " ")
	case !ok || d.Check(v) != nil || d.Encapsulates != "":
		return octets(v)
	}
	switch d.Type {
	case optdef.String:
		return escaped(v)
	case optdef.Boolean, optdef.Int8, optdef.Int16, optdef.Int32, optdef.Uint8, optdef.Uint16, optdef.Uint32,
		optdef.IPv4Address, optdef.IPv6Address, optdef.FQDN:
		return strings.ReplaceAll(d.Text(v), ", ", " ")
	}
	return octets(v)
}

// octets writes what has no type: as text, if it is some.
func octets(v []byte) string {
	for i, c := range v {
		if (c < ' ' || c > '~') && !(c == 0 && i == len(v)-1) {
			return numbers(v, 16, ":")
		}
	}
	return escaped(v)
}

func numbers(v []byte, base int, between string) string {
	var b strings.Builder
	for i, c := range v {
		if i > 0 {
			b.WriteString(between)
		}
		b.WriteString(strconv.FormatUint(uint64(c), base))
	}
	return b.String()
}

// cString is the text of a field of fixed size.
func cString(field []byte) string {
	s, _, _ := strings.Cut(string(field), "\x00")
	return s
}

// escaped writes text as dhclient does: what a shell could stumble over behind a
// backslash, what is not printable as three octal digits, no NUL at the end.
func escaped(v []byte) string {
	var b strings.Builder
	for i, c := range v {
		switch {
		case c == 0 && i == len(v)-1:
		case c < ' ' || c > '~':
			fmt.Fprintf(&b, "\\%03o", c)
		case strings.IndexByte("\"'$`\\|&", c) >= 0:
			b.WriteByte('\\')
			b.WriteByte(c)
		default:
			b.WriteByte(c)
		}
	}
	return b.String()
}
