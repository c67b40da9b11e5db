package ipc

import (
	"bytes"
	"errors"
	"slices"
	"sync/atomic"
	"syscall"
	"testing"
	"time"
)

// A peer that is not there is noticed on either side, and the pair works again
// as soon as it is back; neither is reopened.
func TestPeerGoesAndComesBack(t *testing.T) {
	port := freePair(t)
	var gone, back atomic.Int32
	v6 := open(t, V6Side, port, Options{OnPeer: func(down bool) {
		if down {
			gone.Add(1)
		} else {
			back.Add(1)
		}
	}})
	answers := make(chan Message, 16)
	go func() {
		in := make([]Message, 4)
		for {
			n, err := v6.Read(in)
			if err != nil {
				close(answers)
				return
			}
			for _, m := range in[:n] {
				m.Data = bytes.Clone(m.Data)
				answers <- m
			}
		}
	}()
	ask := Message{Data: sized(20, 300), Origin: client}
	for round := range 3 {
		for range 5 {
			v6.Write([]Message{ask, ask})
			time.Sleep(time.Millisecond)
		}
		if !v6.Stats().Down() || v6.Stats().PeerDown.Load() == 0 {
			t.Errorf("round %d: not noticed", round)
		}
		v4 := open(t, V4Side, port, Options{})
		if _, err := v6.Write([]Message{ask}); err != nil && !errors.Is(err, syscall.ECONNREFUSED) {
			t.Errorf("round %d: %v", round, err)
		}
		readAll(t, v4, 1)
		v4.Write([]Message{{Data: sized(21, 300), Origin: client}})
		select {
		case m := <-answers:
			if m.Origin != client {
				t.Errorf("round %d: %v", round, m.Origin)
			}
		case <-time.After(2 * time.Second):
			t.Fatalf("round %d: no answer", round)
		}
		if v6.Stats().Down() {
			t.Errorf("round %d: still down", round)
		}
		v4.Close()
	}
	v6.Stop()
	for range answers {
	}
	if gone.Load() != 3 || back.Load() != 3 {
		t.Errorf("told %d times gone, %d times back", gone.Load(), back.Load())
	}
}

// What is written first after the peer is back arrives, although the kernel
// still has to tell of the refusal of an earlier message. Nobody reads here, so
// the refusal waits for the writer.
func TestNothingIsLostToAnEarlierRefusal(t *testing.T) {
	for _, side := range []Side{V6Side, V4Side} {
		for _, n := range []int{1, 5} {
			port := freePair(t)
			here := open(t, side, port, Options{})
			m := Message{Data: sized(byte(side.sends().inner), 300), Origin: client}
			here.Write([]Message{m})
			there := open(t, 1-side, port, Options{})
			out := slices.Repeat([]Message{m}, n)
			if got, err := here.Write(out); got != n || err != nil && !errors.Is(err, syscall.ECONNREFUSED) {
				t.Errorf("%v side: %d of %d sent, %v", side, got, n, err)
			}
			readAll(t, there, n)
			if here.Stats().PeerDown.Load() != 1 {
				t.Errorf("%v side: %d refusals noticed", side, here.Stats().PeerDown.Load())
			}
		}
	}
}
