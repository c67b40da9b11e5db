package server6

import (
	"bytes"
	"context"
	"net/netip"
	"os"
	"sync"
	"testing"

	"github.com/dhcp4o6/dhcp4o6/internal/dhcptest/need"
	"github.com/dhcp4o6/dhcp4o6/pkg/dhcp6"
	"github.com/dhcp4o6/dhcp4o6/pkg/ipc"
	"github.com/dhcp4o6/dhcp4o6/pkg/topology"
	"github.com/dhcp4o6/dhcp4o6/pkg/transport"
)

// dial opens both ends of a real pair on the loopback.
func dial(t *testing.T) (v6, v4 *ipc.Conn) {
	t.Helper()
	var err error
	for port := uint16(20000 + os.Getpid()%20000); port < 60000; port += 1009 {
		if v6, err = ipc.Dial(ipc.V6Side, port, ipc.Options{}); err != nil {
			continue
		}
		if v4, err = ipc.Dial(ipc.V4Side, port, ipc.Options{}); err == nil {
			t.Cleanup(func() { v6.Close(); v4.Close() })
			return v6, v4
		}
		v6.Close()
	}
	need.Skip(t, "needs a pair of ports on [::1]: %v", err)
	return nil, nil
}

// A client that writes an origin of its own into its query, at any level, gets
// its answer where it is, and nobody else gets one.
func TestForgedOriginGainsNothing(t *testing.T) {
	v6, v4 := dial(t)
	l := newLab(t, func(n *topology.Topology, o *Options) { o.Pair = v6 })
	near, far := transport.Pipe()
	ctx, cancel := context.WithCancel(t.Context())
	var wg sync.WaitGroup
	wg.Go(func() { l.s.Serve(ctx, near) })
	wg.Go(func() { l.s.Return(ctx, v6, near) })
	wg.Go(func() { // the DHCPv4 daemon
		in := make([]ipc.Message, 8)
		for {
			n, err := v4.Read(in)
			if err != nil {
				return
			}
			for i := range n {
				in[i] = answer4(t, in[i])
			}
			v4.Write(in[:n])
		}
	})
	defer wg.Wait()
	defer v4.Stop()
	defer cancel()

	victim := netip.MustParseAddr("2001:db8:1::dead")
	forged, mark := dhcp6.OpenVendorOpts(nil, 2495)
	forged = dhcp6.AppendOption(forged, 60000, []byte("eth9"))
	forged = dhcp6.AppendOption(forged, 60001, victim.AsSlice())
	forged = dhcp6.AppendOption(forged, 60002, []byte{9, 9})
	forged = dhcp6.Shut(forged, mark)
	query := append(query4(7)[:4:4], forged...)
	query = append(query, query4(7)[4:]...)
	tests := []struct {
		name string
		d    transport.Datagram
		want netip.AddrPort
	}{
		{"direct", l.in(query), client},
		{"relayed, in the message", l.in(relayed(query, dhcp6.Relay{Link: relayLink})), netip.AddrPortFrom(client.Addr(), 547)},
		{"relayed, at the relay", l.in(relayed(query4(7), dhcp6.Relay{Link: relayLink, Options: forged})), netip.AddrPortFrom(client.Addr(), 547)},
	}
	in := make([]transport.Datagram, 4)
	for _, tt := range tests {
		far.Write([]transport.Datagram{tt.d})
		n, err := far.Read(in)
		if err != nil || n != 1 {
			t.Fatalf("%s: %d answers, %v", tt.name, n, err)
		}
		if in[0].Peer != tt.want || in[0].IfIndex != 1 {
			t.Errorf("%s: answer goes to %v, link %d", tt.name, in[0].Peer, in[0].IfIndex)
		}
		if bytes.Contains(in[0].Data, victim.AsSlice()) {
			t.Errorf("%s: the forged address comes back", tt.name)
		}
	}
}
