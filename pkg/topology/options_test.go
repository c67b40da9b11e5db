package topology

import (
	"math"
	"slices"
	"testing"

	"pgregory.net/rapid"
)

var drawOptions = rapid.Custom(func(t *rapid.T) Options {
	var o Options
	for range rapid.IntRange(0, 8).Draw(t, "options") {
		o = append(o, Option{Code: rapid.Uint16Range(1, 10).Draw(t, "code"), Value: []byte{rapid.Byte().Draw(t, "value")}})
	}
	o.Sort()
	return o
})

func TestMergeLetsTheInnerScopeWin(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		outer, inner := drawOptions.Draw(t, "outer"), drawOptions.Draw(t, "inner")
		before := slices.Clone(outer)
		got := Merge(outer, inner)
		if !slices.IsSortedFunc(got, func(a, b Option) int { return int(a.Code) - int(b.Code) }) {
			t.Fatalf("not sorted: %v", got)
		}
		for code := range uint16(11) {
			of := func(o Options) (v []byte) {
				for _, p := range o {
					if p.Code == code {
						v = append(v, p.Value[0])
					}
				}
				return v
			}
			want := of(inner)
			if want == nil {
				want = of(outer)
			}
			if !slices.Equal(of(got), want) {
				t.Fatalf("code %d: got %v, want %v", code, of(got), want)
			}
			p := got.Find(code)
			if (p == nil) != (want == nil) || p != nil && (p.Code != code || p.Value[0] != want[0]) {
				t.Fatalf("code %d: Find gives %v, want %v", code, p, want)
			}
		}
		if !slices.EqualFunc(outer, before, func(a, b Option) bool { return a.Code == b.Code && &a.Value[0] == &b.Value[0] }) {
			t.Fatal("the outer scope was changed")
		}
	})
}

// TestFlagsStick: always-send and never-send hold from whatever scope says so,
// while the value is the inner scope's.
func TestFlagsStick(t *testing.T) {
	outer := Options{{Code: 3, Value: []byte{1}, Always: true}, {Code: 6, Never: true}, {Code: 7, Value: []byte{1}}, {Code: 2, Vendor: 9, Sub: true, Always: true}}
	inner := Options{{Code: 3, Value: []byte{2}}, {Code: 6, Value: []byte{2}}, {Code: 7, Never: true}, {Code: 2, Value: []byte{2}, Vendor: 9, Sub: true}}
	got := Merge(outer, inner)
	want := Options{{Code: 3, Value: []byte{2}, Always: true}, {Code: 6, Value: []byte{2}, Never: true}, {Code: 7, Never: true}, {Code: 2, Value: []byte{2}, Always: true, Vendor: 9, Sub: true}}
	if !slices.EqualFunc(got, want, func(a, b Option) bool {
		return a.compare(&b) == 0 && slices.Equal(a.Value, b.Value) && a.Always == b.Always && a.Never == b.Never
	}) {
		t.Errorf("\n got %v\nwant %v", got, want)
	}
}

// TestEnterprises: what is of one enterprise is found and hidden by itself, and
// a code within option 125 is never taken for one of the message.
func TestEnterprises(t *testing.T) {
	outer := Options{{Code: 125, Vendor: 9}, {Code: 125, Vendor: 4491}, {Code: 2, Vendor: 4491, Sub: true, Value: []byte{1}}, {Code: 3, Vendor: 4491, Sub: true}, {Code: 3, Vendor: 9, Sub: true}}
	outer.Sort()
	inner := Options{{Code: 125, Vendor: 4491, Value: []byte{7}}, {Code: 2, Vendor: 4491, Sub: true, Value: []byte{2}}}
	got := Merge(outer, inner)
	if of := got.Of(125); len(of) != 2 || of[0].Vendor != 9 || of[1].Vendor != 4491 || len(of[1].Value) != 1 {
		t.Errorf("125: %v", of)
	}
	if in := got.Within(4491); len(in) != 2 || in[0].Code != 2 || in[0].Value[0] != 2 || in[1].Code != 3 {
		t.Errorf("within 4491: %v", in)
	}
	if in := got.Within(9); len(in) != 1 {
		t.Errorf("within 9: %v", in)
	}
	if got.Find(2) != nil || got.Find(3) != nil || len(got.Within(10)) != 0 || len(got.Of(2)) != 0 || len(Options{}.Of(1)) != 0 {
		t.Error("found what is not there")
	}
}

func TestFindAllocatesNothing(t *testing.T) {
	o := Options{{Code: 1}, {Code: 3}, {Code: 88}}
	if n := testing.AllocsPerRun(100, func() { o.Find(3); o.Find(4); o.Of(88); o.Within(9) }); n != 0 {
		t.Errorf("%v allocations", n)
	}
}

func TestChooseLifetime(t *testing.T) {
	l := Lifetime{Min: 600, Default: 3600, Max: 7200}
	for hint, want := range map[uint32]uint32{0: 3600, 1: 600, 600: 600, 5000: 5000, 7200: 7200, math.MaxUint32: 7200} {
		if got := l.Choose(hint); got != want {
			t.Errorf("hint %d: got %d, want %d", hint, got, want)
		}
	}
}

func TestTimers4(t *testing.T) {
	const forever = math.MaxUint32
	tests := []struct {
		name         string
		t1, t2       Timer
		valid        uint32
		want1, want2 uint32
	}{
		{"neither is set", Timer{}, Timer{}, 3600, 0, 0},
		{"both by seconds", Timer{Seconds: 900}, Timer{Seconds: 1800}, 3600, 900, 1800},
		{"both by share", Timer{Percent: 0.5}, Timer{Percent: 0.875}, 3600, 1800, 3150},
		{"seconds before share", Timer{Seconds: 10, Percent: 0.5}, Timer{Percent: 0.875}, 3600, 10, 3150},
		{"T2 beyond the lease is not sent", Timer{Seconds: 900}, Timer{Seconds: 3600}, 3600, 900, 0},
		{"T1 at T2 is not sent", Timer{Seconds: 1800}, Timer{Seconds: 1800}, 3600, 0, 1800},
		{"T1 within the lease when T2 is not sent", Timer{Seconds: 3599}, Timer{}, 3600, 3599, 0},
		{"a lease for ever", Timer{Percent: 0.5}, Timer{Percent: 0.875}, forever, 0, 0},
		{"rounded", Timer{Percent: 0.5}, Timer{Percent: 0.875}, 3, 2, 0},
	}
	for _, tt := range tests {
		p := &Policy{T1: tt.t1, T2: tt.t2}
		if t1, t2 := p.Timers4(tt.valid); t1 != tt.want1 || t2 != tt.want2 {
			t.Errorf("%s: got %d, %d, want %d, %d", tt.name, t1, t2, tt.want1, tt.want2)
		}
	}
}

func TestTimers6(t *testing.T) {
	const forever = math.MaxUint32
	tests := []struct {
		name         string
		t1, t2       Timer
		preferred    uint32
		want1, want2 uint32
	}{
		{"neither is set", Timer{}, Timer{}, 3600, 0, 0},
		{"by share", Timer{Percent: 0.5}, Timer{Percent: 0.8}, 3000, 1500, 2400},
		{"for ever", Timer{Percent: 0.5}, Timer{Percent: 0.8}, forever, forever, forever},
		{"T1 later than T2 is left to the client", Timer{Seconds: 3000}, Timer{Seconds: 2000}, 3600, 0, 2000},
		{"T1 at T2 stands", Timer{Seconds: 2000}, Timer{Seconds: 2000}, 3600, 2000, 2000},
		{"T1 alone stands", Timer{Seconds: 2000}, Timer{}, 3600, 2000, 0},
		{"a share never becomes infinity", Timer{}, Timer{Percent: 1}, forever - 1, 0, forever - 1},
	}
	for _, tt := range tests {
		p := &Policy{T1: tt.t1, T2: tt.t2}
		if t1, t2 := p.Timers6(tt.preferred); t1 != tt.want1 || t2 != tt.want2 {
			t.Errorf("%s: got %d, %d, want %d, %d", tt.name, t1, t2, tt.want1, tt.want2)
		}
	}
}
