package metrics

import (
	"sync"
	"sync/atomic"
)

// A PerID counts a few kinds of events for each of many numbered things, most of
// which see none: failures in subnets. It is safe for concurrent use.
// Make it with NewPerID.
type PerID struct {
	kinds int
	mu    sync.RWMutex
	rows  map[uint32][]atomic.Int64
}

// NewPerID returns one for so many kinds of events.
func NewPerID(kinds int) *PerID { return &PerID{kinds: kinds, rows: make(map[uint32][]atomic.Int64)} }

// Inc counts an event of a kind, 0 being the first, for a thing.
func (p *PerID) Inc(id uint32, kind int) {
	p.mu.RLock()
	row := p.rows[id]
	p.mu.RUnlock()
	if row == nil {
		row = p.row(id)
	}
	row[kind].Add(1)
}

func (p *PerID) row(id uint32) []atomic.Int64 {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.rows[id] == nil {
		p.rows[id] = make([]atomic.Int64, p.kinds)
	}
	return p.rows[id]
}

// Value returns how many events of a kind a thing has seen.
func (p *PerID) Value(id uint32, kind int) int64 {
	p.mu.RLock()
	defer p.mu.RUnlock()
	if row := p.rows[id]; row != nil {
		return row[kind].Load()
	}
	return 0
}
