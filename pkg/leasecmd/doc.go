// Package leasecmd is Kea's commands about leases and subnets, for both families:
// lease4-get, -get-all, -get-page, -get-by-*, -add, -update, -del, -wipe, -write,
// stat-lease4-get, leases-reclaim, subnet4-list, -get, -select-test, network4-list,
// -get, and the same with a 6; subnet4o6-select-test; reservation-*, class-*, subnet4-add and what else changes
// subnets and networks. Names and checks of arguments, texts, result codes and the shapes
// of answers are those of Kea 2.2.0, of its commands that came later those of Kea
// 3; only the position in the command that Kea adds to some texts, "(<wire>:0:37)",
// is missing.
//
//	c := leasecmd.New(leasecmd.Options{Family: topology.V4, Leases: table, Topology: net})
//	c.Register(registry)
//
// A command that changes a lease goes the way of a packet: the table decides under its
// locks, the change is in its journal, and the answer is given when it is durable.
// A command that looks at many leases holds no lock for longer than some hundred
// of them, one such command runs at a time, and an answer that would become larger
// than Options.MaxAnswer is refused: lease4-get-page is for those.
//
// A command that changes the configuration makes another Config of the one in force
// and hands it to Options.Change.
package leasecmd
