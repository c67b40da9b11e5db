package hostile

import (
	"testing"

	"go.uber.org/zap/zapcore"
)

// FuzzRoads gives what the fuzzer finds to both engines by every road, with a log
// that takes down everything: no fault, and what leaves is an answer.
func FuzzRoads(f *testing.F) {
	seeds := captured(f)
	for _, some := range [][][]byte{seeds.V4, seeds.V6, seeds.Pair} {
		for i, m := range some {
			f.Add(byte(i), m)
		}
	}
	h := newHost(f, zapcore.DebugLevel)
	f.Fuzz(func(t *testing.T, road byte, m []byte) {
		if len(m) > maxPacket {
			return
		}
		r := roads[int(road)%len(roads)]
		r.drive(h, limited(1, func() []byte { return m }), func(b []byte) { checkAnswer(t, r.name, b) })
		if n := h.v4.count("pkt4-drop-panic") + h.v6.count("pkt6-drop-panic"); n != 0 {
			t.Fatalf("%s: a fault: %s", r.name, h.lines.last)
		}
	})
}
