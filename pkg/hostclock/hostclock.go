// Package hostclock tells when the wall clock of the host is set, and for how long
// the host slept.
//
// A program that reckons with Go's monotonic time is not disturbed by either: it does
// not notice. But what it wrote down in wall time is wrong after the clock was
// set, and monotonic time stands still while the host sleeps (CLOCK_MONOTONIC), so a
// lease of an hour would last for a night. The kernel tells of both through a timer
// that is never due; nothing is polled.
package hostclock

import (
	"context"
	"errors"
	"fmt"
	"math"
	"os"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// Follow tells of each time the wall clock is set or the host wakes up, by how much
// longer the host has lived since the last time than monotonic time says: zero when it
// did not sleep. Times that nobody waits for are added up. The channel is closed when
// ctx ends, and then nothing is left behind.
func Follow(ctx context.Context) (<-chan time.Duration, error) {
	fd, err := unix.TimerfdCreate(unix.CLOCK_REALTIME, unix.TFD_CLOEXEC|unix.TFD_NONBLOCK)
	if err != nil {
		return nil, fmt.Errorf("hostclock: %w", err)
	}
	w := &watch{fd: fd, timer: os.NewFile(uintptr(fd), "timerfd"), told: make(chan time.Duration)}
	if err := w.arm(); err != nil {
		_ = w.timer.Close() // the first error is what is told
		return nil, fmt.Errorf("hostclock: %w", err)
	}
	if w.slept, err = asleep(); err != nil {
		_ = w.timer.Close()
		return nil, fmt.Errorf("hostclock: %w", err)
	}
	go w.follow(ctx)
	return w.told, nil
}

type watch struct {
	fd    int
	timer *os.File
	told  chan time.Duration
	slept time.Duration // since the host began, as it was told last
}

// arm sets a timer that is due in the most distant future, and is cancelled when the
// clock is set (timerfd_create(2)); the kernel counts waking up as that.
func (w *watch) arm() error {
	never := unix.ItimerSpec{Value: unix.Timespec{Sec: math.MaxInt64}}
	return unix.TimerfdSettime(w.fd, unix.TFD_TIMER_ABSTIME|unix.TFD_TIMER_CANCEL_ON_SET, &never, nil)
}

func (w *watch) follow(ctx context.Context) {
	defer close(w.told)
	defer context.AfterFunc(ctx, func() { _ = w.timer.Close() })() // ends the read
	for w.wait() {
		now, err := asleep()
		if err != nil {
			return // a clock that could be read before
		}
		select {
		case w.told <- now - w.slept:
			w.slept = now
		case <-ctx.Done():
			return
		}
	}
}

// wait returns when the clock was set; false when the timer was closed.
func (w *watch) wait() bool {
	var b [8]byte
	_, err := w.timer.Read(b[:])
	if !errors.Is(err, syscall.ECANCELED) {
		return false
	}
	return w.arm() == nil
}

// asleep is for how long the host has slept since it began: what CLOCK_BOOTTIME counts
// and CLOCK_MONOTONIC does not.
func asleep() (time.Duration, error) {
	var all, awake unix.Timespec
	if err := errors.Join(unix.ClockGettime(unix.CLOCK_MONOTONIC, &awake), unix.ClockGettime(unix.CLOCK_BOOTTIME, &all)); err != nil {
		return 0, err
	}
	// The two are not read in one moment: what is less than that is none.
	return (time.Duration(all.Nano()) - time.Duration(awake.Nano())).Round(100 * time.Millisecond), nil
}
