package transport

import (
	"sync"
	"testing"
)

// What was lost may be asked for at any time, and is still known when the
// reader has given its buffers back.
func TestLossesOutliveTheReader(t *testing.T) {
	c := listenUDP(t, "127.0.0.1")
	b := newBatch(t, c, BatchOptions{Slots: 1, SlotSize: 16})
	for _, n := range []int{17, 16} {
		if _, err := b.Write([]Datagram{{Data: make([]byte, n), Peer: addrPort(c)}}); err != nil {
			t.Fatal(err)
		}
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
