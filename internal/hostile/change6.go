package hostile

import (
	"slices"

	"github.com/dhcp4o6/dhcp4o6/pkg/dhcp6"
)

// options6 returns where the options of a DHCPv6 message begin, those inside of
// relay levels and of what else holds options among them.
func options6(b []byte) (at []int) {
	var into func(from, to, depth int)
	into = func(from, to, depth int) {
		for i := from; i+4 <= to; {
			at = append(at, i)
			end := min(i+4+int(be.Uint16(b[i+2:])), to)
			if depth < 40 {
				switch dhcp6.Code(be.Uint16(b[i:])) {
				case dhcp6.OptRelayMessage:
					if i+4 < end {
						into(i+4+head6(b[i+4:end]), end, depth+1)
					}
				case dhcp6.OptIANA, dhcp6.OptIAPD:
					into(i+4+12, end, depth+1)
				case dhcp6.OptVendorOpts:
					into(i+4+4, end, depth+1)
				}
			}
			i = end
		}
	}
	if len(b) > 0 {
		into(head6(b), len(b), 0)
	}
	return at
}

// head6 is how many octets stand before the options of a message.
func head6(b []byte) int {
	if t := dhcp6.MessageType(b[0]); t == dhcp6.RelayForw || t == dhcp6.RelayRepl {
		return relayHead
	}
	return 4
}

// insert6 puts octets where one of the options begins. The lengths around it are
// no longer right then, unless the option is one of the outermost level.
func (s *Source) insert6(b, o []byte) []byte {
	all := options6(b)
	switch {
	case len(all) == 0:
		return append(b, o...)
	case s.IntN(2) == 0:
		return slices.Insert(b, all[0], o...)
	}
	return slices.Insert(b, all[s.IntN(len(all))], o...)
}

func type6(s *Source, b []byte) []byte {
	if len(b) > 0 {
		b[0] = byte(s.IntN(40))
	}
	return b
}

// identity6 makes it another client's.
func identity6(s *Source, b []byte) []byte {
	for _, at := range options6(b) {
		v := b[at+4:]
		if v = v[:min(int(be.Uint16(b[at+2:])), len(v))]; dhcp6.Code(be.Uint16(b[at:])) == dhcp6.OptClientID && len(v) > 4 {
			v[1], v[len(v)-1] = byte(s.IntN(5)), byte(s.Uint32())
		}
	}
	return b
}

func lie6(s *Source, b []byte) []byte {
	if all := options6(b); len(all) > 0 {
		at := all[s.IntN(len(all))]
		n := be.Uint16(b[at+2:])
		be.PutUint16(b[at+2:], [...]uint16{n + 1, n - 1, n + 4, uint16(s.odd()), uint16(s.Uint32())}[s.IntN(5)])
	}
	return b
}

// double6 repeats an option, now and then some hundred times.
func double6(s *Source, b []byte) []byte {
	all := options6(b)
	if len(all) == 0 {
		return b
	}
	at := all[s.IntN(len(all))]
	o := slices.Clone(b[at:min(at+4+int(be.Uint16(b[at+2:])), len(b))])
	if len(o) < 200 {
		o = slices.Repeat(o, 1+s.IntN(3)*s.IntN(200))
	}
	return s.insert6(b, o)
}

func giant6(s *Source, b []byte) []byte {
	n := s.IntN(2000)
	if s.IntN(16) == 0 {
		n = s.IntN(maxPacket)
	}
	return s.insert6(b, s.option(nil, dhcp6.Code(s.IntN(150)), n))
}

// level wraps a message in a relay level.
func (s *Source) level(b []byte, hops byte) []byte {
	if len(b) > maxPacket-512 {
		return b
	}
	t := byte(dhcp6.RelayForw)
	if s.IntN(32) == 0 {
		t = byte(dhcp6.RelayRepl)
	}
	w := append([]byte{t, hops, 0x20, 0x01, 0x0d, 0xb8, 0, 0x46}, make([]byte, 10)...)
	w = s.junk(append(w, 0xfe, 0x80), 14)
	if s.IntN(2) == 0 {
		w = s.option(w, dhcp6.OptInterfaceID, s.IntN(16))
	}
	if s.IntN(8) == 0 {
		w = s.option(w, dhcp6.OptERO, 2*s.IntN(40))
	}
	if s.IntN(8) == 0 {
		w = s.option(w, dhcp6.OptRelayPort, 1+s.IntN(3))
	}
	return dhcp6.AppendOption(w, dhcp6.OptRelayMessage, b)
}

// nest adds relay levels as there may be, and a few more.
func nest(s *Source, b []byte) []byte {
	hops := s.IntN(3)
	for i := range 1 + s.IntN(4) {
		b = s.level(b, byte(i*hops))
	}
	return b
}

// deepNest goes to the bound on levels, over it, and far beyond.
func deepNest(s *Source, b []byte) []byte {
	levels := 30 + s.IntN(6)
	if s.IntN(32) == 0 {
		levels = [...]int{256, 1700}[s.IntN(2)]
	}
	how := s.IntN(3)
	for i := range levels {
		b = s.level(b, [...]byte{0, byte(i), 255}[how])
	}
	return b
}

// hops lies about the number of relays.
func hops(s *Source, b []byte) []byte {
	if len(b) > relayHead && head6(b) == relayHead {
		b[1] = byte(s.odd())
	}
	return b
}

func splice6(s *Source, b []byte) []byte { return s.splice(b, s.seeds.V6) }

// over6 puts a hostile DHCPv4 message into a proper DHCPV4-QUERY.
func over6(s *Source, b []byte) []byte {
	inner := Source{Rand: s.Rand, seeds: s.seeds}
	return s.query(b, inner.V4())
}

// queryInQuery puts a DHCPV4-QUERY where the DHCPv4 message of another belongs.
func queryInQuery(s *Source, b []byte) []byte {
	return s.query(nil, s.query(nil, slices.Clone(b)))
}

func (s *Source) query(b, message []byte) []byte {
	t := byte(dhcp6.DHCPv4Query)
	if s.IntN(8) == 0 {
		t = byte(dhcp6.DHCPv4Response)
	}
	return dhcp6.AppendOption(append(b[:0], t, byte(s.IntN(2)<<7), 0, 0), dhcp6.OptDHCPv4Message, message)
}

// vendor forges what only the pair itself may say: where a query came from.
func vendor(s *Source, b []byte) []byte {
	v := be.AppendUint32(nil, 2495)
	for range s.IntN(5) {
		c := dhcp6.Code(60000 + s.IntN(4))
		v = s.option(v, c, [...]int{2, 16, 2, 4, 0, 1, 17}[s.IntN(7)])
	}
	return s.insert6(b, dhcp6.AppendOption(nil, dhcp6.OptVendorOpts, v))
}
