package control

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net"
	"os"
	"path/filepath"
	"syscall"
	"time"
)

// socketMode lets the group of the daemon command it.
const socketMode fs.FileMode = 0o660

// A unixDoor is a UNIX stream socket. A client connects, sends a command, reads
// the answer, and is disconnected; it may close its half after the command.
type unixDoor struct {
	s      *Server
	name   string // for events
	path   string
	listen *net.UnixListener
	inode  os.FileInfo
	crowd  *crowd
}

// openUnix takes the path of a socket. Nobody is let in until start.
func (s *Server) openUnix(socket Socket) (door, error) {
	path, err := place(socket.Path)
	if err != nil {
		return nil, err
	}
	unlock, err := lockFolder(filepath.Dir(path))
	if err != nil {
		return nil, err
	}
	defer unlock()
	if err := sweep(path); err != nil {
		return nil, err
	}
	l, err := listenUnix(path)
	if err != nil {
		return nil, err
	}
	inode, err := os.Lstat(path)
	if err != nil {
		l.Close()
		return nil, err
	}
	return &unixDoor{s: s, name: socket.String(), path: path, listen: l, inode: inode, crowd: newCrowd(s.limits.Connections)}, nil
}

// listenUnix makes a socket that has its mode from the first moment on: that of
// the socket is that of the file, less the umask, and changing the umask would change it for
// every thread. What the umask has taken is given back.
func listenUnix(path string) (*net.UnixListener, error) {
	lc := net.ListenConfig{Control: func(_, _ string, c syscall.RawConn) error {
		var fault error
		err := c.Control(func(fd uintptr) { fault = syscall.Fchmod(int(fd), uint32(socketMode)) })
		return errors.Join(err, fault)
	}}
	l, err := lc.Listen(context.Background(), "unix", path)
	if err != nil {
		return nil, err
	}
	u := l.(*net.UnixListener)
	u.SetUnlinkOnClose(false) // remove does it, with more care
	if err := os.Chmod(path, socketMode); err != nil {
		return nil, errors.Join(err, u.Close(), os.Remove(path))
	}
	return u, nil
}

func (d *unixDoor) prepare(Socket) (func(), error) { return func() {}, nil }

// stands reports whether the file is still ours: somebody may have swept the
// folder, and then only a new socket can be reached.
func (d *unixDoor) stands() bool {
	fi, err := os.Lstat(d.path)
	return err == nil && os.SameFile(fi, d.inode)
}

func (d *unixDoor) start() {
	d.crowd.gone.Go(d.serve)
}

func (d *unixDoor) shut() {
	if d.stands() {
		if err := os.Remove(d.path); err != nil {
			d.s.tell(Event{Socket: d.name, UID: -1, Err: fmt.Errorf("control: %w", err)})
		}
	}
	d.listen.Close()
	d.crowd.shut()
}

func (d *unixDoor) dismiss() { d.crowd.dismiss(true) }
func (d *unixDoor) wait()    { d.crowd.gone.Wait() }

// serve lets clients in until the door is shut.
func (d *unixDoor) serve() {
	for {
		g, err := d.crowd.accept(d.listen)
		switch {
		case errors.Is(err, net.ErrClosed):
			return
		case err != nil: // no descriptors left, or no memory
			d.s.tell(Event{Socket: d.name, UID: -1, Err: fmt.Errorf("control: %w", err)})
			time.Sleep(100 * time.Millisecond)
		default:
			go d.converse(g)
		}
	}
}

// converse takes the one command of a connection and answers it.
func (d *unixDoor) converse(g *guest) {
	defer g.Close()
	began := time.Now()
	g.SetReadDeadline(began.Add(d.s.limits.Send))
	in := &input{budget: &d.s.in, limit: d.s.limits.Request}
	defer in.drop()
	err := in.read(g.Conn, false)
	if err != nil && g.isEvicted() {
		err = errCrowd
	}
	if silent(in, err) || !g.begin() {
		return
	}
	e := d.event(g)
	var a answer
	if err == nil {
		a = d.s.answer(d.s.ctx, in, false)
		e.Err = a.fault
	} else {
		e.Err = err
		a = refusal(reason(in, err), false)
		in.drop()
	}
	g.SetWriteDeadline(time.Now().Add(d.s.patience(len(a.text))))
	_, fault := g.Write(a.text)
	d.s.out.give(a.held)
	e.Command, e.Result, e.Took = a.command, a.result.Code, time.Since(began)
	e.Err = errors.Join(e.Err, fault)
	d.s.tell(e)
	if err != nil && fault == nil {
		drain(g)
	}
}

// errCrowd is told to who makes room for others.
var errCrowd = errors.New("too many connections, and this one has been silent for longest")

// silent reports whether there is nobody to answer to, or nothing to answer.
func silent(in *input, err error) bool {
	var errno syscall.Errno
	return errors.Is(err, net.ErrClosed) || errors.As(err, &errno) || errors.Is(err, io.ErrUnexpectedEOF) && len(in.buf) == 0
}

// reason words for the client why its command was not read.
func reason(in *input, err error) string {
	timeout := errors.Is(err, os.ErrDeadlineExceeded)
	switch {
	case timeout && len(in.buf) == 0:
		return "Connection over control channel timed out"
	case timeout:
		return fmt.Sprintf("Connection over control channel timed out, discarded partial command of %d bytes", len(in.buf))
	case errors.Is(err, io.ErrUnexpectedEOF):
		return fmt.Sprintf("Connection over control channel ended, discarded partial command of %d bytes", len(in.buf))
	}
	return err.Error()
}

// What is read and thrown away behind a command that was refused, so that its sender gets
// to read the answer: a socket closed with something unread breaks the
// sender's next write.
const (
	drainSize = 1 << 20
	drainTime = time.Second
)

func drain(g *guest) {
	u, ok := g.Conn.(*net.UnixConn)
	if !ok || u.CloseWrite() != nil {
		return
	}
	g.SetReadDeadline(time.Now().Add(drainTime))
	var b [4096]byte
	for left := drainSize; left > 0; {
		n, err := u.Read(b[:])
		if err != nil {
			return
		}
		left -= n
	}
}

// event names the peer, whom the kernel vouches for.
func (d *unixDoor) event(g *guest) Event {
	e := Event{Socket: d.name, UID: -1}
	u, ok := g.Conn.(*net.UnixConn)
	if !ok {
		return e
	}
	raw, err := u.SyscallConn()
	if err != nil {
		return e
	}
	raw.Control(func(fd uintptr) {
		if c, err := syscall.GetsockoptUcred(int(fd), syscall.SOL_SOCKET, syscall.SO_PEERCRED); err == nil {
			e.Peer, e.UID = credentials(c.Pid, c.Uid, c.Gid), int(c.Uid)
		}
	})
	return e
}
