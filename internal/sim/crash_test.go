package sim

import (
	"os"
	"strconv"
	"strings"
	"testing"
	"testing/synctest"
)

// settings says how many lives there are, and the seed.
func settings(t *testing.T) (cuts, seed int) {
	cuts = 100
	if testing.Short() {
		cuts = 30
	}
	return number(t, "SIM_CUTS", cuts), number(t, "SIM_SEED", 1)
}

// number reads a number from the environment.
func number(t *testing.T, name string, otherwise int) int {
	v := os.Getenv(name)
	if v == "" {
		return otherwise
	}
	n, err := strconv.Atoi(v)
	if err != nil {
		t.Fatalf("%s: %v", name, err)
	}
	return n
}

var families = map[string]family{"dhcp4d": over4o6{}, "dhcp6d": native6{}}

// TestCrash ends the server suddenly a hundred times, in the middle of calls to the disk
// and between them, by power cuts and by kills, with a disk that fails now and then.
func TestCrash(t *testing.T) {
	cuts, seed := settings(t)
	for name, f := range families {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				w := newWorld(t, f, uint64(seed))
				for cut := range cuts {
					w.start()
					if !t.Failed() {
						w.live()
					}
					if t.Failed() {
						t.Fatalf("SIM_SEED=%d, life %d:\n%s", seed, cut+1, strings.Join(w.log, "\n"))
					}
				}
				t.Logf("%d lives, %d starts: %d leases acknowledged, %d refused, healed %d times", cuts, w.restarts, w.acks, w.naks, w.healed)
				if w.acks < 20*cuts || w.healed == 0 && cuts >= 100 {
					t.Error("too little happened for this to say anything")
				}
			})
		})
	}
}
