package hostile

import (
	"math/rand/v2"

	"github.com/dhcp4o6/dhcp4o6/pkg/dhcp6"
)

const (
	fixed4    = 240   // the fixed fields of a DHCPv4 message and the cookie (RFC 2131 §2)
	relayHead = 34    // of a relay message (RFC 9915 §9)
	maxPacket = 65000 // what a datagram of either IP surely carries
)

// A Source makes hostile packets. It belongs to one goroutine.
type Source struct {
	*rand.Rand
	seeds *Seeds
	buf   []byte
}

// NewSource returns a source whose packets depend on n and the seeds alone. The
// seeds may grow while it is in use, and must not be empty.
func NewSource(n uint64, seeds *Seeds) *Source {
	return &Source{Rand: rand.New(rand.NewPCG(n, 0x6468637034)), seeds: seeds}
}

// A change does one bad thing to a packet, in place or at the end of it.
type change func(*Source, []byte) []byte

// The changes of any packet, those of DHCPv4 and those of DHCPv6. What stands twice
// comes twice as often.
var (
	common = []change{flip, flip, scribble, cut, lengthen, erase}
	only4  = []change{type4, type4, hardware, fields4, lie4, lie4, double4, overload, giant4, agent, splice4}
	only6  = []change{type6, type6, identity6, lie6, lie6, double6, giant6, nest, nest, deepNest, hops, splice6, over6, over6, queryInQuery, vendor}
)

// V4 makes a DHCPv4 packet. Like all that a Source makes, it is valid until the
// next is made.
func (s *Source) V4() []byte { return s.make(s.seeds.V4, only4) }

// V6 makes a DHCPv6 packet as it comes from the wire.
func (s *Source) V6() []byte { return s.make(s.seeds.V6, only6) }

// Pair makes a packet for one of the two sockets of the loopback pair.
func (s *Source) Pair() []byte {
	if s.IntN(4) == 0 {
		return s.V6()
	}
	return s.make(s.seeds.Pair, only6)
}

// make takes a seed and does a few bad things to it; one packet in a hundred has
// no seed at all, and some stay as they were.
func (s *Source) make(seeds [][]byte, own []change) []byte {
	if s.IntN(100) == 0 {
		s.buf = s.junk(s.buf[:0], s.IntN(1500))
		return s.buf
	}
	b := append(s.buf[:0], seeds[s.IntN(len(seeds))]...)
	for range s.IntN(4) {
		all := own
		if s.IntN(3) == 0 {
			all = common
		}
		if b = all[s.IntN(len(all))](s, b); len(b) > maxPacket {
			b = b[:maxPacket]
		}
	}
	s.buf = b
	return b
}

// junk appends n octets of chance.
func (s *Source) junk(b []byte, n int) []byte {
	for range n {
		b = append(b, byte(s.Uint32()))
	}
	return b
}

// odd is a length or a number of the kind that bounds are got wrong for.
func (s *Source) odd() int {
	return [...]int{0, 1, 2, 3, 4, 5, 15, 16, 17, 63, 64, 127, 128, 129, 254, 255, 256, 1024, 32767, 32768, 65535}[s.IntN(21)]
}

func flip(s *Source, b []byte) []byte {
	for range 1 + s.IntN(8) {
		if len(b) > 0 {
			b[s.IntN(len(b))] ^= 1 << s.IntN(8)
		}
	}
	return b
}

func scribble(s *Source, b []byte) []byte {
	if len(b) == 0 {
		return b
	}
	from := s.IntN(len(b))
	for i := from; i < min(from+1+s.IntN(16), len(b)); i++ {
		b[i] = byte(s.Uint32())
	}
	return b
}

func cut(s *Source, b []byte) []byte { return b[:s.IntN(len(b)+1)] }

func lengthen(s *Source, b []byte) []byte { return s.junk(b, 1+s.IntN(64)) }

// erase sets a run of octets to nothing, or to all ones.
func erase(s *Source, b []byte) []byte {
	if len(b) == 0 {
		return b
	}
	from, with := s.IntN(len(b)), byte(-s.IntN(2))
	for i := from; i < min(from+1+s.IntN(32), len(b)); i++ {
		b[i] = with
	}
	return b
}

// option appends a DHCPv6 option with octets of chance.
func (s *Source) option(b []byte, c dhcp6.Code, n int) []byte {
	b, mark := dhcp6.Open(b, c)
	return dhcp6.Shut(s.junk(b, n), mark)
}
