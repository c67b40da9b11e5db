package leasefile

import (
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
)

// Kea's suffixes of the files beside the lease file.
const (
	keaInput     = ".1"         // the journal that a clean-up reads
	keaPrevious  = ".2"         // what the last clean-up wrote
	keaOutput    = ".output"    // a clean-up at work; never read
	keaCompleted = ".completed" // a clean-up that has all of .2 and .1
	keaPID       = ".pid"       // the process of the clean-up
)

func (system) Foreign(name string) error { return foreign("/proc", name) }

// foreign looks for a clean-up of Kea's that is at work on the lease file, and
// for a server of Kea's that has it open. What we may not look into (another
// user's open files, unless we are root) cannot be seen.
func foreign(proc, name string) error {
	if pid := readPID(name + keaPID); pid > 0 && command(proc, pid) == "kea-lfc" {
		return fmt.Errorf("kea-lfc, process %d, is cleaning up %q", pid, name)
	}
	var ours []os.FileInfo
	for _, suffix := range []string{"", keaInput, keaPrevious, keaOutput, keaCompleted} {
		if st, err := os.Stat(name + suffix); err == nil {
			ours = append(ours, st)
		}
	}
	processes, err := os.ReadDir(proc)
	if err != nil {
		return nil // no /proc: nothing to be seen
	}
	for _, p := range processes {
		pid, err := strconv.Atoi(p.Name())
		if err != nil {
			continue
		}
		if c := command(proc, pid); strings.HasPrefix(c, "kea-") && hasOpen(proc, pid, ours) {
			return fmt.Errorf("%s, process %d, has %q open", c, pid, name)
		}
	}
	return nil
}

// readPID returns the process that a PID file names, 0 for none.
func readPID(name string) int {
	b, err := os.ReadFile(name)
	if err != nil {
		return 0
	}
	pid, err := strconv.Atoi(strings.TrimSpace(string(b)))
	if err != nil {
		return 0
	}
	return pid
}

// command returns the name of a process, which anybody may read; empty when it
// is gone.
func command(proc string, pid int) string {
	b, err := os.ReadFile(filepath.Join(proc, strconv.Itoa(pid), "comm"))
	if err != nil {
		return ""
	}
	return strings.TrimSpace(string(b))
}

// hasOpen reports whether a process has one of the files open.
func hasOpen(proc string, pid int, files []os.FileInfo) bool {
	dir := filepath.Join(proc, strconv.Itoa(pid), "fd")
	fds, err := os.ReadDir(dir)
	if err != nil {
		return false
	}
	for _, fd := range fds {
		st, err := os.Stat(filepath.Join(dir, fd.Name()))
		if err != nil {
			continue
		}
		for _, f := range files {
			if os.SameFile(st, f) {
				return true
			}
		}
	}
	return false
}

// runningKea returns the Kea server that a PID file of its own names, 0 for none.
func runningKea(proc, pidFile string) int {
	pid := readPID(pidFile)
	if c := command(proc, pid); pid > 0 && pid != os.Getpid() && strings.HasPrefix(c, "kea-dhcp") {
		return pid
	}
	return 0
}
