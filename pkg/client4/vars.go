package client4

import (
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
	if name := cString(in.File()); hostconf.IsPath(name) {
		add("filename", name)
	}
	if name := cString(in.SName()); hostconf.IsName(name) {
		add("server_name", name)
	}
	for c := dhcp4.Code(1); c < dhcp4.OptEnd; c++ {
		if name, value, ok := r.variable(in, c); ok {
			add(name, value)
		}
	}
	if v, ok := r.option(in, dhcp4.OptClientFQDN); ok {
		fqdnVars(v, add)
	}
	for _, c := range [...]dhcp4.Code{dhcp4.OptVIVendorClass, dhcp4.OptVIVendorInfo} {
		if v, ok := r.option(in, c); ok {
			vendorVars(c, v, add)
		}
	}
	if !l.informed() {
		expiry := int64(0xffffffff) // for ever, as dhclient's script has it
		if !l.end.IsZero() {
			expiry = min(l.end.Unix(), expiry)
		}
		add("expiry", strconv.FormatInt(expiry, 10))
	}
	return all
}

// msClasslessRoute is the option by which Microsoft's servers give classless routes.
const msClasslessRoute dhcp4.Code = 249

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
	if r.noHijack { // scripts set routes by these
		switch c {
		case dhcp4.OptClasslessStaticRoute:
			v = r.safeClassless(in)
		case dhcp4.OptStaticRoute, msClasslessRoute:
			return "", "", false
		}
	}
	if !ok || len(v) == 0 {
		return "", "", false
	}
	switch c {
	case dhcp4.OptHostName, dhcp4.OptNISDomain, dhcp4.OptNetBIOSScope:
		ok = hostconf.IsName(text(v))
	case dhcp4.OptDomainName:
		ok = areNames(domainList(text(v)))
	case dhcp4.OptRootPath:
		ok = hostconf.IsPath(text(v))
	case dhcp4.OptDomainSearch:
		names := r.search(in)
		return VarName(c), strings.Join(names, ". ") + ".", len(names) > 0
	case dhcp4.OptBCMCSDomains, dhcp4.OptLoST, dhcp4.OptSIPUACS, dhcp4.OptRDNSSSelection, dhcp4.OptV4AccessDomain:
		ok = holdsNames(c, v)
	}
	return VarName(c), varText(c, v), ok
}

// holdsNames reports whether the names in an option are some.
func holdsNames(c dhcp4.Code, v []byte) bool {
	d, ok := definitions().ByCode("", uint16(c))
	if !ok || d.Check(v) != nil {
		return false
	}
	return areNames(strings.Split(d.Text(v), ", ")) // numbers and addresses, before them, pass for names
}

// theirs are the options that dhclient, or the configuration that comes with it,
// calls otherwise than Kea; those with no name it does not know.
var theirs = map[dhcp4.Code]string{
	5: "ien116_name_servers", 62: "nwip_domain", 64: "nisplus_domain", 67: "bootfile_name", 80: "", 82: "relay_agent_information", 90: "",
	93: "pxe_system_type", 94: "pxe_interface_id", 97: "pxe_client_id", 109: "", 114: "default_url", 120: "",
	121: "rfc3442_classless_static_routes", 122: "", 124: "vivco", 125: "vivso", 142: "ipv4_address_andsf", 143: "", 145: "", 147: "", 148: "",
	151: "", 152: "", 153: "", 154: "", 155: "", 156: "", 157: "", 158: "", 161: "", 162: "",
	208: "", 209: "loader_configfile", 210: "loader_pathprefix", 211: "loader_reboottime",
}

// VarName is the name of an option as a variable of a script, without the new_ or
// requested_ before it.
func VarName(c dhcp4.Code) string {
	name, ok := theirs[c]
	if !ok {
		if d, ok := definitions().ByCode("", uint16(c)); ok {
			return strings.ReplaceAll(d.Name, "-", "_")
		}
	}
	if name == "" {
		return "unknown_" + strconv.Itoa(int(c))
	}
	return name
}

// varText is the value of an option as dhclient prints it: text as it is, lists and
// fields with a space between, octets as hexadecimal numbers with colons.
func varText(c dhcp4.Code, v []byte) string {
	d, ok := definitions().ByCode("", uint16(c))
	if name, other := theirs[c]; other && name == "" || !ok || d.Check(v) != nil {
		return octets(v)
	}
	switch c {
	case dhcp4.OptClasslessStaticRoute:
		return numbers(v, 10, " ")
	case dhcp4.OptUserClass:
		return hostconf.Text(v)
	case dhcp4.OptServiceScope:
		return strconv.FormatBool(v[0] != 0) + " " + hostconf.Text(v[1:])
	case dhcp4.OptPortParams:
		return numbers(v[:2], 10, " ") + " " + strconv.Itoa(int(be.Uint16(v[2:])))
	case dhcp4.OptClientFQDN, dhcp4.OptClientUUID:
		return octets(v)
	case dhcp4.OptVIVendorClass, dhcp4.OptVIVendorInfo:
		return numbers(v, 16, ":")
	}
	switch d.Type {
	case optdef.String:
		return hostconf.Text(v)
	case optdef.Empty, optdef.Binary, optdef.Internal:
		return octets(v)
	}
	return strings.ReplaceAll(d.Text(v), ", ", " ")
}

// fqdnVars takes option 81 apart as dhclient does (RFC 4702 §2).
func fqdnVars(v []byte, add func(name, value string)) {
	d, ok := definitions().ByCode("", uint16(dhcp4.OptClientFQDN))
	if !ok || len(v) < 4 || d.Check(v) != nil {
		return
	}
	const s, e, n = 1, 4, 8
	name := text(v[3:])
	if v[0]&e != 0 {
		fields := strings.Split(d.Text(v), ", ")
		name = strings.TrimSuffix(fields[len(fields)-1], ".")
	}
	if !hostconf.IsName(name) {
		return
	}
	host, _, _ := strings.Cut(name, ".")
	add("fqdn_no_client_update", strconv.FormatBool(v[0]&n != 0))
	add("fqdn_server_update", strconv.FormatBool(v[0]&s != 0))
	add("fqdn_encoded", strconv.FormatBool(v[0]&e != 0))
	add("fqdn_rcode1", strconv.Itoa(int(v[1])))
	add("fqdn_rcode2", strconv.Itoa(int(v[2])))
	add("fqdn_hostname", host)
	if host != name {
		add("fqdn_domainname", name[len(host):]) // with the dot before it
	}
	add("fqdn_fqdn", name)
}

// vendorVars takes options 124 and 125 apart: a variable for each enterprise
// (RFC 3925 §3, §4).
func vendorVars(c dhcp4.Code, v []byte, add func(name, value string)) {
	name := "vendor_unknown_"
	if c == dhcp4.OptVIVendorClass {
		name = "vendor_class_unknown_"
	}
	for len(v) >= 5 && len(v) >= 5+int(v[4]) {
		n := 5 + int(v[4])
		if n > 5 {
			add(name+strconv.FormatUint(uint64(be.Uint32(v)), 10), octets(v[5:n]))
		}
		v = v[n:]
	}
}

// octets writes what has no type: as text, if it is some.
func octets(v []byte) string {
	for i, c := range v {
		if (c < ' ' || c > '~') && !(c == 0 && i == len(v)-1) {
			return numbers(v, 16, ":")
		}
	}
	return hostconf.Text(v)
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
