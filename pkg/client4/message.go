package client4

import (
	"net/netip"
	"strings"
	"time"

	"go.uber.org/zap"

	"github.com/dhcp4o6/dhcp4o6/pkg/dhcp4"
)

// minLen is the size of a BOOTP message, below which relays may drop it
// (RFC 1542 §2.1).
const minLen = 300

// anyone is where a message goes that is for every server.
var anyone = netip.AddrFrom4([4]byte{255, 255, 255, 255})

// begin begins a message of the exchange that goes on. What identifies the client
// is in all of them (RFC 2131 §4.2, RFC 4361 §6.1).
func (m *Machine) begin(t dhcp4.MessageType, ciaddr netip.Addr) {
	h := &m.w.Header
	*h = dhcp4.Message{HType: m.o.HWType, XID: m.xid, Secs: m.secs, CIAddr: ciaddr}
	if m.o.Broadcast && !m.o.FourOverSix && !ciaddr.IsValid() {
		h.Flags = dhcp4.FlagBroadcast
	}
	m.w.SetCHAddr(m.o.HWAddr)
	m.w.Query(t, make([]byte, 0, 512))
	if len(m.o.ClientID) > 0 {
		m.w.Add(dhcp4.OptClientID, m.o.ClientID)
	}
}

// addWishes adds what the client wants besides an address: the same in
// DHCPDISCOVER, DHCPREQUEST and DHCPINFORM (RFC 2131 §4.4.1).
func (m *Machine) addWishes() {
	if n := m.o.LeaseTime / time.Second; n > 0 && !m.o.Inform.IsValid() {
		m.w.Add(dhcp4.OptLeaseTime, be.AppendUint32(nil, uint32(min(n, 0xffffffff))))
	}
	if len(m.request) > 0 {
		m.w.Add(dhcp4.OptParameterRequestList, m.request)
	}
	size := m.o.MaxSize
	if size == 0 {
		size = 1500
	}
	m.w.Add(dhcp4.OptMaxMessageSize, be.AppendUint16(nil, max(size, 576)))
	if m.o.VendorClass != "" {
		m.w.Add(dhcp4.OptVendorClassID, []byte(m.o.VendorClass))
	}
	if n := len(m.o.UserClass); n > 0 && n < 256 {
		m.w.Add(dhcp4.OptUserClass, append([]byte{byte(n)}, m.o.UserClass...))
	}
	m.addName()
}

// addName adds the client's name, in one option or the other (RFC 4702 §3.1).
func (m *Machine) addName() {
	if m.o.FQDN == "" {
		if m.o.HostName != "" && len(m.o.HostName) <= 255 {
			m.w.Add(dhcp4.OptHostName, []byte(m.o.HostName))
		}
		return
	}
	const s, e, n = 1, 4, 8 // the server updates A records; wire form; it updates nothing
	flags := byte(e | s)
	if m.o.NoDNS {
		flags = e | n
	}
	if name, ok := wireName(m.o.FQDN); ok {
		m.w.Add(dhcp4.OptClientFQDN, append([]byte{flags, 0, 0}, name...))
	}
}

// wireName is a name in wire form (RFC 1035 §3.1). One of a single label is
// partial: the root is not behind it (RFC 4702 §2.3.1).
func wireName(name string) ([]byte, bool) {
	whole := strings.Contains(name, ".")
	name = strings.TrimSuffix(name, ".")
	var b []byte
	for label := range strings.SplitSeq(name, ".") {
		if label == "" || len(label) > 63 {
			return nil, false
		}
		b = append(append(b, byte(len(label))), label...)
	}
	if whole {
		b = append(b, 0)
	}
	return b, len(b) <= 255
}

func (m *Machine) addAddr(c dhcp4.Code, a netip.Addr) {
	if a.Is4() {
		m.w.Add(c, a.AsSlice())
	}
}

// broadcast sends the message to every server.
func (m *Machine) broadcast(from netip.Addr) {
	m.send(Send{To: anyone, From: from})
}

// unicast sends the message to the server that granted l.
func (m *Machine) unicast(l *lease) {
	m.send(Send{Unicast: true, To: l.server, From: l.addr})
}

func (m *Machine) send(s Send) {
	s.Data = m.w.Bytes()
	if n := minLen - len(s.Data); n > 0 {
		s.Data = append(s.Data, make([]byte, n)...)
	}
	if m.o.Server.IsValid() {
		s.To = m.o.Server
	}
	if !s.From.IsValid() {
		s.From = netip.IPv4Unspecified()
	}
	m.do(s)
}

// checkOwn tells of what the client cannot say about itself.
func (m *Machine) checkOwn() {
	if _, ok := wireName(m.o.FQDN); m.o.FQDN != "" && !ok {
		m.note(zap.WarnLevel, "domain name cannot be sent", zap.String("name", m.o.FQDN))
	}
	if len(m.o.HostName) > 255 {
		m.note(zap.WarnLevel, "host name cannot be sent", zap.String("name", m.o.HostName))
	}
}

// elapsed is the time since the client began, as the secs field has it.
func elapsed(began, now time.Time) uint16 {
	return uint16(min(max(now.Sub(began)/time.Second, 0), 0xffff))
}
