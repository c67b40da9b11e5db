package client6

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"sync"
	"time"

	"github.com/dhcp4o6/dhcp4o6/pkg/netif"
	"github.com/dhcp4o6/dhcp4o6/pkg/transport"
)

// clientPort is where clients listen (RFC 9915 §7.2).
const clientPort = 546

// agentsAndServers is All_DHCP_Relay_Agents_and_Servers (RFC 9915 §7.1).
var agentsAndServers = netip.MustParseAddr("ff02::1:2")

// ErrLink is why a message cannot be carried while there is no link, or no
// link-local address of it.
var ErrLink = errors.New("client6: the link is not there, or down, or has no address yet")

// WireOptions say how a client reaches its servers.
type WireOptions struct {
	Iface      string
	Port       uint16 // of the client; 0: 546
	ServerPort uint16 // 0: 547

	// DADLimit is how long DAD waits at most, for addresses that never come to the
	// link among others; 0: 10 s. The kernel asks once within a second and waits for
	// a second (RFC 4862 §5.1, §5.4.2), and more often where it is told to.
	DADLimit time.Duration
}

// A Wire is the Carrier of an interface. It follows the link by its name, through
// all that happens to it, and is ready when the link is up and its link-local
// address is known to be unique (RFC 4862 §5.4). The socket is the link's and no
// address's: what goes to a server farther away, as in option 88, leaves with an address
// that its answer finds the way back to. It is safe for concurrent use.
type Wire struct {
	o      WireOptions
	in     transport.Switch
	ready  *transport.Ready
	dad    *netif.DAD
	ctx    context.Context // done after Close
	cancel context.CancelFunc
	wait   sync.WaitGroup

	mu   sync.Mutex
	link *netif.Interface // nil: there is none
	port *transport.Port  // nil: not open
}

// NewWire opens the carrier; the port takes CAP_NET_BIND_SERVICE. The interface may
// come later.
func NewWire(o WireOptions) (*Wire, error) {
	if o.Port == 0 {
		o.Port = clientPort
	}
	if o.ServerPort == 0 {
		o.ServerPort = serverPort
	}
	if o.DADLimit == 0 {
		o.DADLimit = 10 * time.Second
	}
	if err := o.mayOpen(); err != nil {
		return nil, fmt.Errorf("client6: %s: %w", o.Iface, err)
	}
	dad, err := netif.WatchDAD()
	if err != nil {
		return nil, fmt.Errorf("client6: %s: %w", o.Iface, err)
	}
	w := &Wire{o: o, ready: transport.NewReady(), dad: dad}
	w.ctx, w.cancel = context.WithCancel(context.Background())
	links, err := netif.FollowLink(w.ctx, o.Iface)
	if err != nil {
		w.cancel()
		dad.Close()
		return nil, fmt.Errorf("client6: %s: %w", o.Iface, err)
	}
	w.wait.Go(func() {
		for i := range links {
			w.follow(i)
		}
	})
	return w, nil
}

// mayOpen opens the port once, if the link is there by now: who may not have it is
// told so at the start, and not by each message.
func (o *WireOptions) mayOpen() error {
	i, err := net.InterfaceByName(o.Iface)
	if err != nil {
		return nil // it may come later
	}
	p, err := transport.OpenPort(netip.AddrPortFrom(netip.IPv6Unspecified(), o.Port), i.Index)
	if err != nil {
		return err
	}
	return p.Close()
}

// Close ends Recv and DAD, and returns when nothing goes on any more.
func (w *Wire) Close() error {
	w.cancel()
	w.in.Close()
	w.mu.Lock()
	w.shut()
	w.mu.Unlock()
	w.wait.Wait()
	return w.dad.Close()
}

// Ready yields whether the link is up, with its carrier and its link-local address.
func (w *Wire) Ready() <-chan bool { return w.ready.C() }

// up reports whether messages can be carried.
func (w *Wire) up() bool {
	return w.link != nil && w.link.Up && w.link.Running && w.link.LinkLocal().IsValid()
}

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
	if w.up() {
		_ = w.open() // what fails is tried again, and told, by the next Send
	}
	w.ready.Set(w.up())
}

// open opens the socket of the link.
func (w *Wire) open() error {
	if w.port != nil {
		return nil
	}
	p, err := transport.OpenPort(netip.AddrPortFrom(netip.IPv6Unspecified(), w.o.Port), w.link.Index)
	if err != nil {
		return fmt.Errorf("client6: %s: %w", w.o.Iface, err)
	}
	w.port = p
	w.in.Set(p)
	return nil
}

// shut closes it.
func (w *Wire) shut() {
	w.in.Set(nil)
	if w.port != nil {
		w.port.Close()
		w.port = nil
	}
}

// Send sends a message. A link-local address is one of the link.
func (w *Wire) Send(msg []byte, to netip.AddrPort) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	switch {
	case w.ctx.Err() != nil:
		return net.ErrClosed
	case !w.up():
		return ErrLink
	}
	if err := w.open(); err != nil {
		return err
	}
	if !to.IsValid() {
		to = netip.AddrPortFrom(agentsAndServers, w.o.ServerPort)
	}
	return w.port.Send(msg, to, netip.Addr{})
}

// Recv waits for a message. What was sent to a group is not seen.
func (w *Wire) Recv(buf []byte) (n int, from netip.AddrPort, err error) {
	return w.in.Receive(buf)
}

// DAD waits for the kernel to tell which addresses of the link another node has.
func (w *Wire) DAD(addrs []netip.Addr) (taken []netip.Addr, err error) {
	w.mu.Lock()
	i := w.link
	w.mu.Unlock()
	if i == nil {
		return nil, ErrLink
	}
	ctx, cancel := context.WithTimeout(w.ctx, w.o.DADLimit)
	defer cancel()
	taken, err = w.dad.Wait(ctx, i.Index, addrs)
	switch {
	case w.ctx.Err() != nil:
		err = net.ErrClosed
	case errors.Is(err, context.DeadlineExceeded):
		err = nil
	}
	return taken, err
}
