// Package leasetest helps to test stores of leases and what stands on them: the
// conformance test that every store passes, and a store in memory that can fail,
// block and lose power on demand.
package leasetest

import (
	"bytes"
	"context"
	"errors"
	"iter"
	"strings"
	"sync"

	"github.com/dhcp4o6/dhcp4o6/pkg/lease"
)

// ErrSync is what a Memory told to fail answers.
var ErrSync = errors.New("leasetest: sync fails as told")

// Memory is a lease.Store in memory. The zero value is an empty one, ready to use.
type Memory struct {
	mu      sync.Mutex
	disk    map[lease.Resource]lease.Lease // what a power cut leaves
	pending []change                       // not synced
	during  []change                       // since Rewrite began
	rewrite bool
	seq     lease.Seq
	down    bool
	closed  bool
	fail    bool
	syncs   int
	block   chan struct{} // Sync waits for it to be closed; nil: does not wait
	blocked chan struct{} // closed when a Sync waits
}

type change struct {
	seq    lease.Seq
	lease  lease.Lease
	remove bool
}

// Load calls each for what a power cut would have left.
func (m *Memory) Load(ctx context.Context, each func(lease.Change) error) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	for _, l := range m.disk {
		if err := ctx.Err(); err != nil {
			return err
		}
		if err := each(lease.Change{Lease: &l}); err != nil {
			return err
		}
	}
	return nil
}

// Append notes a change that is lost in a power cut until Sync has returned.
func (m *Memory) Append(c lease.Change) lease.Seq {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.seq++
	made := change{m.seq, Clone(c.Lease), c.Remove}
	m.pending = append(m.pending, made)
	if m.rewrite {
		m.during = append(m.during, made)
	}
	return m.seq
}

// Sync moves what is pending when it returns, not when it begins to wait, to
// where a power cut does not reach.
func (m *Memory) Sync() (lease.Seq, error) {
	m.mu.Lock()
	upto, block := m.seq, m.block
	m.syncs++
	if block != nil && m.blocked != nil {
		close(m.blocked)
		m.blocked = nil
	}
	m.mu.Unlock()
	if block != nil {
		<-block
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	switch {
	case m.closed:
		return 0, lease.ErrClosed
	case m.fail || m.down:
		m.down = true
		return 0, ErrSync
	}
	m.write(upto)
	return upto, nil
}

// write brings the disk up to a change.
func (m *Memory) write(upto lease.Seq) {
	if m.disk == nil {
		m.disk = make(map[lease.Resource]lease.Lease)
	}
	n := 0
	for n < len(m.pending) && m.pending[n].seq <= upto {
		m.pending[n].apply(m.disk)
		n++
	}
	m.pending = m.pending[n:]
}

func (c *change) apply(disk map[lease.Resource]lease.Lease) {
	if c.remove {
		delete(disk, c.lease.Resource)
	} else {
		disk[c.lease.Resource] = c.lease
	}
}

// Rewrite replaces the disk and heals a store that is down, unless it is told to fail.
func (m *Memory) Rewrite(ctx context.Context, all iter.Seq[*lease.Lease]) error {
	m.mu.Lock()
	m.rewrite, m.during = true, nil
	m.mu.Unlock()
	disk := make(map[lease.Resource]lease.Lease)
	for l := range all {
		disk[l.Resource] = Clone(l)
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	m.rewrite = false
	switch {
	case ctx.Err() != nil:
		return ctx.Err()
	case m.closed:
		return lease.ErrClosed
	case m.fail:
		m.down = true
		return ErrSync
	}
	for i := range m.during {
		m.during[i].apply(disk)
	}
	m.disk, m.down, m.pending, m.during = disk, false, nil, nil
	return nil
}

// Close ends the store; Sync fails from now on.
func (m *Memory) Close() error {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.closed = true
	return nil
}

// Fail makes every Sync and Rewrite fail from now on, or no longer.
func (m *Memory) Fail(yes bool) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.fail = yes
}

// Block makes every Sync wait until release is called. The channel is closed when
// the first one waits.
func (m *Memory) Block() (waiting <-chan struct{}, release func()) {
	m.mu.Lock()
	defer m.mu.Unlock()
	block, blocked := make(chan struct{}), make(chan struct{})
	m.block, m.blocked = block, blocked
	return blocked, func() {
		m.mu.Lock()
		defer m.mu.Unlock()
		if m.block == block {
			m.block = nil
			close(block)
		}
	}
}

// Syncs returns how often Sync was called.
func (m *Memory) Syncs() int {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.syncs
}

// PowerCut returns a new store with what a power cut at this moment would leave of m.
func (m *Memory) PowerCut() *Memory {
	m.mu.Lock()
	defer m.mu.Unlock()
	after := &Memory{disk: make(map[lease.Resource]lease.Lease, len(m.disk))}
	for k, l := range m.disk {
		after.disk[k] = Clone(&l)
	}
	return after
}

// Replay returns what the store would hold if everything appended were durable.
func (m *Memory) Replay() map[lease.Resource]lease.Lease {
	after := m.PowerCut()
	m.mu.Lock()
	defer m.mu.Unlock()
	after.pending = append([]change(nil), m.pending...)
	after.write(m.seq)
	return after.disk
}

// Clone returns a lease that shares no memory with l.
func Clone(l *lease.Lease) lease.Lease {
	c := *l
	c.ClientID, c.HWAddr, c.DUID = bytes.Clone(l.ClientID), bytes.Clone(l.HWAddr), bytes.Clone(l.DUID)
	c.Hostname = strings.Clone(l.Hostname)
	c.UserContext = bytes.Clone(l.UserContext)
	return c
}
