package optdef

// The standard options of DHCPv6 (RFC 9915 and the RFCs of each option), named as
// in Kea.
var standard6 = []table{
	{"dhcp6", dhcp6Rows},
	{"s46-cont-mape-options", mapERows},
	{"s46-cont-mapt-options", mapTRows},
	{"s46-cont-lw-options", lw4o6Rows},
	{"s46-rule-options", portRows},
	{"s46-v4v6bind-options", portRows},
	{"vendor-2495", iscRows},
	{"vendor-4491", docsis6Rows},
	{"docsis3-v6", docsis6Rows}, // the same, as older configurations call it
}

var dhcp6Rows = []row{
	{code: 1, name: "clientid", typ: Binary},
	{code: 2, name: "serverid", typ: Binary},
	{code: 3, name: "ia-na", typ: Record, inner: "dhcp6", rec: []Type{Uint32, Uint32, Uint32}},
	{code: 4, name: "ia-ta", typ: Uint32, inner: "dhcp6"},
	{code: 5, name: "iaaddr", typ: Record, inner: "dhcp6", rec: []Type{IPv6Address, Uint32, Uint32}},
	{code: 6, name: "oro", typ: Uint16, flags: array},
	{code: 7, name: "preference", typ: Uint8},
	{code: 8, name: "elapsed-time", typ: Uint16},
	{code: 9, name: "relay-msg", typ: Binary},
	{code: 11, name: "auth", typ: Binary},
	{code: 12, name: "unicast", typ: IPv6Address},
	{code: 13, name: "status-code", typ: Record, rec: []Type{Uint16, String}},
	{code: 14, name: "rapid-commit", typ: Empty},
	{code: 15, name: "user-class", typ: Binary},
	{code: 16, name: "vendor-class", typ: Record, rec: []Type{Uint32, Binary}},
	{code: 17, name: "vendor-opts", typ: Uint32},
	{code: 18, name: "interface-id", typ: Binary},
	{code: 19, name: "reconf-msg", typ: Uint8},
	{code: 20, name: "reconf-accept", typ: Empty},
	{code: 21, name: "sip-server-dns", typ: FQDN, flags: array},
	{code: 22, name: "sip-server-addr", typ: IPv6Address, flags: array},
	{code: 23, name: "dns-servers", typ: IPv6Address, flags: array},
	{code: 24, name: "domain-search", typ: FQDN, flags: array},
	{code: 25, name: "ia-pd", typ: Record, inner: "dhcp6", rec: []Type{Uint32, Uint32, Uint32}},
	{code: 26, name: "iaprefix", typ: Record, inner: "dhcp6", rec: []Type{Uint32, Uint32, Uint8, IPv6Address}},
	{code: 27, name: "nis-servers", typ: IPv6Address, flags: array},
	{code: 28, name: "nisp-servers", typ: IPv6Address, flags: array},
	{code: 29, name: "nis-domain-name", typ: FQDN, flags: array},
	{code: 30, name: "nisp-domain-name", typ: FQDN, flags: array},
	{code: 31, name: "sntp-servers", typ: IPv6Address, flags: array},
	{code: 32, name: "information-refresh-time", typ: Uint32},
	{code: 33, name: "bcmcs-server-dns", typ: FQDN, flags: array},
	{code: 34, name: "bcmcs-server-addr", typ: IPv6Address, flags: array},
	{code: 36, name: "geoconf-civic", typ: Record, rec: []Type{Uint8, Uint16, Binary}},
	{code: 37, name: "remote-id", typ: Record, rec: []Type{Uint32, Binary}},
	{code: 38, name: "subscriber-id", typ: Binary},
	{code: 39, name: "client-fqdn", typ: Record, rec: []Type{Uint8, FQDN}},
	{code: 40, name: "pana-agent", typ: IPv6Address, flags: array},
	{code: 41, name: "new-posix-timezone", typ: String},
	{code: 42, name: "new-tzdb-timezone", typ: String},
	{code: 43, name: "ero", typ: Uint16, flags: array},
	{code: 44, name: "lq-query", typ: Record, inner: "dhcp6", rec: []Type{Uint8, IPv6Address}},
	{code: 45, name: "client-data", typ: Empty, inner: "dhcp6"},
	{code: 46, name: "clt-time", typ: Uint32},
	{code: 47, name: "lq-relay-data", typ: Record, rec: []Type{IPv6Address, Binary}},
	{code: 48, name: "lq-client-link", typ: IPv6Address, flags: array},
	{code: 51, name: "v6-lost", typ: FQDN},
	{code: 52, name: "capwap-ac-v6", typ: IPv6Address, flags: array},
	{code: 53, name: "relay-id", typ: Binary},
	{code: 56, name: "ntp-server", typ: Empty, flags: weak, inner: "ntp-server-options"}, // RFC 5908
	{code: 57, name: "v6-access-domain", typ: FQDN},
	{code: 58, name: "sip-ua-cs-list", typ: FQDN, flags: array},
	{code: 59, name: "bootfile-url", typ: String},
	{code: 60, name: "bootfile-param", typ: Tuple, flags: array},
	{code: 61, name: "client-arch-type", typ: Uint16, flags: array},
	{code: 62, name: "nii", typ: Record, rec: []Type{Uint8, Uint8, Uint8}},
	{code: 64, name: "aftr-name", typ: FQDN},
	{code: 65, name: "erp-local-domain-name", typ: FQDN},
	{code: 66, name: "rsoo", typ: Empty, inner: "rsoo-opts"},
	{code: 67, name: "pd-exclude", typ: IPv6Prefix},
	{code: 74, name: "rdnss-selection", typ: Record, flags: array, rec: []Type{IPv6Address, Uint8, FQDN}},
	{code: 79, name: "client-linklayer-addr", typ: Binary},
	{code: 80, name: "link-address", typ: IPv6Address},
	{code: 82, name: "solmax-rt", typ: Uint32},
	{code: 83, name: "inf-max-rt", typ: Uint32},
	{code: 87, name: "dhcpv4-message", typ: Binary},
	{code: 88, name: "dhcp4o6-server-addr", typ: IPv6Address, flags: array},
	{code: 94, name: "s46-cont-mape", typ: Empty, inner: "s46-cont-mape-options"},
	{code: 95, name: "s46-cont-mapt", typ: Empty, inner: "s46-cont-mapt-options"},
	{code: 96, name: "s46-cont-lw", typ: Empty, inner: "s46-cont-lw-options"},
	{code: 100, name: "lq-base-time", typ: Uint32, flags: weak},
	{code: 101, name: "lq-start-time", typ: Uint32, flags: weak},
	{code: 102, name: "lq-end-time", typ: Uint32, flags: weak},
	{code: 103, name: "v6-captive-portal", typ: String},
	{code: 111, name: "s46-priority", typ: Uint16, flags: array | weak}, // RFC 8026
	{code: 135, name: "relay-source-port", typ: Uint16},
	{code: 136, name: "v6-sztp-redirect", typ: Tuple, flags: array | weak},
	{code: 137, name: "s46-bind-ipv6-prefix", typ: IPv6Prefix, flags: weak}, // RFC 8539
	{code: 143, name: "ipv6-address-andsf", typ: IPv6Address},
	{code: 144, name: "v6-dnr", typ: Internal, flags: weak},
	{code: 148, name: "addr-reg-enable", typ: Empty, flags: weak},
}

// What stands in the softwire containers (RFC 7598).
var (
	ruleRow  = row{code: 89, name: "s46-rule", typ: Record, inner: "s46-rule-options", rec: []Type{Uint8, Uint8, Uint8, IPv4Address, IPv6Prefix}}
	brRow    = row{code: 90, name: "s46-br", typ: IPv6Address}
	mapERows = []row{ruleRow, brRow}
	mapTRows = []row{ruleRow, {code: 91, name: "s46-dmr", typ: IPv6Prefix}}

	lw4o6Rows = []row{brRow, {
		code: 92, name: "s46-v4v6bind", typ: Record, inner: "s46-v4v6bind-options",
		rec: []Type{IPv4Address, IPv6Prefix},
	}}
	portRows = []row{{code: 93, name: "s46-portparams", typ: Record, rec: []Type{Uint8, PSID}}}
)

// What the two daemons of a pair tell each other (see package ipc).
var iscRows = []row{
	{code: 60000, name: "4o6-interface", typ: String},
	{code: 60001, name: "4o6-source-address", typ: IPv6Address},
	{code: 60002, name: "4o6-source-port", typ: Uint16},
}

// The vendor options of CableLabs that Kea knows.
var docsis6Rows = []row{
	{code: 1, name: "oro", typ: Uint16, flags: array | weak},
	{code: 2, name: "device-type", typ: String, flags: weak},
	{code: 10, name: "vendor-type", typ: String, flags: weak},
	{code: 32, name: "tftp-servers", typ: IPv6Address, flags: array | weak},
	{code: 33, name: "config-file", typ: String, flags: weak},
	{code: 34, name: "syslog-servers", typ: IPv6Address, flags: array | weak},
	{code: 36, name: "device-id", typ: Binary, flags: weak},
	{code: 37, name: "time-servers", typ: IPv6Address, flags: array | weak},
	{code: 38, name: "time-offset", typ: Int32, flags: weak},
}
