package ipc

import (
	"net"
	"testing"

	"github.com/dhcp4o6/dhcp4o6/pkg/transport"
)

// Who has left more behind than one call to the kernel brings is not taken for
// the peer when only some of it has been read. Segmented sends fill a slot with
// many, so that a call brings more than a read hands out.
func TestNewcomerAfterMany(t *testing.T) {
	port := freePair(t)
	v4 := open(t, V4Side, port, Options{Owners: Trusted()})
	u, err := net.DialUDP("udp6",
		&net.UDPAddr{IP: net.IPv6loopback, Port: int(V6Side.local(port))},
		&net.UDPAddr{IP: net.IPv6loopback, Port: int(V6Side.remote(port))})
	if err != nil {
		t.Fatal(err)
	}
	away, err := transport.NewBatch(u, transport.BatchOptions{GSO: true, SendOnly: true})
	if err != nil {
		t.Fatal(err)
	}
	forged, _ := written(V6Side, client, sized(20, 300))
	var total uint64
	for i := range slots + 8 {
		var out []transport.Datagram
		for range i + 9 { // those of the first call are no multiple of what a read hands out
			out = append(out, transport.Datagram{Data: forged})
		}
		n, err := away.Write(out)
		if err != nil {
			t.Fatal(err)
		}
		total += uint64(n)
	}
	away.Close()
	v6 := open(t, V6Side, port, Options{Owners: Trusted()})
	for v4.Stats().Refused(ErrNewcomer) < total {
		if n, err := readOnce(v4); n != 0 || err != nil {
			t.Fatalf("%d heard, %v; %d of %d refused", n, err, v4.Stats().Refused(ErrNewcomer), total)
		}
		for v4.take(make([]Message, 64)) > 0 {
			t.Fatal("heard")
		}
	}
	v6.Write([]Message{{Data: sized(20, 301), Origin: client}})
	readAll(t, v4, 1)
}
