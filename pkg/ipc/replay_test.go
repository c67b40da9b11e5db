package ipc

import (
	"testing"

	"pgregory.net/rapid"
)

// The window: in order, out of order within 64, twice, too old.
func TestReplayWindow(t *testing.T) {
	var r replays
	for _, tt := range []struct {
		counter uint64
		want    bool
	}{
		{0, false}, {100, true}, {100, false}, {99, true}, {99, false}, {37, true}, {36, false}, {101, true}, {37, false}, {38, true},
		{164, true}, {101, false}, {102, true}, {100, false}, {1 << 40, true}, {1<<40 - 63, true}, {1<<40 - 64, false}, {164, false}, {0, false},
	} {
		if got := r.first(stamp{boot: 7, counter: tt.counter}); got != tt.want {
			t.Errorf("%d: %v, want %v", tt.counter, got, tt.want)
		}
	}
}

// So many starts of the peer are remembered; a start that is forgotten is not
// taken for a new one.
func TestReplayBoots(t *testing.T) {
	var r replays
	for id := uint64(1); id <= 3*replayBoots; id++ {
		if !r.first(stamp{10 * id, 1}) || r.first(stamp{10 * id, 1}) {
			t.Errorf("start %d", id)
		}
	}
	for id := uint64(1); id <= 3*replayBoots; id++ {
		remembered := id > 2*replayBoots
		if r.first(stamp{10 * id, 1}) || r.first(stamp{10 * id, 2}) != remembered {
			t.Errorf("start %d is remembered: %v", id, !remembered)
		}
		if !remembered && r.first(stamp{10*id - 5, 1}) { // it never came, and is older than one forgotten
			t.Errorf("a start before %d is taken", id)
		}
	}
}

// No message is taken twice, whatever comes in whatever order; and what comes in
// order of one start is all taken.
func TestReplayModel(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		var r replays
		taken := make(map[stamp]bool)
		highest := make(map[uint64]uint64)
		boots := rapid.Uint64Range(1, 12)
		for range rapid.IntRange(1, 400).Draw(t, "messages") {
			s := stamp{boot: boots.Draw(t, "boot"), counter: rapid.Uint64Range(1, 200).Draw(t, "counter")}
			top, known := highest[s.boot]
			ok := r.first(s)
			if ok && taken[s] {
				t.Fatalf("%v twice", s)
			}
			if r.floor < s.boot && known {
				fresh := s.counter > top || top-s.counter < replayWindow && !taken[s]
				if fresh != ok {
					t.Fatalf("%v: %v, highest %d", s, ok, top)
				}
			}
			if ok {
				taken[s], highest[s.boot] = true, max(top, s.counter)
			}
		}
	})
}
