package control

import (
	"errors"
	"fmt"
	"io/fs"
	"net"
	"os"
	"path/filepath"
	"syscall"
	"time"
)

// A path too long for struct sockaddr_un is cut by some programs and refused by
// the kernel.
const maxPath = 107

// folderMode is what others may at most do with the folder of a socket: the
// group may use the socket, nobody else may reach it, and nobody but its owner
// puts another in its place.
const folderMode fs.FileMode = 0o750

// place checks where a socket is to stand and returns its path without symbolic
// links in the folders. A missing folder is made, its parent is not.
func place(path string) (string, error) {
	if !filepath.IsAbs(path) {
		return "", errors.New("the path is not absolute")
	}
	dir, name := filepath.Split(filepath.Clean(path))
	if name == "" {
		return "", errors.New("the path has no file name")
	}
	if err := makeFolder(dir); err != nil {
		return "", err
	}
	dir, err := filepath.EvalSymlinks(dir)
	if err != nil {
		return "", err
	}
	if err := checkFolder(dir); err != nil {
		return "", err
	}
	path = filepath.Join(dir, name)
	if len(path) > maxPath {
		return "", fmt.Errorf("the path is longer than %d octets", maxPath)
	}
	return path, nil
}

func makeFolder(dir string) error {
	err := os.Mkdir(filepath.Clean(dir), folderMode)
	if errors.Is(err, fs.ErrExist) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("making its folder: %w", err)
	}
	return os.Chmod(dir, folderMode) // whatever the umask is
}

// checkFolder refuses a folder in which others could put a socket of their own,
// or which they could put another folder in the place of.
func checkFolder(dir string) error {
	st, mode, err := lstat(dir)
	switch {
	case err != nil:
		return err
	case !mode.IsDir():
		return fmt.Errorf("%s is not a folder", dir)
	case !trusted(st.Uid):
		return fmt.Errorf("the folder %s belongs to user %d, neither to user %d nor to root", dir, st.Uid, os.Geteuid())
	case mode.Perm()&^folderMode != 0:
		return fmt.Errorf("the folder %s has mode %04o, it must be %04o or stricter", dir, mode.Perm(), folderMode)
	}
	for dir != "/" {
		dir = filepath.Dir(dir)
		_, mode, err := lstat(dir)
		if err != nil {
			return err
		}
		if mode.Perm()&0o002 != 0 && mode&fs.ModeSticky == 0 {
			return fmt.Errorf("the folder %s has mode %04o, with which anybody replaces what is below it", dir, mode.Perm())
		}
	}
	return nil
}

func trusted(uid uint32) bool { return uid == 0 || int(uid) == os.Geteuid() }

func lstat(path string) (*syscall.Stat_t, fs.FileMode, error) {
	fi, err := os.Lstat(path)
	if err != nil {
		return nil, 0, err
	}
	st, ok := fi.Sys().(*syscall.Stat_t)
	if !ok {
		return nil, 0, fmt.Errorf("%s has no owner", path)
	}
	return st, fi.Mode(), nil
}

// lockFolder keeps two daemons that start in the same moment from both taking
// the same socket for a dead one. The lock is no file of its own, and gone with
// the process.
func lockFolder(dir string) (unlock func(), err error) {
	f, err := os.Open(dir)
	if err != nil {
		return nil, err
	}
	// the group may lock the folder too, and must not hold a start up for good
	for wait := time.Millisecond; ; wait *= 2 {
		err = syscall.Flock(int(f.Fd()), syscall.LOCK_EX|syscall.LOCK_NB)
		if err == nil {
			return func() { f.Close() }, nil
		}
		if !errors.Is(err, syscall.EWOULDBLOCK) && !errors.Is(err, syscall.EINTR) || wait > time.Second {
			f.Close()
			return nil, fmt.Errorf("locking the folder %s: %w", dir, err)
		}
		time.Sleep(wait)
	}
}

// ErrServed says that a socket cannot be opened because somebody serves it.
var ErrServed = errors.New("another process serves this socket")

// sweep removes a socket that nobody serves any more, and nothing else.
func sweep(path string) error {
	_, mode, err := lstat(path)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return nil
	case err != nil:
		return err
	case mode.Type() != fs.ModeSocket:
		return errors.New("there is a file of this name which is not a socket")
	}
	conn, err := net.DialTimeout("unix", path, time.Second)
	switch {
	case err == nil:
		conn.Close()
		return ErrServed
	case errors.Is(err, syscall.EAGAIN): // its backlog is full
		return ErrServed
	case errors.Is(err, syscall.ECONNREFUSED):
		return os.Remove(path)
	}
	return fmt.Errorf("a socket of this name is there and cannot be tried: %w", err)
}
