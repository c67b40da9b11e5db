package control

import (
	"context"
	"encoding/json"
	"io"
	"net"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"
)

// A desk is a server with one UNIX socket and commands to try it with.
type desk struct {
	*Server
	path string

	mu     sync.Mutex
	events []Event

	started chan struct{} // told when "hang" has begun
	resume  chan struct{} // ends one "hang"
}

func folder(t testing.TB) string {
	t.Helper()
	dir := filepath.Join(t.TempDir(), "s")
	if err := os.Mkdir(dir, 0o750); err != nil {
		t.Fatal(err)
	}
	return dir
}

// open starts a server; more are sockets besides the UNIX one.
func open(t testing.TB, limits Limits, more ...Socket) *desk {
	t.Helper()
	goroutines(t)
	d := &desk{path: filepath.Join(folder(t), "c"), started: make(chan struct{}, 1000), resume: make(chan struct{})}
	s, err := Listen(Options{Registry: d.registry(), Sockets: append(more, Socket{Path: d.path}), Limits: limits, OnEvent: d.note})
	if err != nil {
		t.Fatal(err)
	}
	d.Server = s
	t.Cleanup(s.Close)
	return d
}

func (d *desk) note(e Event) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.events = append(d.events, e)
}

// seen returns the events so far.
func (d *desk) seen() []Event {
	d.mu.Lock()
	defer d.mu.Unlock()
	return append([]Event(nil), d.events...)
}

func (d *desk) registry() *Registry {
	r := &Registry{Service: "dhcp4"}
	r.Handle("echo", func(_ context.Context, args json.RawMessage) Result { return Result{Arguments: args} })
	r.Handle("length", func(_ context.Context, args json.RawMessage) Result { return Result{Arguments: len(args)} })
	r.Handle("hang", func(ctx context.Context, _ json.RawMessage) Result {
		d.started <- struct{}{}
		select {
		case <-d.resume:
			return Result{Text: "resumed"}
		case <-ctx.Done():
			return Result{Code: Error, Text: "cancelled"}
		}
	})
	r.Handle("large", func(_ context.Context, args json.RawMessage) Result {
		var n int
		if err := json.Unmarshal(args, &n); err != nil {
			return Result{Code: Error, Text: err.Error()}
		}
		return Result{Text: strings.Repeat("x", n)}
	})
	return r
}

// goroutines fails the test when some are left at its end.
func goroutines(t testing.TB) {
	t.Helper()
	before := runtime.NumGoroutine()
	t.Cleanup(func() {
		for end := time.Now().Add(5 * time.Second); runtime.NumGoroutine() > before; time.Sleep(5 * time.Millisecond) {
			if time.Now().After(end) {
				stacks := make([]byte, 1<<20)
				t.Errorf("%d goroutines before, %d after:\n%s", before, runtime.NumGoroutine(), stacks[:runtime.Stack(stacks, true)])
				return
			}
		}
	})
}

func dial(t testing.TB, path string) *net.UnixConn {
	t.Helper()
	c, err := net.Dial("unix", path)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	c.SetDeadline(time.Now().Add(30 * time.Second))
	return c.(*net.UnixConn)
}

// ask sends a command and reads the answer to its end.
func ask(t testing.TB, path, request string) string {
	t.Helper()
	c := dial(t, path)
	defer c.Close()
	if _, err := io.WriteString(c, request); err != nil {
		t.Fatal(err)
	}
	return rest(t, c)
}

func rest(t testing.TB, c net.Conn) string {
	t.Helper()
	b, err := io.ReadAll(c)
	if err != nil {
		t.Fatalf("after %q: %v", b, err)
	}
	return string(b)
}

const listed = `{"result":0,"arguments":["echo","hang","large","length","list-commands"]}`
