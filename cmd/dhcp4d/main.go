// Dhcp4d is the DHCPv4 server of the pair: it answers DHCPv4 on its own sockets,
// and the queries that dhcp6d hands over.
//
//	dhcp4d -c /etc/dhcp4o6/dhcp4.json
//	dhcp4d -t FILE    check a configuration
//	dhcp4d -h         all flags
package main

import (
	"os"

	"github.com/dhcp4o6/dhcp4o6/pkg/daemon"
)

func main() { os.Exit(daemon.Main4(os.Args[1:])) }
