// Package server6 is the DHCPv6 engine (RFC 9915), and the DHCPv6 side of
// DHCPv4 over DHCPv6 (RFC 7341): it turns datagrams into datagrams and lease
// changes.
//
// Work on a query is two tables of named steps, path and after, with the commit
// of the leases between them. A step returns Next or says why the query ends
// there; every reason is counted. One worker serves one socket: it reads a batch,
// walks the first table for each datagram, hands all DHCPV4-QUERYs of the batch to
// the DHCPv4 daemon in one write, makes all leases of the batch durable in one
// commit, walks the second table and sends what is left in one write.
//
//	s := server6.New(server6.Options{Log: log, Leases: table, Topology: t, ServerID: duid, Pair: pair})
//	go s.Return(ctx, pair, group.Sender()) // the DHCPv4 daemon's answers
//	group.Follow(ctx, links, func(c transport.Conn) { s.Serve(ctx, c) })
//
// A topology without subnets is a front: it diverts and returns 4o6 messages and
// answers Information-request when there are global options.
package server6
