package load

import (
	"math/bits"
	"time"
)

// A histogram counts durations in buckets that are 1/32 of their value wide, so
// a percentile is at most three per cent off, whatever the number of values.
// The largest value is exact. The zero value is empty.
type histogram struct {
	buckets [(64 - subBits) << subBits]uint32
	n       uint64
	sum     time.Duration
	max     time.Duration
}

const subBits = 5

func bucketOf(v uint64) int {
	if v < 1<<subBits {
		return int(v)
	}
	e := bits.Len64(v) - subBits - 1
	return e<<subBits + int(v>>e)
}

// upper returns the largest value of a bucket.
func upper(i int) uint64 {
	if i < 1<<(subBits+1) {
		return uint64(i)
	}
	e := i>>subBits - 1
	return (uint64(i&(1<<subBits-1)|1<<subBits)+1)<<e - 1
}

// add counts one duration; a negative one counts as zero.
func (h *histogram) add(d time.Duration) {
	d = max(d, 0)
	h.buckets[bucketOf(uint64(d))]++
	h.n++
	h.sum += d
	h.max = max(h.max, d)
}

// quantile returns the value that the fraction q of all values does not exceed.
func (h *histogram) quantile(q float64) time.Duration {
	if h.n == 0 {
		return 0
	}
	rank := min(uint64(q*float64(h.n)), h.n-1)
	for i, c := range h.buckets {
		if uint64(c) > rank {
			return min(time.Duration(upper(i)), h.max)
		}
		rank -= uint64(c)
	}
	return h.max
}

// latency sums h up.
func (h *histogram) latency() Latency {
	if h.n == 0 {
		return Latency{}
	}
	return Latency{
		Count: h.n, Mean: h.sum / time.Duration(h.n),
		P50: h.quantile(0.50), P90: h.quantile(0.90), P99: h.quantile(0.99), P999: h.quantile(0.999), Max: h.max,
	}
}
