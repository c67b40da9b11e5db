// Package server4 is the DHCPv4 engine: it turns queries into replies, whether
// they come by UDP from relays and clients, or inside DHCPv6 (RFC 7341) over the
// loopback pair.
//
// A query walks through two tables of named steps, path up to the commit and
// after behind it. An Exchange is one query on its way; a worker owns as many as
// its batch has slots, and reuses them, so no step allocates. A step answers
// with a Verdict: go on, or why not.
//
//	s := server4.New(server4.Options{Log: log, Metrics: set, Leases: table, Topology: t})
//	go s.Serve(ctx, conn)      // for each socket
//	go s.Serve4o6(ctx, pair)   // for the loopback pair
//
// A worker reads a batch, answers all of it, has the lease table commit once for
// the highest change that any reply rests on, and sends. A reply whose lease
// could not be made durable does not leave.
package server4
