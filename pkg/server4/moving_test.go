package server4

import (
	"context"
	"net/netip"
	"sync/atomic"
	"testing"

	"github.com/dhcp4o6/dhcp4o6/pkg/dhcp4"
	"github.com/dhcp4o6/dhcp4o6/pkg/transport"
)

// moving is a socket for broadcasts whose link gets other addresses.
type moving struct {
	transport.Conn
	socket atomic.Pointer[transport.Socket]
}

func (m *moving) Socket() transport.Socket { return *m.socket.Load() }

func (m *moving) moveTo(addr string) {
	m.socket.Store(&transport.Socket{Iface: "eth0", IfIndex: 2, Addr: ip(addr), Multicast: true})
}

// TestServerMoves: replies to broadcasts leave from the address that the link has
// at the time, and name it in option 54.
func TestServerMoves(t *testing.T) {
	b := newBench(t, net1())
	near, far := transport.Pipe()
	conn := &moving{Conn: near}
	conn.moveTo("192.0.2.1")
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan struct{})
	go func() {
		defer close(done)
		b.s.Serve(ctx, conn)
	}()
	for _, addr := range []string{"192.0.2.1", "192.0.2.2", "192.0.2.1"} {
		conn.moveTo(addr)
		d := query{kind: dhcp4.Discover, flags: dhcp4.FlagBroadcast}.datagram(t)
		if _, err := far.Write([]transport.Datagram{d}); err != nil {
			t.Fatal(err)
		}
		in := make([]transport.Datagram, 1)
		if _, err := far.Read(in); err != nil {
			t.Fatal(err)
		}
		id, _ := read(t, in[0].Data).Addr(dhcp4.OptServerID)
		if id != ip(addr) || in[0].Local != netip.MustParseAddr("255.255.255.255") && in[0].Local != ip(addr) {
			t.Errorf("server at %s goes by %v", addr, id)
		}
	}
	cancel()
	<-done
}
