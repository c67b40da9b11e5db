package ipc

import (
	"bytes"
	"net/netip"
	"os"
	"testing"
	"testing/synctest"
	"time"

	"golang.org/x/sys/unix"
)

// TestMemory: the pair in memory is the pair, and its clock is synctest's.
func TestMemory(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var m Memory
		v6 := m.Dial(V6Side, Options{})
		query := Message{Data: queryBytes(), Origin: Origin{Iface: "eth0", Addr: netip.MustParseAddr("fe80::1"), Port: 546}}
		if _, err := v6.Write([]Message{query}); err != unix.ECONNREFUSED || v6.Stats().PeerDown.Load() != 1 {
			t.Fatalf("nobody there: %v, %d", err, v6.Stats().PeerDown.Load())
		}
		for range 2 { // the second time the v4 side has come back
			v4 := m.Dial(V4Side, Options{})
			read := make(chan Message)
			go func() {
				var in [4]Message
				for {
					n, err := v4.Read(in[:])
					if err != nil {
						if err != os.ErrDeadlineExceeded {
							t.Errorf("read: %v", err)
						}
						close(read)
						return
					}
					for _, m := range in[:n] {
						m.Data = bytes.Clone(m.Data)
						read <- m
					}
				}
			}()
			if n, err := v6.Write([]Message{query}); n != 1 || err != nil {
				t.Fatalf("wrote %d: %v", n, err)
			}
			got := <-read
			if got.Origin != query.Origin || !bytes.Equal(got.Data, query.Data) {
				t.Errorf("got %v %x", got.Origin, got.Data)
			}
			time.Sleep(time.Hour) // costs nothing, since the reader waits for no network
			v4.Stop()
			if _, open := <-read; open {
				t.Error("read goes on after Stop")
			}
			if err := v4.Close(); err != nil {
				t.Error(err)
			}
		}
	})
}

// queryBytes is a DHCPV4-QUERY with a DHCPv4 message of 240 octets.
func queryBytes() []byte {
	b := []byte{20, 0, 0, 0, 0, 87, 0, 240}
	b = append(b, make([]byte, 236)...)
	return append(b, 0x63, 0x82, 0x53, 0x63)
}
