// Dhcp6d is the DHCPv6 server of the pair: it answers DHCPv6, and hands the
// DHCPv4 queries that come inside DHCPv6 (RFC 7341) over to dhcp4d.
//
//	dhcp6d -c /etc/dhcp4o6/dhcp6.json
//	dhcp6d -t FILE    check a configuration
//	dhcp6d -h         all flags
package main

import (
	"os"

	"github.com/dhcp4o6/dhcp4o6/pkg/daemon"
)

func main() { os.Exit(daemon.Main6(os.Args[1:])) }
