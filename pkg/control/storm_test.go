package control

import (
	"bytes"
	"fmt"
	"io"
	"net"
	"net/http"
	"runtime/debug"
	"runtime/metrics"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

// heap is how much memory is in use, garbage included.
func heap() uint64 {
	s := []metrics.Sample{{Name: "/memory/classes/heap/objects:bytes"}, {Name: "/memory/classes/heap/stacks:bytes"}}
	metrics.Read(s)
	return s[0].Value.Uint64() + s[1].Value.Uint64()
}

// watch returns what the heap grows by at most until it is called.
func watch() (most func() uint64) {
	debug.FreeOSMemory()
	before := heap()
	var peak atomic.Uint64
	stop, stopped := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(stopped)
		for {
			peak.Store(max(peak.Load(), heap()))
			select {
			case <-stop:
				return
			case <-time.After(time.Millisecond):
			}
		}
	}()
	return func() uint64 {
		close(stop)
		<-stopped
		return peak.Load() - min(before, peak.Load())
	}
}

// TestStorm: a thousand connections at once, among them writers of an octet at a
// time, bottomless commands and endless ones, neither keep an honest client
// waiting nor eat the memory.
func TestStorm(t *testing.T) {
	d := open(t, Limits{Send: 5 * time.Second})
	grown := watch()
	var (
		all     sync.WaitGroup
		over    = make(chan struct{})
		answers atomic.Int64
	)
	rude := func(n int, f func(c *net.UnixConn)) {
		for range n {
			all.Go(func() {
				c, err := net.Dial("unix", d.path)
				if err != nil {
					t.Error(err)
					return
				}
				defer c.Close()
				c.SetDeadline(time.Now().Add(time.Minute))
				f(c.(*net.UnixConn))
				if b, _ := io.ReadAll(c); bytes.HasPrefix(b, []byte(`{"result":`)) {
					answers.Add(1)
				}
			})
		}
	}
	brackets := []byte(strings.Repeat("[", 100_000))
	rude(50, func(c *net.UnixConn) { c.Write(brackets) })
	rude(50, func(c *net.UnixConn) { c.Write([]byte(`{"command":"list-commands"}`)); c.CloseWrite() })
	rude(100, func(c *net.UnixConn) { // a command of 100 octets in 2.5 s
		for _, b := range []byte(`{"command":"list-commands"` + strings.Repeat(" ", 74) + `}`) {
			select {
			case <-over:
				return
			case <-time.After(25 * time.Millisecond):
			}
			if _, err := c.Write([]byte{b}); err != nil {
				return
			}
		}
	})
	rude(800, func(c *net.UnixConn) {
		io.WriteString(c, `{"command":`)
		select {
		case <-over:
		case <-time.After(2 * time.Second):
		}
		c.CloseWrite()
	})
	var times []time.Duration
	honest := time.Now()
	for time.Since(honest) < 4*time.Second {
		began := time.Now()
		check(t, []byte(ask(t, d.path, `{"command":"list-commands"}`)), listed)
		times = append(times, time.Since(began))
		time.Sleep(10 * time.Millisecond)
	}
	close(over)
	all.Wait()
	slices.Sort(times)
	mem := grown()
	t.Logf("1,000 rude clients: %d answered, heap +%d KiB; %d honest commands, median %v, most %v",
		answers.Load(), mem>>10, len(times), times[len(times)/2], times[len(times)-1])
	if n := answers.Load(); n < 900 { // who still writes after he was sent away may miss why
		t.Errorf("%d of 1,000 were answered", n)
	}
	if slow := times[len(times)-1]; slow > 4*time.Second { // nobody waits for the slow ones to be given up
		t.Errorf("an honest command took %v", slow)
	}
	if mem > 64<<20 {
		t.Errorf("the heap grew by %d MiB", mem>>20)
	}
}

// TestEndless: a command of 100 MB costs no more memory than the longest that
// is allowed, by either way in, and ends at once.
func TestEndless(t *testing.T) {
	d := open(t, Limits{Send: time.Minute}, Socket{Type: HTTP, Addr: anyPort}) // the race detector is slow
	size := int64(100_000_000)
	if testing.Short() {
		size = 20_000_000
	}
	for _, start := range []string{`{"a":"`, `{`} {
		grown := watch()
		began := time.Now()
		var all sync.WaitGroup
		for range 8 {
			all.Go(func() {
				c := dial(t, d.path)
				io.Copy(c, io.MultiReader(strings.NewReader(start), io.LimitReader(blanks{}, size)))
				b := make([]byte, 1000)
				n, err := c.Read(b)
				if got := string(b[:n]); got != `{"result":1,"text":"the command is too long"}` && got != `{"result":1,"text":"too many large commands at once, try again later"}` {
					t.Errorf("answer %q, %v", got, err)
				}
			})
		}
		all.Wait()
		mem := grown()
		t.Logf("8 endless commands beginning with %s: heap +%d MiB, %v", start, mem>>20, time.Since(began).Round(time.Millisecond))
		if mem > 128<<20 {
			t.Errorf("8 endless commands: heap +%d MiB", mem>>20)
		}
	}
	for _, length := range []int64{size, -1} {
		grown := watch()
		r, err := http.NewRequest("POST", d.url("http"), io.LimitReader(blanks{}, size))
		if err != nil {
			t.Fatal(err)
		}
		r.ContentLength = length
		r.Header.Set("Content-Type", "application/json")
		res, err := client(t, nil).Do(r)
		if err != nil {
			t.Logf("length %d: %v", length, err) // the server closes while the body is being sent
			continue
		}
		b, _ := io.ReadAll(res.Body)
		res.Body.Close()
		check(t, b, `{"result":413,"text":"Request Entity Too Large"}`)
		if mem := grown(); mem > 64<<20 {
			t.Errorf("length %d: heap +%d MiB", length, mem>>20)
		}
	}
	d.Close()
	if d.in.used != 0 || d.out.used != 0 {
		t.Errorf("the budgets are left with %d and %d", d.in.used, d.out.used)
	}
}

// blanks is an endless stream of spaces.
type blanks struct{}

var blank = strings.Repeat(" ", 32<<10)

func (blanks) Read(b []byte) (int, error) { return copy(b, blank), nil }

// TestLargest: the largest command that is allowed is run, and its memory given
// back.
func TestLargest(t *testing.T) {
	d := open(t, Limits{})
	n := 16<<20 - len(`{"command":"length","arguments":""}`)
	grown := watch()
	check(t, []byte(ask(t, d.path, `{"command":"length","arguments":"`+strings.Repeat("x", n)+`"}`)), fmt.Sprintf(`{"result":0,"arguments":%d}`, n+2))
	t.Logf("16 MiB: heap +%d MiB, client included", grown()>>20)
}
