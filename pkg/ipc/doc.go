// Package ipc is the pair of loopback sockets over which the DHCPv6 daemon
// hands DHCPv4-over-DHCPv6 queries (RFC 7341) to the DHCPv4 daemon and gets the
// answers back. It speaks Kea's protocol, so that either end may be Kea:
//
//	[::1]:P    the v6 side, connected to P+1
//	[::1]:P+1  the v4 side, connected to P
//
// One datagram is one DHCPv6 message, relay layers included. Where it came from
// travels with it, in a Vendor-specific Information option (RFC 9915 §21.17) of
// the innermost message, and comes back with the answer:
//
//	 0                   1                   2                   3
//	+---------------+---------------+---------------+---------------+
//	|        17, vendor opts        |            length             |
//	+---------------+---------------+---------------+---------------+
//	|                  2495, enterprise number of ISC               |
//	+---------------+---------------+---------------+---------------+
//	|             60000             |   length, 1-15                |  name of the interface, no NUL
//	+---------------+---------------+---------------+---------------+
//	|             60001             |   16                          |  source address of the query
//	+---------------+---------------+---------------+---------------+
//	|             60002             |   2                           |  its UDP source port
//	+---------------+---------------+---------------+---------------+
//	|             65001             |   34                          |  MAC, only between our own daemons: see Auth
//	+---------------+---------------+---------------+---------------+
//	|             65000             |   length, any                 |  zeros, only between our own daemons
//	+---------------+---------------+---------------+---------------+
//
// ISC DHCP's daemons put a header of 36 octets in front of the message instead.
// The v4 side takes both and answers in kind, the v6 side speaks what is set
// (Options.Dialect).
//
// Neither side trusts a byte more than it must. What the network put into
// suboptions 60000 to 60002 is taken out before ours go in, at every relay
// level, and an answer whose query nobody asked is refused (see [Receipts]).
// All other bytes stay as they are and where they are. With Options.Owners the
// host is asked which user holds the peer's port (sock_diag) for each batch, since
// any local user may take a port of 1024 or above while its daemon is down; with
// Options.Auth a message is known by a MAC.
//
// The v6 side of a daemon:
//
//	c, err := ipc.Dial(ipc.V6Side, 6767, ipc.Options{})
//	...
//	c.Write([]ipc.Message{{Data: query, Origin: from}})
//	n, err := c.Read(in) // answers; in[i].Origin says where each goes
//
// On a client host the DHCPv4 client and the DHCPv6 client are such a pair too, in
// the dialect of ISC's dhclient: see [ClientConn] and [ClientMessage].
package ipc
