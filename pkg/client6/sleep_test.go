package client6

import (
	"testing"
	"time"
)

// What a host slept through brings every end nearer, in whatever state it was: the
// timer that stood still is armed anew, so that no lease outlives its time (RFC 9915
// §18.2.10.1).
func TestSleepArmsTheTimerAnew(t *testing.T) {
	const slept = 300 * time.Second
	for _, tt := range []struct {
		name string
		in   State
		to   func(l *lab)
	}{
		{"without a link", Init, func(l *lab) { l.tell(Ready{false}) }},
		{"while rebinding", Rebinding, func(l *lab) {
			for l.m.State() != Rebinding || l.m.x.sent < 7 {
				l.tick()
			}
		}},
		{"while releasing", Init, func(l *lab) { l.tell(Ready{false}); l.tell(Release{}) }},
	} {
		t.Run(tt.name, func(t *testing.T) {
			l := newLab(t, Options{IAs: []IA{na}})
			l.bound(lease1())
			tt.to(l)
			l.want(tt.in)
			due := l.at
			by := min(slept, due.Sub(l.now)/2)
			acts := l.tell(Clock{by})
			if len(of[Arm](acts)) != 1 || !l.at.Equal(due.Add(-by)) {
				t.Errorf("slept for %v, due in %v: armed %v for in %v", by, due.Sub(l.now), of[Arm](acts), l.at.Sub(l.now))
			}
		})
	}
}
