// Package client4 is a DHCPv4 client (RFC 2131 §4.4): for a link, and for IPv4
// inside DHCPv6 (RFC 7341).
//
// The one idea: the client is a [Machine] that does nothing by itself. [Machine.Step] is
// told the time and what happened, and answers with what is to be done. It asks
// no clock, opens no socket, starts no goroutine, so days of a lease's life are
// tested in microseconds. [Run] is what gives a Machine hands: a [Carrier] that takes
// its messages to servers, a [hostconf.System] that makes the host as the lease
// wants it, a [Store] that remembers the lease.
//
//	m := client4.New(client4.Options{Iface: "eth0", HWType: 1, HWAddr: mac, ClientID: id, Record: last, Rand: random})
//	err := client4.Run(ctx, m, carrier, client4.RunOptions{System: sys, Store: client4.NewFile(name), Log: log})
//
// Nothing that a server says is trusted. An answer has to be to the question that
// was asked last, by whom it was asked of, for the address that was asked for
// (answer.go), and of what it brings only what was requested and is well-formed
// reaches the host (settings.go).
//
// Time is a [time.Time] with Go's monotonic reading: the ends of a lease are sums
// of that, so who sets the wall clock neither shortens nor prolongs a lease. Wall
// time stands in the [Record] alone, which is written again when the clock was set.
package client4
