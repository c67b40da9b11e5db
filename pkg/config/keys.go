package config

import (
	"math"

	"github.com/dhcp4o6/dhcp4o6/pkg/topology"
)

// The rows below are the configuration language: which keys there are in which
// map, what they may say, what they do when they are absent. Names, types and
// defaults are Kea's, of 2.2 (marked by newer where 3.x has another name) and of
// 3.3. A row of ours has to stand in a scope that tContext leads to.

const (
	v4 = topology.V4
	v6 = topology.V6

	maxU32 = math.MaxUint32
)

// seconds is a rule for a time in seconds; 4294967295 stands for ever.
func seconds(name, def, note string) rule {
	return rule{name: name, typ: tInt, max: maxU32, def: def, note: note}
}

// lifetimes are inherited one by one, not as a group of three.
var lifetimes = []rule{
	seconds("valid-lifetime", "7200", "4294967295 for ever"),
	seconds("min-valid-lifetime", "", "as valid-lifetime when unset"),
	seconds("max-valid-lifetime", "", "as valid-lifetime when unset"),
	{name: "preferred-lifetime", typ: tInt, in: v6, max: maxU32, note: "five eighths of the valid lifetime when unset"},
	{name: "min-preferred-lifetime", typ: tInt, in: v6, max: maxU32},
	{name: "max-preferred-lifetime", typ: tInt, in: v6, max: maxU32},
}

var timers = []rule{
	seconds("renew-timer", "", "T1; when unset it is calculated, or not sent"),
	seconds("rebind-timer", "", "T2; when unset it is calculated, or not sent"),
	{name: "calculate-tee-times", typ: tBool, in: v4, def: "false"},
	{name: "calculate-tee-times", typ: tBool, in: v6, def: "true"},
	{name: "t1-percent", typ: tShare, def: "0.5"},
	{name: "t2-percent", typ: tShare, in: v4, def: "0.875"},
	{name: "t2-percent", typ: tShare, in: v6, def: "0.8"},
}

var boot = []rule{
	{name: "next-server", typ: tAddr4, in: v4, def: "0.0.0.0"},
	{name: "server-hostname", typ: tString, in: v4, max: 63, note: "at most 63 octets"},
	{name: "boot-file-name", typ: tString, in: v4, max: 127, note: "at most 127 octets"},
}

var reservationFlags = []rule{
	{name: "reservations-global", typ: tBool, def: "false"},
	{name: "reservations-in-subnet", typ: tBool, def: "true"},
	{name: "reservations-out-of-pool", typ: tBool, def: "false", note: "addresses inside pools are not looked up"},
	{name: "reservation-mode", typ: tString, enum: []string{"disabled", "out-of-pool", "global", "all"}, newer: "reservations-global, -in-subnet, -out-of-pool"},
}

// ddnsKeys are what the names of clients and the updates of the DNS go by.
var ddnsKeys = []rule{
	{name: "ddns-send-updates", typ: tBool, def: "true", note: "with enable-updates of dhcp-ddns"},
	{name: "ddns-override-no-update", typ: tBool, def: "false"},
	{name: "ddns-override-client-update", typ: tBool, def: "false"},
	{name: "ddns-replace-client-name", typ: tString, enum: []string{"never", "always", "when-present", "when-not-present"}, def: "never"},
	{name: "ddns-generated-prefix", typ: tString, def: "myhost"},
	{name: "ddns-qualifying-suffix", typ: tString},
	{name: "ddns-update-on-renew", typ: tBool, def: "false"},
	{name: "ddns-use-conflict-resolution", typ: tBool, def: "true", newer: "ddns-conflict-resolution-mode"},
	{name: "ddns-conflict-resolution-mode", typ: tString, enum: []string{"check-with-dhcid", "no-check-with-dhcid", "check-exists-with-dhcid", "no-check-without-dhcid"}, def: "check-with-dhcid"},
	{name: "ddns-ttl", typ: tInt, max: maxU32, note: "0: worked out from the lease"},
	{name: "ddns-ttl-percent", typ: tFloat, note: "a third of the lease when unset"},
	{name: "ddns-ttl-min", typ: tInt, max: maxU32, note: "600 when unset"},
	{name: "ddns-ttl-max", typ: tInt, max: maxU32},
	{name: "hostname-char-set", typ: tString, def: "[^A-Za-z0-9.-]", note: "POSIX regular expression of what is replaced; empty: nothing is"},
	{name: "hostname-char-replacement", typ: tString, note: "empty: what is replaced goes"},
}

// common is what global, network and subnet have in common and inherit.
var common = []rule{
	{name: "authoritative", typ: tBool, in: v4, def: "false"},
	{name: "match-client-id", typ: tBool, in: v4, def: "true"},
	{name: "allocator", typ: tString, enum: []string{"iterative", "random", "flq"}, def: "iterative", note: "how a free address is chosen: the next one, any, or the one that has been free for longest"},
	{name: "pd-allocator", typ: tString, in: v6, enum: []string{"iterative", "random", "flq"}, def: "iterative", quiet: "iterative", state: Later, note: "prefixes are not delegated"},
	{name: "store-extended-info", typ: tBool, in: v4, def: "false", note: "a lease keeps the relay agent information of its query"},
	{name: "store-extended-info", typ: tBool, in: v6, def: "false", quiet: "false", state: Later, note: "leases do not keep what relays said"},
	{name: "cache-threshold", typ: tFloat, in: v4, note: "part of the lifetime within which a lease is given as it is and not extended; unset or 0: none (Kea 3: 0.25 when unset)"},
	{name: "cache-threshold", typ: tFloat, in: v6, def: "0.25", quiet: "0", state: Later, note: "every renewal is stored"},
	{name: "cache-max-age", typ: tInt, in: v4, max: maxU32, note: "seconds; both limits hold where both are set; 0: every lease is extended"},
	{name: "cache-max-age", typ: tInt, in: v6, max: maxU32, state: Accepted, note: "every renewal is stored"},
	{name: "adaptive-lease-time-threshold", typ: tFloat, in: v4, note: "part of the pools' addresses, above 0: from there on leases last for min-valid-lifetime, with the allocator flq; unset or 1: never"},
	{name: "adaptive-lease-time-threshold", typ: tFloat, in: v6, state: Later, note: "lifetimes do not shrink as pools fill"},
}

var relayInfo = with("relay", nil, []rule{
	{name: "ip-addresses", typ: tStrings, note: "addresses of the relays on this link"},
	{name: "ip-address", typ: tAddr, newer: "ip-addresses"},
})

// rapidCommit is inherited from a network only.
var rapidCommit = []rule{{name: "rapid-commit", typ: tBool, in: v6, def: "false"}}

// links say how a client's link leads to a scope.
var links = []rule{
	{name: "interface", typ: tString},
	{name: "interface-id", typ: tString, in: v6, note: "hexadecimal after 0x, else the octets of the string"},
	{name: "relay", typ: tMap, of: relayInfo},
}

var optionData = []rule{
	{name: "option-data", typ: tMaps, of: with("option-data", nil, []rule{
		{name: "name", typ: tString},
		{name: "code", typ: tInt, in: v4, max: 255},
		{name: "code", typ: tInt, in: v6, max: 65535},
		{name: "space", typ: tString, in: v4, def: "dhcp4"},
		{name: "space", typ: tString, in: v6, def: "dhcp6"},
		{name: "data", typ: tString, note: "by the option's definition, or hexadecimal with csv-format false"},
		{name: "csv-format", typ: tBool, def: "true", note: "false for an option without a definition"},
		{name: "always-send", typ: tBool, def: "false"},
		{name: "never-send", typ: tBool, def: "false"},
		{name: "client-classes", typ: tStrings, note: "sent to clients of one of these classes; not served for one within another, other than those of enterprises in DHCPv4"},
	})},
}

var optionDef = []rule{
	{name: "option-def", typ: tMaps, of: with("option-def", nil, []rule{
		{name: "name", typ: tName, need: true},
		{name: "code", typ: tInt, in: v4, max: 255, need: true},
		{name: "code", typ: tInt, in: v6, max: 65535, need: true},
		{name: "type", typ: tString, need: true, note: "empty, binary, boolean, int8 to int32, uint8 to uint32, ipv4-address, ipv6-address, ipv6-prefix, psid, string, fqdn, tuple, record, internal"},
		{name: "array", typ: tBool, def: "false"},
		{name: "record-types", typ: tString},
		{name: "space", typ: tString, in: v4, def: "dhcp4"},
		{name: "space", typ: tString, in: v6, def: "dhcp6"},
		{name: "encapsulate", typ: tString},
	})},
}

var reservation = with("reservation", nil, optionData, boot, []rule{
	{name: "hw-address", typ: tString},
	{name: "duid", typ: tString},
	{name: "client-id", typ: tString, in: v4},
	{name: "circuit-id", typ: tString, in: v4},
	{name: "flex-id", typ: tString, note: "what the library flex_id makes of a query"},
	{name: "ip-address", typ: tAddr4, in: v4},
	{name: "ip-addresses", typ: tStrings, in: v6},
	{name: "prefixes", typ: tStrings, in: v6, quiet: "[]", state: Later, note: "prefixes are not delegated"},
	{name: "excluded-prefixes", typ: tStrings, in: v6, quiet: "[]", state: Later, note: "prefixes are not delegated"},
	{name: "hostname", typ: tString},
	{name: "client-classes", typ: tStrings, note: "the client is in these classes"},
})

var reservations = []rule{{name: "reservations", typ: tMaps, of: reservation}}

var pools = with("pool", ourPool, []rule{
	{name: "pool", typ: tName, need: true, note: "first and last address with - between, or a prefix"},
	{name: "pool-id", typ: tInt, max: maxU32, def: "0"},
}, guards, optionData, ddnsKeys)

var pdPools = with("pd-pool", nil, []rule{
	{name: "prefix", typ: tAddr6, need: true},
	{name: "prefix-len", typ: tInt, min: 1, max: 128, need: true},
	{name: "delegated-len", typ: tInt, min: 1, max: 128, need: true},
	{name: "excluded-prefix", typ: tAddr6},
	{name: "excluded-prefix-len", typ: tInt, min: 0, max: 128, def: "0"},
	{name: "pool-id", typ: tInt, max: maxU32, def: "0"},
}, guards, optionData)

var subnet = with("subnet", ourSubnet, []rule{
	{name: "subnet", typ: tName, need: true, note: "prefix, as 192.0.2.0/24"},
	{name: "id", typ: tInt, max: maxU32 - 1, note: "when unset or 0, numbered from 1 in order, those of shared networks first"},
	{name: "4o6-interface", typ: tString, in: v4},
	{name: "4o6-interface-id", typ: tString, in: v4, note: "the octets of the string"},
	{name: "4o6-subnet", typ: tPrefix6, in: v4},
	{name: "pools", typ: tMaps, of: pools},
	{name: "pd-pools", typ: tMaps, in: v6, of: pdPools, quiet: "[]", state: Later, note: "prefixes are not delegated"},
}, links, guards, lifetimes, timers, boot, common, rapidCommit, offerLifetime, reservationFlags, optionData, reservations, ddnsKeys)

var offerLifetime = []rule{
	{name: "offer-lifetime", typ: tInt, in: v4, max: maxU32, note: "seconds; see top level"},
}

var sharedNetwork = with("shared network", ourNetwork, []rule{
	{name: "name", typ: tName, need: true},
	{name: "subnet4", typ: tMaps, in: v4, of: subnet},
	{name: "subnet6", typ: tMaps, in: v6, of: subnet},
}, links, guards, lifetimes, timers, boot, common, rapidCommit, offerLifetime, reservationFlags, optionData, ddnsKeys)
