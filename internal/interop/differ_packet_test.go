//go:build interop

package interop

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"net/netip"
	"strings"
	"time"

	"github.com/dhcp4o6/dhcp4o6/pkg/dhcp4"
	"github.com/dhcp4o6/dhcp4o6/pkg/dhcp6"
)

// A person is a client of a case. What it was told it remembers for each bed by
// itself, since the servers need not give it the same address.
type person struct {
	htype, hlen byte
	chaddr      []byte // 16 octets
	id          []byte // option 61
	odd         bool   // no Ethernet
	told        [2]struct{ addr, server netip.Addr }
	open        netip.Addr // what we offered it last, and did not grant
	apart       bool       // the two servers do not know the same about it any more
}

func (p *person) mac() (m [6]byte) {
	copy(m[:], p.chaddr)
	m[0] &^= 1 // the source of a frame is no group
	return m
}

// A carry is the way of a message to the server.
type carry uint8

const (
	onWire0    carry = iota // a frame on the first link, broadcast
	onWire1                 // on the second
	viaRelay                // unicast by a relay on the first
	asUnicast               // unicast by a client that has an address
	in6                     // in a DHCPV4-QUERY
	in6Relayed              // in one that a DHCPv6 relay sent on
)

var carries = [...]string{"broadcast on the first link", "broadcast on the second link", "relayed", "unicast", "4o6", "4o6, relayed"}

// The symbols for an address of an ask.
const (
	offered = "offered" // what this client was told last
	itself  = "server"  // the server that told it
)

// An ask is one message of a case; the addresses in it may be symbols, since what
// a client was told depends on the server.
type ask struct {
	who                *person
	kind               dhcp4.MessageType // 0: BOOTP
	name               string            // what it stands for in the coverage list
	way                carry
	secs, flags        uint16
	hops               byte
	ciaddr, giaddr     string
	want, server       string // options 50 and 54
	options            []option4
	relay              []byte // option 82
	link6, interfaceID string // of a DHCPv6 relay
	source6            string // of a DHCPV4-QUERY
	toAll              bool   // a relay's message goes to the broadcast address
	unicast6           bool   // would have been unicast without DHCPv6
	link               int    // of a relay's message
	overload           byte   // option 52: fields that hold options as well; only ours reads them there
	pause              time.Duration
	xid                uint32
	cover              map[string]bool // what occurs in it
}

type option4 struct {
	code  byte
	value []byte
}

func (a *ask) String() string {
	var s strings.Builder
	fmt.Fprintf(&s, "%v (%s) %s htype=%d hw=%x", a.kind, a.name, carries[a.way], a.who.htype, a.who.chaddr[:min(16, a.who.hlen)])
	for _, f := range []struct{ name, v string }{{"ciaddr", a.ciaddr}, {"giaddr", a.giaddr}, {"50", a.want}, {"54", a.server}, {"link6", a.link6}, {"ifid", a.interfaceID}, {"src6", a.source6}} {
		if f.v != "" {
			fmt.Fprintf(&s, " %s=%s", f.name, f.v)
		}
	}
	if a.flags != 0 || a.secs != 0 || a.hops != 0 {
		fmt.Fprintf(&s, " flags=%04x secs=%d hops=%d", a.flags, a.secs, a.hops)
	}
	if a.who.id != nil {
		fmt.Fprintf(&s, " 61=%x", a.who.id)
	}
	for _, o := range a.options {
		fmt.Fprintf(&s, " %d=%x", o.code, o.value)
	}
	if a.relay != nil {
		fmt.Fprintf(&s, " 82=%x", a.relay)
	}
	return s.String()
}

// addr is what a symbol or a text means at a bed; ok is false for nothing.
func (a *ask) addr(text string, bed int) (netip.Addr, bool) {
	switch text {
	case "":
		return netip.IPv4Unspecified(), false
	case offered:
		if t := a.who.told[bed].addr; t.IsValid() {
			return t, true
		}
		return netip.MustParseAddr("192.0.2.111"), true
	case itself:
		if t := a.who.told[bed].server; t.IsValid() {
			return t, true
		}
		return netip.MustParseAddr(bedS0), true
	}
	return netip.MustParseAddr(text), true
}

// message is the DHCPv4 message for a bed.
func (a *ask) message(bed int) []byte {
	b := make([]byte, 236, 1500)
	b[0], b[1], b[2], b[3] = dhcp4.BootRequest, a.who.htype, a.who.hlen, a.hops
	binary.BigEndian.PutUint32(b[4:], a.xid)
	binary.BigEndian.PutUint16(b[8:], a.secs)
	binary.BigEndian.PutUint16(b[10:], a.flags)
	put := func(at int, text string) {
		v, _ := a.addr(text, bed)
		copy(b[at:], v.AsSlice())
	}
	put(12, a.ciaddr)
	put(24, a.giaddr)
	copy(b[28:44], a.who.chaddr)
	b = append(b, 0x63, 0x82, 0x53, 0x63)
	add := func(code byte, v []byte) {
		for {
			n := min(len(v), 255)
			b = append(append(b, code, byte(n)), v[:n]...)
			if v = v[n:]; len(v) == 0 {
				return
			}
		}
	}
	if a.kind != 0 {
		add(53, []byte{byte(a.kind)})
	}
	if v, ok := a.addr(a.want, bed); ok {
		add(50, v.AsSlice())
	}
	if v, ok := a.addr(a.server, bed); ok {
		add(54, v.AsSlice())
	}
	if a.who.id != nil {
		add(61, a.who.id)
	}
	spread := a.options
	if a.overload != 0 && bed == 0 {
		spread = a.spread(b)
		add(52, []byte{a.overload})
	}
	for _, o := range spread {
		add(o.code, o.value)
	}
	if a.relay != nil {
		add(82, a.relay)
	}
	b = append(b, 255)
	for len(b) < 300 {
		b = append(b, 0)
	}
	return b
}

// spread puts as many of the options as go in into the fields file and sname of a
// message, as its option 52 says, and returns the others (RFC 2132 §9.3).
func (a *ask) spread(b []byte) (left []option4) {
	var fields [][]byte
	if a.overload&1 != 0 {
		fields = append(fields, b[108:236])
	}
	if a.overload&2 != 0 {
		fields = append(fields, b[44:108])
	}
	for _, o := range a.options {
		in := false
		for i, f := range fields {
			if n := 2 + len(o.value); n < len(f) {
				f[0], f[1] = o.code, byte(len(o.value))
				copy(f[2:], o.value)
				fields[i], in = f[n:], true
				break
			}
		}
		if !in {
			left = append(left, o)
		}
	}
	for _, f := range fields {
		f[0] = 255
	}
	return left
}

// frame is the ask for a bed as it goes over the wire, and which wire that is.
func (a *ask) frame(bed int) (wire int, frame []byte) {
	msg := a.message(bed)
	if a.way == in6 || a.way == in6Relayed {
		return 0, a.frame6(msg)
	}
	server := netip.MustParseAddr(bedS0)
	src, dst, sport := netip.IPv4Unspecified(), netip.AddrFrom4([4]byte{255, 255, 255, 255}), uint16(68)
	mac := a.who.mac()
	switch a.way {
	case onWire1:
		wire, server = 1, netip.MustParseAddr(bedS1)
	case viaRelay:
		src, _ = a.addr(a.giaddr, bed)
		if wire = a.link; wire == 1 {
			server = netip.MustParseAddr(bedS1)
		}
		sport, mac = 67, [6]byte{2, 0, 0, 0, 0x5e, 0x99}
		if !a.toAll {
			dst = server
		}
	case asUnicast:
		dst = server
	}
	if a.way != viaRelay {
		if v, ok := a.addr(a.ciaddr, bed); ok {
			src = v
		}
	}
	to := [6]byte{2, 0, 0, 0, 0x5e, byte(wire)}
	if dst != server {
		to = [6]byte{255, 255, 255, 255, 255, 255}
	}
	return wire, frame4(mac, to, netip.AddrPortFrom(src, sport), netip.AddrPortFrom(dst, 67), msg)
}

// frame4 is a UDP datagram over IPv4 in an Ethernet frame.
func frame4(from, to [6]byte, src, dst netip.AddrPort, payload []byte) []byte {
	b := append(append([]byte{}, to[:]...), from[:]...)
	b = append(b, 0x08, 0x00)
	ip := []byte{0x45, 0, 0, 0, 0, 0, 0, 0, 64, 17, 0, 0}
	binary.BigEndian.PutUint16(ip[2:], uint16(28+len(payload)))
	ip = append(append(ip, src.Addr().AsSlice()...), dst.Addr().AsSlice()...)
	binary.BigEndian.PutUint16(ip[10:], ^fold(sum16(0, ip)))
	udp := binary.BigEndian.AppendUint16(nil, src.Port())
	udp = binary.BigEndian.AppendUint16(udp, dst.Port())
	udp = binary.BigEndian.AppendUint16(udp, uint16(8+len(payload)))
	udp = append(append(udp, 0, 0), payload...)
	s := sum16(uint32(17+len(udp)), ip[12:20])
	binary.BigEndian.PutUint16(udp[6:], ^fold(sum16(s, udp)))
	return append(append(b, ip...), udp...)
}

func sum16(s uint32, b []byte) uint32 {
	for ; len(b) > 1; b = b[2:] {
		s += uint32(b[0])<<8 | uint32(b[1])
	}
	if len(b) > 0 {
		s += uint32(b[0]) << 8
	}
	return s
}

func fold(s uint32) uint16 {
	for s > 0xffff {
		s = s&0xffff + s>>16
	}
	return uint16(s)
}

// frame6 is a DHCPV4-QUERY in an Ethernet frame to the servers' group.
func (a *ask) frame6(msg []byte) []byte {
	b := []byte{byte(dhcp6.DHCPv4Query), 0, 0, 0}
	if a.way == in6 && a.unicast6 {
		b[1] = 0x80
	}
	b = dhcp6.AppendOption(b, dhcp6.OptDHCPv4Message, msg)
	src := netip.MustParseAddr("fe80::5e:1")
	if a.source6 != "" {
		src = netip.MustParseAddr(a.source6)
	}
	sport := uint16(546)
	if a.way == in6Relayed {
		fwd := append([]byte{byte(dhcp6.RelayForw), 0}, netip.MustParseAddr(a.link6).AsSlice()...)
		fwd = append(fwd, src.AsSlice()...)
		if a.interfaceID != "" {
			fwd = dhcp6.AppendOption(fwd, dhcp6.OptInterfaceID, []byte(a.interfaceID))
		}
		b, sport = dhcp6.AppendOption(fwd, dhcp6.OptRelayMessage, b), 547
		if a.source6 == "" {
			src = netip.MustParseAddr("fe80::5e:99")
		}
	}
	dst := netip.MustParseAddr("ff02::1:2")
	f := []byte{0x33, 0x33, 0, 1, 0, 2, 2, 0, 0, 0, 0x5e, 0x99, 0x86, 0xdd, 0x60, 0, 0, 0}
	f = binary.BigEndian.AppendUint16(f, uint16(8+len(b)))
	f = append(f, 17, 1)
	f = append(append(f, src.AsSlice()...), dst.AsSlice()...)
	udp := binary.BigEndian.AppendUint16(nil, sport)
	udp = binary.BigEndian.AppendUint16(udp, 547)
	udp = binary.BigEndian.AppendUint16(udp, uint16(8+len(b)))
	udp = append(append(udp, 0, 0), b...)
	s := sum16(sum16(uint32(17+len(udp)), src.AsSlice()), dst.AsSlice())
	binary.BigEndian.PutUint16(udp[6:], ^fold(sum16(s, udp)))
	return append(f, udp...)
}

// heard is an answer as it came over a wire.
type heard struct {
	wire     int
	to       [6]byte
	src, dst netip.AddrPort
	message  []byte // of DHCPv4
	envelope string // of DHCPv6, but for the message
}

// hear takes a frame apart; nil: no answer of a DHCP server.
func hear(wire int, f []byte) *heard {
	if len(f) < 42 {
		return nil
	}
	h := &heard{wire: wire, to: [6]byte(f[:6])}
	switch p := f[14:]; binary.BigEndian.Uint16(f[12:]) {
	case 0x0800:
		n := int(p[0]&15) * 4
		if p[9] != 17 || len(p) < n+8 {
			return nil
		}
		udp := p[n:]
		h.src = netip.AddrPortFrom(netip.AddrFrom4([4]byte(p[12:])), binary.BigEndian.Uint16(udp))
		h.dst = netip.AddrPortFrom(netip.AddrFrom4([4]byte(p[16:])), binary.BigEndian.Uint16(udp[2:]))
		if end := int(binary.BigEndian.Uint16(udp[4:])); h.src.Port() != 67 || end < 8 || end > len(udp) {
			return nil
		} else {
			h.message = bytes.Clone(udp[8:end])
		}
	case 0x86dd:
		if len(p) < 48 || p[6] != 17 {
			return nil
		}
		udp := p[40:]
		h.src = netip.AddrPortFrom(netip.AddrFrom16([16]byte(p[8:])), binary.BigEndian.Uint16(udp))
		h.dst = netip.AddrPortFrom(netip.AddrFrom16([16]byte(p[24:])), binary.BigEndian.Uint16(udp[2:]))
		if end := int(binary.BigEndian.Uint16(udp[4:])); h.src.Port() != 547 || end < 8 || end > len(udp) || !h.open(udp[8:end]) {
			return nil
		}
	default:
		return nil
	}
	return h
}

// open takes the DHCPv4 message out of a DHCPV4-RESPONSE.
func (h *heard) open(b []byte) bool {
	var e dhcp6.Envelope
	if e.Parse(b) != nil || e.Message.Type != dhcp6.DHCPv4Response {
		return false
	}
	var s strings.Builder
	for _, r := range e.Relays {
		fmt.Fprintf(&s, "relay %d link=%v peer=%v", r.Hops, r.Link, r.Peer)
		for code, v := range r.Options.All {
			if code != dhcp6.OptRelayMessage {
				fmt.Fprintf(&s, " %d=%x", code, v)
			}
		}
	}
	for code, v := range e.Message.Options.All {
		if code == dhcp6.OptDHCPv4Message {
			h.message = bytes.Clone(v)
		} else {
			fmt.Fprintf(&s, "option %d=%x ", code, v)
		}
	}
	h.envelope = s.String()
	return h.message != nil
}

func (h *heard) xid() uint32 {
	if len(h.message) < 8 {
		return 0
	}
	return binary.BigEndian.Uint32(h.message[4:])
}
