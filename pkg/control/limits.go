package control

import (
	"context"
	"sync"
	"time"
)

// Limits bounds what clients may ask of the daemon. A field that is zero has its
// default.
type Limits struct {
	Request     int           // octets of one command; 16 MiB
	Memory      int           // octets of all commands and answers together, small ones aside; 64 MiB
	Connections int           // at once, for each socket; 256, the others wait in the backlog
	Running     int           // commands carried out at once; 4, the others wait
	Send        time.Duration // from the connection to the end of the command; 10 s, as in Kea
	Wait        time.Duration // for other commands to end; 60 s
	Read        time.Duration // for the answer to be read, and a second for each MiB of it; 10 s
	Idle        time.Duration // between two requests by HTTP; 30 s, as in kea-ctrl-agent
	Grace       time.Duration // for commands under way when the server is closed; 10 s
}

func (l Limits) orDefaults() Limits {
	return Limits{
		Request:     or(l.Request, 16<<20),
		Memory:      or(l.Memory, 64<<20),
		Connections: or(l.Connections, 256),
		Running:     or(l.Running, 4),
		Send:        or(l.Send, 10*time.Second),
		Wait:        or(l.Wait, time.Minute),
		Read:        or(l.Read, 10*time.Second),
		Idle:        or(l.Idle, 30*time.Second),
		Grace:       or(l.Grace, 10*time.Second),
	}
}

func or[T int | time.Duration](v, otherwise T) T {
	if v > 0 {
		return v
	}
	return otherwise
}

// small is what a connection has without asking the budget: nearly every command
// fits, so that large ones never keep small ones out.
const small = 16 << 10

// A budget is the memory that all connections share.
type budget struct {
	size int

	mu    sync.Mutex
	used  int
	freed chan struct{} // closed when memory is given back; nil while nobody waits
}

// take takes n octets, and reports false when there is no room for them.
func (b *budget) take(n int) bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.takeLocked(n)
}

func (b *budget) takeLocked(n int) bool {
	if b.used+n > b.size {
		return false
	}
	b.used += n
	return true
}

// await takes n octets as soon as there is room for them. More than the whole
// budget counts as the whole. It returns what it has taken.
func (b *budget) await(ctx context.Context, n int) (int, error) {
	n = min(n, b.size)
	for {
		b.mu.Lock()
		if b.takeLocked(n) {
			b.mu.Unlock()
			return n, nil
		}
		if b.freed == nil {
			b.freed = make(chan struct{})
		}
		freed := b.freed
		b.mu.Unlock()
		select {
		case <-freed:
		case <-ctx.Done():
			return 0, context.Cause(ctx)
		}
	}
}

func (b *budget) give(n int) {
	if n == 0 {
		return
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	b.used -= n
	if b.freed != nil {
		close(b.freed)
		b.freed = nil
	}
}
