package load

import (
	"net/netip"
	"os"
	"sync"
	"time"

	"github.com/dhcp4o6/dhcp4o6/pkg/transport"
)

// A line is what goes to the servers of one family: a socket and what waits to
// be sent by it.
type line struct {
	network network
	to      transport.Datagram // template: where everything goes
	local   netip.AddrPort
	way     *way // of DHCPv6 messages
	out     outbox
}

func newLine(s *Scenario, v4 bool, n network, at place) *line {
	server := s.server(v4)
	l := &line{
		network: n, local: at.local,
		to: transport.Datagram{Peer: netip.AddrPortFrom(server.Addr().WithZone(""), server.Port()), IfIndex: at.ifIndex},
	}
	if !v4 {
		l.way = newWay(s, at.local)
	}
	return l
}

// lineOf is the place in runner.lines of what carries a kind.
func lineOf(k Kind) int {
	if k == V4 {
		return 1
	}
	return 0
}

// open opens a line for each family that s needs.
func open(s *Scenario) (lines [2]*line, err error) {
	for i := range lines {
		v4 := i == 1
		if v4 && !s.has(V4) || !v4 && !s.has(FourOverSix) && !s.has(V6) {
			continue
		}
		w, at, err := listen(s, v4)
		if err != nil {
			closeAll(lines)
			return lines, err
		}
		lines[i] = newLine(s, v4, w, at)
	}
	return lines, nil
}

func closeAll(lines [2]*line) {
	for _, l := range lines {
		if l != nil {
			l.network.Close()
		}
	}
}

// A source is where answers come from: the socket, or both of them.
type source interface {
	// Read waits for datagrams until the deadline. They came by one line, and
	// are good until the next Read.
	Read(in []transport.Datagram) (n, line int, err error)
	SetReadDeadline(t time.Time) error
}

// sourceOf reads the lines that there are; done is to be called when their
// networks have been closed.
func sourceOf(lines [2]*line) (src source, done func()) {
	for i, l := range lines {
		if lines[1-i] == nil {
			return one{l.network, i}, func() {}
		}
	}
	b := newBoth(lines)
	return b, b.end
}

// one is a line that is alone.
type one struct {
	network
	line int
}

func (o one) Read(in []transport.Datagram) (n, line int, err error) {
	n, err = o.network.Read(in)
	return n, o.line, err
}

// both reads two lines, each by a goroutine that waits until what it has read
// was looked at.
type both struct {
	batches  chan batch
	ended    chan struct{}
	readers  sync.WaitGroup
	lent     chan struct{} // of the reader whose batch was handed out last
	timer    *time.Timer
	deadline time.Time
}

// A batch is what a reader has read.
type batch struct {
	in   []transport.Datagram
	line int
	err  error
	back chan struct{} // told when in may be read into again
}

func newBoth(lines [2]*line) *both {
	b := &both{batches: make(chan batch), ended: make(chan struct{}), timer: time.NewTimer(time.Hour)}
	for i, l := range lines {
		l.network.SetReadDeadline(time.Time{})
		b.readers.Go(func() { b.read(l.network, i) })
	}
	return b
}

func (b *both) read(n network, line int) {
	in, back := make([]transport.Datagram, wireSlots), make(chan struct{})
	for {
		got, err := n.Read(in)
		select {
		case b.batches <- batch{in[:got], line, err, back}:
		case <-b.ended:
			return
		}
		select {
		case <-back:
		case <-b.ended:
			return
		}
	}
}

func (b *both) SetReadDeadline(t time.Time) error {
	b.deadline = t
	return nil
}

func (b *both) Read(in []transport.Datagram) (n, line int, err error) {
	if b.lent != nil {
		b.lent <- struct{}{}
		b.lent = nil
	}
	b.timer.Reset(time.Until(b.deadline))
	select {
	case got := <-b.batches:
		b.lent = got.back
		return copy(in, got.in), got.line, got.err
	case <-b.timer.C:
		return 0, 0, os.ErrDeadlineExceeded
	}
}

// end waits for the readers, whose networks are closed.
func (b *both) end() {
	close(b.ended)
	b.timer.Stop()
	b.readers.Wait()
}
