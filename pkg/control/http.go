package control

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"log"
	"mime"
	"net"
	"net/http"
	"net/netip"
	"os"
	"strconv"
	"strings"
	"sync/atomic"
	"syscall"
	"time"
)

// maxHead is what the head of a request may measure; a password fits in.
const maxHead = 16 << 10

// A httpDoor takes commands as the body of POST requests, on whatever path, and
// answers with a list of one answer, as kea-ctrl-agent does. What fails before a
// command is understood is answered by an HTTP status, and a bare map that says the same.
type httpDoor struct {
	s      *Server
	listen net.Listener
	server *http.Server
	set    atomic.Pointer[settings]
	crowd  *crowd
}

// settings are what a reload may change without closing the socket.
type settings struct {
	name    string
	headers []Header
	doorman *doorman
	seal    *seal
}

func (d *httpDoor) read(s Socket) (*settings, error) {
	seal, err := newSeal(s)
	if err != nil {
		return nil, err
	}
	if now := d.set.Load(); now != nil && now.seal.equal(seal) {
		seal = now.seal
	}
	return &settings{name: s.String(), headers: s.Headers, doorman: newDoorman(s), seal: seal}, nil
}

// openHTTP takes an address and port. Nobody is let in until start.
func (s *Server) openHTTP(socket Socket) (door, error) {
	d := &httpDoor{s: s, crowd: newCrowd(s.limits.Connections)}
	set, err := d.read(socket)
	if err != nil {
		return nil, err
	}
	d.set.Store(set)
	d.listen, err = s.listenTCP(socket.Addr)
	if err != nil {
		return nil, err
	}
	d.server = &http.Server{
		Handler:           d,
		ReadHeaderTimeout: s.limits.Send,
		ReadTimeout:       s.limits.Send,
		IdleTimeout:       s.limits.Idle,
		MaxHeaderBytes:    maxHead,
		ErrorLog:          log.New(faults{d}, "", 0),
		BaseContext:       func(net.Listener) context.Context { return s.ctx },
		ConnContext:       withGuest,

		DisableGeneralOptionsHandler: true,
	}
	d.server.Protocols = new(http.Protocols)
	d.server.Protocols.SetHTTP1(true)
	return d, nil
}

// listenTCP opens an address. One that overlaps with an open one of ours, as
// 0.0.0.0 does with 127.0.0.1 of the same port, can be opened only if both say
// so; without such a neighbour nobody else gets to share a port with us.
func (s *Server) listenTCP(addr netip.AddrPort) (net.Listener, error) {
	network := "tcp6" // and nothing else, also for [::]
	if addr.Addr().Is4() {
		network = "tcp4"
	}
	var lc net.ListenConfig
	if s.shares(addr.Port()) {
		lc.Control = func(_, _ string, c syscall.RawConn) error { return reusePort(c) }
	}
	return lc.Listen(context.Background(), network, addr.String())
}

// shares makes the open sockets of a port fit for a neighbour, and reports
// whether there are any.
func (s *Server) shares(port uint16) bool {
	found := false
	for _, d := range s.doors {
		h, ok := d.(*httpDoor)
		if !ok || h.listen.Addr().(*net.TCPAddr).AddrPort().Port() != port {
			continue
		}
		c, err := h.listen.(*net.TCPListener).SyscallConn()
		found = err == nil && reusePort(c) == nil || found
	}
	return found
}

func reusePort(c syscall.RawConn) error {
	const soReusePort = 15 // SO_REUSEPORT, which syscall lacks
	var fault error
	err := c.Control(func(fd uintptr) { fault = syscall.SetsockoptInt(int(fd), syscall.SOL_SOCKET, soReusePort, 1) })
	return errors.Join(err, fault)
}

// prepare reads certificates again: they are renewed under the same names.
func (d *httpDoor) prepare(s Socket) (func(), error) {
	next, err := d.read(s)
	if err != nil {
		return nil, err
	}
	return func() {
		if was := d.set.Swap(next); was.seal != next.seal {
			d.crowd.dismiss(false) // they speak to us under the old certificate
		}
	}, nil
}

func (d *httpDoor) stands() bool { return true }

func (d *httpDoor) start() {
	d.crowd.gone.Go(func() {
		if err := d.server.Serve(entrance{d}); !errors.Is(err, net.ErrClosed) && !errors.Is(err, http.ErrServerClosed) {
			d.s.tell(d.fault(err))
		}
	})
}

func (d *httpDoor) shut() {
	d.server.SetKeepAlivesEnabled(false)
	d.listen.Close()
	d.crowd.shut()
}

func (d *httpDoor) dismiss() { d.crowd.dismiss(true) }
func (d *httpDoor) wait()    { d.crowd.gone.Wait() }

func (d *httpDoor) fault(err error) Event {
	return Event{Socket: d.set.Load().name, UID: -1, Err: fmt.Errorf("control: %w", err)}
}

// An entrance is a httpDoor as a net.Listener. Whether a connection is
// encrypted is settled as it comes in.
type entrance struct{ d *httpDoor }

func (e entrance) Accept() (net.Conn, error) {
	for {
		g, err := e.d.crowd.accept(e.d.listen)
		switch {
		case errors.Is(err, net.ErrClosed):
			return nil, err
		case err != nil: // no descriptors left, or no memory
			e.d.s.tell(e.d.fault(err))
			time.Sleep(100 * time.Millisecond)
			continue
		}
		g.seal = e.d.set.Load().seal
		if g.seal != nil {
			return tls.Server(g, g.seal.config), nil
		}
		return g, nil
	}
}

func (e entrance) Close() error   { return e.d.listen.Close() }
func (e entrance) Addr() net.Addr { return e.d.listen.Addr() }

type guestKey struct{}

// withGuest lets ServeHTTP find the connection of a request.
func withGuest(ctx context.Context, c net.Conn) context.Context {
	if t, ok := c.(*tls.Conn); ok {
		c = t.NetConn()
	}
	return context.WithValue(ctx, guestKey{}, c)
}

// faults makes events of what net/http would print.
type faults struct{ d *httpDoor }

func (f faults) Write(b []byte) (int, error) {
	f.d.s.tell(f.d.fault(errors.New(strings.TrimSpace(string(b)))))
	return len(b), nil
}

// A badRequest is a request that holds no command, with what HTTP has for it.
type badRequest struct {
	status int
	err    error
}

func (e *badRequest) Error() string { return e.err.Error() }
func (e *badRequest) Unwrap() error { return e.err }

func bad(status int, err error) *badRequest { return &badRequest{status, err} }

// ServeHTTP answers one request.
func (d *httpDoor) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	began := time.Now()
	g := r.Context().Value(guestKey{}).(*guest)
	defer g.end()
	set := d.set.Load()
	e := Event{Socket: set.name, Peer: r.RemoteAddr, UID: -1, Status: http.StatusOK}
	a, fault := d.take(w, r, set, &e)
	e.Command, e.Result, e.Err = a.command, a.result.Code, a.fault
	if fault != nil {
		e.Status, e.Result, e.Err = fault.status, fault.status, fault.err
		a.text = bare(fault.status)
		w.Header().Set("Connection", "close")
	}
	if d.set.Load().seal != g.seal {
		w.Header().Set("Connection", "close") // settled under a certificate of before
	}
	for _, h := range set.headers {
		w.Header().Add(h.Name, h.Value)
	}
	err := d.write(w, e.Status, a)
	e.Err, e.Took = errors.Join(e.Err, err), time.Since(began)
	d.s.tell(e)
}

// take reads a command and carries it out. Of who is not known nothing is read
// but the head.
func (d *httpDoor) take(w http.ResponseWriter, r *http.Request, set *settings, e *Event) (answer, *badRequest) {
	var known bool
	if e.User, known = set.doorman.admit(r); !known {
		set.doorman.challenge(w.Header())
		return answer{}, bad(http.StatusUnauthorized, errors.New("nobody we know"))
	}
	in := &input{budget: &d.s.in, limit: d.s.limits.Request}
	defer in.drop()
	if err := d.body(w, r, in); err != nil {
		return answer{}, err
	}
	if g := r.Context().Value(guestKey{}).(*guest); !g.begin() {
		panic(http.ErrAbortHandler) // dismissed, the connection is closed already
	}
	if in.blank() {
		return refusal(noCommand, true), nil
	}
	a := d.s.answer(r.Context(), in, true)
	if a.syntax {
		return a, bad(http.StatusBadRequest, errors.New(a.result.Text))
	}
	return a, nil
}

// body reads the body of a request that looks like a command.
func (d *httpDoor) body(w http.ResponseWriter, r *http.Request, in *input) *badRequest {
	if r.Method != http.MethodPost {
		w.Header().Set("Allow", http.MethodPost)
		return bad(http.StatusMethodNotAllowed, errors.New("method "+r.Method))
	}
	// a browser sends this type to another site only after asking, which is refused
	if t, _, err := mime.ParseMediaType(r.Header.Get("Content-Type")); err != nil || t != "application/json" {
		return bad(http.StatusBadRequest, errors.New("the content is not application/json"))
	}
	if r.ContentLength > int64(in.limit) {
		return bad(http.StatusRequestEntityTooLarge, errLong)
	}
	err := in.read(r.Body, true)
	switch {
	case err == nil, errors.Is(err, io.ErrUnexpectedEOF) && len(in.buf) == 0:
		return nil
	case errors.Is(err, errLong):
		return bad(http.StatusRequestEntityTooLarge, err)
	case errors.Is(err, errBusy):
		return bad(http.StatusServiceUnavailable, err)
	case errors.Is(err, os.ErrDeadlineExceeded):
		return bad(http.StatusRequestTimeout, err)
	}
	return bad(http.StatusBadRequest, err)
}

// bare words a status as kea-ctrl-agent does.
func bare(status int) []byte {
	return encode(Result{Code: status, Text: http.StatusText(status)})
}

// write sends an answer and gives its memory back when it is on its way.
func (d *httpDoor) write(w http.ResponseWriter, status int, a answer) error {
	defer d.s.out.give(a.held)
	c := http.NewResponseController(w)
	if err := c.SetWriteDeadline(time.Now().Add(d.s.patience(len(a.text)))); err != nil {
		return err
	}
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("Content-Length", strconv.Itoa(len(a.text)))
	w.WriteHeader(status)
	if _, err := w.Write(a.text); err != nil {
		return err
	}
	return c.Flush()
}
