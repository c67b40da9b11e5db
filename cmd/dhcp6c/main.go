// Dhcp6c is a DHCPv6 client (RFC 9915): addresses, delegated prefixes and
// configuration; with --4o6 IPv4 addresses as well (RFC 7341).
//
//	dhcp6c -i eth0
//	dhcp6c --status
//	dhcp6c -h         all flags
package main

import (
	"os"

	"github.com/dhcp4o6/dhcp4o6/pkg/clientd"
)

func main() { os.Exit(clientd.Main6(os.Args[1:])) }
