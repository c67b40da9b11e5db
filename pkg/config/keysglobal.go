package config

var interfacesConfig = with("interfaces-config", nil, []rule{
	{name: "interfaces", typ: tStrings, def: "[]", note: "names, names with an address (eth0/192.0.2.1), or * for all"},
	{name: "dhcp-socket-type", typ: tString, in: v4, enum: []string{"raw", "udp"}, def: "raw", note: "raw reads from packet sockets, past packet filters, whole datagrams alone; udp takes fragments too"},
	{name: "outbound-interface", typ: tString, in: v4, enum: []string{"same-as-inbound", "use-routing"}, def: "same-as-inbound", note: "use-routing acts on replies to relays, with dhcp-socket-type udp; clients are answered on the link of their query"},
	{name: "re-detect", typ: tBool, def: "true", state: Accepted, note: "links are followed as they come and go"},
	{name: "service-sockets-require-all", typ: tBool, def: "false"},
	{name: "service-sockets-max-retries", typ: tInt, max: maxU32, def: "0"},
	{name: "service-sockets-retry-wait-time", typ: tInt, max: maxU32, def: "5000", note: "milliseconds"},
})

// database is how a database is reached.
var database = []rule{
	{name: "type", typ: tString, enum: []string{"memfile", "mysql", "postgresql"}, need: true},
	{name: "name", typ: tString},
	{name: "host", typ: tString, state: Accepted},
	{name: "port", typ: tInt, max: 65535, state: Accepted},
	{name: "user", typ: tString, state: Accepted},
	{name: "password", typ: tString, state: Accepted},
	{name: "password-file", typ: tString, state: Accepted},
	{name: "readonly", typ: tBool, def: "false", state: Accepted},
	{name: "connect-timeout", typ: tInt, max: maxU32, state: Accepted},
	{name: "read-timeout", typ: tInt, max: maxU32, state: Accepted},
	{name: "write-timeout", typ: tInt, max: maxU32, state: Accepted},
	{name: "tcp-user-timeout", typ: tInt, max: maxU32, state: Accepted},
	{name: "reconnect-wait-time", typ: tInt, max: maxU32, state: Accepted},
	{name: "max-reconnect-tries", typ: tInt, max: maxU32, state: Accepted},
	{name: "retry-on-startup", typ: tBool, state: Accepted},
	{name: "on-fail", typ: tString, enum: []string{"stop-retry-exit", "serve-retry-exit", "serve-retry-continue"}, state: Accepted},
	{name: "trust-anchor", typ: tString, state: Accepted},
	{name: "cert-file", typ: tString, state: Accepted},
	{name: "key-file", typ: tString, state: Accepted},
	{name: "cipher-list", typ: tString, state: Accepted},
	{name: "ssl-mode", typ: tString, enum: []string{"disable", "prefer", "require", "verify-ca", "verify-full"}, state: Accepted},
}

var leaseDatabase = with("lease-database", nil, database, []rule{
	{name: "persist", typ: tBool, def: "true"},
	{name: "lfc-interval", typ: tInt, max: maxU32, def: "3600", note: "seconds; 0: never"},
	{name: "max-row-errors", typ: tInt, max: maxU32, def: "0", note: "0: any number"},
})

// hostsDatabase takes what Kea's grammar takes for every database.
var hostsDatabase = with("hosts-database", nil, database, []rule{
	{name: "persist", typ: tBool, state: Accepted},
	{name: "lfc-interval", typ: tInt, max: maxU32, state: Accepted},
})

var configControl = with("config-control", nil, []rule{
	{name: "config-databases", typ: tMaps, state: Later, quiet: toldElsewhere, of: hostsDatabase, note: "subnets from a database are not served: start refused"},
	{name: "config-fetch-wait-time", typ: tInt, max: 65535, def: "30", state: Accepted},
})

var serverIDKeys = with("server-id", nil, []rule{
	{name: "type", typ: tString, enum: []string{"LLT", "LL", "EN"}, need: true},
	{name: "identifier", typ: tString, note: "hexadecimal; generated when empty"},
	{name: "time", typ: tInt, max: maxU32, def: "0"},
	{name: "htype", typ: tInt, max: 65535, def: "0"},
	{name: "enterprise-id", typ: tInt, max: maxU32, def: "0"},
	{name: "persist", typ: tBool, def: "true"},
})

var expiredLeases = with("expired-leases-processing", nil, []rule{
	{name: "reclaim-timer-wait-time", typ: tInt, max: 65535, def: "10"},
	{name: "flush-reclaimed-timer-wait-time", typ: tInt, max: 65535, def: "25",
		note: "0: released leases are not kept, nor reclaimed ones if there are rounds; else they go with the rounds of reclaim-timer-wait-time, and so often where there are none"},
	{name: "hold-reclaimed-time", typ: tInt, max: maxU32, def: "3600"},
	{name: "max-reclaim-leases", typ: tInt, max: maxU32, def: "100", note: "0: any number"},
	{name: "max-reclaim-time", typ: tInt, max: 10000, def: "250", note: "milliseconds; 0: any time"},
	{name: "unwarned-reclaim-cycles", typ: tInt, max: 65535, def: "5", note: "rounds in a row that leave expired leases behind until that is told; 0: any number"},
})

var outputOptions = with("output-options", nil, []rule{
	{name: "output", typ: tName, need: true, note: "stdout, stderr, syslog, syslog:local3 (a facility; without one local0), or a file"},
	{name: "maxsize", typ: tInt, max: 1 << 50, def: "10240000", note: "octets; below 204800 the file is not rotated"},
	{name: "maxver", typ: tInt, max: 1 << 20, def: "1"},
	{name: "flush", typ: tBool, def: "true"},
	{name: "pattern", typ: tString, state: Accepted, note: "lines have a form of their own"},
})

var loggersKeys = with("logger", nil, []rule{
	{name: "name", typ: tName, need: true, note: "kea-dhcp4, kea-dhcp6 and what is under them"},
	{name: "severity", typ: tString, def: "INFO", note: "FATAL, ERROR, WARN, INFO, DEBUG, NONE, in either case"},
	{name: "debuglevel", typ: tInt, max: 99, def: "0"},
	{name: "output-options", typ: tMaps, of: outputOptions},
	{name: "output_options", typ: tMaps, of: outputOptions, newer: "output-options"},
})

var dhcpDDNS = with("dhcp-ddns", nil, []rule{
	{name: "enable-updates", typ: tBool, def: "false", note: "name change requests go to kea-dhcp-ddns"},
	{name: "server-ip", typ: tString, def: "127.0.0.1"},
	{name: "server-port", typ: tInt, max: 65535, def: "53001"},
	{name: "sender-ip", typ: tString, note: "any address when unset"},
	{name: "sender-port", typ: tInt, max: 65535, def: "0", note: "0: any"},
	{name: "max-queue-size", typ: tInt, min: 1, max: maxU32, def: "1024", note: "requests that find it full are lost, and counted"},
	{name: "ncr-protocol", typ: tString, enum: []string{"UDP", "TCP", "udp", "tcp"}, def: "UDP", note: "TCP is refused, as by Kea"},
	{name: "ncr-format", typ: tString, enum: []string{"JSON"}, def: "JSON"},
	{name: "override-no-update", typ: tBool, newer: "ddns-override-no-update"},
	{name: "override-client-update", typ: tBool, newer: "ddns-override-client-update"},
	{name: "replace-client-name", typ: tString, enum: []string{"never", "always", "when-present", "when-not-present"}, newer: "ddns-replace-client-name"},
	{name: "generated-prefix", typ: tString, newer: "ddns-generated-prefix"},
	{name: "qualifying-suffix", typ: tString, newer: "ddns-qualifying-suffix"},
	{name: "hostname-char-set", typ: tString, newer: "hostname-char-set at top level"},
	{name: "hostname-char-replacement", typ: tString, newer: "hostname-char-replacement at top level"},
})

var authentication = with("authentication", nil, []rule{
	{name: "type", typ: tString, enum: []string{"basic"}, need: true},
	{name: "realm", typ: tString},
	{name: "directory", typ: tString, note: "where the files of the clients are"},
	{name: "clients", typ: tMaps, of: with("client", nil, []rule{
		{name: "user", typ: tString},
		{name: "user-file", typ: tString},
		{name: "password", typ: tString},
		{name: "password-file", typ: tString, note: "without user and user-file it holds both, with : between"},
	})},
})

var controlSocket = with("control-socket", nil, []rule{
	{name: "socket-type", typ: tString, enum: []string{"unix", "http", "https"}, need: true},
	{name: "socket-name", typ: tString, note: "of unix; without a folder it is in KEA_CONTROL_SOCKET_DIR, else in that of the service manager, else in `/run/dhcp4o6`"},
	{name: "socket-address", typ: tString, def: "127.0.0.1"},
	{name: "socket-port", typ: tInt, min: 1, max: 65535, def: "8000"},
	{name: "authentication", typ: tMap, of: authentication, note: "of http and https; without it everybody who reaches the socket may command"},
	{name: "http-headers", typ: tMaps, of: with("header", nil, []rule{
		{name: "name", typ: tName, need: true},
		{name: "value", typ: tString, need: true},
	})},
	{name: "trust-anchor", typ: tString, note: "file or folder of those who sign the clients' certificates"},
	{name: "cert-file", typ: tString},
	{name: "key-file", typ: tString},
	{name: "cert-required", typ: tBool, def: "true", note: "clients need a certificate"},
})

var hooksLibrary = with("hook library", nil, []rule{
	{name: "library", typ: tName, need: true, note: "known by the file's name; never loaded"},
	{name: "parameters", typ: tAny, state: Accepted, note: "those of run_script: `hooks.md`"},
})

// blocks are the maps that stand at top level only.
var blocks = []rule{
	{name: "interfaces-config", typ: tMap, of: interfacesConfig},
	{name: "lease-database", typ: tMap, of: leaseDatabase, note: "memfile; any other: start refused"},
	{name: "hosts-database", typ: tMap, state: Later, quiet: toldElsewhere, of: hostsDatabase, newer: "hosts-databases", note: "reservations in a database are not served: start refused"},
	{name: "hosts-databases", typ: tMaps, state: Later, quiet: toldElsewhere, of: hostsDatabase, note: "reservations in a database are not served: start refused"},
	{name: "config-control", typ: tMap, state: Later, quiet: toldElsewhere, of: configControl},
	{name: "expired-leases-processing", typ: tMap, of: expiredLeases},
	{name: "server-id", typ: tMap, in: v6, of: serverIDKeys},
	{name: "loggers", typ: tMaps, of: loggersKeys},
	{name: "dhcp-ddns", typ: tMap, of: dhcpDDNS},
	{name: "control-socket", typ: tMap, of: controlSocket, newer: "control-sockets"},
	{name: "control-sockets", typ: tMaps, of: controlSocket, note: "where commands are taken, see `control.md`"},
	{name: "hooks-libraries", typ: tMaps, state: Later, quiet: toldElsewhere, of: hooksLibrary, note: "the commands of lease_cmds and stat_cmds are there without them; one that decides who gets what, or is unknown: start refused"},
	{name: "client-classes", typ: tMaps, of: clientClass, note: "in the order in which they are evaluated"},
	{name: "multi-threading", typ: tMap, state: Accepted, note: "each socket has a worker of its own", of: with("multi-threading", nil, []rule{
		{name: "enable-multi-threading", typ: tBool, def: "true", state: Accepted},
		{name: "thread-pool-size", typ: tInt, max: 65535, def: "0", state: Accepted},
		{name: "packet-queue-size", typ: tInt, max: 65535, def: "64", state: Accepted},
	})},
	{name: "dhcp-queue-control", typ: tMap, state: Accepted, note: "the socket's buffer is the queue", of: with("dhcp-queue-control", nil, []rule{
		{name: "enable-queue", typ: tBool, def: "false", state: Accepted},
		{name: "queue-type", typ: tString, in: v4, def: "kea-ring4", state: Accepted},
		{name: "queue-type", typ: tString, in: v6, def: "kea-ring6", state: Accepted},
		{name: "capacity", typ: tInt, max: maxU32, def: "64", state: Accepted},
	})},
	{name: "sanity-checks", typ: tMap, of: with("sanity-checks", nil, []rule{
		{name: "lease-checks", typ: tString, enum: []string{"none", "warn", "fix", "fix-del", "del"}, def: "warn", note: "when the lease file is loaded: what becomes of leases whose subnet is not there or does not hold them"},
		{name: "extended-info-checks", typ: tString, enum: []string{"none", "fix", "strict", "pedantic"}, def: "fix", state: Accepted, note: "what a relay said is read in the form of either generation, and only when it is asked for"},
	})},
	{name: "compatibility", typ: tMap, of: with("compatibility", nil, []rule{
		{name: "lenient-option-parsing", typ: tBool, def: "false", state: Accepted, note: "an option that cannot be read is passed over anyway"},
		{name: "ignore-dhcp-server-identifier", typ: tBool, in: v4, def: "false", note: "every message is taken to be for this server"},
		{name: "ignore-rai-link-selection", typ: tBool, in: v4, def: "false", note: "suboption 5 of option 82 is passed over, option 118 is not"},
		{name: "exclude-first-last-24", typ: tBool, in: v4, def: "false", note: "in subnets of 24 bits and less; who has or asks for such an address may have it"},
	})},
}

// scalars are what else stands at top level only.
var scalars = []rule{
	{name: "dhcp4o6-port", typ: tInt, max: 65534, def: "0", note: "of the pair, and the port after it; 0: none"},
	{name: "echo-client-id", typ: tBool, in: v4, def: "true"},
	{name: "decline-probation-period", typ: tInt, max: maxU32, def: "86400"},
	{name: "offer-lifetime", typ: tInt, in: v4, max: maxU32, def: "0", note: "seconds for which an offer is stored as a lease; 0: it is held in memory, see offer-hold"},
	{name: "host-reservation-identifiers", typ: tStrings, in: v4, enum: []string{"hw-address", "duid", "circuit-id", "client-id", "flex-id"}, def: `["hw-address", "duid", "circuit-id", "client-id"]`, note: "flex-id needs the library flex_id"},
	{name: "host-reservation-identifiers", typ: tStrings, in: v6, enum: []string{"hw-address", "duid", "flex-id"}, def: `["hw-address", "duid"]`, note: "flex-id needs the library flex_id"},
	{name: "ip-reservations-unique", typ: tBool, def: "true", note: "false: an address may be kept for several hosts; the first to come has it"},
	{name: "reservations-lookup-first", typ: tBool, def: "false", state: Accepted, note: "reservations are looked up first"},
	{name: "early-global-reservations-lookup", typ: tBool, in: v4, def: "false", note: "global reservations are looked up before the subnet is chosen"},
	{name: "early-global-reservations-lookup", typ: tBool, in: v6, def: "false", quiet: "false", state: Later, note: "reservations are looked up when the subnet is known"},
	{name: "stash-agent-options", typ: tBool, in: v4, def: "false", note: "what store-extended-info keeps is taken for the relay agent information of a client that renews without its relay"},
	{name: "statistic-default-sample-count", typ: tInt, max: maxU32, def: "20", note: "samples are taken once a second where this is not the default; see `monitoring.md`"},
	{name: "statistic-default-sample-age", typ: tInt, max: maxU32, def: "0", note: "seconds, in place of the number where that is 0"},
	{name: "parked-packet-limit", typ: tInt, in: v4, max: maxU32, def: "256", note: "of packets that hook functions keep back, see `hooks.md`; 0: any number"},
	{name: "parked-packet-limit", typ: tInt, in: v6, max: maxU32, def: "256", state: Accepted, note: "no packet is parked"},
	{name: "server-tag", typ: tString, state: Accepted},
	{name: "data-directory", typ: tString, note: "where files stand that are named without a folder; else KEA_DHCP_DATA_DIR, the service manager or `/var/lib/dhcp4o6` say"},
	{name: "allow-address-registration", typ: tBool, in: v6, def: "true", state: Accepted, note: "addresses are not registered"},
	{name: "mac-sources", typ: tStrings, in: v6, def: `["any"]`, state: Accepted},
	{name: "relay-supplied-options", typ: tStrings, in: v6, def: `["65"]`, quiet: `["65"]`, state: Later, note: "relays supply no options"},
	{name: "subnet4", typ: tMaps, in: v4, of: subnet},
	{name: "subnet6", typ: tMaps, in: v6, of: subnet},
	{name: "shared-networks", typ: tMaps, of: sharedNetwork},
}

var global = with("global", ourGlobal, scalars, lifetimes, timers, boot, common, reservationFlags, reservations, optionData, optionDef, blocks, ddnsKeys)
