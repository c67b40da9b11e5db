// Package daemon is what the mains of the two servers would repeat: command
// line, logs, pid file, readiness, signals, reload, and the assembly of a server
// from its parts.
//
// DHCP4 and DHCP6 run one server until their context ends; they are what
// cmd/dhcp4d and cmd/dhcp6d call, and what a test calls that wants the pair in
// its own process:
//
//	go daemon.DHCP4(ctx, daemon.Setup{ConfigFile: "dhcp4.json", Log: log})
//	go daemon.DHCP6(ctx, daemon.Setup{ConfigFile: "dhcp6.json", Log: log, Port: 5547, FromSource: true})
//
// Everything that comes after the start (SIGHUP, commands that change something,
// the clock of the pair) goes through one goroutine, so a reload never
// meets another one. A reload is all or nothing: the new file is read, checked
// and compiled, sockets and the port of the pair are opened, and only then does
// the server change over.
package daemon
