package transport

import (
	"errors"
	"net"
	"net/netip"
	"os"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/dhcp4o6/dhcp4o6/pkg/link"
)

func TestPipeCarriesDatagramsAsTheyAre(t *testing.T) {
	near, far := Pipe()
	data := []byte("query")
	sent := Datagram{
		Data: data, Peer: netip.MustParseAddrPort("[fe80::9]:546"), Local: netip.MustParseAddr("ff02::1:2"),
		IfIndex: 7, To: link.Addr{2, 0, 0, 0, 0, 1},
	}
	for _, d := range []struct{ from, to Conn }{{far, near}, {near, far}} {
		if n, err := d.from.Write([]Datagram{sent, sent}); n != 2 || err != nil {
			t.Fatalf("Write = %d, %v", n, err)
		}
		copy(data, "xxxxx") // what was written is the pipe's own by now
		in := make([]Datagram, 1)
		for range 2 {
			if n, err := d.to.Read(in); n != 1 || err != nil {
				t.Fatalf("Read = %d, %v", n, err)
			}
			g := in[0]
			if string(g.Data) != "query" || g.Peer != sent.Peer || g.Local != sent.Local || g.IfIndex != 7 || g.To != sent.To {
				t.Errorf("read %+v", g)
			}
		}
		copy(data, "query")
	}
}

func TestPipeWaitsInFakeTime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		near, far := Pipe()
		start := time.Now()
		go func() {
			time.Sleep(time.Hour)
			if _, err := far.Write([]Datagram{{Data: []byte("late")}}); err != nil {
				t.Error(err)
			}
		}()
		in := make([]Datagram, 4)
		n, err := near.Read(in)
		if n != 1 || err != nil || in[0].At.Sub(start) != time.Hour {
			t.Errorf("Read = %d, %v at %v", n, err, in[0].At.Sub(start))
		}
		near.Stop()
		if _, err := near.Read(in); !errors.Is(err, os.ErrDeadlineExceeded) {
			t.Errorf("Read after Stop: %v", err)
		}
		if n, err := near.Write(in[:1]); n != 1 || err != nil {
			t.Errorf("Write after Stop: %d, %v", n, err)
		}
		if err := near.Close(); err != nil {
			t.Error(err)
		}
		if _, err := near.Read(in); !errors.Is(err, net.ErrClosed) {
			t.Errorf("Read after Close: %v", err)
		}
		if _, err := near.Write(in[:1]); !errors.Is(err, net.ErrClosed) {
			t.Errorf("Write after Close: %v", err)
		}
	})
}

func TestPipeDropsWhenFull(t *testing.T) {
	near, far := Pipe()
	out := make([]Datagram, pipeDepth+10)
	if n, err := near.Write(out); n != pipeDepth || err == nil {
		t.Errorf("Write = %d, %v", n, err)
	}
	if n, err := far.Read(make([]Datagram, len(out))); n != pipeDepth || err != nil {
		t.Errorf("Read = %d, %v", n, err)
	}
	if n, err := near.Write(out[:1]); n != 1 || err != nil {
		t.Errorf("Write with room again = %d, %v", n, err)
	}
}

func TestPipeServesManyGoroutines(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		near, far := Pipe()
		go func() { // a server that echoes
			in := make([]Datagram, 8)
			for {
				n, err := near.Read(in)
				if err != nil {
					return
				}
				if _, err := near.Write(in[:n]); err != nil {
					t.Error(err)
				}
			}
		}()
		var clients sync.WaitGroup
		for i := range 50 {
			clients.Go(func() {
				for range 10 {
					if _, err := far.Write([]Datagram{{Data: []byte{byte(i)}}}); err != nil {
						t.Error(err)
					}
				}
			})
		}
		seen := make(map[byte]int)
		in := make([]Datagram, 8)
		for total := 0; total < 500; {
			n, err := far.Read(in)
			if err != nil {
				t.Fatal(err)
			}
			for _, d := range in[:n] {
				seen[d.Data[0]]++
			}
			total += n
		}
		clients.Wait()
		for i := range byte(50) {
			if seen[i] != 10 {
				t.Errorf("client %d: %d of 10", i, seen[i])
			}
		}
		near.Stop()
	})
}

func TestPipeHasMore(t *testing.T) {
	near, far := Pipe()
	in := make([]Datagram, 4)
	write := func(text string) {
		if _, err := far.Write([]Datagram{{Data: []byte(text)}}); err != nil {
			t.Fatal(err)
		}
	}
	for range 2 {
		write("one")
		if n, err := near.Read(in); n != 1 || err != nil {
			t.Fatal(n, err)
		}
		write("two")
		if n := near.More(in[1:]); n != 1 || string(in[0].Data) != "one" || string(in[1].Data) != "two" {
			t.Fatalf("%d: %q, %q", n, in[0].Data, in[1].Data)
		}
		if n := near.More(in[2:]); n != 0 {
			t.Fatal(n)
		}
	}
	near.Stop()
	write("three")
	if n := near.More(in); n != 0 {
		t.Error("more after Stop")
	}
}
