package daemon

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
)

// pidDir is where pid files stand: where KEA_PIDFILE_DIR says, else in the
// runtime folder that the service manager made, else in /run/dhcp4o6. asked
// tells whether the operator chose it, so that failing there is a fault.
func pidDir() (dir string, asked bool) {
	if d := os.Getenv("KEA_PIDFILE_DIR"); d != "" {
		return d, true
	}
	if d := os.Getenv("RUNTIME_DIRECTORY"); d != "" {
		return strings.SplitN(d, ":", 2)[0], true
	}
	return "/run/dhcp4o6", false
}

// A pidFile tells scripts who serves a configuration, and keeps a second
// daemon from serving it too.
type pidFile struct{ name string }

// pidName is Kea's scheme: the configuration's name without its ending, the
// program, "pid".
func pidName(dir, configFile, program string) string {
	base := filepath.Base(configFile)
	return filepath.Join(dir, strings.TrimSuffix(base, filepath.Ext(base))+"."+program+".pid")
}

var errServed = errors.New("is served already")

// writePID writes the file, unless a living process of the same program holds
// it. A file left by a process that was killed is written over.
func writePID(dir, configFile, program string) (*pidFile, error) {
	name := pidName(dir, configFile, program)
	if pid, ok := readPID(name); ok && runs(pid, program) {
		return nil, fmt.Errorf("daemon: %s %w, as process %d by %s", configFile, errServed, pid, name)
	}
	if err := os.MkdirAll(dir, 0o750); err != nil { // a control socket may stand in it, too
		return nil, fmt.Errorf("daemon: pid file: %w", err)
	}
	if err := os.WriteFile(name, []byte(strconv.Itoa(os.Getpid())+"\n"), 0o644); err != nil {
		return nil, fmt.Errorf("daemon: pid file: %w", err)
	}
	return &pidFile{name}, nil
}

// remove takes the file away if it is still ours.
func (p *pidFile) remove() {
	if p == nil {
		return
	}
	if pid, ok := readPID(p.name); ok && pid == os.Getpid() {
		os.Remove(p.name)
	}
}

func readPID(name string) (int, bool) {
	b, err := os.ReadFile(name)
	if err != nil {
		return 0, false
	}
	pid, err := strconv.Atoi(strings.TrimSpace(string(b)))
	return pid, err == nil && pid > 0
}

// runs reports whether pid is a living process of that program, and not one
// that got the number later. The kernel keeps 15 octets of a name.
func runs(pid int, program string) bool {
	if pid == os.Getpid() {
		return false
	}
	comm, err := os.ReadFile(fmt.Sprintf("/proc/%d/comm", pid))
	return err == nil && strings.TrimSpace(string(comm)) == program[:min(len(program), 15)]
}
