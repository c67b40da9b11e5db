package leasefile_test

import (
	"errors"
	"fmt"
	"iter"
	"math/rand/v2"
	"os"
	"reflect"
	"strconv"
	"syscall"
	"testing"

	"github.com/dhcp4o6/dhcp4o6/pkg/lease"
	"github.com/dhcp4o6/dhcp4o6/pkg/lease/leasefile"
	"github.com/dhcp4o6/dhcp4o6/pkg/lease/leasefile/faultfs"
)

// A simulation drives one store as a table would, on a disk that fails, until
// the power is cut; then it checks what is left, and goes on from there.
type simulation struct {
	t      *testing.T
	random *rand.Rand
	disk   *faultfs.FS
	f      *leasefile.File
	table  leases
	past   map[lease.Resource][]version // since the last durable state, oldest first
	done   lease.Seq                    // durable, as the store has said
	count  int                          // versions made
}

// A version is what a resource was made by one change.
type version struct {
	seq    lease.Seq
	lease  lease.Lease
	remove bool
}

func (s *simulation) change() {
	n := s.random.IntN(40)
	s.count++
	l := testLease(n, s.count)
	if s.random.IntN(4) == 0 {
		l.Hostname = "a,b\n\x00" + strconv.Itoa(s.count)
	}
	remove := s.random.IntN(5) == 0
	if remove {
		delete(s.table, l.Resource)
	} else {
		s.table[l.Resource] = l
	}
	seq := s.f.Append(lease.Change{Lease: &l, Remove: remove})
	s.past[l.Resource] = append(s.past[l.Resource], version{seq, l, remove})
}

// sync reports whether the store lives on.
func (s *simulation) sync() bool {
	seq, err := s.f.Sync()
	if err == nil || seq > s.done {
		s.done = seq
	}
	switch {
	case errors.Is(err, faultfs.ErrCut):
		return false
	case errors.Is(err, lease.ErrDown):
		return s.rewrite()
	case err != nil:
		s.t.Fatal(err)
	}
	return true
}

// all changes and syncs the table while it is read.
func (s *simulation) all() iter.Seq[*lease.Lease] {
	return func(yield func(*lease.Lease) bool) {
		for n := range 40 {
			if s.random.IntN(3) == 0 {
				s.change()
			}
			if s.random.IntN(8) == 0 {
				if seq, err := s.f.Sync(); err == nil {
					s.done = seq
				}
			}
			if l, ok := s.table[testLease(n, 0).Resource]; ok && !yield(&l) {
				return
			}
		}
	}
}

func (s *simulation) rewrite() bool {
	err := s.f.Rewrite(s.t.Context(), s.all())
	return !errors.Is(err, faultfs.ErrCut)
}

// faults fails a few calls in a hundred and cuts the power at the given one.
func (s *simulation) faults(cut int) func(faultfs.Call) faultfs.Fault {
	first := s.disk.Calls()
	return func(c faultfs.Call) faultfs.Fault {
		if c.N-first >= cut {
			return faultfs.Fault{Cut: true}
		}
		if c.Op == faultfs.Lock || s.random.IntN(60) > 0 {
			return faultfs.Fault{}
		}
		err := error(syscall.EIO)
		if s.random.IntN(2) == 0 {
			err = syscall.ENOSPC
		}
		return faultfs.Fault{Err: err, Done: s.random.IntN(c.Size + 1)}
	}
}

// live works until the power is cut.
func (s *simulation) live() {
	s.disk.Inject(s.faults(1 + s.random.IntN(300)))
	for {
		for range s.random.IntN(6) {
			s.change()
		}
		ok := true
		if s.random.IntN(12) == 0 {
			ok = s.rewrite()
		} else {
			ok = s.sync()
		}
		if !ok {
			return
		}
	}
}

// reopen starts on what the cut has left, which may be cut as well.
func (s *simulation) reopen() {
	for {
		s.disk = s.disk.PowerCut()
		if s.random.IntN(3) == 0 {
			cut := 1 + s.random.IntN(12)
			s.disk.Inject(func(c faultfs.Call) faultfs.Fault { return faultfs.Fault{Cut: c.N >= cut} })
		}
		f, err := leasefile.Open(name, leasefile.Options{FS: s.disk})
		got := leases{}
		if err == nil {
			err = f.Load(s.t.Context(), got.add)
		}
		if errors.Is(err, faultfs.ErrCut) {
			continue
		}
		if err != nil {
			s.t.Fatal(err)
		}
		s.check(got)
		s.f, s.table = f, got
		return
	}
}

// check compares what is left with what was promised: each resource is as it was
// at the last durable change or at any later one.
func (s *simulation) check(got leases) {
	for n := range 40 {
		r := testLease(n, 0).Resource
		l, ok := got[r]
		delete(got, r)
		may := false
		for i, v := range s.past[r] {
			if i+1 < len(s.past[r]) && s.past[r][i+1].seq <= s.done {
				continue // replaced by a durable change
			}
			may = may || v.remove && !ok || !v.remove && ok && reflect.DeepEqual(v.lease, l)
		}
		if len(s.past[r]) == 0 || s.past[r][0].seq > s.done {
			may = may || !ok
		}
		if !may {
			s.t.Errorf("%v is %+v after the cut; durable up to %d of\n%s", r.Prefix, l, s.done, history(s.past[r]))
		}
		if ok {
			s.past[r] = []version{{0, l, false}}
			got[r] = l
		} else {
			s.past[r] = []version{{0, l, true}}
		}
	}
	s.done = 0
}

func history(past []version) (text string) {
	for _, v := range past {
		text += fmt.Sprintf("  %d: remove %v, %+v\n", v.seq, v.remove, v.lease)
	}
	return text
}

// A hundred power cuts at random calls, with failures of the disk on the way:
// every synced change is known afterwards. LEASEFILE_SEEDS runs that many
// simulations of a hundred cuts each.
func TestPowerCuts(t *testing.T) {
	seeds := 1
	if v, err := strconv.Atoi(os.Getenv("LEASEFILE_SEEDS")); err == nil {
		seeds = v
	}
	for seed := range uint64(seeds) {
		s := simulation{
			t:      t,
			random: rand.New(rand.NewPCG(seed, 2)),
			disk:   faultfs.New(seed),
			past:   map[lease.Resource][]version{},
		}
		s.f, s.table = open(t, s.disk, leasefile.Options{})
		for cut := range 100 {
			s.live()
			s.reopen()
			if t.Failed() {
				t.Fatalf("seed %d, cut %d", seed, cut)
			}
		}
	}
}
