package script

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"
)

// program writes a shell script and returns its path.
func program(t *testing.T, text string) string {
	t.Helper()
	name := filepath.Join(t.TempDir(), "program.sh")
	if err := os.WriteFile(name, []byte("#!/bin/sh\n"+text), 0o700); err != nil {
		t.Fatal(err)
	}
	return name
}

// start runs a Runner until the test ends, or stop is called.
func start(t *testing.T, o Options) (r *Runner, stop func()) {
	t.Helper()
	r = New(o)
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan struct{})
	go func() {
		defer close(done)
		r.Run(ctx, 200*time.Millisecond)
	}()
	stop = sync.OnceFunc(func() {
		cancel()
		<-done
	})
	t.Cleanup(stop)
	return r, stop
}

func eventually(t *testing.T, what string, ok func() bool) {
	t.Helper()
	for begin := time.Now(); !ok(); time.Sleep(time.Millisecond) {
		if time.Since(begin) > 10*time.Second {
			t.Fatal("waited in vain:", what)
		}
	}
}

// TestRun: the program gets the point as its argument and the environment alone,
// none of the server's.
func TestRun(t *testing.T) {
	t.Setenv("SECRET", "of the server")
	out := filepath.Join(t.TempDir(), "out")
	r, _ := start(t, Options{Program: program(t, fmt.Sprintf("{ echo \"$# $1\"; /usr/bin/env | /usr/bin/grep -v ^PWD; /bin/pwd; } > %s.tmp; /bin/mv %[1]s.tmp %[1]s", out))})
	if !r.Start("lease4_expire", []string{"LEASE4_ADDRESS=192.0.2.1", "ODD=a b\"c$d\n"}) {
		t.Fatal("not taken")
	}
	eventually(t, "the program's file", func() bool { _, err := os.Stat(out); return err == nil })
	b, _ := os.ReadFile(out)
	got := string(b)
	if !strings.HasPrefix(got, "1 lease4_expire\n") || !strings.Contains(got, "LEASE4_ADDRESS=192.0.2.1\n") ||
		!strings.Contains(got, "ODD=a b\"c$d\n") || !strings.HasSuffix(got, "\n/\n") || strings.Contains(got, "SECRET") || strings.Contains(got, "HOME") {
		t.Errorf("%q", got)
	}
	eventually(t, "its end", func() bool { return r.Stats() == Stats{Runs: 1} })
}

// TestFailures: what goes wrong is counted and told, with what the program said.
func TestFailures(t *testing.T) {
	tests := []struct {
		name, program string
		limit         time.Duration
		want          Stats
		said          string
		exit          int // 0: no exit status
	}{
		{"exit status", "echo 'no  space' >&2; exit 3", 0, Stats{Runs: 1, Failed: 1}, "no  space", 3},
		{"not there", "", 0, Stats{Runs: 1, Failed: 1}, "", 0},
		{"too long", "echo begun >&2; while :; do /bin/sleep 5; done", 50 * time.Millisecond, Stats{Runs: 1, Failed: 1, Killed: 1}, "begun", 0},
		{"says a lot", "i=0; while [ $i -lt 2000 ]; do echo 0123456789 >&2; i=$((i+1)); done; exit 1", 0, Stats{Runs: 1, Failed: 1}, "0123456789 0123456789", 1},
		{"leaves somebody behind", "/bin/sleep 30 & exit 0", 0, Stats{Runs: 1}, "", 0},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			name := "/nonexistent/program"
			if tt.program != "" {
				name = program(t, tt.program)
			}
			told := make(chan Failure, 1)
			r, _ := start(t, Options{Program: name, Limit: tt.limit, OnFailure: func(f Failure) { told <- f }})
			r.Start("p", nil)
			eventually(t, "the end", func() bool { return r.Stats() == tt.want })
			if tt.want.Failed == 0 {
				return
			}
			f := <-told
			var e *exec.ExitError
			if f.Point != "p" || f.Program != name || f.Err == nil || !strings.HasPrefix(f.Output, tt.said) || len(f.Output) > headLen ||
				f.Killed != (tt.want.Killed > 0) || tt.exit != 0 && (!errors.As(f.Err, &e) || e.ExitCode() != tt.exit) {
				t.Errorf("%+v", f)
			}
		})
	}
}

// TestKilledWithItsChildren: a program that takes too long ends, and what it started
// with it.
func TestKilledWithItsChildren(t *testing.T) {
	file := filepath.Join(t.TempDir(), "pid")
	r, _ := start(t, Options{Program: program(t, "/bin/sleep 60 & echo $! > "+file+"; wait"), Limit: 100 * time.Millisecond})
	r.Start("p", nil)
	eventually(t, "the kill", func() bool { return r.Stats().Killed == 1 })
	b, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	stat := fmt.Sprintf("/proc/%s/stat", strings.TrimSpace(string(b)))
	eventually(t, "the child's end", func() bool {
		s, err := os.ReadFile(stat)
		return err != nil || strings.Contains(string(s), ") Z ")
	})
}

// TestBounds: no more programs run, and no more events wait, than may.
func TestBounds(t *testing.T) {
	dir := t.TempDir()
	r, _ := start(t, Options{Parallel: 2, Queue: 3, Program: program(t, fmt.Sprintf("while [ ! -e %s/go ]; do /bin/sleep 0.01; done", dir))})
	for i := range 2 {
		r.Start("p", nil)
		eventually(t, "a run", func() bool { return r.Stats().Running == int64(i+1) })
	}
	for i := range 5 {
		if got := r.Start("p", nil); got != (i < 3) {
			t.Errorf("event %d: taken %v", i, got)
		}
	}
	if got, want := r.Stats(), (Stats{Runs: 2, Dropped: 2, Running: 2, Waiting: 3}); got != want {
		t.Errorf("%+v, want %+v", got, want)
	}
	if err := os.WriteFile(dir+"/go", nil, 0o600); err != nil {
		t.Fatal(err)
	}
	eventually(t, "the end", func() bool { return r.Stats() == Stats{Runs: 5, Dropped: 2} })
}

// TestEnd: what waits at the end is dropped, what runs is given a while and then
// killed, and nothing is taken any more.
func TestEnd(t *testing.T) {
	r, stop := start(t, Options{Parallel: 1, Program: program(t, "while :; do /bin/sleep 1; done")})
	r.Start("p", nil)
	r.Start("p", nil)
	eventually(t, "a run", func() bool { return r.Stats().Running == 1 })
	begin := time.Now()
	stop()
	if took := time.Since(begin); took > 5*time.Second {
		t.Error("ending took", took)
	}
	if r.Start("p", nil) {
		t.Error("taken after the end")
	}
	if got, want := r.Stats(), (Stats{Runs: 1, Failed: 1, Dropped: 2}); got != want {
		t.Errorf("%+v, want %+v", got, want)
	}
}

// TestNoProgram: a reload may leave no program.
func TestNoProgram(t *testing.T) {
	r, _ := start(t, Options{Program: program(t, "exit 1")})
	r.SetProgram("")
	r.Start("p", nil)
	eventually(t, "nothing", func() bool { return r.Stats() == Stats{Dropped: 1} })
}
