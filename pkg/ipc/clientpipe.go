package ipc

import "net/netip"

// pipeRoom is how many messages wait for a side that is busy; the next are lost,
// as they are in the queue of a socket.
const pipeRoom = 64

// ClientPipe returns both ends of a clients' pair in memory, for a DHCPv4 and a
// DHCPv6 client in one process. What passes is read and checked as on sockets.
func ClientPipe() (v4, v6 *ClientConn) {
	var m Memory
	return m.DialClient(V4Side, ClientOptions{}), m.DialClient(V6Side, ClientOptions{})
}

// DialClient opens side of a clients' pair in memory. Either side may close and be
// dialled again.
func (m *Memory) DialClient(side Side, o ClientOptions) *ClientConn {
	c := newClient(side, o)
	e := &memoryEnd{m: m, side: side, room: pipeRoom, peer: netip.AddrPortFrom(netip.IPv6Loopback(), side.remote(memoryPort))}
	e.arrived.L = &m.mu
	m.mu.Lock()
	defer m.mu.Unlock()
	m.ends[side] = e
	c.socket = &socket{batch: e, port: memoryPort, peer: e.peer}
	return c
}
