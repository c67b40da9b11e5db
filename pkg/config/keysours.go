package config

// The keys of ours. They stand in user-context.dhcp4o6, where Kea does not mind
// them: "user-context": {"dhcp4o6": {"offer-hold": 30}}.

var ourGlobal = &scope{name: "dhcp4o6 at top level", keys: []rule{
	{name: "clamp-totals", typ: tBool, in: v6, def: "false", note: "no statistic is told greater than 9223372036854775807: kea-ctrl-agent up to 2.2 passes no answer on that has a greater number in it, and a /64 has 2^64 addresses"},
	{name: "metrics", typ: tMap, of: ourMetrics, note: "metrics for Prometheus are to be had by HTTP at `/metrics`, see `monitoring.md`; nowhere without this map"},
	{name: "offer-hold", typ: tInt, min: 1, max: 3600, def: "10", note: "seconds that an offered address is kept for the client where offer-lifetime is 0"},
	{name: "offer-limit", typ: tInt, max: 1 << 20, def: "0", note: "offers open at a time for each source and relay; 0: as the server sees fit"},
	{name: "pad-ipc", typ: tBool, def: "false", note: "the peer of the pair is one of these daemons, not Kea: datagrams to it may be padded"},
	{name: "pair-dialect", typ: tString, in: v6, enum: []string{"kea", "isc"}, def: "kea", note: "what the daemon at the other end of the pair speaks: isc is ISC DHCP 4.4.0 and later; dhcp4d answers either in kind and has no such key"},
	{name: "pair-hmac", typ: tString, enum: []string{"off", "accept", "require"}, def: "off", note: "accept: 4o6 messages to the other daemon carry a MAC, and one that comes has to be right; require: what comes without is refused too. Only between two of these daemons, the same in both; Kea would send the MAC on to clients"},
	{name: "pair-key-file", typ: tString, note: "file of 32 octets, mode 0600, of this daemon's user or root: the key of pair-hmac; it is read at start and at each reload"},
	{name: "pair-other-key-file", typ: tString, note: "a second key that messages may come with, for a change of keys"},
	{name: "pair-users", typ: tStrings, note: "users, by name or number, that the other daemon of the pair may run as, besides root, this daemon's own user and Kea's: 4o6 messages to and from a port that another holds are refused"},
	{name: "raw-sync", typ: tBool, def: "true", note: "the lease file is synced without telling Go's scheduler, which saves a quarter of the CPU time of dhcp4d; false lets the rest of the daemon go on beside a disk that hangs"},
}}

var ourNetwork = &scope{name: "dhcp4o6 of a network", keys: []rule{
	{name: "links", typ: tStrings, in: v4, note: "IPv6 prefixes of the link: a 4o6 query whose relay has such a link-address is led here"},
}}

var ourSubnet = &scope{name: "dhcp4o6 of a subnet", keys: []rule{
	{name: "link-address-first", typ: tBool, in: v4, def: "false", note: "the relay's link-address, looked up in 4o6-subnet, goes before Kea's rule"},
}}

var ourPool = &scope{name: "dhcp4o6 of a pool"}
