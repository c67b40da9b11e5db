package hostconf

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"

	"github.com/dhcp4o6/dhcp4o6/internal/wholefile"
)

// fileHead is the first line of a resolv.conf that we have written.
const fileHead = "# written by dhcp4o6 from the leases of this host\n"

// tellFile writes resolv.conf with what all leases say, and puts back what was there
// when the last of them has gone.
func (w *work) tellFile(*names) error {
	name := w.o.ResolvConf
	if name == "" {
		name = etcResolvConf
	}
	if real, err := filepath.EvalSymlinks(name); err == nil {
		name = real
	}
	before := name + ".before-dhcp4o6"
	all, err := w.together(func(slot) bool { return true })
	if err != nil {
		return err
	}
	if len(all) == 0 {
		return putBack(name, before)
	}
	if err := putAside(name, before); err != nil {
		return err
	}
	return overwrite(name, []byte(fileText(all)))
}

// fileText is the resolv.conf of several leases: one search list, and the servers of
// one after the other.
func fileText(all []told) string {
	var search []string
	var servers strings.Builder
	for _, t := range all {
		for _, s := range t.list() {
			if !slices.Contains(search, s) {
				search = append(search, s)
			}
		}
		for _, a := range t.Servers {
			servers.WriteString("nameserver " + scoped(a, t.iface()).String() + "\n")
		}
	}
	if len(search) == 0 {
		return fileHead + servers.String()
	}
	return fileHead + "search " + strings.Join(search, " ") + "\n" + servers.String()
}

// putAside keeps a file that is not ours.
func putAside(name, before string) error {
	text, err := os.ReadFile(name)
	switch {
	case errors.Is(err, fs.ErrNotExist), err == nil && strings.HasPrefix(string(text), fileHead):
		return nil
	case err == nil:
		err = wholefile.Write(before, text, 0o644)
	}
	if err != nil {
		return fmt.Errorf("hostconf: keep %s: %w", name, err)
	}
	return nil
}

// putBack puts back what putAside has kept, unless somebody else has written since.
func putBack(name, before string) error {
	text, err := os.ReadFile(name)
	if err != nil || !strings.HasPrefix(string(text), fileHead) {
		return nil
	}
	old, err := os.ReadFile(before)
	if errors.Is(err, fs.ErrNotExist) { // there was none, and no server is as good
		return overwrite(name, []byte(fileHead))
	}
	if err == nil {
		err = overwrite(name, old)
	}
	if err != nil {
		return fmt.Errorf("hostconf: put back %s: %w", name, err)
	}
	if err := os.Remove(before); err != nil {
		return fmt.Errorf("hostconf: put back %s: %w", name, err)
	}
	return nil
}

// overwrite replaces a file in one step, or writes into it where another is mounted
// over it, as ip netns does.
func overwrite(name string, text []byte) error {
	err := wholefile.Write(name, text, 0o644)
	if errors.Is(err, syscall.EBUSY) {
		err = os.WriteFile(name, text, 0o644)
	}
	if err != nil {
		return fmt.Errorf("hostconf: write %s: %w", name, err)
	}
	return nil
}
