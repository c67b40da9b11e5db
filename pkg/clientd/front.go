package clientd

import (
	"context"
	"net/netip"
	"sync"

	"github.com/dhcp4o6/dhcp4o6/pkg/client6"
	"github.com/dhcp4o6/dhcp4o6/pkg/config"
	"github.com/dhcp4o6/dhcp4o6/pkg/ipc"
)

// The pair of clients has one port for one DHCPv4 client, whose queries leave by
// every interface of dhcp6c that names that port: they share a Front.

// A frontKey is what those who share have in common.
type frontKey struct {
	port   uint16
	server netip.AddrPort
}

// fronts are the Fronts of a process on sockets. The zero value has none.
type fronts struct {
	mu  sync.Mutex
	all map[frontKey]*sharedFront
}

type sharedFront struct {
	front *client6.Front
	users int
	stop  func() // ends it, and waits
}

// join returns the Front of a port, which lives until the last who has joined leaves,
// each once.
func (f *fronts) join(k frontKey, o ipc.ClientOptions) (front *client6.Front, leave func(), err error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	s := f.all[k]
	if s == nil {
		conn, err := ipc.DialClient(ipc.V6Side, k.port, o)
		if err != nil {
			return nil, nil, err
		}
		s = &sharedFront{front: client6.NewFront(conn, client6.FrontOptions{Server: k.server})}
		s.stop = attend(s.front)
		if f.all == nil {
			f.all = make(map[frontKey]*sharedFront)
		}
		f.all[k] = s
	}
	s.users++
	return s.front, func() { f.leave(k, s) }, nil
}

func (f *fronts) leave(k frontKey, s *sharedFront) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if s.users--; s.users == 0 {
		delete(f.all, k)
		s.stop() // with the lock held: who comes next wants the port
	}
}

// over4 is the way of DHCPv4's queries through the client of an interface, nil without
// DHCPv4 over DHCPv6, and what ends it. They come from dhcp4c, by the pair on ::1, or from the seat beside
// this one, which gets the other end.
func (h *host) over4(l *config.ClientLink, s *seat, net client6.Sender) (client6.Over4, func(), error) {
	var front *client6.Front
	var end func()
	switch {
	case !l.Over6 || h.c.do == release:
		return nil, func() {}, nil
	case l.Over6Port > 0:
		var err error
		if front, end, err = h.fronts.join(frontKey{l.Over6Port, l.Server}, h.pairOptions()); err != nil {
			return nil, nil, err
		}
	default:
		four, six := ipc.ClientPipe()
		s.pair = four
		front = client6.NewFront(six, client6.FrontOptions{Server: l.Server})
		end = attend(front)
	}
	way := front.Way(net)
	return way, sync.OnceFunc(func() {
		way.Close()
		end()
	}), nil
}

// attend runs a front; what it returns ends it, and waits.
func attend(f *client6.Front) (leave func()) {
	ctx, stop := context.WithCancel(context.Background())
	gone := make(chan struct{})
	go func() {
		defer close(gone)
		f.Run(ctx)
	}()
	return func() {
		stop()
		<-gone
	}
}

// pairOptions are those of the pair of clients on ::1, from either side.
func (h *host) pairOptions() ipc.ClientOptions {
	return ipc.ClientOptions{Owners: ipc.Trusted(), OnPeer: func(gone bool) {
		if gone {
			h.log.Info("other client of the pair gone")
			return
		}
		h.log.Info("other client of the pair heard")
	}}
}
