// Package hostconf holds what a lease asks of the host that got it, and the
// ways of doing it.
//
// A client says what was and what is to be, as a [Change] of two [Settings];
// a [System] makes the host so. There are three: [NewNetlink] sets addresses,
// routes and MTU itself and hands resolvers to whoever keeps them, [NewScript]
// runs a program as dhclient runs dhclient-script, and [NewPrint] only tells.
//
//	sys, err := hostconf.NewNetlink(hostconf.NetlinkOptions{Metric: 100})
//	err = sys.Apply(ctx, &hostconf.Change{Reason: hostconf.Bound, Iface: "eth0", New: &lease})
//
// What servers send is not trusted here either: names that are no names, and
// values that a shell could stumble over, are left out and told.
package hostconf
