// Package sim plays a server's whole life in one process: clients that talk over
// a network that loses, doubles and reorders, an engine (server4 over the pair,
// server6 on its socket), the lease table and the lease file on a disk that fails,
// and power that goes away, a hundred times over. Time is faked, and one goroutine does
// everything, so that a run depends on its seed alone, but for the order in which the
// table's hashes have it look at leases that end in one and the same second.
//
// What must be true all along:
//
//   - an answer leaves only when the lease that it gives is on the disk, where no power
//     cut takes it away: looked up in the disk's durable octets as it leaves;
//   - an address is never in the hands of two clients;
//   - nobody is refused an address that it holds;
//   - after a restart every lease whose answer has left is known, with its owner, for as
//     long as that client was told.
//
// There are only tests here. SIM_CUTS and SIM_SEED have them run longer and elsewhere:
//
//	SIM_CUTS=10000 SIM_SEED=7 go test ./internal/sim -run Crash
package sim
