package transport

import (
	"net"
	"sync"
	"testing"
)

// What was lost may be asked for at any time, and is still known when the
// reader has given its buffers back.
func TestLossesOutliveTheReader(t *testing.T) {
	c, err := net.ListenUDP("udp4", &net.UDPAddr{IP: net.IPv4(127, 0, 0, 1)})
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	b, err := NewBatch(c, BatchOptions{Slots: 1, SlotSize: 16})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := c.WriteTo(make([]byte, 17), c.LocalAddr()); err != nil {
		t.Fatal(err)
	}
	if _, err := c.WriteTo(make([]byte, 16), c.LocalAddr()); err != nil {
		t.Fatal(err)
	}
	if n, err := b.Read(make([]Datagram, 1)); n != 1 || err != nil {
		t.Fatalf("%d datagrams, %v", n, err)
	}
	var w sync.WaitGroup
	w.Go(func() { b.Overflows() })
	b.Release()
	w.Wait()
	if n := b.Truncated(); n != 1 {
		t.Errorf("%d truncated after Release, want 1", n)
	}
}
