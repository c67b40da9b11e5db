package load

import (
	"encoding/binary"
	"math/rand/v2"
	"testing"
	"testing/synctest"
	"time"
)

// consistent fails unless a report adds up: every conversation that began came
// to one end, every step was answered, refused or lost once.
func consistent(t testing.TB, r Report) {
	t.Helper()
	if r.Begun != r.Completed+r.Lost+r.Refused {
		t.Errorf("%d begun, %d completed, %d lost, %d refused", r.Begun, r.Completed, r.Lost, r.Refused)
	}
	for _, s := range r.Steps {
		if s.Sent != s.Answered+s.Lost+s.Refused {
			t.Errorf("%+v", s)
		}
	}
	for _, a := range r.Acts {
		if a.Begun != a.Completed+a.Lost+a.Refused {
			t.Errorf("%+v", a)
		}
	}
}

// Whatever a server answers, beside or instead of what it should, a run ends and
// its report adds up.
func FuzzHostileAnswers(f *testing.F) {
	for k := range byte(kinds) {
		f.Add(k, uint64(1), []byte{})
		f.Add(k, uint64(2), []byte{13, 0})
		f.Add(k, uint64(3), []byte{21, 0, 0, 0, 0, 87, 0, 4, 2, 1, 6, 0})
		f.Add(k, uint64(4), []byte{7, 0, 0, 1, 0, 13, 0, 2, 0, 1})
	}
	f.Fuzz(func(t *testing.T, kind byte, seed uint64, extra []byte) {
		k := Kind(kind % kinds)
		synctest.Test(t, func(t *testing.T) {
			rng := rand.New(rand.NewPCG(seed, 9))
			srv := &server{t: t, kind: k}
			srv.leap = func(a [][]byte) [][]byte { return mutate(rng, a[0], extra) }
			srv.free = true
			mix, err := ParseMix("lease=3,renew,rebind,return,release,decline,inform", k)
			if err != nil {
				t.Fatal(err)
			}
			r := hold(t, Scenario{Kind: k, Mix: mix, Count: 30, InFlight: 5, Relays: 1 - int(seed%2), Renewals: int(seed % 3), Seed: seed | 1, Timeout: 10 * time.Millisecond}, newFakeNet(srv.serve))
			if r.Begun != 30 {
				t.Errorf("%d begun", r.Begun)
			}
			consistent(t, r)
		})
	})
}

// mutate makes none to three answers of one.
func mutate(rng *rand.Rand, a, extra []byte) (out [][]byte) {
	for range rng.IntN(4) {
		b := append([]byte(nil), a...)
		switch rng.IntN(6) {
		case 0: // as it is
		case 1:
			b = b[:rng.IntN(len(b))]
		case 2:
			for range 1 + rng.IntN(4) {
				b[rng.IntN(len(b))] = byte(rng.Uint32())
			}
		case 3:
			b = append([]byte(nil), extra...)
		case 4:
			at := rng.IntN(len(b))
			b = append(append(b[:at:at], extra...), a[at:]...)
		case 5:
			at := rng.IntN(len(b) - 1)
			binary.BigEndian.PutUint16(b[at:], uint16(rng.Uint32()))
		}
		out = append(out, b)
	}
	return out
}

// A server that calls itself something else each time fills no memory: beyond
// some thousand names its answers are nobody's.
func TestServersWithoutEnd(t *testing.T) {
	known := newServers()
	for i := range 10 * maxServers {
		known.note(binary.BigEndian.AppendUint32(nil, uint32(i)))
	}
	if len(known.ids) > maxServers+1 || len(known.byID) > maxServers {
		t.Errorf("%d identifiers kept", len(known.ids))
	}
	if _, ok := known.note(make([]byte, maxServerID+1)); ok {
		t.Error("an identifier that no server can have is kept")
	}
	if n, ok := known.note([]byte{0, 0, 0, 5}); !ok || n != 6 {
		t.Error("one that was known is forgotten")
	}
}
