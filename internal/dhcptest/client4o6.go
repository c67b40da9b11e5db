package dhcptest

import (
	"errors"
	"fmt"
	"net"
	"net/netip"
	"os"
	"time"

	"github.com/dhcp4o6/dhcp4o6/pkg/dhcp4"
	"github.com/dhcp4o6/dhcp4o6/pkg/dhcp6"
)

// A Client4o6 asks for IPv4 over IPv6 (RFC 7341) from a socket of the test's
// own. It is written on the codecs alone, apart from the clients and the load
// generator, so that it can judge them too.
type Client4o6 struct {
	Conn    net.PacketConn
	To      net.Addr
	HWAddr  [6]byte
	Timeout time.Duration // 0: two seconds

	// Extra is put into each DHCPV4-QUERY before option 87.
	Extra []byte

	// Answer is the last DHCPv6 message that came, whole.
	Answer dhcp6.Envelope

	xid   uint32
	buf   [65536]byte
	reply dhcp4.Message
}

// ErrSilence is what Ask answers when nothing came.
var ErrSilence = errors.New("dhcptest: no answer")

// Dial opens a client's socket inside the namespace, on port 546 of iface, and
// aims it at an address and port 547.
func (n *Namespace) Dial(iface string, to netip.Addr) (*Client4o6, error) {
	c := &Client4o6{HWAddr: [6]byte{2, 0, 0x5e, 0x10, 0, 1}, xid: uint32(time.Now().UnixNano())}
	err := n.Listen(func() error {
		conn, err := net.ListenUDP("udp6", &net.UDPAddr{IP: net.IPv6unspecified, Port: 546, Zone: iface})
		if err != nil {
			return err
		}
		c.Conn = conn
		dst := &net.UDPAddr{IP: to.AsSlice(), Port: 547}
		if to.IsMulticast() || to.IsLinkLocalUnicast() {
			i, err := net.InterfaceByName(iface) // in this namespace, by its number
			if err != nil {
				return err
			}
			dst.Zone = fmt.Sprint(i.Index)
		}
		c.To = dst
		return nil
	})
	if err == nil {
		n.lab.t.Cleanup(func() { c.Conn.Close() })
	}
	return c, err
}

// DialFrom is Dial on an address of the client's own, for several clients on one
// host, with a global destination.
func (n *Namespace) DialFrom(from, to netip.Addr) (*Client4o6, error) {
	c := &Client4o6{xid: uint32(time.Now().UnixNano()), To: &net.UDPAddr{IP: to.AsSlice(), Port: 547}}
	err := n.Listen(func() (err error) {
		c.Conn, err = net.ListenPacket("udp6", netip.AddrPortFrom(from, 546).String())
		return err
	})
	if err == nil {
		n.lab.t.Cleanup(func() { c.Conn.Close() })
	}
	return c, err
}

// Query builds a DHCPV4-QUERY; edit completes the DHCPv4 message.
func (c *Client4o6) Query(t dhcp4.MessageType, unicast bool, edit func(*dhcp4.Builder)) []byte {
	c.xid++
	var w dhcp4.Builder
	w.Header.XID = c.xid
	w.Header.HType, w.Header.HLen = 1, 6
	w.Query(t, nil)
	w.SetCHAddr(c.HWAddr[:])
	w.Add(dhcp4.OptParameterRequestList, []byte{1, 3, 6, 15, 51, 54, 58, 59})
	if edit != nil {
		edit(&w)
	}
	q := []byte{byte(dhcp6.DHCPv4Query), 0, 0, 0}
	if unicast {
		q[1] = 0x80 // RFC 7341 §8, the U bit
	}
	q = append(q, c.Extra...)
	return dhcp6.AppendOption(q, dhcp6.OptDHCPv4Message, w.Bytes())
}

// Ask sends a query and returns the DHCPv4 message of the answer, valid until
// the next call. It does not send again.
func (c *Client4o6) Ask(t dhcp4.MessageType, unicast bool, edit func(*dhcp4.Builder)) (*dhcp4.Message, error) {
	if err := c.Send(c.Query(t, unicast, edit)); err != nil {
		return nil, err
	}
	return c.Receive()
}

// Send sends a whole DHCPv6 message as it is.
func (c *Client4o6) Send(b []byte) error {
	_, err := c.Conn.WriteTo(b, c.To)
	return err
}

// Receive waits for the answer to the last query.
func (c *Client4o6) Receive() (*dhcp4.Message, error) {
	limit := c.Timeout
	if limit == 0 {
		limit = 2 * time.Second
	}
	c.Conn.SetReadDeadline(time.Now().Add(limit))
	for {
		n, _, err := c.Conn.ReadFrom(c.buf[:])
		if errors.Is(err, os.ErrDeadlineExceeded) {
			return nil, ErrSilence
		}
		if err != nil {
			return nil, err
		}
		if err := c.open(c.buf[:n]); err != nil {
			return nil, err
		}
		if c.reply.XID == c.xid {
			return &c.reply, nil
		}
	}
}

// open takes the DHCPv4 message out of an answer, by the rules for a client
// (RFC 7341 §9).
func (c *Client4o6) open(b []byte) error {
	if err := c.Answer.Parse(b); err != nil {
		return err
	}
	m := &c.Answer.Message
	if m.Type != dhcp6.DHCPv4Response || len(c.Answer.Relays) > 0 {
		return fmt.Errorf("dhcptest: a %v came, not a DHCPV4-RESPONSE", m.Type)
	}
	if n := m.Options.Count(dhcp6.OptDHCPv4Message); n != 1 {
		return fmt.Errorf("dhcptest: %d options 87", n)
	}
	v, _ := m.Options.Option(dhcp6.OptDHCPv4Message)
	return c.reply.Parse(v)
}

// A Lease4 is what a client got.
type Lease4 struct {
	Addr     netip.Addr
	Server   []byte // option 54 as it came, nil for none
	Lifetime uint32
}

// Lease walks DISCOVER, OFFER, REQUEST, ACK.
func (c *Client4o6) Lease() (Lease4, error) {
	offer, err := c.Ask(dhcp4.Discover, false, nil)
	if err != nil {
		return Lease4{}, fmt.Errorf("DISCOVER: %w", err)
	}
	if offer.Type() != dhcp4.Offer {
		return Lease4{}, fmt.Errorf("DISCOVER: a %v came", offer.Type())
	}
	want := leaseOf(offer)
	ack, err := c.Ask(dhcp4.Request, false, func(w *dhcp4.Builder) {
		w.Add(dhcp4.OptRequestedAddress, want.Addr.AsSlice())
		if want.Server != nil {
			w.Add(dhcp4.OptServerID, want.Server)
		}
	})
	return checkAck("REQUEST", ack, err, want.Addr)
}

// Renew asks, in state RENEWING, for a lease that the client holds.
func (c *Client4o6) Renew(l Lease4) (Lease4, error) {
	ack, err := c.Ask(dhcp4.Request, true, func(w *dhcp4.Builder) { w.Header.CIAddr = l.Addr })
	return checkAck("renewal", ack, err, l.Addr)
}

// Release gives a lease back. There is no answer to it.
func (c *Client4o6) Release(l Lease4) error {
	return c.Send(c.Query(dhcp4.Release, true, func(w *dhcp4.Builder) {
		w.Header.CIAddr = l.Addr
		if l.Server != nil {
			w.Add(dhcp4.OptServerID, l.Server)
		}
	}))
}

func checkAck(what string, m *dhcp4.Message, err error, want netip.Addr) (Lease4, error) {
	switch {
	case err != nil:
		return Lease4{}, fmt.Errorf("%s: %w", what, err)
	case m.Type() != dhcp4.Ack:
		return Lease4{}, fmt.Errorf("%s: a %v came", what, m.Type())
	case m.YIAddr != want:
		return Lease4{}, fmt.Errorf("%s: %v instead of %v", what, m.YIAddr, want)
	}
	return leaseOf(m), nil
}

func leaseOf(m *dhcp4.Message) Lease4 {
	l := Lease4{Addr: m.YIAddr}
	if sid, ok := m.Option(dhcp4.OptServerID); ok {
		l.Server = append([]byte{}, sid...)
	}
	l.Lifetime, _ = m.Uint32(dhcp4.OptLeaseTime)
	return l
}
