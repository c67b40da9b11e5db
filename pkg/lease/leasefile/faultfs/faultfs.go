// Package faultfs is a file system in memory that forgets what was not synced.
//
// It serves tests of package leasefile: any call can be made to fail, to write
// only in part, or to be the last one before the power is cut. What a cut leaves
// is as unkind as a disk may be: a write or a truncation that was not synced
// survives wholly, in some of its sectors, or not; an entry of a folder that was
// not synced is there or is not; and what a failed sync was to write is lost
// even if a later sync succeeds, though reading still shows it.
//
//	disk := faultfs.New(seed)
//	disk.Inject(func(c faultfs.Call) faultfs.Fault { return faultfs.Fault{Cut: c.N == 40} })
//	... use it until it fails with ErrCut ...
//	disk = disk.PowerCut() // and open again
package faultfs

import (
	"errors"
	"io/fs"
	"maps"
	"math/rand/v2"
	"path/filepath"
	"slices"
	"sync"
	"syscall"

	"github.com/dhcp4o6/dhcp4o6/pkg/lease/leasefile"
)

// ErrCut is what every call returns after the power was cut.
var ErrCut = errors.New("faultfs: the power is cut")

// Op is the kind of a call.
type Op string

// The kinds of calls.
const (
	Open     Op = "open"
	Create   Op = "create"
	Rename   Op = "rename"
	Remove   Op = "remove"
	Mkdir    Op = "mkdir"
	SyncDir  Op = "syncdir"
	Lock     Op = "lock"
	Read     Op = "read"
	Write    Op = "write"
	Truncate Op = "truncate"
	Sync     Op = "sync"
)

// A Call is what a fault is decided by.
type Call struct {
	N    int // from 1
	Op   Op
	Name string // of the file or folder
	Size int    // octets to write
}

// A Fault is what becomes of a call. The zero value lets it pass.
type Fault struct {
	Err  error // it fails with this
	Done int   // octets written before it fails
	Cut  bool  // the power goes while it is at work
}

// FS is one disk and the memory over it. It is safe for concurrent use.
type FS struct {
	mu      sync.Mutex
	random  *rand.Rand
	folders map[string]bool
	names   map[string]*inode // what programs see
	disk    map[string]*inode // what is durable
	entries []entry           // of folders, not synced
	locked  map[*inode]bool
	calls   int
	fault   func(Call) Fault
	limit   int64
	cut     bool
	foreign error
}

// An entry is a change of a folder: from is taken away, to stands for node.
type entry struct {
	from, to string
	node     *inode
}

// An inode is a file: what reading shows, what is durable, and the writes that
// are still to get there. Lost ones never will by a sync.
type inode struct {
	data, disk    []byte
	pending, lost []write
}

// A write is octets at an offset, or a cut to that length.
type write struct {
	off  int64
	data []byte // nil: truncate to off
}

// New makes an empty disk with the folder "/lib". What a power cut leaves is
// chosen by the seed.
func New(seed uint64) *FS {
	return &FS{
		random:  rand.New(rand.NewPCG(seed, 1)),
		folders: map[string]bool{"/": true, "/lib": true},
		names:   map[string]*inode{},
		disk:    map[string]*inode{},
		locked:  map[*inode]bool{},
	}
}

// Inject has every further call judged by fault; nil ends that.
func (f *FS) Inject(fault func(Call) Fault) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.fault = fault
}

// Limit makes the disk full when its files together hold that many octets; 0
// for no limit.
func (f *FS) Limit(octets int64) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.limit = octets
}

// Calls returns how many calls there were.
func (f *FS) Calls() int {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.calls
}

// SetForeign makes Foreign return err.
func (f *FS) SetForeign(err error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.foreign = err
}

// WriteFile puts a durable file in place.
func (f *FS) WriteFile(name string, data []byte) {
	f.mu.Lock()
	defer f.mu.Unlock()
	node := &inode{data: slices.Clone(data), disk: slices.Clone(data)}
	f.names[name], f.disk[name] = node, node
}

// ReadFile returns what a program would read.
func (f *FS) ReadFile(name string) ([]byte, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	node := f.names[name]
	if node == nil {
		return nil, missing(Open, name)
	}
	return slices.Clone(node.data), nil
}

// Names returns the names of all files in order.
func (f *FS) Names() []string {
	f.mu.Lock()
	defer f.mu.Unlock()
	return slices.Sorted(maps.Keys(f.names))
}

// RemoveAll removes a folder and what is in it, as an operator would.
func (f *FS) RemoveAll(folder string) {
	f.mu.Lock()
	defer f.mu.Unlock()
	delete(f.folders, folder)
	for name := range f.names {
		if filepath.Dir(name) == folder {
			delete(f.names, name)
			f.entries = append(f.entries, entry{from: name})
		}
	}
}

// Kill returns the disk as the next process finds it after the death of this
// one: all that was written is there, and no lock is held.
func (f *FS) Kill() *FS {
	f.mu.Lock()
	defer f.mu.Unlock()
	next := New(f.random.Uint64())
	next.folders, next.names, next.disk, next.entries = f.folders, f.names, f.disk, f.entries
	f.cut = true
	return next
}

// PowerCut returns a disk with what a power cut now leaves. The old one answers
// every call with ErrCut.
func (f *FS) PowerCut() *FS {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.cut = true
	next := New(f.random.Uint64())
	next.folders = maps.Clone(f.folders)
	names := maps.Clone(f.disk)
	for _, e := range f.entries {
		if f.random.IntN(2) == 0 {
			e.apply(names)
		}
	}
	for _, name := range slices.Sorted(maps.Keys(names)) {
		data := names[name].survive(f.random)
		node := &inode{data: data, disk: slices.Clone(data)}
		next.names[name], next.disk[name] = node, node
	}
	return next
}

func (e entry) apply(names map[string]*inode) {
	if e.from != "" {
		delete(names, e.from)
	}
	if e.to != "" {
		names[e.to] = e.node
	}
}

const sector = 512

// survive returns what of the file is left after a cut.
func (n *inode) survive(random *rand.Rand) []byte {
	data := slices.Clone(n.disk)
	for _, w := range slices.Concat(n.lost, n.pending) {
		switch random.IntN(3) {
		case 0:
			data = w.apply(data)
		case 1:
			for i := 0; i < len(w.data); i += sector {
				if random.IntN(2) == 0 {
					part := w.data[i:min(i+sector, len(w.data))]
					data = write{w.off + int64(i), part}.apply(data)
				}
			}
			if part := random.IntN(len(w.data) + 1); part > 0 {
				data = write{w.off, w.data[:part]}.apply(data)
			}
		}
	}
	return data
}

func (w write) apply(data []byte) []byte {
	if w.data == nil {
		if int64(len(data)) > w.off {
			return data[:w.off]
		}
		return append(data, make([]byte, w.off-int64(len(data)))...)
	}
	if end := w.off + int64(len(w.data)); int64(len(data)) < end {
		data = append(data, make([]byte, end-int64(len(data)))...)
	}
	copy(data[w.off:], w.data)
	return data
}

// begin counts a call and decides on it. The caller holds mu.
func (f *FS) begin(op Op, name string, size int) Fault {
	if f.cut {
		return Fault{Err: ErrCut}
	}
	f.calls++
	var fault Fault
	if f.fault != nil {
		fault = f.fault(Call{f.calls, op, name, size})
	}
	if fault.Cut {
		f.cut = true
		fault.Err, fault.Done = ErrCut, size
	}
	return fault
}

func (f *FS) used() (n int64) {
	for _, node := range f.names {
		n += int64(len(node.data))
	}
	return n
}

func missing(op Op, name string) error {
	return &fs.PathError{Op: string(op), Path: name, Err: syscall.ENOENT}
}

var _ leasefile.FS = (*FS)(nil)
