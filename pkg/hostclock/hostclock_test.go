package hostclock_test

import (
	"context"
	"flag"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/dhcp4o6/dhcp4o6/pkg/hostclock"
)

// TestFollow: a clock that is set, by nothing, is told; a clock that is left alone is
// not; the end of the context closes the channel.
func TestFollow(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	told, err := hostclock.Follow(ctx)
	if err != nil {
		t.Fatal(err)
	}
	select {
	case d := <-told:
		t.Errorf("told of %v while nothing was set", d)
	case <-time.After(50 * time.Millisecond):
	}
	cancel()
	for d := range told {
		t.Errorf("told of %v at the end", d)
	}
}

var setClock = flag.Bool("set-clock", false, "move the wall clock of this machine by a microsecond, and back")

// TestClockIsSet moves the wall clock by a microsecond, and back. It is the clock of
// the whole machine, so that has to be asked for: go test ./pkg/hostclock -set-clock.
func TestClockIsSet(t *testing.T) {
	if !*setClock {
		return
	}
	told, err := hostclock.Follow(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	for _, step := range []int64{1, -1, 1, -1} {
		// A time is whole seconds and what is to be added to them.
		by := unix.Timeval{Sec: (step - 1) / 2, Usec: (step + 1000000) % 1000000}
		if _, err := unix.Adjtimex(&unix.Timex{Modes: unix.ADJ_SETOFFSET, Time: by}); err != nil {
			t.Fatal(err)
		}
		select {
		case d := <-told:
			if d != 0 {
				t.Errorf("slept for %v", d)
			}
		case <-time.After(5 * time.Second):
			t.Fatal("not told")
		}
	}
}
