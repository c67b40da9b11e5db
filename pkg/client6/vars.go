package client6

import (
	"fmt"
	"strconv"
	"strings"
	"sync"

	"github.com/dhcp4o6/dhcp4o6/pkg/dhcp6"
	"github.com/dhcp4o6/dhcp4o6/pkg/hostconf"
	"github.com/dhcp4o6/dhcp4o6/pkg/optdef"
)

// definitions are the standard options. They are made when the first lease comes.
var definitions = sync.OnceValue(func() *optdef.Set { return optdef.New(optdef.V6) })

// vars writes options as variables for dhclient-script: dhclient's names, and values
// as it prints them.
func vars(client, server []byte, options []option) (all []hostconf.Var) {
	add := func(c dhcp6.Code, v []byte) {
		if value, ok := varText(c, v); ok {
			all = append(all, hostconf.Var{Name: VarName(c), Value: value})
		}
	}
	add(dhcp6.OptClientID, client)
	if server != nil {
		add(dhcp6.OptServerID, server)
	}
	seen := make(map[dhcp6.Code]bool)
	for _, o := range options {
		if !seen[o.code] { // a variable has one value
			add(o.code, o.value)
		}
		seen[o.code] = true
	}
	return all
}

// theirs are the options that dhclient calls otherwise than Kea.
var theirs = map[dhcp6.Code]string{
	dhcp6.OptClientID: "client_id", dhcp6.OptServerID: "server_id", dhcp6.OptDNSServers: "name_servers",
	dhcp6.OptSIPServerD: "sip_servers_names", dhcp6.OptSIPServerA: "sip_servers_addresses",
	dhcp6.OptBCMCSServerD: "bcms_server_d", dhcp6.OptBCMCSServerA: "bcms_server_a",
	dhcp6.OptInformationRefreshTime: "info_refresh_time", dhcp6.OptClientFQDN: "fqdn",
	dhcp6.OptDHCP4oDHCP6Server: "dhcp4_o_dhcp6_server",
}

// VarName is the name of an option as a variable of a script, without the new_ or
// requested_ before it.
func VarName(c dhcp6.Code) string {
	if name, ok := theirs[c]; ok {
		return "dhcp6_" + name
	}
	if d, ok := definitions().ByCode("dhcp6", uint16(c)); ok {
		return "dhcp6_" + strings.ReplaceAll(d.Name, "-", "_")
	}
	return "dhcp6_unknown_" + strconv.Itoa(int(c))
}

// varText is the value of an option as dhclient prints it: what is text as it is,
// lists with a space between, octets as hexadecimal numbers with colons. Not ok: it
// holds names that could do harm.
func varText(c dhcp6.Code, v []byte) (text string, ok bool) {
	d, known := definitions().ByCode("dhcp6", uint16(c))
	if !known || d.Check(v) != nil || d.Encapsulates != "" {
		return octets(v), true
	}
	switch d.Type {
	case optdef.FQDN:
		all := names(v)
		return strings.Join(all, ". ") + ".", len(all) > 0
	case optdef.String:
		return hostconf.Text(v), true
	case optdef.Uint8, optdef.Uint16, optdef.Uint32, optdef.IPv6Address:
		return strings.ReplaceAll(d.Text(v), ", ", " "), true
	}
	return octets(v), true
}

// octets writes what has no type.
func octets(v []byte) string {
	var b strings.Builder
	for i, c := range v {
		if i > 0 {
			b.WriteByte(':')
		}
		fmt.Fprintf(&b, "%x", c)
	}
	return b.String()
}
