package control

import (
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"strings"
	"syscall"
	"testing"
	"time"
)

func TestUnixConversation(t *testing.T) {
	d := open(t, Limits{})
	send := func(pause time.Duration, half bool, parts ...string) func(*testing.T, *net.UnixConn) {
		return func(t *testing.T, c *net.UnixConn) {
			for _, p := range parts {
				if _, err := io.WriteString(c, p); err != nil {
					t.Fatal(err)
				}
				time.Sleep(pause)
			}
			if half {
				c.CloseWrite()
			}
		}
	}
	const list = `{"command":"list-commands"}`
	tests := []struct {
		name   string
		send   func(*testing.T, *net.UnixConn)
		answer string
	}{
		{"the writer waits", send(0, false, list), listed},
		{"the writer closes his half", send(0, true, list), listed},
		{"an octet at a time", send(time.Millisecond, false, strings.Split(list, "")...), listed},
		{"comments in pieces", send(time.Millisecond, false, strings.Split("/* { */"+list, "")...), listed},
		{"a comment that never ends behind it", send(0, false, list+" # x"), listed},
		{"an error is told at once", send(0, false, `garbage`), `{"result":1,"text":"invalid first character g"}`},
		{"two at once", send(0, false, list+list), `{"result":1,"text":"there is more after the end of the command"}`},
		{"half of one", send(0, true, `{"command":`), `{"result":1,"text":"Connection over control channel ended, discarded partial command of 11 bytes"}`},
		{"too deep", send(0, false, strings.Repeat("[", 101)), `{"result":1,"text":"lists and maps are nested more than 100 deep"}`},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			c := dial(t, d.path)
			tt.send(t, c)
			check(t, []byte(rest(t, c)), tt.answer)
		})
	}
}

// TestUnixPeer: the kernel says who commands.
func TestUnixPeer(t *testing.T) {
	d := open(t, Limits{})
	ask(t, d.path, `{"command":"no-such"}`)
	ask(t, d.path, `x`)
	d.Close()
	events := d.seen()
	if len(events) != 2 {
		t.Fatalf("%d events: %+v", len(events), events)
	}
	e := events[0]
	peer := fmt.Sprintf("pid %d uid %d gid %d", os.Getpid(), os.Getuid(), os.Getgid())
	if e.Peer != peer || e.UID != os.Getuid() || e.Command != "no-such" || e.Result != Unsupported || e.Socket != "unix "+d.path || e.Err != nil || e.Took <= 0 {
		t.Errorf("event %+v", e)
	}
	if e := events[1]; e.Err == nil || e.Result != Error || e.Command != "" {
		t.Errorf("event of garbage %+v", e)
	}
}

// TestUnixSilence: a probe that says nothing is not answered and not told of.
func TestUnixSilence(t *testing.T) {
	d := open(t, Limits{})
	dial(t, d.path).Close()
	c := dial(t, d.path)
	c.CloseWrite()
	if b := rest(t, c); b != "" {
		t.Errorf("answer %q to nothing", b)
	}
	d.Close()
	if e := d.seen(); len(e) != 0 {
		t.Errorf("events %+v", e)
	}
}

// TestUnixTimeout: who does not come to the end is told so in Kea's words.
func TestUnixTimeout(t *testing.T) {
	d := open(t, Limits{Send: 200 * time.Millisecond})
	c := dial(t, d.path)
	check(t, []byte(rest(t, c)), `{"result":1,"text":"Connection over control channel timed out"}`)
	c = dial(t, d.path)
	go func() { // each octet does not buy more time
		for _, err := c.Write([]byte("{")); err == nil; _, err = c.Write([]byte(" ")) {
			time.Sleep(20 * time.Millisecond)
		}
	}()
	var n int
	got := rest(t, c)
	if _, err := fmt.Sscanf(got, `{"result":1,"text":"Connection over control channel timed out, discarded partial command of %d bytes"}`, &n); err != nil || n < 2 || n > 15 {
		t.Errorf("answer %s (%v)", got, err)
	}
}

// TestUnixTooLong: the one who sends too much still reads why he is refused.
func TestUnixTooLong(t *testing.T) {
	d := open(t, Limits{Request: 1 << 16})
	fits := `{"command":"length","arguments":"` + strings.Repeat("x", 1<<16-35) + `"}`
	check(t, []byte(ask(t, d.path, fits)), fmt.Sprintf(`{"result":0,"arguments":%d}`, 1<<16-33))
	check(t, []byte(ask(t, d.path, "{"+strings.Repeat(" ", 1<<16+1<<19))), `{"result":1,"text":"the command is too long"}`)
	c := dial(t, d.path)
	text := []byte("{" + strings.Repeat(" ", 1<<16-1))
	for _, err := c.Write(text); err == nil; _, err = c.Write(text[1:]) { // as long as anybody listens
	}
	b := make([]byte, 1024)
	n, err := c.Read(b)
	if err != nil {
		t.Fatalf("the reason is lost: %v", err)
	}
	check(t, b[:n], `{"result":1,"text":"the command is too long"}`)
}

// TestUnixBusy: large commands share one budget; small ones are never kept out.
func TestUnixBusy(t *testing.T) {
	d := open(t, Limits{Memory: 2 << 18, Send: 5 * time.Second})
	hold := dial(t, d.path)
	if _, err := io.WriteString(hold, `{"command":"length","arguments":"`+strings.Repeat("x", 200<<10)); err != nil {
		t.Fatal(err)
	}
	// 256 KiB are taken as soon as the first 128 KiB are there
	eventually(t, "the budget is taken", func() bool {
		d.in.mu.Lock()
		defer d.in.mu.Unlock()
		return d.in.used == 256<<10
	})
	check(t, []byte(ask(t, d.path, `{"command":"length","arguments":"`+strings.Repeat("x", 100<<10)+`"}`)),
		`{"result":1,"text":"too many large commands at once, try again later"}`)
	check(t, []byte(ask(t, d.path, `{"command":"list-commands"}`)), listed)
	if _, err := io.WriteString(hold, `"}`); err != nil {
		t.Fatal(err)
	}
	check(t, []byte(rest(t, hold)), fmt.Sprintf(`{"result":0,"arguments":%d}`, 200<<10+2))
	d.Close()
	if d.in.used != 0 || d.out.used != 0 {
		t.Errorf("the budgets are left with %d and %d", d.in.used, d.out.used)
	}
}

// TestUnixAnswerUnread: an answer that nobody reads holds others up for Read,
// not for ever, and gives its memory back.
func TestUnixAnswerUnread(t *testing.T) {
	d := open(t, Limits{Memory: 2 << 20, Read: 300 * time.Millisecond})
	lazy := dial(t, d.path)
	if _, err := io.WriteString(lazy, `{"command":"large","arguments":2000000}`); err != nil {
		t.Fatal(err)
	}
	eventually(t, "an answer", func() bool {
		d.out.mu.Lock()
		defer d.out.mu.Unlock()
		return d.out.used > 0
	})
	if got := ask(t, d.path, `{"command":"large","arguments":500000}`); len(got) < 500000 && !strings.Contains(got, "try again later") {
		t.Errorf("answer %.100s", got)
	}
	eventually(t, "memory given back", func() bool {
		d.out.mu.Lock()
		defer d.out.mu.Unlock()
		return d.out.used == 0
	})
	var late bool
	for _, e := range d.seen() {
		late = late || errors.Is(e.Err, os.ErrDeadlineExceeded)
	}
	if !late {
		t.Errorf("nobody is told that an answer was not read: %+v", d.seen())
	}
	if got := ask(t, d.path, `{"command":"large","arguments":500000}`); len(got) < 500000 {
		t.Errorf("answer %.100s", got)
	}
}

// TestUnixTurns: few commands run at once, the others wait for their turn.
func TestUnixTurns(t *testing.T) {
	d := open(t, Limits{Running: 2, Wait: 300 * time.Millisecond})
	for range 2 {
		c := dial(t, d.path)
		io.WriteString(c, `{"command":"hang"}`)
		<-d.started
	}
	check(t, []byte(ask(t, d.path, `{"command":"list-commands"}`)), `{"result":1,"text":"too many commands at once, try again later"}`)
	c := dial(t, d.path)
	io.WriteString(c, `{"command":"list-commands"}`)
	d.resume <- struct{}{}
	check(t, []byte(rest(t, c)), listed)
	close(d.resume)
}

// TestUnixConnections: when there are too many, the one that has been silent for
// longest makes room and is told so; commands under way are left alone, and when
// there is nothing else new ones wait in the backlog.
func TestUnixConnections(t *testing.T) {
	d := open(t, Limits{Connections: 4, Running: 4})
	const crowded = `{"result":1,"text":"too many connections, and this one has been silent for longest"}`
	var idle []*net.UnixConn
	for range 12 {
		c := dial(t, d.path)
		io.WriteString(c, "{")
		idle = append(idle, c)
	}
	check(t, []byte(ask(t, d.path, `{"command":"list-commands"}`)), listed)
	for _, c := range idle[:9] {
		check(t, []byte(rest(t, c)), crowded)
	}
	io.WriteString(idle[11], `"command":"hang"}`)
	<-d.started
	hanging := []*net.UnixConn{idle[11]}
	for range 3 {
		c := dial(t, d.path)
		io.WriteString(c, `{"command":"hang"}`)
		<-d.started
		hanging = append(hanging, c)
	}
	late := dial(t, d.path)
	io.WriteString(late, `{"command":"list-commands"}`)
	late.SetReadDeadline(time.Now().Add(300 * time.Millisecond))
	if b, err := io.ReadAll(late); !errors.Is(err, os.ErrDeadlineExceeded) {
		t.Errorf("answered with all places taken: %q, %v", b, err)
	}
	d.resume <- struct{}{}
	late.SetReadDeadline(time.Now().Add(10 * time.Second))
	check(t, []byte(rest(t, late)), listed)
	close(d.resume)
	for _, c := range hanging {
		check(t, []byte(rest(t, c)), `{"result":0,"text":"resumed"}`)
	}
}

// TestUnixGone: who hangs up before the answer does no harm.
func TestUnixGone(t *testing.T) {
	d := open(t, Limits{})
	c := dial(t, d.path)
	io.WriteString(c, `{"command":"hang"}`)
	<-d.started
	c.Close()
	d.resume <- struct{}{}
	eventually(t, "an event", func() bool { return len(d.seen()) == 1 })
	if e := d.seen()[0]; !errors.Is(e.Err, syscall.EPIPE) || e.Command != "hang" {
		t.Errorf("event %+v", e)
	}
}

func eventually(t testing.TB, what string, f func() bool) {
	t.Helper()
	for end := time.Now().Add(10 * time.Second); !f(); time.Sleep(2 * time.Millisecond) {
		if time.Now().After(end) {
			t.Fatalf("no %s", what)
		}
	}
}
