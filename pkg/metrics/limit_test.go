package metrics

import (
	"testing"
	"testing/synctest"
	"time"
)

// One event in ten seconds goes through and tells how many did not.
func TestLimit(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var l Limit
		for round, want := range []uint64{0, 5, 0} {
			missed, ok := l.Allow()
			if !ok || missed != want {
				t.Fatalf("round %d: %d missed, %v", round, missed, ok)
			}
			for range 5 - 5*(round%2) {
				if _, ok := l.Allow(); ok {
					t.Fatalf("round %d: another within ten seconds", round)
				}
				time.Sleep(time.Second)
			}
			time.Sleep(every)
		}
	})
}

// With a burst so many go through before the rest is kept back.
func TestLimitBurst(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := Limit{Burst: 3}
		for round, want := range []uint64{0, 4, 4} {
			for i := range 7 {
				if i == 0 {
					if missed, ok := l.Allow(); !ok || missed != want {
						t.Fatalf("round %d: %d missed, %v", round, missed, ok)
					}
				} else if missed, ok := l.Allow(); ok != (i < 3) || missed != 0 {
					t.Fatalf("round %d, %d: %v", round, i, ok)
				}
			}
			time.Sleep(every)
		}
	})
}
