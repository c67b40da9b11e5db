// Package dhcptest makes networks and peers for tests: namespaces joined by
// veth pairs, processes inside them, and sockets of the test's own there.
// Everything made is taken away when the test ends, and traffic stays inside.
package dhcptest
