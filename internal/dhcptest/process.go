package dhcptest

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"
)

// A Process is a program that runs beside the test and ends with it.
type Process struct {
	cmd  *exec.Cmd
	log  string
	done chan struct{}
	t    testing.TB
}

// Start starts a program inside the namespace; env is added to the test's own.
// What it prints is in Log.
func (n *Namespace) Start(env []string, args ...string) *Process {
	n.lab.t.Helper()
	// ip-netns-exec replaces itself by the program, so the pid is the program's
	return StartIn(n.lab.t, n.lab.Dir, env, append([]string{"ip", "netns", "exec", n.name}, args...)...)
}

// StartIn starts a program whose output is kept in a file of dir.
func StartIn(t testing.TB, dir string, env []string, args ...string) *Process {
	t.Helper()
	log, err := os.CreateTemp(dir, filepath.Base(args[len(args)-1])+"-*.log")
	if err != nil {
		t.Fatal(err)
	}
	defer log.Close()
	p := &Process{cmd: exec.Command(args[0], args[1:]...), log: log.Name(), done: make(chan struct{}), t: t}
	p.cmd.Stdout, p.cmd.Stderr = log, log
	p.cmd.Env = append(os.Environ(), env...)
	if err := p.cmd.Start(); err != nil {
		t.Fatalf("%s: %v", strings.Join(args, " "), err)
	}
	go func() {
		p.cmd.Wait()
		close(p.done)
	}()
	t.Cleanup(func() {
		p.Stop()
		if t.Failed() {
			t.Logf("%s printed:\n%s", strings.Join(args, " "), tail(p.Log(), 60))
		}
	})
	return p
}

// PID returns the process id.
func (p *Process) PID() int { return p.cmd.Process.Pid }

// Log returns what the program printed so far.
func (p *Process) Log() string {
	b, _ := os.ReadFile(p.log)
	return string(b)
}

// Said waits until the program has printed text.
func (p *Process) Said(limit time.Duration, text string) {
	p.t.Helper()
	WaitFor(p.t, limit, fmt.Sprintf("line %q", text), func() bool { return strings.Contains(p.Log(), text) })
}

// Running reports whether the program still runs.
func (p *Process) Running() bool {
	select {
	case <-p.done:
		return false
	default:
		return true
	}
}

// Signal sends a signal to a program that still runs.
func (p *Process) Signal(s syscall.Signal) {
	if p.Running() {
		p.cmd.Process.Signal(s)
	}
}

// Kill ends the program as a crash would, and waits for it.
func (p *Process) Kill() {
	p.Signal(syscall.SIGKILL)
	<-p.done
}

// Stop ends the program as an operator would; one that does not listen is
// killed after five seconds.
func (p *Process) Stop() {
	p.Signal(syscall.SIGTERM)
	select {
	case <-p.done:
	case <-time.After(5 * time.Second):
		p.Kill()
	}
}

// Wait waits for the program's end and returns its exit code.
func (p *Process) Wait(limit time.Duration) int {
	p.t.Helper()
	select {
	case <-p.done:
	case <-time.After(limit):
		p.t.Fatalf("still running after %v", limit)
	}
	return p.cmd.ProcessState.ExitCode()
}

func tail(s string, lines int) string {
	all := strings.Split(strings.TrimRight(s, "\n"), "\n")
	return strings.Join(all[max(0, len(all)-lines):], "\n")
}
