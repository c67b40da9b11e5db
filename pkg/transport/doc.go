// Package transport reads and writes UDP datagrams in batches, on the sockets
// that a DHCP server needs.
//
// A Group opens the sockets: per interface one for its own address, one for
// what clients send to everybody (All_DHCP_Relay_Agents_and_Servers, the
// limited broadcast), and one for each further address that the operator names.
// It follows the picture that package netif sends: a link that comes up gets
// its sockets, one that goes loses them. Each socket is a Conn and is served by
// a goroutine of its own:
//
//	g, err := transport.Listen6(transport.Options{Specs: specs})
//	links, err := netif.Follow(ctx)
//	g.Follow(ctx, links, func(c transport.Conn) { server.Serve(ctx, c) })
//
// # Whose datagrams a socket takes
//
// Every socket is bound so tightly that the kernel sorts: to one address or
// group and to one interface, but for global IPv6 addresses and for IPv4 ones that
// stand where nothing comes in, on a loopback or a dummy. Nothing is ever
// bound to the wildcard address, so other daemons on the host may have the same
// port on other interfaces. SO_REUSEADDR is never set and SO_REUSEPORT never
// before bind: a second daemon on the same interface and port is told that the
// address is in use, as is ours when it is the second.
//
// # Why a write never waits
//
// What cannot be sent at once is dropped; DHCP retransmits. But a socket's send
// buffer also holds what waits for address resolution, seconds long when the
// neighbour is dead, so one socket for all would let 168 dead relays silence
// the server for every live client. When a socket's send buffer is full, the
// rest goes out through a set of further sockets on the same address, chosen by
// destination, each with a send buffer of its own; see spread.
package transport
