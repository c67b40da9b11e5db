// Dhcp4c is a DHCPv4 client. It configures an interface by DHCP (RFC 2131), or by
// DHCPv4 over DHCPv6 (RFC 7341) together with dhcp6c.
//
//	dhcp4c -i eth0
//	dhcp4c --status
//	dhcp4c -h         all flags
package main

import (
	"os"

	"github.com/dhcp4o6/dhcp4o6/pkg/clientd"
)

func main() { os.Exit(clientd.Main4(os.Args[1:])) }
