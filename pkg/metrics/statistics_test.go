package metrics

import (
	"fmt"
	"math/big"
	"slices"
	"sync"
	"testing"
	"time"
)

// history is the samples of a statistic, newest first, as value@second.
func history(s *Statistics, name string, now time.Time) string {
	o, ok := s.Get(name, now)
	if !ok {
		return "none"
	}
	text := ""
	for _, o := range o {
		v := fmt.Sprint(o.Value)
		if o.Big != nil {
			v = o.Big.String()
		}
		text += fmt.Sprintf(" %s@%d", v, o.At.Unix())
	}
	return text[1:]
}

// A script of what is counted and commanded, one second to a step; want is what
// is then told of the statistic n.
func TestStatistics(t *testing.T) {
	type state struct {
		set *Set
		s   *Statistics
		c   *Counter
		now time.Time
	}
	add := func(n int) func(*state) { return func(s *state) { s.c.Add(n) } }
	read := func(s *state) { s.s.Get("n", s.now) }
	note := func(s *state) { s.s.Note(s.now) }
	reset := func(s *state) { s.s.Reset("n", s.now) }
	remove := func(s *state) { s.s.Remove("n", s.now) }
	keep := func(count int, age time.Duration) func(*state) {
		return func(s *state) { s.s.Keep("n", count, age, s.now) }
	}
	tests := []struct {
		name  string
		gauge bool
		steps []func(*state)
		want  string // @ the second of the step, from 1 on
	}{
		{"never counted", false, nil, "0@0"},
		{"counted before the first look", false, []func(*state){add(2)}, "2@2"},
		{"a sample for each look at another value", false, []func(*state){read, add(1), read, read, add(1)}, "2@6 1@3 0@0"},
		{"nobody asks, nothing is noted", false, []func(*state){read, add(1), note, add(1)}, "2@5 0@0"},
		{"asked for, noted by the clock", false, []func(*state){keep(5, 0), add(1), note, add(1), note}, "2@5 1@3 0@0"},
		{"no more than so many", false, []func(*state){keep(2, 0), add(1), note, add(1), note}, "2@5 1@3"},
		{"no older than so", false, []func(*state){keep(0, 3*time.Second), add(1), note, add(1), note}, "2@5 1@3"},
		{"the newest stays, however old", false, []func(*state){keep(0, time.Second), add(1), note, note, note}, "1@3"},
		{"a number below one is one", false, []func(*state){keep(0, 0), add(1), note}, "1@3"},
		{"reset", false, []func(*state){add(5), read, reset}, "0@3"},
		{"reset, then counted", false, []func(*state){add(5), reset, add(2)}, "2@4 0@2"},
		{"reset of a gauge", true, []func(*state){add(5), read, add(-1), reset}, "4@4"},
		{"removed", false, []func(*state){add(5), remove}, "none"},
		{"removed again", false, []func(*state){add(5), remove, remove, reset, keep(2, 0)}, "none"},
		{"removed, then counted", false, []func(*state){add(5), remove, add(1)}, "1@4"},
		{"removed, and the limit with it", false, []func(*state){keep(2, 0), remove, note, add(1), note, add(1)}, "2@7"},
		{"a gauge removed", true, []func(*state){add(5), remove, read}, "none"},
		{"a gauge removed, then changed", true, []func(*state){add(5), remove, add(1)}, "6@4"},
		{"all reset", false, []func(*state){add(5), func(s *state) { s.s.ResetAll(s.now) }}, "0@2"},
		{"all removed", false, []func(*state){add(5), func(s *state) { s.s.RemoveAll(s.now) }}, "none"},
		{"all limited", false, []func(*state){add(1), read, add(1), func(s *state) { s.s.KeepAll(1, 0, s.now) }, note}, "2@5"},
		{"all noted", false, []func(*state){func(s *state) { s.s.KeepAll(5, 0, s.now) }, add(1), note, add(1), note}, "2@5 1@3"},
		{"the configuration asks for all", false, []func(*state){func(s *state) { s.s.Default(0, time.Minute, true) }, add(1), note}, "1@3"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			s := &state{set: new(Set), now: time.Unix(0, 0)}
			s.s = NewStatistics(s.set, s.now)
			s.c = s.set.counter("n", tt.gauge)
			for _, step := range tt.steps {
				s.now = s.now.Add(time.Second)
				step(s)
			}
			s.now = s.now.Add(time.Second)
			if got := history(s.s, "n", s.now); got != tt.want {
				t.Errorf("%s, want %s", got, tt.want)
			}
			if s.c.Value() < 0 || !tt.gauge && s.set.All()[0].Value != s.c.Value() {
				t.Error("the counter itself was touched")
			}
		})
	}
}

func TestStatisticsDefaultLimit(t *testing.T) {
	set := new(Set)
	s := NewStatistics(set, time.Unix(0, 0))
	for i := range 50 {
		set.Counter("n").Inc()
		s.Get("n", time.Unix(int64(i), 0))
	}
	if o, _ := s.Get("n", time.Unix(60, 0)); len(o) != DefaultSamples || o[0].Value != 50 || o[19].Value != 31 {
		t.Errorf("%d samples: %v", len(o), o)
	}
}

func TestStatisticsOfBigNumbers(t *testing.T) {
	set := new(Set)
	n := new(big.Int).Lsh(big.NewInt(1), 64)
	set.Source("leases", func(yield func(Sample)) { yield(BigGauge("subnet[1].total-nas", new(big.Int).Set(n))) })
	s := NewStatistics(set, time.Unix(0, 0))
	s.Get("subnet[1].total-nas", time.Unix(1, 0))
	s.Get("subnet[1].total-nas", time.Unix(2, 0))
	n.Add(n, n)
	if got := history(s, "subnet[1].total-nas", time.Unix(3, 0)); got != "36893488147419103232@3 18446744073709551616@1" {
		t.Error(got)
	}
	s.Reset("subnet[1].total-nas", time.Unix(4, 0))
	if got := history(s, "subnet[1].total-nas", time.Unix(5, 0)); got != "36893488147419103232@4" {
		t.Errorf("reset: %s", got)
	}
}

// What is no more is forgotten, so that subnets that come and go cost nothing.
func TestStatisticsForget(t *testing.T) {
	set := new(Set)
	subnets := 3
	set.Source("leases", func(yield func(Sample)) {
		for i := range subnets {
			yield(Gauge(fmt.Sprintf("subnet[%d].assigned-addresses", i), 1))
		}
	})
	set.Counter("pkt4-received")
	s := NewStatistics(set, time.Unix(0, 0))
	walk := func() (names []string) {
		s.All(time.Unix(1, 0), func(name string, o []Observation) { names = append(names, name) })
		return names
	}
	if got := walk(); !slices.Equal(got, []string{"pkt4-received", "subnet[0].assigned-addresses", "subnet[1].assigned-addresses", "subnet[2].assigned-addresses"}) {
		t.Error(got)
	}
	s.Keep("subnet[2].assigned-addresses", 3, 0, time.Unix(1, 0))
	s.Remove("subnet[0].assigned-addresses", time.Unix(1, 0))
	subnets = 1
	if got := walk(); !slices.Equal(got, []string{"pkt4-received"}) {
		t.Error(got)
	}
	if len(s.byName) != 2 || s.wanted != 0 {
		t.Errorf("%d known, samples of %d asked for", len(s.byName), s.wanted)
	}
}

func TestStatisticsAreSafe(t *testing.T) {
	set := new(Set)
	s := NewStatistics(set, time.Now())
	var w sync.WaitGroup
	for i := range 4 {
		w.Go(func() {
			for range 200 {
				set.Counter(fmt.Sprint(i)).Inc()
				s.All(time.Now(), func(string, []Observation) {})
				s.Keep("1", 3, 0, time.Now())
				s.Note(time.Now())
				s.Reset("2", time.Now())
				s.Remove("3", time.Now())
				s.Get("0", time.Now())
			}
		})
	}
	w.Wait()
	if o, ok := s.Get("0", time.Now()); !ok || o[0].Value != 200 {
		t.Error(o, ok)
	}
}
