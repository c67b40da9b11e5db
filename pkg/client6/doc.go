// Package client6 is a DHCPv6 client (RFC 9915 §18.2), with the DHCPv6 side of
// IPv4 inside it (RFC 7341).
//
// The one idea: the client is a [Machine] that does nothing by itself. [Machine.Step] is
// told the time and what happened, and answers with what is to be done. It asks
// no clock, opens no socket, starts no goroutine, so days of a lease's life are
// tested in microseconds. [Run] is what gives a Machine hands: a [Carrier] that takes
// its messages to servers, a [hostconf.System] that makes the host as the leases
// want it, a [Store] that remembers them.
//
//	m := client6.New(client6.Options{Iface: "eth0", DUID: id, IAs: []client6.IA{{Kind: client6.NA, IAID: 1}}, Record: last})
//	err := client6.Run(ctx, m, carrier, client6.RunOptions{System: sys, Store: client6.NewFile(name), Log: log})
//
// Nothing that a server says is trusted. An answer has to be to the question that
// was asked last, with our identifier and the server's, of the type that the state
// waits for (answer.go), and of what it brings only what was asked for and is
// well-formed reaches the host (settings.go).
//
// Time is a [time.Time] with Go's monotonic reading: the ends of a lease are sums
// of that, so who sets the wall clock neither shortens nor prolongs a lease. Wall
// time stands in the [Record] alone, which is written again when the clock was set.
package client6
