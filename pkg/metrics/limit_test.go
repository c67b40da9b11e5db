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
