package lease

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"slices"
	"sync"
	"testing"

	"pgregory.net/rapid"
)

// A bitmap finds what a plain slice of booleans finds, at sizes around the edges
// of words, leaves and inner nodes.
func TestBitmapModel(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		size := rapid.SampledFrom([]uint64{1, 2, 63, 64, 65, 4095, 4096, 4097, 5000}).Draw(t, "size")
		var b bitmap
		b.reset(size)
		free := make([]bool, size)
		for i := range free {
			free[i] = true
		}
		for range rapid.IntRange(1, 50).Draw(t, "steps") {
			from := rapid.Uint64Range(0, size-1).Draw(t, "from")
			to := min(size-1, from+rapid.Uint64Range(0, 200).Draw(t, "run"))
			put := rapid.Bool().Draw(t, "put")
			for i := from; i <= to; i++ {
				op := b.take
				if put {
					op = b.put
				}
				if op(i) == (free[i] == put) {
					t.Fatalf("put=%v of %d: free before: %v", put, i, free[i])
				}
				free[i] = put
			}
			at := rapid.Uint64Range(0, size).Draw(t, "at")
			want := slices.Index(free[at:], true)
			got, ok := b.next(at)
			if ok != (want >= 0) || ok && got != at+uint64(want) {
				t.Fatalf("next(%d) = %d, %v; want %d", at, got, ok, want)
			}
		}
	})
}

// In a large bitmap that is nearly full the last free one is found.
func TestBitmapDeep(t *testing.T) {
	for _, size := range []uint64{1 << 18, 1<<18 + 1, 1 << 20, 3_000_000, 1 << 62} {
		var b bitmap
		b.reset(size)
		n := min(size, 1<<20)
		for i := range n {
			b.take(i)
		}
		got, ok := b.next(0)
		if size > n && (!ok || got != n) || size == n && ok {
			t.Errorf("size %d: next(0) = %d, %v", size, got, ok)
		}
		b.put(n / 3)
		if got, ok := b.next(0); !ok || got != n/3 {
			t.Errorf("size %d: next(0) = %d, %v, want %d", size, got, ok, n/3)
		}
		if last := size - 1; size > n {
			if got, ok := b.next(last); !ok || got != last || !b.take(last) || b.take(last) {
				t.Errorf("size %d: the last one: %d, %v", size, got, ok)
			}
		}
	}
}

// Nothing is lost and nothing doubled when many take and put at once.
func TestBitmapRace(t *testing.T) {
	var b bitmap
	b.reset(300)
	var wg sync.WaitGroup
	for w := range 8 {
		wg.Go(func() {
			rnd := rand.New(rand.NewPCG(uint64(w), 7))
			var mine []uint64
			for range 20_000 {
				if len(mine) > 0 && rnd.IntN(2) == 0 {
					i := mine[len(mine)-1]
					mine = mine[:len(mine)-1]
					if !b.put(i) {
						t.Errorf("%d was free while it was mine", i)
					}
				} else if i, ok := b.next(rnd.Uint64N(300)); ok && b.take(i) {
					mine = append(mine, i)
				}
			}
			for _, i := range mine {
				b.put(i)
			}
		})
	}
	wg.Wait()
	n := 0
	for i, ok := b.next(0); ok; i, ok = b.next(i + 1) {
		n++
	}
	if n != 300 || b.free.Load() != 300 {
		t.Errorf("%d found, %d counted of 300", n, b.free.Load())
	}
}

func TestIndexModel(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		var x index
		type pair struct {
			h uint32
			r ref
		}
		want := make(map[pair]bool)
		for range rapid.IntRange(1, 200).Draw(t, "steps") {
			p := pair{rapid.SampledFrom([]uint32{0, 1, 2, 1 << 31, 1<<32 - 1, 1<<32 - 2}).Draw(t, "h"), ref(rapid.Uint32Range(0, 12).Draw(t, "r"))}
			if rapid.IntRange(0, 2).Draw(t, "op") > 0 {
				x.add(p.h, p.r)
				want[p] = true
			} else {
				x.remove(p.h, p.r)
				delete(want, p)
			}
			if x.n != len(want) {
				t.Fatalf("%d entries, want %d", x.n, len(want))
			}
			for p := range want {
				if !slices.Contains(x.all(p.h, nil), p.r) {
					t.Fatalf("%v is lost", p)
				}
			}
		}
	})
}

func TestArenaModel(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		var a arena
		blocks := make(map[uint32][]byte)
		for step := range rapid.IntRange(1, 300).Draw(t, "steps") {
			if len(blocks) > 0 && rapid.IntRange(0, 2).Draw(t, "op") == 0 {
				for at, want := range blocks {
					a.release(at, len(want))
					delete(blocks, at)
					break
				}
			} else {
				n := rapid.SampledFrom([]int{1, 15, 16, 17, 300, 1023, 1024, 1025, 9000}).Draw(t, "n")
				at, b := a.alloc(n)
				if len(b) != n || at == 0 || blocks[at] != nil {
					t.Fatalf("block %d of %d octets for %d", at, len(b), n)
				}
				copy(b, bytes.Repeat([]byte{byte(step)}, n))
				blocks[at] = bytes.Clone(b)
			}
			for at, want := range blocks {
				if !bytes.Equal(a.block(at, len(want)), want) {
					t.Fatalf("block %d of %d octets was written over", at, len(want))
				}
			}
		}
	})
}

func TestTimersAreSorted(t *testing.T) {
	var h timers
	rnd := rand.New(rand.NewPCG(1, 2))
	for i := range uint32(1000) {
		h.push(rnd.Uint32N(500), i)
	}
	last := uint32(0)
	for n := 1000; n > 0; n-- {
		at, _, ok := h.first()
		if !ok || at < last {
			t.Fatalf("%d after %d", at, last)
		}
		last = at
		h.pop()
	}
	if _, _, ok := h.first(); ok {
		t.Error("entries left")
	}
}

func TestQueueKeepsOrder(t *testing.T) {
	var q queue
	next, want := uint32(0), uint32(0)
	for range 100 {
		for range 7 {
			q.push(offered{at: next})
			next++
		}
		for range 5 {
			if o, ok := q.pop(func(uint32) bool { return true }); !ok || o.at != want {
				t.Fatalf("got %d, want %d", o.at, want)
			}
			want++
		}
	}
	if q.len() != int(next-want) {
		t.Error(fmt.Sprint(q.len()))
	}
}

// What is crossed out does not come out, and nothing else is crossed out.
func TestQueueModel(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		q := queue{first: ^uint32(0) - 5} // places wrap
		var want []offered
		places := make(map[ref]uint32)
		for n := range rapid.IntRange(1, 100).Draw(t, "steps") {
			o := offered{at: uint32(n), ref: ref(n)}
			switch rapid.IntRange(0, 3).Draw(t, "op") {
			case 0, 1:
				places[o.ref] = q.push(o)
				want = append(want, o)
			case 2:
				r := ref(rapid.IntRange(0, n).Draw(t, "which"))
				q.drop(places[r], offered{at: uint32(r), ref: r})
				want = slices.DeleteFunc(want, func(w offered) bool { return w.ref == r })
			default:
				o, ok := q.pop(func(uint32) bool { return true })
				if ok != (len(want) > 0) || ok && o != want[0] {
					t.Fatalf("got %v, %v, want %v", o, ok, want)
				}
				want = want[min(1, len(want)):]
			}
			if o, ok := q.oldest(); ok != (len(want) > 0) || ok && o != want[0] {
				t.Fatalf("oldest %v, %v, want %v", o, ok, want)
			}
		}
	})
}
