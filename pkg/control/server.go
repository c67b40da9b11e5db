package control

import (
	"context"
	"errors"
	"fmt"
	"net"
	"sync"
	"time"
)

// Options are what a Server is made of.
type Options struct {
	Registry *Registry
	Sockets  []Socket
	Limits   Limits
	OnEvent  func(Event) // told of each request, by many goroutines; nil for nobody
}

// A Server serves commands on its sockets. It is safe for concurrent use.
type Server struct {
	registry *Registry
	limits   Limits
	onEvent  func(Event)

	in, out budget        // commands that arrive, answers that leave
	turns   chan struct{} // one for each command that may run
	ctx     context.Context
	cancel  context.CancelFunc
	gone    sync.WaitGroup // of all doors, also of those that are no longer in the map

	mu     sync.Mutex
	doors  map[string]door
	former []door // closed by a reload, with answers still to be read
	staged bool
	closed bool
}

// A door is an open socket with its connections.
type door interface {
	start()                                 // lets connections in
	prepare(Socket) (renew func(), _ error) // reads what it takes to go on as the socket says
	stands() bool                           // the socket can still be reached
	shut()                                  // lets nobody in any more, sends away who waits for no answer
	dismiss()                               // sends everybody away
	wait()                                  // until all are gone
}

// Listen opens all sockets or none, and serves them until Close.
func Listen(o Options) (*Server, error) {
	limits := o.Limits.orDefaults()
	s := &Server{
		registry: o.Registry, limits: limits, onEvent: o.OnEvent,
		in: budget{size: limits.Memory / 2}, out: budget{size: limits.Memory / 2},
		turns: make(chan struct{}, limits.Running),
		doors: make(map[string]door),
	}
	s.ctx, s.cancel = context.WithCancel(context.Background())
	if err := s.Replace(o.Sockets); err != nil {
		s.cancel()
		return nil, err
	}
	return s, nil
}

// Replace goes on with other sockets: Stage and Commit.
func (s *Server) Replace(sockets []Socket) error {
	next, err := s.Stage(sockets)
	if err != nil {
		return err
	}
	next.Commit()
	return nil
}

// A Staged change of sockets is open and not yet served. It ends with Commit or
// Discard.
type Staged struct {
	s     *Server
	kept  map[string]func() // how those that stay go on, by key
	fresh map[string]door
}

// Stage opens the sockets that are new and reads what the others need. Nothing
// has changed for clients until Commit; after an error nothing has at all.
func (s *Server) Stage(sockets []Socket) (*Staged, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	switch {
	case s.closed:
		return nil, fmt.Errorf("control: %w", net.ErrClosed)
	case s.staged:
		return nil, errors.New("control: another change of sockets is under way")
	}
	next := &Staged{s: s, kept: make(map[string]func()), fresh: make(map[string]door)}
	for _, socket := range sockets {
		if err := next.add(socket); err != nil {
			next.abandon()
			return nil, fmt.Errorf("control: socket %s: %w", socket, err)
		}
	}
	s.staged = true
	return next, nil
}

// add keeps a socket or opens it.
func (n *Staged) add(socket Socket) error {
	key := socket.key()
	if _, twice := n.kept[key]; twice || n.fresh[key] != nil {
		return errors.New("it is named twice")
	}
	if err := socket.check(); err != nil {
		return err
	}
	if old := n.s.doors[key]; old != nil && old.stands() {
		renew, err := old.prepare(socket)
		n.kept[key] = renew
		return err
	}
	open := n.s.openUnix
	if socket.Type == HTTP || socket.Type == HTTPS {
		open = n.s.openHTTP
	}
	d, err := open(socket)
	if err != nil {
		return err
	}
	n.fresh[key] = d
	return nil
}

// Commit serves the new sockets, and closes those that are no longer named.
// Commands under way on them are still answered; Commit does not wait for that,
// so that a command may bring it about.
func (n *Staged) Commit() {
	s := n.s
	s.mu.Lock()
	defer s.mu.Unlock()
	s.staged = false
	if s.closed {
		n.abandon()
		return
	}
	for key, d := range s.doors {
		if renew, stays := n.kept[key]; stays {
			renew()
			continue
		}
		d.shut()
		delete(s.doors, key)
		s.former = append(s.former, d)
	}
	for key, d := range n.fresh {
		s.doors[key] = d
		s.gone.Add(1)
		d.start()
		go func() {
			defer s.gone.Done()
			d.wait()
			s.forget(d)
		}()
	}
}

// forget drops a door that all have left.
func (s *Server) forget(gone door) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for i, d := range s.former {
		if d == gone {
			s.former = append(s.former[:i], s.former[i+1:]...)
			return
		}
	}
}

// Discard closes what Stage has opened.
func (n *Staged) Discard() {
	n.s.mu.Lock()
	defer n.s.mu.Unlock()
	n.s.staged = false
	n.abandon()
}

func (n *Staged) abandon() {
	for _, d := range n.fresh {
		d.shut()
	}
}

// Close lets nobody in any more and waits for the commands under way and for
// their answers to be read, for as long as Limits.Grace; then it ends their
// contexts and waits as long once more. No Handler calls it: a command that
// ends the daemon makes somebody else do so, and is still answered.
func (s *Server) Close() {
	s.mu.Lock()
	s.closed = true
	all := s.former
	for _, d := range s.doors {
		d.shut()
		all = append(all, d)
	}
	s.doors = nil
	s.mu.Unlock()

	gone := make(chan struct{})
	go func() {
		defer close(gone)
		s.gone.Wait()
	}()
	if !within(gone, s.limits.Grace) {
		s.cancel()
		for _, d := range all {
			d.dismiss()
		}
		within(gone, s.limits.Grace)
	}
	s.cancel()
}

func within(done <-chan struct{}, limit time.Duration) bool {
	timer := time.NewTimer(limit)
	defer timer.Stop()
	select {
	case <-done:
		return true
	case <-timer.C:
		return false
	}
}

func (s *Server) tell(e Event) {
	if s.onEvent != nil {
		s.onEvent(e)
	}
}
