package difftest

import (
	"bytes"
	"net"
	"net/netip"
	"testing"

	"github.com/google/gopacket"
	"github.com/google/gopacket/layers"
	"github.com/insomniacslk/dhcp/dhcpv6"
	"pgregory.net/rapid"

	"github.com/dhcp4o6/dhcp4o6/pkg/dhcp4"
	"github.com/dhcp4o6/dhcp4o6/pkg/dhcp6"
)

// same6 compares our reading of a DHCPv6 datagram with insomniacslk's, level by
// level. It does not compare what is inside options.
func same6(t errorf, b []byte, e *dhcp6.Envelope) {
	t.Helper()
	theirs, err := dhcpv6.FromBytes(b)
	if err != nil {
		t.Errorf("they refuse it: %v\n%x", err, b)
		return
	}
	for i, r := range e.Relays {
		level, ok := theirs.(*dhcpv6.RelayMessage)
		if !ok {
			t.Errorf("level %d: they read no relay", i)
			return
		}
		if r.Hops != level.HopCount || !sameAddr(r.Link, level.LinkAddr) || !sameAddr(r.Peer, level.PeerAddr) {
			t.Errorf("level %d: %d %v %v, they read %d %v %v", i, r.Hops, r.Link, r.Peer, level.HopCount, level.LinkAddr, level.PeerAddr)
		}
		sameCodes(t, r.Options, level.Options.Options)
		theirs = level.Options.RelayMessage()
	}
	m, ok := theirs.(*dhcpv6.Message)
	if !ok {
		t.Errorf("they read no message behind %d relays", len(e.Relays))
		return
	}
	if byte(e.Message.Type) != byte(m.MessageType) || e.Message.XID != [3]byte(m.TransactionID) {
		t.Errorf("%v %x, they read %v %x", e.Message.Type, e.Message.XID, m.MessageType, m.TransactionID)
	}
	sameCodes(t, e.Message.Options, m.Options.Options)
}

func sameAddr(a netip.Addr, b net.IP) bool {
	x, ok := netip.AddrFromSlice(b)
	return ok && x == a
}

func sameCodes(t errorf, ours dhcp6.Options, theirs dhcpv6.Options) {
	t.Helper()
	i := 0
	for c := range ours.All {
		if i >= len(theirs) || uint16(theirs[i].Code()) != uint16(c) {
			t.Errorf("option %d is %d; they read %v", i, c, theirs)
			return
		}
		i++
	}
	if i != len(theirs) {
		t.Errorf("%d options, they read %d", i, len(theirs))
	}
}

// layer6 compares with gopacket's layer: the outermost level, values included.
func layer6(t *testing.T, b []byte, e *dhcp6.Envelope) {
	t.Helper()
	var l layers.DHCPv6
	if err := l.DecodeFromBytes(b, gopacket.NilDecodeFeedback); err != nil {
		t.Errorf("gopacket refuses it: %v", err)
		return
	}
	options := e.Message.Options
	if len(e.Relays) > 0 {
		options = e.Relays[0].Options
	}
	i := 0
	for c, v := range options.All {
		if i >= len(l.Options) || uint16(l.Options[i].Code) != uint16(c) || !bytes.Equal(l.Options[i].Data, v) {
			t.Errorf("option %d is %d %x; gopacket reads %v", i, c, v, l.Options)
			return
		}
		i++
	}
}

func TestDHCPv6Captures(t *testing.T) {
	odd := 0
	messages6(t, func(file string, b []byte, e *dhcp6.Envelope) {
		if !bytes.Equal(e.Append(nil), b) || !carriesDHCPv4(e) {
			odd++ // octets behind the last option, or no DHCPv4 in option 87: they refuse these at once, we later
			return
		}
		t.Run(file, func(t *testing.T) {
			same6(t, b, e)
			layer6(t, b, e)
		})
	})
	if odd > 12 {
		t.Errorf("%d messages left out", odd)
	}
}

// carriesDHCPv4 reports whether what stands in options 87 is DHCPv4: they
// decode it together with the rest.
func carriesDHCPv4(e *dhcp6.Envelope) bool {
	for c, v := range e.Message.Options.All {
		var m dhcp4.Message
		if c == dhcp6.OptDHCPv4Message && m.Parse(v) != nil {
			return false
		}
	}
	return true
}

// TestDHCPv6Generated writes relay chains of opaque options; they must read the
// same.
func TestDHCPv6Generated(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		opaque := func(b []byte) []byte {
			for range rapid.IntRange(0, 6).Draw(t, "options") {
				c := dhcp6.Code(rapid.IntRange(1000, 65000).Draw(t, "code"))
				b = dhcp6.AppendOption(b, c, rapid.SliceOfN(rapid.Byte(), 0, 300).Draw(t, "value"))
			}
			return b
		}
		b := opaque([]byte{byte(rapid.IntRange(1, 11).Draw(t, "type")), 1, 2, 3})
		for range rapid.IntRange(0, 4).Draw(t, "relays") {
			level := append([]byte{12, rapid.Byte().Draw(t, "hops")}, rapid.SliceOfN(rapid.Byte(), 32, 32).Draw(t, "addresses")...)
			b = dhcp6.AppendOption(opaque(level), dhcp6.OptRelayMessage, b)
		}
		var e dhcp6.Envelope
		if err := e.Parse(b); err != nil {
			t.Fatalf("we refuse it: %v", err)
		}
		same6(t, b, &e)
	})
}
