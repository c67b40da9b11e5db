package client4

import (
	"testing"
	"time"
	"unsafe"

	"github.com/dhcp4o6/dhcp4o6/pkg/dhcp4"
	"github.com/dhcp4o6/dhcp4o6/pkg/hostconf"
)

// stepped is t as time.Now would have given it after the wall clock was set by d:
// the monotonic reading is what it was.
func stepped(t *testing.T, at time.Time, d time.Duration) time.Time {
	t.Helper()
	type layout struct { // of time.Time, with a monotonic reading
		wall uint64 // 1, 33 bits of seconds, 30 bits of nanoseconds
		ext  int64  // monotonic
		loc  *time.Location
	}
	s := at
	(*layout)(unsafe.Pointer(&s)).wall += uint64(d/time.Second) << 30
	if got := s.Round(0).Sub(at.Round(0)); got != d || s.Sub(at) != 0 {
		t.Fatalf("stepped by %v on the wall and %v otherwise, want %v and 0", got, s.Sub(at), d)
	}
	return s
}

// TestWallClockIsSet: a lease lasts as long as it does, whatever the wall clock says,
// and the record is put right.
func TestWallClockIsSet(t *testing.T) {
	for _, d := range []time.Duration{50 * 365 * 24 * time.Hour, 30 * time.Minute, -30 * time.Minute, -10 * 365 * 24 * time.Hour} {
		b := bound(t, nil)
		before, got := b.record, b.now
		b.now = stepped(t, b.now.Add(time.Minute), d)
		b.step(Clock{})
		if diff := b.record.Expire.Sub(before.Expire); diff != d {
			t.Errorf("%v: the record ends %v later", d, diff)
		}
		b.pass(b.armed.Sub(b.now))
		b.in(Renewing)
		within(t, "T1", b.now.Sub(got), 29*time.Minute, 31*time.Minute)
		b.sent = nil
		for b.m.State() != Selecting {
			b.pass(b.armed.Sub(b.now))
		}
		if b.now.Sub(got) != time.Hour {
			t.Errorf("%v: the lease lasted for %v", d, b.now.Sub(got))
		}
	}
}

// TestSleep: what the host slept was not counted, and belongs to the lease.
func TestSleep(t *testing.T) {
	b := bound(t, nil)
	b.step(Clock{Slept: 40 * time.Minute})
	b.pass(0)
	b.in(Renewing)
	b.step(Clock{Slept: 19*time.Minute + 59*time.Second})
	if b.host == nil {
		t.Fatal("the lease ended early")
	}
	b.step(Clock{Slept: time.Second})
	b.wantReasons(hostconf.Preinit, hostconf.Bound, hostconf.Expire)
	b.in(Selecting)

	b = started(t)
	b.step(Clock{Slept: time.Hour})
	b.pass(0)
	b.last(dhcp4.Discover)
	b.in(Selecting)

	b = bound(t, []edit{lasting(0xffffffff)})
	b.step(Clock{Slept: 1000 * time.Hour})
	b.in(Bound)
}
