package difftest

import (
	"bytes"
	"net/netip"
	"testing"

	"github.com/google/gopacket"
	"github.com/google/gopacket/layers"
	"github.com/insomniacslk/dhcp/dhcpv4"
	"pgregory.net/rapid"

	"github.com/dhcp4o6/dhcp4o6/pkg/dhcp4"
)

type errorf interface {
	Helper()
	Errorf(string, ...any)
}

// same4 compares our reading of a DHCPv4 message with insomniacslk's.
func same4(t errorf, b []byte, m *dhcp4.Message) {
	t.Helper()
	theirs, err := dhcpv4.FromBytes(b)
	if err != nil {
		t.Errorf("they refuse it: %v\n%x", err, b)
		return
	}
	addr := func(a []byte) netip.Addr { x, _ := netip.AddrFromSlice(a); return x.Unmap() }
	for _, f := range []struct {
		name         string
		ours, theirs any
	}{
		{"op", m.Op, byte(theirs.OpCode)},
		{"htype", m.HType, byte(theirs.HWType)},
		{"hops", m.Hops, theirs.HopCount},
		{"secs", m.Secs, theirs.NumSeconds},
		{"flags", m.Flags, theirs.Flags},
		{"xid", [4]byte{byte(m.XID >> 24), byte(m.XID >> 16), byte(m.XID >> 8), byte(m.XID)}, [4]byte(theirs.TransactionID)},
		{"ciaddr", m.CIAddr, addr(theirs.ClientIPAddr)},
		{"yiaddr", m.YIAddr, addr(theirs.YourIPAddr)},
		{"siaddr", m.SIAddr, addr(theirs.ServerIPAddr)},
		{"giaddr", m.GIAddr, addr(theirs.GatewayIPAddr)},
		{"chaddr", string(m.CHAddr()), string(theirs.ClientHWAddr)},
	} {
		if f.ours != f.theirs {
			t.Errorf("%s: %v, they read %v", f.name, f.ours, f.theirs)
		}
	}
	if m.Has(dhcp4.OptOverload) {
		return // they do not read options from sname and file
	}
	codes := make(map[dhcp4.Code]bool)
	for c := range m.All {
		if c == 0 || c == 255 {
			continue
		}
		codes[c] = true
		ours, _ := m.Option(c)
		if got := theirs.Options[uint8(c)]; !bytes.Equal(ours, got) {
			t.Errorf("option %d: %x, they read %x", c, ours, got)
		}
	}
	for c := range theirs.Options {
		if !codes[dhcp4.Code(c)] && c != 0 && c != 255 {
			t.Errorf("they read option %d, we do not", c)
		}
	}
}

// layer4 compares with gopacket's layer, which keeps options apart as they stand.
func layer4(t *testing.T, b []byte, m *dhcp4.Message) {
	t.Helper()
	var l layers.DHCPv4
	if err := l.DecodeFromBytes(b, gopacket.NilDecodeFeedback); err != nil {
		t.Errorf("gopacket refuses it: %v", err)
		return
	}
	i := 0
	for c, v := range m.All {
		if m.Has(dhcp4.OptOverload) && i == len(l.Options) {
			return
		}
		for i < len(l.Options) && (l.Options[i].Type == layers.DHCPOptPad) {
			i++
		}
		if i == len(l.Options) {
			t.Errorf("option %d: gopacket reads no more", c)
			return
		}
		if o := l.Options[i]; byte(o.Type) != byte(c) || !bytes.Equal(o.Data, v) {
			t.Errorf("option %d is %d %x, gopacket reads %d %x", i, c, v, o.Type, o.Data)
		}
		i++
	}
}

func TestDHCPv4Captures(t *testing.T) {
	messages4(t, func(file string, b []byte, m *dhcp4.Message) {
		t.Run(file, func(t *testing.T) {
			same4(t, b, m)
			layer4(t, b, m)
		})
	})
}

// TestDHCPv4Generated lets our builder write any options; they must read the
// same, long ones (RFC 3396) included.
func TestDHCPv4Generated(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		var w dhcp4.Builder
		w.Header.XID = rapid.Uint32().Draw(t, "xid")
		w.Header.HType = 1
		w.Header.YIAddr = netip.AddrFrom4([4]byte(rapid.SliceOfN(rapid.Byte(), 4, 4).Draw(t, "yiaddr")))
		w.Query(dhcp4.Offer, nil)
		w.SetCHAddr(rapid.SliceOfN(rapid.Byte(), 6, 6).Draw(t, "chaddr"))
		for range rapid.IntRange(0, 12).Draw(t, "options") {
			c := dhcp4.Code(rapid.IntRange(1, 254).Filter(func(c int) bool { return c != 52 && c != 53 }).Draw(t, "code"))
			if !w.Has(c) {
				w.Add(c, rapid.SliceOfN(rapid.Byte(), 1, 700).Draw(t, "value"))
			}
		}
		b := w.Bytes()
		var m dhcp4.Message
		if err := m.Parse(b); err != nil {
			t.Fatalf("we refuse what we wrote: %v", err)
		}
		same4(t, b, &m)
	})
}

// TestDHCPv4TheirMessages reads what they write.
func TestDHCPv4TheirMessages(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		d, err := dhcpv4.New()
		if err != nil {
			t.Fatal(err)
		}
		for range rapid.IntRange(0, 12).Draw(t, "options") {
			c := rapid.IntRange(1, 254).Filter(func(c int) bool { return c != 52 }).Draw(t, "code")
			d.UpdateOption(dhcpv4.OptGeneric(dhcpv4.GenericOptionCode(c), rapid.SliceOfN(rapid.Byte(), 1, 700).Draw(t, "value")))
		}
		b := d.ToBytes()
		var m dhcp4.Message
		if err := m.Parse(b); err != nil {
			t.Fatalf("we refuse what they wrote: %v", err)
		}
		same4(t, b, &m)
	})
}
