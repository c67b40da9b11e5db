//go:build interop

package interop

import (
	"fmt"
	"strings"
)

// required is what has to occur in the cases of a whole run, as the coverage list
// names it.
func required() (all []string) {
	each := func(format string, values ...string) {
		for _, v := range values {
			all = append(all, fmt.Sprintf(format, v))
		}
	}
	each("option type %s, csv", "binary", "boolean", "fqdn", "int32", "ipv4-address", "record", "string", "uint8", "uint16", "uint32")
	each("option type %s, hex", "binary", "boolean", "fqdn", "ipv4-address", "record", "string", "uint8", "uint16")
	each("option-def type %s", "empty", "binary", "boolean", "int8", "int16", "int32", "uint8", "uint16", "uint32", "ipv4-address",
		"ipv6-address", "ipv6-prefix", "psid", "string", "tuple", "fqdn", "record")
	each("option-def, array of %s", "uint8", "uint16", "uint32", "int8", "int16", "int32", "boolean", "ipv4-address", "fqdn", "tuple", "psid")
	each("option-def%s", " that encapsulates a space")
	each("option-def, record field %s", "uint8", "boolean", "int8", "int16", "int32", "uint16", "uint32", "ipv4-address", "ipv6-address",
		"ipv6-prefix", "psid", "string", "fqdn", "binary")
	each("always-send, %s", "global", "network", "subnet", "pool", "reservation")
	each("option-data of a %s, of the operator's own", "class", "reservation")
	for flags := range 16 {
		each(fmt.Sprintf("option 81 of a client, flags %02x, ", flags)+"%s name", "a whole", "a partial", "no")
	}
	each("option 52 of a client, %s", "1", "2", "3")
	each("option %s", "82, torn", "82 of more than 255 octets", "78 of a client, more than 255 octets")
	each("option-data of a %s", "global", "network", "subnet", "pool", "reservation")
	each("%s", "an option in two scopes", "option that no definition knows", "vendor options, 43 with sub-options",
		"vendor options, 43 in hexadecimal", "vendor options, 125", "echo-client-id", "broadcast flag", "host-reservation-identifiers",
		"reservations, global alone", "reservations, global and in subnets", "reservations, out of the pools", "reservations, none",
		"boot fields of a reservation", "BOOTP, BOOTP", "BOOTP, BOOTP, bound")
	for _, scope := range []string{"global", "network", "subnet"} {
		each("%s, "+scope, "lifetime", "lifetimes with min and max", "renew-timer and rebind-timer", "calculate-tee-times",
			"t1-percent and t2-percent", "boot fields", "authoritative", "match-client-id")
	}
	each("reservation by %s", "hw-address", "client-id", "duid", "circuit-id")
	each("reservation%s", " within a pool", " outside of the pools", " without an address", " of a host name", ", global", ", subnet", ", second subnet of a shared network")
	each("client %s", "on the link", "on the second link", "behind a relay", "in a shared network", "in the second subnet of a shared network",
		"relay ip-addresses", "link selection (RFC 3527)", "subnet selection (RFC 3011)", "a relay that nobody knows",
		"4o6 by interface", "4o6 by prefix", "4o6 by interface-id", "4o6 by prefix, relayed")
	each("client identifier of type %s", "0", "1", "255")
	each("hlen %s", "0", "1", "2", "5", "6", "7", "8", "15", "16")
	each("htype %s", "0", "1", "6", "24", "32", "255")
	each("sub-option 82.%s", "1", "2", "4", "5", "6", "7", "8", "9", "10", "11", "12", "19", "151", "152", "200")
	each("option %s of a client", "12", "51", "55", "57", "60", "77", "81", "93", "94", "97", "116", "118", "124", "125", "145", "43", "78")
	each("DHCPDISCOVER, %s", "without a wish", "bound", "bound, wishing another", "released", "declined", "moved", "wishing an address of the pool",
		"wishing an address out of the pools", "wishing an address of no subnet", "wishing what another has", "wishing what is reserved for another",
		"with a reservation", "with ciaddr", "that must not be")
	each("DHCPREQUEST, SELECTING%s", "", ", reserved", ", reserved, another", ", reserved for another", ", another server", ", an address never offered", " with ciaddr")
	each("DHCPREQUEST, INIT-REBOOT, %s", "bound", "bound, another", "bound, wrong net", "released", "declined", "moved", "unknown", "unknown, wrong net",
		"unknown, out of the pools", "reserved, unknown", "reserved, another", "reserved for another")
	each("DHCPREQUEST, RENEWING%s", "", ", unknown", ", another", ", declined")
	each("DHCPREQUEST, REBINDING%s", "", ", unknown", ", unknown, wrong net", ", unknown, out of the pools", ", moved", ", reserved")
	each("DHCPREQUEST, naming %s", "nothing")
	each("DHCPREQUEST, %s, expired", "INIT-REBOOT", "RENEWING", "REBINDING")
	each("DHCPDISCOVER, %s", "expired", "expired before", "bound by BOOTP")
	each("DHCPRELEASE, %s", "bound", "unknown", "what it has not")
	each("DHCPDECLINE, %s", "bound", "unknown", "what it has not")
	each("DHCPINFORM, %s", "with ciaddr", "without ciaddr", "by unicast", "bound", "with a reservation")
	if strings.Contains(*differParts, "classes") {
		for _, c := range conditions {
			each("expression, %s", c.what)
		}
		each("%s", "class DROP", "a class that depends on another", "option-data of a class", "option-def of a class", "lifetime of a class",
			"boot fields of a class", "classes of a reservation")
		each("client-class of a %s", "network", "subnet", "pool")
		each("require-client-classes of a %s", "network", "subnet", "pool")
	}
	if strings.Contains(*differParts, "ddns") {
		each("ddns-replace-client-name %s", "never", "always", "when-present", "when-not-present")
		each("%s", "ddns-override-client-update", "ddns-override-no-update", "ddns-generated-prefix", "enable-updates", "hostname-char-set and hostname-char-replacement")
	}
	if strings.Contains(*differParts, "extras") {
		each("%s", "the library bootp", "early-global-reservations-lookup", "lenient-option-parsing", "store-extended-info")
	}
	if strings.Contains(*differParts, "vendors") {
		for _, v := range vendorData {
			all = append(all, v.what)
		}
	}
	return all
}
