package faultfs

import (
	"cmp"
	"io"
	"io/fs"
	"path/filepath"
	"slices"
	"syscall"

	"github.com/dhcp4o6/dhcp4o6/pkg/lease/leasefile"
)

// Open opens a file that is there.
func (f *FS) Open(name string) (leasefile.Handle, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if fault := f.begin(Open, name, 0); fault.Err != nil {
		return nil, fault.Err
	}
	node := f.names[name]
	if node == nil {
		return nil, missing(Open, name)
	}
	return &handle{f, name, node}, nil
}

// Create makes an empty file.
func (f *FS) Create(name string, _ leasefile.Handle) (leasefile.Handle, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	fault := f.begin(Create, name, 0)
	if fault.Err != nil && !fault.Cut {
		return nil, fault.Err
	}
	if !f.folders[filepath.Dir(name)] {
		return nil, missing(Create, name)
	}
	node := &inode{}
	f.change(entry{from: name})
	f.change(entry{to: name, node: node})
	return &handle{f, name, node}, fault.Err
}

// change makes a change of a folder that is not durable yet.
func (f *FS) change(e entry) {
	e.apply(f.names)
	f.entries = append(f.entries, e)
}

// Rename moves a file in one step.
func (f *FS) Rename(from, to string) error {
	return f.entry(Rename, from, func() entry { return entry{from, to, f.names[from]} })
}

// Remove takes the name of a file away.
func (f *FS) Remove(name string) error {
	return f.entry(Remove, name, func() entry { return entry{from: name} })
}

func (f *FS) entry(op Op, name string, e func() entry) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	fault := f.begin(op, name, 0)
	if fault.Err != nil && !fault.Cut {
		return fault.Err
	}
	if f.names[name] == nil {
		return missing(op, name)
	}
	f.change(e())
	return fault.Err
}

// Mkdir makes a folder, durably.
func (f *FS) Mkdir(name string) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	if fault := f.begin(Mkdir, name, 0); fault.Err != nil {
		return fault.Err
	}
	if !f.folders[filepath.Dir(name)] {
		return missing(Mkdir, name)
	}
	f.folders[name] = true
	return nil
}

// SyncDir makes the entries of a folder durable. One that fails leaves them as
// they were: perhaps there after a cut, perhaps not.
func (f *FS) SyncDir(name string) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	if fault := f.begin(SyncDir, name, 0); fault.Err != nil {
		return fault.Err
	}
	if !f.folders[name] {
		return missing(SyncDir, name)
	}
	f.entries = slices.DeleteFunc(f.entries, func(e entry) bool {
		if filepath.Dir(cmp.Or(e.to, e.from)) != name {
			return false
		}
		e.apply(f.disk)
		return true
	})
	return nil
}

// Is reports whether name is the open file.
func (f *FS) Is(name string, h leasefile.Handle) (bool, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.cut {
		return false, ErrCut
	}
	if f.names[name] == nil {
		return false, missing(Open, name)
	}
	return f.names[name] == h.(*handle).node, nil
}

// Foreign returns what SetForeign set.
func (f *FS) Foreign(string) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.foreign
}

// Lock takes a lock file.
func (f *FS) Lock(name string) (leasefile.Lock, string, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if fault := f.begin(Lock, name, 0); fault.Err != nil {
		return nil, "", fault.Err
	}
	if !f.folders[filepath.Dir(name)] {
		return nil, "", missing(Lock, name)
	}
	node := f.names[name]
	if node == nil {
		node = &inode{}
		f.change(entry{to: name, node: node})
	}
	if f.locked[node] {
		return nil, "", &leasefile.LockedError{Name: name, Holder: string(node.data)}
	}
	f.locked[node] = true
	return &lock{handle{f, name, node}}, string(node.data), nil
}

// lock is a lock file that is held. What is noted outlives Kill only.
type lock struct{ handle }

func (l *lock) Note(note string) error {
	l.fs.mu.Lock()
	defer l.fs.mu.Unlock()
	if l.fs.cut {
		return ErrCut
	}
	l.node.data = []byte(note)
	return nil
}

func (l *lock) Close() error {
	l.fs.mu.Lock()
	defer l.fs.mu.Unlock()
	delete(l.fs.locked, l.node)
	return nil
}

type handle struct {
	fs   *FS
	name string
	node *inode
}

func (h *handle) ReadAt(b []byte, off int64) (int, error) {
	h.fs.mu.Lock()
	defer h.fs.mu.Unlock()
	if fault := h.fs.begin(Read, h.name, 0); fault.Err != nil {
		return 0, fault.Err
	}
	n := copy(b, h.node.data[min(off, int64(len(h.node.data))):])
	if n < len(b) {
		return n, io.EOF
	}
	return n, nil
}

func (h *handle) WriteAt(b []byte, off int64) (int, error) {
	h.fs.mu.Lock()
	defer h.fs.mu.Unlock()
	fault := h.fs.begin(Write, h.name, len(b))
	n, err := len(b), fault.Err
	if err != nil {
		n = min(fault.Done, n)
	}
	if free := h.fs.limit - h.fs.used(); h.fs.limit > 0 && int64(n) > free {
		n, err = int(max(free, 0)), &fs.PathError{Op: "write", Path: h.name, Err: syscall.ENOSPC}
	}
	if n > 0 {
		h.change(write{off, slices.Clone(b[:n])})
	}
	return n, err
}

func (h *handle) change(w write) {
	h.node.data = w.apply(h.node.data)
	h.node.pending = append(h.node.pending, w)
}

func (h *handle) Truncate(size int64) error {
	h.fs.mu.Lock()
	defer h.fs.mu.Unlock()
	fault := h.fs.begin(Truncate, h.name, 0)
	if fault.Err == nil || fault.Cut {
		h.change(write{off: size})
	}
	return fault.Err
}

// Sync makes the file durable. One that fails leaves what it was to write in
// memory, where no later sync finds it.
func (h *handle) Sync() error {
	h.fs.mu.Lock()
	defer h.fs.mu.Unlock()
	if fault := h.fs.begin(Sync, h.name, 0); fault.Err != nil {
		if !fault.Cut && !h.fs.cut {
			h.node.lost = append(h.node.lost, h.node.pending...)
			h.node.pending = nil
		}
		return fault.Err
	}
	for _, w := range h.node.pending {
		h.node.disk = w.apply(h.node.disk)
	}
	h.node.pending = nil
	return nil
}

func (h *handle) Size() (int64, error) {
	h.fs.mu.Lock()
	defer h.fs.mu.Unlock()
	if h.fs.cut {
		return 0, ErrCut
	}
	return int64(len(h.node.data)), nil
}

func (h *handle) Linked() (bool, error) {
	h.fs.mu.Lock()
	defer h.fs.mu.Unlock()
	if h.fs.cut {
		return false, ErrCut
	}
	for _, node := range h.fs.names {
		if node == h.node {
			return true, nil
		}
	}
	return false, nil
}

func (h *handle) Close() error { return nil }
