package leasefile

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"unsafe"

	"golang.org/x/sys/unix"
)

// An FS is what the store asks of a file system. It is an interface so that a
// test can fail, tear or cut power at any call; see package faultfs. Errors are
// those of the system; fs.ErrNotExist says that a file is missing.
type FS interface {
	// Open opens a file for reading and writing.
	Open(name string) (Handle, error)

	// Create makes an empty file for reading and writing, replacing one of that
	// name. It gets the owner, group and mode of like, if like is not nil and
	// the system lets us, but nothing is granted to others.
	Create(name string, like Handle) (Handle, error)

	Rename(from, to string) error
	Remove(name string) error

	// Mkdir makes one folder, durably; it is no error when the folder is there.
	Mkdir(name string) error

	// SyncDir makes the entries of a folder durable.
	SyncDir(name string) error

	// Is reports whether name is h's file.
	Is(name string, h Handle) (bool, error)

	// Lock takes the lock file of that name, held until Close or the end of the
	// process, and returns what its last holder noted. A *LockedError says who
	// holds it.
	Lock(name string) (l Lock, note string, err error)

	// Foreign returns an error that names the process of Kea's that works on
	// the file or has it open.
	Foreign(name string) error
}

// A Handle is an open file.
type Handle interface {
	io.ReaderAt
	io.WriterAt
	Size() (int64, error)
	Truncate(size int64) error
	Sync() error           // data and size are durable
	Linked() (bool, error) // the file still has a name
	Close() error
}

// A Lock is a lock file that is held.
type Lock interface {
	// Note replaces the note, which outlives the process but perhaps not the
	// machine.
	Note(note string) error
	Linked() (bool, error) // the lock file still has a name
	Close() error
}

// A LockedError says that another process has the store open.
type LockedError struct {
	Name   string // the lock file
	Holder string // what the holder noted there
}

// Error names the holder as well as it is known.
func (e *LockedError) Error() string {
	return fmt.Sprintf("%q is held by another daemon (%s)", e.Name, e.Holder)
}

const (
	fileMode   = 0o640
	folderMode = 0o750
)

// system is the FS of the machine. Raw syncs do not tell the scheduler that they
// block.
type system struct{ rawSync bool }

func (s system) Open(name string) (Handle, error) {
	return s.open(name, syscall.O_RDWR)
}

func (s system) open(name string, flags int) (*handle, error) {
	for {
		fd, err := syscall.Open(name, flags|syscall.O_CLOEXEC, fileMode)
		if err == nil {
			return &handle{fd: fd, rawSync: s.rawSync}, nil
		}
		if err != syscall.EINTR {
			return nil, &fs.PathError{Op: "open", Path: name, Err: err}
		}
	}
}

func (s system) Create(name string, like Handle) (Handle, error) {
	if err := s.Remove(name); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, err
	}
	h, err := s.open(name, syscall.O_RDWR|syscall.O_CREAT|syscall.O_EXCL)
	if err != nil {
		return nil, err
	}
	if old, ok := like.(*handle); ok {
		h.resemble(old)
	}
	return h, nil
}

func (system) Rename(from, to string) error { return os.Rename(from, to) }
func (system) Remove(name string) error     { return os.Remove(name) }

func (s system) Mkdir(name string) error {
	err := os.Mkdir(name, folderMode)
	if errors.Is(err, fs.ErrExist) {
		return nil
	}
	if err != nil {
		return err
	}
	return s.SyncDir(filepath.Dir(name))
}

func (system) SyncDir(name string) error {
	d, err := os.Open(name)
	if err != nil {
		return err
	}
	err = d.Sync()
	return errors.Join(err, d.Close())
}

func (system) Is(name string, h Handle) (bool, error) {
	var a, b syscall.Stat_t
	if err := syscall.Stat(name, &a); err != nil {
		return false, &fs.PathError{Op: "stat", Path: name, Err: err}
	}
	if err := syscall.Fstat(h.(*handle).fd, &b); err != nil {
		return false, os.NewSyscallError("fstat", err)
	}
	return a.Dev == b.Dev && a.Ino == b.Ino, nil
}

// handle is an open file of the system, blocking, without the os package's
// poller in the way.
type handle struct {
	fd      int
	rawSync bool
	stat    unix.Statx_t // of Linked, which one at a time calls
}

func (h *handle) ReadAt(b []byte, off int64) (int, error) {
	done := 0
	for done < len(b) {
		n, err := syscall.Pread(h.fd, b[done:], off+int64(done))
		switch {
		case err == syscall.EINTR:
		case err != nil:
			return done, os.NewSyscallError("pread", err)
		case n == 0:
			return done, io.EOF
		default:
			done += n
		}
	}
	return done, nil
}

func (h *handle) WriteAt(b []byte, off int64) (int, error) {
	done := 0
	for done < len(b) {
		n, err := pwrite(h.fd, b[done:], off+int64(done))
		switch {
		case err == syscall.EINTR:
		case err != nil:
			return done, os.NewSyscallError("pwrite", err)
		case n == 0:
			return done, io.ErrShortWrite
		default:
			done += n
		}
	}
	return done, nil
}

// quick is what a write may have to be as good as a copy in memory, the page
// cache taking it at once. Such a write does not tell the scheduler that it may
// block: to do so costs more than the write.
const quick = 64 << 10

func pwrite(fd int, b []byte, off int64) (int, error) {
	if len(b) == 0 || len(b) > quick {
		return syscall.Pwrite(fd, b, off)
	}
	n, _, errno := syscall.RawSyscall6(syscall.SYS_PWRITE64, uintptr(fd), uintptr(unsafe.Pointer(&b[0])), uintptr(len(b)), uintptr(off), 0, 0)
	if errno != 0 {
		return 0, errno
	}
	return int(n), nil
}

func (h *handle) Size() (int64, error) {
	var st syscall.Stat_t
	if err := syscall.Fstat(h.fd, &st); err != nil {
		return 0, os.NewSyscallError("fstat", err)
	}
	return st.Size, nil
}

func (h *handle) Truncate(size int64) error {
	return os.NewSyscallError("ftruncate", syscall.Ftruncate(h.fd, size))
}

// Sync calls fdatasync, which makes the size durable too where it is needed to
// read the data back.
func (h *handle) Sync() error {
	for {
		err := h.datasync()
		if err != syscall.EINTR {
			return os.NewSyscallError("fdatasync", err)
		}
	}
}

func (h *handle) datasync() error {
	if !h.rawSync {
		return syscall.Fdatasync(h.fd)
	}
	_, _, errno := syscall.RawSyscall(syscall.SYS_FDATASYNC, uintptr(h.fd), 0, 0)
	if errno != 0 {
		return errno
	}
	return nil
}

// Linked asks for the number of links and nothing else: a file whose times have
// been asked for gets a new one with the next write, and then every sync has the
// inode to write as well as the row (multigrain timestamps, Linux 6.13).
func (h *handle) Linked() (bool, error) {
	_, _, errno := syscall.RawSyscall6(unix.SYS_STATX, uintptr(h.fd), uintptr(unsafe.Pointer(&noPath)),
		unix.AT_EMPTY_PATH|unix.AT_STATX_DONT_SYNC, unix.STATX_NLINK, uintptr(unsafe.Pointer(&h.stat)), 0)
	if errno != 0 {
		return false, os.NewSyscallError("statx", errno)
	}
	return h.stat.Nlink > 0, nil
}

// noPath is the empty path of C.
var noPath byte

func (h *handle) Close() error {
	return os.NewSyscallError("close", syscall.Close(h.fd))
}

// resemble gives h the owner, group and mode of old as far as the system lets
// us: a daemon that may not is either the owner already or cannot be helped.
func (h *handle) resemble(old *handle) {
	var st syscall.Stat_t
	if syscall.Fstat(old.fd, &st) != nil {
		return
	}
	if syscall.Fchown(h.fd, int(st.Uid), int(st.Gid)) != nil {
		_ = syscall.Fchown(h.fd, -1, int(st.Gid)) // not root: the group may be ours to give
	}
	_ = syscall.Fchmod(h.fd, st.Mode&0o660|0o600)
}

// lock is a lock file, locked for this open file (not for the process, so that
// two stores in one process shut each other out as well).
type lock struct{ *handle }

const (
	setOpenFileLock = 37 // F_OFD_SETLK
	noteSize        = 32
)

func (s system) Lock(name string) (Lock, string, error) {
	h, err := s.open(name, syscall.O_RDWR|syscall.O_CREAT)
	if err != nil {
		return nil, "", err
	}
	var buf [noteSize]byte
	n, _ := h.ReadAt(buf[:], 0)
	note := strings.TrimSpace(string(buf[:n]))
	whole := syscall.Flock_t{Type: syscall.F_WRLCK, Whence: io.SeekStart}
	if err := syscall.FcntlFlock(uintptr(h.fd), setOpenFileLock, &whole); err != nil {
		h.Close()
		if err == syscall.EAGAIN || err == syscall.EACCES {
			return nil, note, &LockedError{name, note}
		}
		return nil, note, os.NewSyscallError("lock "+filepath.Base(name), err)
	}
	return lock{h}, note, nil
}

// Note writes over the same octets each time, which no full disk can refuse.
func (l lock) Note(note string) error {
	_, err := l.WriteAt(fmt.Appendf(nil, "%-*.*s\n", noteSize-1, noteSize-1, note), 0)
	return err
}
