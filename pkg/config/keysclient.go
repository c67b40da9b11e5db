package config

import "math"

// The file of a client: {"dhcp4c": {...}, "dhcp6c": {...}}, in the manner of the
// servers' files. What may stand in an element of "interfaces" may stand at top
// level too, and is then for all of them.

// clientRoot is the key of the map that is for the client of a family.
func clientRoot(f Family) string {
	if f == v6 {
		return "dhcp6c"
	}
	return "dhcp4c"
}

// The kinds of DUIDs and of identity associations, as they are written.
var (
	duidTypes = []string{"LLT", "LL", "UUID"}
	iaTypes   = []string{"na", "ta", "pd"}
)

var clientIA = with("ia", nil, []rule{
	{name: "type", typ: tString, in: v6, enum: iaTypes, def: "na"},
	{name: "iaid", typ: tInt, in: v6, max: maxU32, note: "of the interface's hardware address when unset, counted up from the second of a type on"},
	{name: "hint", typ: tString, in: v6, note: "the address or prefix that is wanted; `::/56` asks for a length alone"},
})

// clientTiming has the names of dhclient.conf(5) where that has one.
var clientTiming = with("timing", nil, []rule{
	{name: "initial-delay", typ: tInt, in: v4, max: 65535, def: "0", note: "the first message waits for a random time up to this, seconds"},
	{name: "initial-interval", typ: tInt, in: v4, min: 1, max: 65535, def: "4", note: "seconds to the first retransmission; it doubles each time"},
	{name: "backoff-cutoff", typ: tInt, in: v4, min: 1, max: 65535, def: "64", note: "the longest time between retransmissions, seconds"},
	{name: "select-timeout", typ: tInt, in: v4, max: 65535, def: "0", note: "seconds for which further offers are waited for; 0: the first good one is taken"},
	{name: "requests", typ: tInt, in: v4, min: 1, max: 100, def: "4", note: "how often an offer is asked for before all begins anew"},
	{name: "reboots", typ: tInt, in: v4, min: 1, max: 100, def: "2", note: "how often the former address is asked for before another is"},
})

// clientLink are the keys of one interface.
var clientLink = []rule{
	{name: "request", typ: tStrings, note: "options to ask for, by name or number, in place of the usual ones"},
	{name: "request-also", typ: tStrings, note: "options to ask for besides"},
	{name: "server", typ: tString, note: "address, or address and port, that everything is sent to; for tests and loopback"},
	{name: "script", typ: tString, note: "a program in the manner of dhclient-script applies leases; without it the client does"},
	{name: "resolver", typ: tString, enum: []string{"auto", "resolvconf", "resolved", "file", "none"}, def: "auto", note: "who is told of name servers and search list; file: /etc/resolv.conf itself; auto: the first of them that is there"},
	{name: "set-host-name", typ: tBool, in: v4, def: "false", note: "the name in the lease becomes the host's, where that has none of its own"},
	{name: "min-mtu", typ: tInt, in: v4, min: 68, max: 65535, def: "576", note: "a smaller MTU is not taken from a server"},
	{name: "shared-address", typ: tBool, in: v4, def: "false", note: "an address of which only some ports are leased (RFC 7618) is put on the link; rules of NAT have to keep to the ports"},
	{name: "unreachable-prefixes", typ: tBool, in: v6, def: "false", note: "what is sent into a delegated prefix and has no other route is refused (RFC 7084 §4.2 WPD-5)"},
	{name: "route-metric", typ: tInt, max: math.MaxInt32, def: "0", note: "of the routes that a lease brings"},
	{name: "keep-settings", typ: tBool, def: "true", note: "what a lease set stays on the host when the client is stopped; its lifetimes stay true"},
	{name: "host-name", typ: tString, in: v4, max: 255, note: "option 12"},
	{name: "fqdn", typ: tString, max: 253, note: "option 81, of DHCPv6 39: the server is asked to update the DNS"},
	{name: "vendor-class", typ: tString, in: v4, max: 255, note: "option 60"},
	{name: "vendor-class", typ: tMaps, in: v6, note: "option 16, one for each enterprise", of: with("vendor-class", nil, []rule{
		{name: "enterprise-id", typ: tInt, in: v6, max: maxU32, need: true},
		{name: "classes", typ: tStrings, in: v6},
	})},
	{name: "user-class", typ: tString, max: 255, note: "option 77, of DHCPv6 15"},
	{name: "lease-time", typ: tInt, in: v4, max: maxU32, def: "0", note: "seconds that are asked for (option 51); 0: as the server likes"},
	{name: "dns-updates", typ: tBool, def: "true", note: "false asks the server to leave the DNS alone; with `fqdn`"},
	{name: "keep-last", typ: tBool, in: v4, def: "false", note: "when no server answers, the lease of the file is used for the rest of its time (RFC 2131 §3.2)"},
	{name: "client-id", typ: tString, in: v4, def: "duid", note: "duid (RFC 4361), hw (the hardware address), or the octets in hexadecimal, as 01:02:00:00:00:00:0a"},
	{name: "iaid", typ: tInt, in: v4, max: maxU32, note: "of client-id duid; of the hardware address when unset"},
	{name: "probe", typ: tBool, in: v4, def: "true", note: "an address is probed by ARP before use, and declined when somebody has it"},
	{name: "v6-only", typ: tBool, in: v4, def: "false", note: "IPv6-Only Preferred (RFC 8925) is asked for, and followed"},
	{name: "reject-hijacking-routes", typ: tBool, in: v4, def: "false", note: "routes of option 121 that would draw traffic away from what is on the link are refused"},
	{name: "ia", typ: tMaps, in: v6, of: clientIA, note: "one IA_NA when unset; `[]`: none, the client asks for information alone"},
	{name: "rapid-commit", typ: tBool, in: v6, def: "false", note: "two messages in place of four, where the server agrees"},
	{name: "reconfigure", typ: tBool, in: v6, def: "false", note: "authenticated Reconfigures are accepted (RFC 9915 §20.4)"},
	{name: "4o6", typ: tBool, def: "false", note: "dhcp4c: messages go to dhcp6c in place of the wire; dhcp6c: the v4 side runs inside, see `dhcp4c`"},
	{name: "4o6-port", typ: tInt, max: 65534, def: "0", note: "of the pair of clients, on ::1, and the port after it; 0: none"},
	{name: "timing", typ: tMap, in: v4, of: clientTiming, note: "the times that RFC 2131 leaves open"},
}

var clientGlobal = with("client", nil, clientLink, []rule{
	{name: "interfaces", typ: tMaps, of: with("interface", nil, []rule{{name: "name", typ: tName, need: true}}, clientLink), note: "who is served, unless -i says so; a key in it goes before the same at top level"},
	{name: "duid-type", typ: tString, enum: duidTypes, note: "of the DUID, which both clients share; unset: whichever is kept already, else LLT where an interface has a hardware address, else UUID"},
	{name: "loggers", typ: tMaps, of: loggersKeys, note: "names: dhcp4c, dhcp6c; INFO to stderr when unset"},
})
