// Package command runs other people's programs without trusting them: no shell,
// nothing of our environment, bounded in time with all they started, and only
// the first of what they say is kept.
package command

import (
	"context"
	"errors"
	"io/fs"
	"os/exec"
	"strings"
	"syscall"
	"time"
)

// Why a program is not to be run.
var (
	ErrWrite = errors.New("others than its owner may write to it")
	ErrOwner = errors.New("it belongs neither to root nor to this server's user")
)

// Owned reports who else could change a file or a folder.
func Owned(info fs.FileInfo, uid int) error {
	if info.Mode()&0o022 != 0 {
		return ErrWrite
	}
	st, ok := info.Sys().(*syscall.Stat_t)
	if !ok || st.Uid != 0 && int(st.Uid) != uid {
		return ErrOwner
	}
	return nil
}

// New makes a run of a program, to be adorned and then given to Run. The
// program is the leader of a process group, so that what it started ends with it
// when ctx is done. env is all of its environment.
func New(ctx context.Context, env []string, path string, args ...string) *exec.Cmd {
	cmd := exec.CommandContext(ctx, path, args...)
	if cmd.Env, cmd.Dir = env, "/"; env == nil {
		cmd.Env = []string{} // nil would be ours
	}
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	cmd.Cancel = func() error { return syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL) }
	cmd.WaitDelay = time.Second // for a grandchild that keeps an output open
	return cmd
}

// Run runs cmd and waits for its end. That somebody whom it left behind has its
// output open still is no failure.
func Run(cmd *exec.Cmd) error {
	err := cmd.Run()
	if errors.Is(err, exec.ErrWaitDelay) {
		return nil
	}
	return err
}

// A Head keeps the first octets of what is written to it, as many as N.
type Head struct {
	N int
	b strings.Builder
}

// Write keeps what there is room for, and takes the rest too.
func (h *Head) Write(b []byte) (int, error) {
	if room := h.N - h.b.Len(); room > 0 {
		h.b.Write(b[:min(room, len(b))])
	}
	return len(b), nil
}

// Text is what was written.
func (h *Head) Text() string { return h.b.String() }

// Line is what was written, on one line.
func (h *Head) Line() string {
	return strings.Map(func(c rune) rune {
		if c == '\n' || c == '\r' || c == '\t' {
			return ' '
		}
		return c
	}, strings.TrimSpace(h.b.String()))
}
