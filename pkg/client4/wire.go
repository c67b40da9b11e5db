package client4

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"sync"
	"syscall"
	"time"

	"github.com/dhcp4o6/dhcp4o6/pkg/link"
	"github.com/dhcp4o6/dhcp4o6/pkg/netif"
	"github.com/dhcp4o6/dhcp4o6/pkg/transport"
)

// The ports of DHCPv4 (RFC 2131 §4.1).
const (
	serverPort = 67
	clientPort = 68
)

// ErrLink is why a message cannot be carried while there is no link.
var ErrLink = errors.New("client4: the link is not there, or down")

// WireOptions say how a client reaches its servers.
type WireOptions struct {
	Iface      string
	Port       uint16          // of the client; 0: 68
	ServerPort uint16          // 0: 67
	ProbeTimes link.ProbeTimes // zero: as RFC 5227 has them
}

// A Wire is the Carrier of an interface: frames while the host has no address and
// for what goes to everybody, UDP for what goes to the server that granted one. It
// follows the link by its name, through all that happens to it. While the host
// has the address, it announces and guards it (RFC 5227).
//
// One socket is read at a time: frames from a broadcast on, which reach the client past
// packet filters and whatever routing makes of an answer, and UDP from Bound on, which
// costs nothing while nothing comes. It is safe for concurrent use.
type Wire struct {
	o         WireOptions
	sender    *link.Sender
	in        transport.Switch
	ready     *transport.Ready
	conflicts chan netip.Addr
	ctx       context.Context // done after Close
	cancel    context.CancelFunc
	wait      sync.WaitGroup

	mu     sync.Mutex
	link   *netif.Interface // nil: there is none
	bound  netip.Addr       // what the host has; zero: none
	frames bool             // are read, rather than UDP

	// open as far as the above allows
	receiver *link.Receiver
	port     *transport.Port
	guard    *link.ARP
}

// NewWire opens the carrier; it needs CAP_NET_RAW, and CAP_NET_BIND_SERVICE for
// the port. The interface may come later.
func NewWire(o WireOptions) (*Wire, error) {
	if o.Port == 0 {
		o.Port = clientPort
	}
	if o.ServerPort == 0 {
		o.ServerPort = serverPort
	}
	sender, err := link.Open(nil)
	if err != nil {
		return nil, fmt.Errorf("client4: %s: %w", o.Iface, err)
	}
	w := &Wire{o: o, sender: sender, ready: transport.NewReady(), conflicts: make(chan netip.Addr, 1), frames: true}
	w.ctx, w.cancel = context.WithCancel(context.Background())
	links, err := netif.FollowLink(w.ctx, o.Iface)
	if err != nil {
		w.cancel()
		sender.Close()
		return nil, fmt.Errorf("client4: %s: %w", o.Iface, err)
	}
	w.wait.Go(func() {
		for i := range links {
			w.follow(i)
		}
	})
	return w, nil
}

// Close ends Recv and Probe, and returns when nothing goes on any more.
func (w *Wire) Close() error {
	w.cancel()
	w.in.Close()
	w.mu.Lock()
	w.bound = netip.Addr{}
	w.shut()
	w.mu.Unlock()
	w.wait.Wait()
	return w.sender.Close()
}

// Ready yields whether the link is up, with its carrier.
func (w *Wire) Ready() <-chan bool { return w.ready.C() }

// Conflicts yields an address that the host has and that another host on the link
// uses as well; it was defended once and must be given up (RFC 5227 §2.4 b).
func (w *Wire) Conflicts() <-chan netip.Addr { return w.conflicts }

// Recv waits for a message.
func (w *Wire) Recv(buf []byte) (n int, from netip.Addr, err error) {
	n, peer, err := w.in.Receive(buf)
	return n, peer.Addr(), err
}

// up reports whether messages can be carried.
func (w *Wire) up() bool { return w.link != nil && w.link.Up && w.link.Running }

// follow takes in how the link is now.
func (w *Wire) follow(now *netif.Interface) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.ctx.Err() != nil {
		return
	}
	if w.link != nil && !w.link.Still(now) {
		w.shut()
		w.ready.Set(false) // even where it, or another of the name, is up again at once
	}
	w.link = now
	_ = w.settle() // what cannot be opened is tried, and told, by the next Send
	w.ready.Set(w.up())
}

// lastWait is how long a message may wait for the server's hardware address to be
// found, when the host is about to lose its own address; ARP asks once a second.
const lastWait = time.Second

// Bound says that the host has an address, or is about to lose it. What was sent
// from it, a DHCPRELEASE for one, has left the host then.
func (w *Wire) Bound(a netip.Prefix) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.ctx.Err() != nil {
		return
	}
	if !a.IsValid() && w.port != nil {
		w.port.Drain(lastWait)
	}
	if w.bound != a.Addr() && w.guard != nil {
		w.guard.Close()
		w.guard = nil
	}
	if w.frames && w.port != nil { // what it took in meanwhile was read as frames
		w.port.Close()
		w.port = nil
	}
	w.bound = a.Addr()
	w.frames = !a.IsValid()
	if w.settle() != nil {
		w.frames = true // the port may be another program's: the renewal fails, and the broadcast for all servers does not
		_ = w.settle()
	}
}

// settle has those sockets open that are needed, and read from the right one.
func (w *Wire) settle() error {
	if w.link == nil {
		return ErrLink
	}
	if !w.bound.IsValid() && w.port != nil {
		w.in.Set(nil)
		w.port.Close()
		w.port = nil
	}
	w.watch()
	if w.frames {
		return w.readFrames()
	}
	return w.readPort()
}

// readFrames reads frames from now on.
func (w *Wire) readFrames() error {
	if w.receiver == nil {
		r, err := link.Listen(w.link.Index, w.o.Port)
		if err != nil {
			return fmt.Errorf("client4: %s: %w", w.o.Iface, err)
		}
		w.receiver = r
	}
	w.in.Set(frameSource{w.receiver})
	return nil
}

// readPort reads UDP from now on. Frames are no longer looked at, each of which
// would cost the kernel a run of the filter.
func (w *Wire) readPort() error {
	if w.port == nil {
		p, err := transport.OpenPort(netip.AddrPortFrom(netip.IPv4Unspecified(), w.o.Port), w.link.Index)
		if err != nil {
			return fmt.Errorf("client4: %s: %w", w.o.Iface, err)
		}
		w.port = p
	}
	w.in.Set(w.port)
	if w.receiver != nil {
		w.receiver.Close()
		w.receiver = nil
	}
	return nil
}

// shut closes what belongs to the link.
func (w *Wire) shut() {
	w.in.Set(nil)
	if w.receiver != nil {
		w.receiver.Close()
	}
	if w.port != nil {
		w.port.Close()
	}
	if w.guard != nil {
		w.guard.Close()
	}
	w.receiver, w.port, w.guard = nil, nil, nil
}

// Send sends a message. One for a single server goes by UDP when the host has its
// address, else as a frame for all that is for that server (a release of the last
// life's lease).
func (w *Wire) Send(s *Send) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	switch {
	case w.ctx.Err() != nil:
		return net.ErrClosed
	case !w.up():
		return ErrLink
	}
	w.frames = !s.Unicast || !w.bound.IsValid()
	if err := w.settle(); err != nil {
		return err
	}
	to := netip.AddrPortFrom(s.To, w.o.ServerPort)
	if !w.frames {
		return w.port.Send(s.Data, to, s.From)
	}
	from := s.From
	if !from.IsValid() {
		from = netip.IPv4Unspecified()
	}
	if err := w.sender.Send(w.link.Index, link.Broadcast, netip.AddrPortFrom(from, w.o.Port), to, s.Data); err != nil {
		return fmt.Errorf("client4: %s: send frame: %w", w.o.Iface, err)
	}
	return nil
}

// frameSource makes a Receiver a transport.Source.
type frameSource struct{ *link.Receiver }

func (f frameSource) Receive(b []byte) (n int, from netip.AddrPort, err error) {
	for {
		n, from, _, err = f.Read(b)
		if !errors.Is(err, syscall.ENETDOWN) { // said once: when the link is back, so are its frames
			return n, from, err
		}
	}
}
