package ipc

import (
	"bytes"
	"errors"
	"net"
	"sync/atomic"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"golang.org/x/sys/unix"
)

func openClient(t testing.TB, side Side, port uint16, o ClientOptions) *ClientConn {
	t.Helper()
	c, err := DialClient(side, port, o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	return c
}

// hear returns the next thing said to c, copied.
func hear(t testing.TB, c *ClientConn) ClientMessage {
	t.Helper()
	late := time.AfterFunc(2*time.Second, func() { c.Close() })
	defer late.Stop()
	m, err := c.Recv()
	if err != nil {
		t.Fatalf("the %v side hears nothing: %v", c.Side(), err)
	}
	m.Data = bytes.Clone(m.Data)
	return m
}

func heard(t testing.TB, c *ClientConn, want Word) ClientMessage {
	t.Helper()
	m := hear(t, c)
	for m.Word == Gone && want != Gone {
		m = hear(t, c)
	}
	if m.Word != want {
		t.Fatalf("the %v side hears %v, want %v", c.Side(), m.Word, want)
	}
	return m
}

// said fails the test unless a send went well.
func said(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// converse lets both sides say all they can.
func converse(t *testing.T, v4, v6 *ClientConn) {
	t.Helper()
	said(t, v4.Poll())
	heard(t, v6, Poll)
	said(t, v6.Started())
	heard(t, v4, Start)
	said(t, v6.Stopped())
	heard(t, v4, Stop)
	said(t, v4.Query(sized(20, 300)))
	if m := heard(t, v6, Query); !bytes.Equal(m.Data, sized(20, 300)) {
		t.Errorf("query arrives as %x", m.Data)
	}
	said(t, v6.Answer(answerBytes(280), clientServer))
	if m := heard(t, v4, Answer); !bytes.Equal(m.Data, answerBytes(280)) || m.Server != clientServer {
		t.Errorf("answer of %v arrives as %x", m.Server, m.Data)
	}
}

func TestClientPair(t *testing.T) {
	for _, o := range []ClientOptions{{}, {Owners: Trusted()}} {
		port := freePair(t)
		v4, v6 := openClient(t, V4Side, port, o), openClient(t, V6Side, port, o)
		if v4.Checked() != (o.Owners != nil) {
			t.Errorf("who is there is asked: %v", v4.Checked())
		}
		converse(t, v4, v6)
		s := v6.Stats()
		if s.Received.Load() != 2 || s.Sent.Load() != 3 || s.Dropped.Load() != 0 {
			t.Errorf("v6 side: %d received, %d sent, %d dropped", s.Received.Load(), s.Sent.Load(), s.Dropped.Load())
		}
	}
}

func TestClientPipe(t *testing.T) {
	v4, v6 := ClientPipe()
	converse(t, v4, v6)
	for range pipeRoom {
		said(t, v6.Started())
	}
	if err := v6.Started(); err != unix.ENOBUFS || v6.Stats().Dropped.Load() != 1 {
		t.Errorf("with %d unheard: %v, %d dropped", pipeRoom, err, v6.Stats().Dropped.Load())
	}
	v4.Close()
	if err := v6.Started(); err != unix.ECONNREFUSED || !v6.Stats().Down() {
		t.Errorf("to who has closed: %v", err)
	}
	for range 2 {
		if _, err := v4.Recv(); err != net.ErrClosed {
			t.Errorf("after Close: %v", err)
		}
	}
	if err := v4.Poll(); err != net.ErrClosed {
		t.Errorf("said after Close: %v", err)
	}
}

// A side says only what is its to say, and nothing that is no message.
func TestClientSaysNothingElse(t *testing.T) {
	v4, v6 := ClientPipe()
	for i, err := range []error{v4.Started(), v4.Stopped(), v4.Answer(answerBytes(300), clientServer), v6.Poll(), v6.Query(sized(20, 300)), v4.Query(sized(21, 300))} {
		if err != ErrType {
			t.Errorf("%d: %v", i, err)
		}
	}
	if n := v4.Stats().Refused(ErrType) + v6.Stats().Refused(ErrType); n != 6 {
		t.Errorf("%d refused", n)
	}
}

// Close ends a Recv that waits, on sockets and in memory.
func TestClientClose(t *testing.T) {
	v4, _ := ClientPipe()
	for _, c := range []*ClientConn{v4, openClient(t, V4Side, freePair(t), ClientOptions{Owners: Trusted()})} {
		done := make(chan error)
		go func() {
			_, err := c.Recv()
			done <- err
		}()
		time.Sleep(20 * time.Millisecond)
		c.Close()
		if err := <-done; err != net.ErrClosed {
			t.Errorf("Recv ends with %v", err)
		}
		if err := c.Close(); err != nil {
			t.Error(err)
		}
	}
}

// Two pairs on one port notice each other: no socket is shared.
func TestClientPortIsOnes(t *testing.T) {
	port := freePair(t)
	openClient(t, V6Side, port, ClientOptions{})
	if c, err := DialClient(V6Side, port, ClientOptions{}); !errors.Is(err, syscall.EADDRINUSE) {
		c.Close()
		t.Errorf("the second one: %v", err)
	}
	for _, bad := range []uint16{0, 65535} {
		if _, err := DialClient(V4Side, bad, ClientOptions{}); err == nil {
			t.Errorf("port %d opens", bad)
		}
	}
}

// The peer gone is noticed and counted; when it is back, its first word is heard
// and ours arrives, and neither side was restarted but the one that left.
func TestClientPeerComesBack(t *testing.T) {
	for _, owners := range []func(uint32) bool{nil, Trusted()} {
		for _, stays := range []Side{V4Side, V6Side} {
			var gone atomic.Int32
			port := freePair(t)
			o := ClientOptions{Owners: owners, OnPeer: func(is bool) {
				if is {
					gone.Add(1)
				}
			}}
			here := openClient(t, stays, port, o)
			speak := func(c *ClientConn) error {
				if c.Side() == V4Side {
					return c.Poll()
				}
				return c.Started()
			}
			words := [...]Word{V4Side: Poll, V6Side: Start}
			for round := range 2 {
				if err := speak(here); err != nil && !errors.Is(err, unix.ECONNREFUSED) {
					t.Fatal(err)
				}
				if owners == nil {
					heard(t, here, Gone)
				}
				if !here.Stats().Down() || gone.Load() != int32(round+1) {
					t.Errorf("%v side, round %d: gone %d times", stays, round, gone.Load())
				}
				there := openClient(t, 1-stays, port, ClientOptions{Owners: owners})
				said(t, speak(here))
				heard(t, there, words[stays])
				said(t, speak(there))
				heard(t, here, words[1-stays])
				if here.Stats().Down() {
					t.Errorf("%v side, round %d: still down", stays, round)
				}
				there.Close()
			}
		}
	}
}

// Who takes the port of a side that is away is neither heard nor told anything.
func TestClientStranger(t *testing.T) {
	port := freePair(t)
	v4 := openClient(t, V4Side, port, ClientOptions{Owners: Trusted()})
	c := intruderAt(t, V6Side, port, true)
	for _, b := range [][]byte{[]byte("START"), withServer(answerBytes(300))} {
		if _, err := c.Write(b); err != nil {
			t.Fatal(err)
		}
	}
	if err := v4.Poll(); err != ErrOwner {
		t.Errorf("POLL to a stranger: %v", err)
	}
	done := time.AfterFunc(200*time.Millisecond, func() { v4.Close() })
	defer done.Stop()
	if m, err := v4.Recv(); err == nil {
		t.Errorf("a stranger is heard: %v", m.Word)
	}
	if n := v4.Stats().Refused(ErrOwner); n != 3 {
		t.Errorf("%d refused, want 3", n)
	}
}

// On a port that anybody may take, a message that comes first from a peer that is new
// there is not taken for its own. A control word is: its answer goes to who is there.
func TestClientNewcomer(t *testing.T) {
	port := freePair(t)
	o := ClientOptions{Owners: Trusted()}
	v4, v6 := openClient(t, V4Side, port, o), openClient(t, V6Side, port, o)
	converse(t, v4, v6)

	v4.Close()
	v4 = openClient(t, V4Side, port, o)
	said(t, v4.Query(sized(20, 300)))
	time.AfterFunc(50*time.Millisecond, func() { v4.Poll() })
	heard(t, v6, Poll)
	if n := v6.Stats().Refused(ErrNewcomer); n != 1 {
		t.Errorf("refused by the v6 side: %d", n)
	}
	v6.Close()
	v6 = openClient(t, V6Side, port, o)
	said(t, v6.Answer(answerBytes(300), clientServer))
	said(t, v6.Stopped())
	heard(t, v4, Stop)
	if n := v4.Stats().Refused(ErrNewcomer); n != 1 {
		t.Errorf("refused by the v4 side: %d", n)
	}
	converse(t, v4, v6)
}

// In memory the clock is synctest's, and either side may be dialled again.
func TestClientMemory(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var m Memory
		v4 := m.DialClient(V4Side, ClientOptions{})
		if err := v4.Poll(); err != unix.ECONNREFUSED {
			t.Errorf("nobody there: %v", err)
		}
		for range 2 {
			v6 := m.DialClient(V6Side, ClientOptions{})
			go func() {
				time.Sleep(time.Hour)
				v6.Started()
			}()
			if got, err := v4.Recv(); err != nil || got.Word != Start {
				t.Errorf("%v, %v", got.Word, err)
			}
			v6.Close()
		}
	})
}
