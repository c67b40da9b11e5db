package ipc

import (
	"bytes"
	"context"
	"errors"
	"net"
	"os"
	"sync"
	"syscall"
	"testing"
	"time"
)

// The port moves under a reader and a writer; a failed move changes nothing;
// port 0 closes.
func TestReopen(t *testing.T) {
	p1, p2 := freePair(t), freePair(t)
	v6, v4 := open(t, V6Side, p1, Options{}), open(t, V4Side, p1, Options{})
	got := make(chan int, 64)
	stopped := make(chan error, 1)
	go func() {
		in := make([]Message, 4)
		for {
			n, err := v4.Read(in)
			if err != nil {
				stopped <- err
				return
			}
			for _, m := range in[:n] {
				got <- len(m.Data)
			}
		}
	}()
	size := 300
	works := func(want bool) {
		t.Helper()
		size++
		v6.Write([]Message{{Data: sized(20, size), Origin: client}})
		select {
		case n := <-got:
			if !want || n != size+8 {
				t.Errorf("read a message of %d octets, wrote %d", n, size+8)
			}
		case <-time.After(map[bool]time.Duration{true: 2 * time.Second, false: 50 * time.Millisecond}[want]):
			if want {
				t.Error("nothing read")
			}
		}
	}
	works(true)

	taken, err := net.ListenUDP("udp6", &net.UDPAddr{IP: net.IPv6loopback, Port: int(p2) + 1})
	if err != nil {
		t.Fatal(err)
	}
	if err := v4.Reopen(p2); !errors.Is(err, syscall.EADDRINUSE) {
		t.Errorf("reopen on a port that is taken: %v", err)
	}
	if v4.Port() != p1 {
		t.Errorf("port %d after a failed reopen", v4.Port())
	}
	works(true)
	taken.Close()

	before := v4.socket
	if err := v4.Reopen(p1); err != nil || v4.socket != before {
		t.Errorf("the same port: %v, another socket: %v", err, v4.socket != before)
	}
	staged, err := v4.Stage(p2)
	if err != nil {
		t.Fatal(err)
	}
	works(true)
	staged.Discard()
	for _, c := range []*Conn{v4, v6} {
		if err := c.Reopen(p2); err != nil {
			t.Fatal(err)
		}
	}
	works(true)

	if err := v4.Reopen(0); err != nil || v4.Port() != 0 {
		t.Errorf("off: %v, port %d", err, v4.Port())
	}
	works(false)
	if _, err := v4.Write([]Message{{Data: sized(21, 300), Origin: client}}); err != ErrClosed {
		t.Errorf("write while off: %v", err)
	}
	if err := v4.Reopen(p2); err != nil {
		t.Fatal(err)
	}
	works(true)

	if err := v4.Reopen(65535); err == nil {
		t.Error("port 65535 has no next one")
	}
	v4.Stop()
	if err := <-stopped; !errors.Is(err, os.ErrDeadlineExceeded) {
		t.Errorf("stopped with %v", err)
	}
	v4.Close()
	if err := v4.Reopen(p1); !errors.Is(err, net.ErrClosed) {
		t.Errorf("reopen after Close: %v", err)
	}
}

// Writers, a reader and a port that moves all the time get in nobody's way.
func TestReopenUnderTraffic(t *testing.T) {
	ports := []uint16{freePair(t), freePair(t), 0}
	v6, v4 := open(t, V6Side, ports[0], Options{}), open(t, V4Side, ports[0], Options{})
	ctx, stop := context.WithTimeout(t.Context(), 300*time.Millisecond)
	defer stop()
	var wg sync.WaitGroup
	for range 3 {
		wg.Go(func() {
			for ctx.Err() == nil {
				v6.Write([]Message{{Data: sized(20, 300), Origin: client}, {Data: sized(20, 400), Origin: client}})
				time.Sleep(50 * time.Microsecond)
			}
		})
	}
	wg.Go(func() {
		in := make([]Message, 8)
		for {
			n, err := v4.Read(in)
			if err != nil {
				return
			}
			for _, m := range in[:n] {
				if m.Origin != client || !bytes.Equal(m.Data, sized(20, len(m.Data)-8)) {
					t.Errorf("read %v %x", m.Origin, m.Data)
				}
			}
		}
	})
	for i := 0; ctx.Err() == nil; i++ {
		for _, c := range []*Conn{v4, v6} {
			if err := c.Reopen(ports[i%len(ports)]); err != nil {
				t.Error(err)
			}
		}
		time.Sleep(2 * time.Millisecond)
	}
	v4.Stop()
	wg.Wait()
	if v4.Stats().Received.Load() == 0 {
		t.Error("nothing came through")
	}
}
