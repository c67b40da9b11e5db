// Package clientd is what the mains of the two clients would repeat: command
// line, configuration, logs, interfaces, signals, control sockets, and the
// assembly of a client from its parts. Main4 and Main6 are cmd/dhcp4c and
// cmd/dhcp6c.
//
// A seat is one client on one interface: its machine and what drives it (client4
// or client6), the file that its lease is kept in, and a control socket, which
// also keeps a second client off the interface. One process has a seat for each
// interface; where DHCPv4 goes over DHCPv6 inside one process (dhcp6c --4o6), one
// more.
//
// Whatever ends the process, the lease is kept, and what it set stays on the host
// for as long as it lasts, unless the configuration says otherwise. Only
// --release gives it back.
package clientd
