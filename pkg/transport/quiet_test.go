package transport

import (
	"errors"
	"net"
	"sync"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// Datagrams that come while the worker is at the batch before wake nobody; the
// first one after it has found nothing wakes it once.
func TestOnlyAWaitingReaderIsWoken(t *testing.T) {
	near, far := connected(t, "127.0.0.1")
	b, peer := newBatch(t, near, BatchOptions{}), newBatch(t, far, BatchOptions{SendOnly: true})
	in := make([]Datagram, 8)
	send := func() {
		t.Helper()
		if _, err := peer.Write([]Datagram{{Data: []byte("query")}}); err != nil {
			t.Fatal(err)
		}
	}
	signalled := func() bool {
		t.Helper()
		p := []unix.PollFd{{Fd: int32(b.socket.setFD), Events: unix.POLLIN}}
		n, err := unix.Poll(p, 0)
		if err != nil {
			t.Fatal(err)
		}
		return n > 0
	}
	for round := range 3 {
		send()
		if n, err := b.Read(in); n != 1 || err != nil {
			t.Fatal(n, err)
		}
		send()
		send()
		if signalled() {
			t.Fatalf("round %d: woken at work", round)
		}
		if n, err := b.Read(in); n != 2 || err != nil {
			t.Fatal(n, err)
		}
		time.AfterFunc(10*time.Millisecond, send)
		if n, err := b.Read(in); n != 1 || err != nil { // waits
			t.Fatal(n, err)
		}
		if signalled() {
			t.Fatalf("round %d: woken again after the wait", round)
		}
	}
}

// A datagram that comes between the last look and the wait is not slept
// through, however the two fall.
func TestNoDatagramIsSleptThrough(t *testing.T) {
	near, far := connected(t, "127.0.0.1")
	b, peer := newBatch(t, near, BatchOptions{}), newBatch(t, far, BatchOptions{})
	if err := errors.Join(b.SetReadDeadline(time.Now().Add(20*time.Second)), peer.SetReadDeadline(time.Now().Add(20*time.Second))); err != nil {
		t.Fatal(err)
	}
	var w sync.WaitGroup
	w.Go(func() {
		defer peer.Close()
		in := make([]Datagram, 1)
		for range 5000 {
			if _, err := peer.Read(in); err != nil {
				t.Error(err)
				return
			}
			if _, err := peer.Write(in); err != nil {
				t.Error(err)
				return
			}
		}
	})
	in := make([]Datagram, 1)
	for i := range 5000 {
		if _, err := b.Write([]Datagram{{Data: []byte("ping")}}); err != nil {
			t.Fatal(i, err)
		}
		if n, err := b.Read(in); n != 1 || err != nil {
			t.Fatal(i, n, err)
		}
	}
	w.Wait()
}

// An error from before the first Read hides no datagram that comes when that
// Read has just found nothing.
func TestErrorBeforeTheFirstRead(t *testing.T) {
	near, far := connected(t, "127.0.0.1")
	to, from := addrPort(far), addrPort(near)
	b := newBatch(t, near, BatchOptions{})
	far.Close()
	if _, err := b.Write([]Datagram{{Data: []byte("answer")}}); err != nil {
		t.Fatal(err)
	}
	time.Sleep(20 * time.Millisecond) // the runtime's poller has seen the error
	back, err := net.DialUDP("udp", net.UDPAddrFromAddrPort(to), net.UDPAddrFromAddrPort(from))
	if err != nil {
		t.Fatal(err)
	}
	defer back.Close()
	if err := b.SetReadDeadline(time.Now().Add(5 * time.Second)); err != nil {
		t.Fatal(err)
	}
	in := make([]Datagram, 1)
	if _, err := b.Read(in); !errors.Is(err, unix.ECONNREFUSED) {
		t.Fatal(err)
	}
	once := sync.OnceFunc(func() {
		if _, err := back.Write([]byte("query")); err != nil {
			t.Error(err)
		}
	})
	call := b.r.call
	b.r.call = func(fd uintptr) bool {
		// between the last look and the wait
		q := b.socket
		if !q.armed {
			once()
			if e := q.arm(); e != 0 {
				t.Error(e)
			}
			return false
		}
		return call(fd)
	}
	if n, err := b.Read(in); n != 1 || err != nil {
		t.Fatal(n, err)
	}
}

// Close returns when the reader is out, and a second Close says so.
func TestCloseWhileReading(t *testing.T) {
	for range 200 {
		b := newBatch(t, listenUDP(t, "127.0.0.1"), BatchOptions{})
		ended := make(chan error, 1)
		go func() {
			_, err := b.Read(make([]Datagram, 1))
			ended <- err
		}()
		if err := b.Close(); err != nil {
			t.Fatal(err)
		}
		if err := <-ended; !errors.Is(err, net.ErrClosed) {
			t.Fatal(err)
		}
		if err := b.Close(); !errors.Is(err, net.ErrClosed) {
			t.Fatalf("closed twice: %v", err)
		}
	}
}
