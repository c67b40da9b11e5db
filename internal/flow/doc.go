// Package flow plays whole conversations with both engines and holds what every
// hop did and what came back against text files, testdata/flow/*.flow in the root:
//
//	# A client behind a DHCPv6 relay gets an IPv4 address.
//	config  pair.json
//	relay   r1 link=2001:db8:1::1 interface-id=port7
//	client  a via=r1 mac=02:00:00:00:00:0a
//	----
//	a: DISCOVER xid=1
//	  dhcp6d  parse  Relay-forw(r1) DHCPV4-QUERY
//	  dhcp6d  divert -> ipc
//	  dhcp4d  select-subnet 192.0.2.0/24 (relay link 2001:db8:1::1)
//	  dhcp4d  allocate 192.0.2.10
//	  dhcp6d  return Relay-repl(r1) port 547
//	a: OFFER 192.0.2.10 for 4000s
//
// The engines are the real ones, with lease files on disk, the wires and the
// loopback pair in memory, and the clock that of testing/synctest. To write the
// expectations anew:
//
//	go test ./internal/flow -update
//
// Read the difference, and commit it only when you can explain each line.
//
// Above the line stand the parts:
//
//	config  NAME        of testdata/flow, with members Dhcp4 and Dhcp6
//	host    no-ipv4     dhcp4d's host has no IPv4 address
//	relay   NAME link=ADDR addr=ADDR port=N OPTION=...    over IPv6; port is its source port (RFC 8357)
//	relay   NAME giaddr=ADDR SUBOPTIONS                   over IPv4: circuit-id, remote-id, link-selection
//	client  NAME mac=MAC via=R1,R2 to=ADDR on=ipv4 client-id=HEX duid=HEX ask=CODES oro=CODES
//
// via names the relay nearest the client first; to is where it sends instead of
// ff02::1:2; ask is option 55 of its DHCPv4 messages, oro option 6 of its DHCPv6
// ones. Below the line one command stands on each line that is not indented:
//
//	NAME: MESSAGE xid=N ARGUMENTS      what a client says, see client4_test.go and client6_test.go
//	wait 10s                           and both daemons reclaim what has expired
//	drop                               the next answer is lost on the wire
//	stop, start, restart dhcp4d        or dhcp6d
//	reload NAME                        both daemons change over to another configuration
//	leases                             what both daemons hold, but for offers
//
// A hop line is daemon, step, what the step did; a number behind commit is the
// last line of the lease journal that the answer rests on.
package flow
