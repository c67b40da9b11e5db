package client4

import (
	"bytes"
	"encoding/binary"
	"errors"
	"net/netip"
	"time"

	"go.uber.org/zap"

	"github.com/dhcp4o6/dhcp4o6/pkg/dhcp4"
)

var be = binary.BigEndian

// Why an answer is not taken.
var (
	errNotReply = errors.New("not a reply")
	errXID      = errors.New("transaction of another")
	errHWAddr   = errors.New("hardware address of another")
	errClientID = errors.New("client identifier of another")
	errType     = errors.New("message type that was not asked for")
	errServerID = errors.New("no good server identifier")
	errServer   = errors.New("server that was not asked")
	errAddr     = errors.New("address that is none for a host")
	errNotAsked = errors.New("address that was not asked for")
	errLifetime = errors.New("no good lifetime")
	errState    = errors.New("no answer is waited for")
	errLate     = errors.New("too late")
)

// An answer is a message of a server that was checked: it is to what was asked last.
type answer struct {
	in     *dhcp4.Message
	kind   dhcp4.MessageType
	server netip.Addr    // option 54; zero over 4o6 where there is none
	from   netip.Addr    // of the datagram, over 4o6
	life   time.Duration // of DHCPOFFER and DHCPACK
	inform bool          // to a DHCPINFORM
}

// message is option 56, for the log.
func (a *answer) message() string {
	v, _ := a.in.Option(dhcp4.OptMessage)
	return printable(v)
}

// received takes a message that came in.
func (m *Machine) received(now time.Time, e Received) {
	step := steps[m.state].answer
	if step == nil || m.pending != nil || !m.up || m.leaving {
		m.ignoreFrom(e.From, errState)
		return
	}
	a, err := m.check(e)
	if err != nil {
		m.ignoreFrom(e.From, err)
		return
	}
	step(m, now, a)
}

// check reads a message and finds out whether it is to what was asked last.
func (m *Machine) check(e Received) (*answer, error) {
	in := &m.in
	if err := in.Parse(e.Data); err != nil {
		return nil, err
	}
	a := &answer{in: in, kind: in.Type(), inform: m.state == Informing}
	if m.o.FourOverSix {
		a.from = e.From
	}
	for _, check := range [...]func(*Machine, *answer) error{
		(*Machine).checkClient, (*Machine).checkServer, (*Machine).checkAddress, (*Machine).checkLifetime, (*Machine).checkPorts,
	} {
		if err := check(m, a); err != nil {
			return nil, err
		}
	}
	return a, nil
}

// checkClient sees to it that the answer is for this client: its transaction, its
// hardware address, and, where the server tells it, its client identifier
// (RFC 2131 §4.4.1, RFC 6842 §3).
func (m *Machine) checkClient(a *answer) error {
	switch {
	case a.in.Op != dhcp4.BootReply:
		return errNotReply
	case a.kind != dhcp4.Offer && a.kind != dhcp4.Ack && a.kind != dhcp4.Nak:
		return errType
	case a.in.XID != m.xid:
		return errXID
	case !bytes.Equal(a.in.CHAddr(), m.o.HWAddr):
		return errHWAddr
	}
	if id, ok := a.in.Option(dhcp4.OptClientID); ok && !bytes.Equal(id, m.o.ClientID) {
		return errClientID
	}
	return nil
}

// checkServer sees to it that the answer says who sends it (RFC 2131 §4.3.1, table
// 3), and that it is who was asked. Over 4o6 there are servers that do not say.
func (m *Machine) checkServer(a *answer) error {
	v, there := a.in.Option(dhcp4.OptServerID)
	if there || !m.o.FourOverSix {
		var ok bool
		if a.server, ok = a.in.Addr(dhcp4.OptServerID); !ok || len(v) != 4 || !isHost(a.server, m.o.Server.IsLoopback() || m.o.FourOverSix) { // a 4o6 server may have no other IPv4 address
			return errServerID
		}
	}
	if m.state != Selecting && m.state != Informing && m.want.server.IsValid() && a.server != m.want.server {
		return errServer
	}
	return nil
}

// checkAddress sees to it that the address is one that a host may have, and the one
// that was asked for.
func (m *Machine) checkAddress(a *answer) error {
	y := a.in.YIAddr
	switch {
	case a.kind == dhcp4.Nak || a.inform:
		return nil
	case a.kind == dhcp4.Offer && y.IsUnspecified():
		if _, ok := m.v6only(a); ok { // no address is offered where none is wanted (RFC 8925 §3.3)
			return nil
		}
		return errAddr
	case !isHost(y, m.o.Server.IsLoopback()), y == a.server, m.isBroadcast(a):
		return errAddr
	case m.state != Selecting && y != m.want.addr:
		return errNotAsked
	}
	return nil
}

// isBroadcast reports whether the address is the last of the network that it is said
// to be of (RFC 1122 §3.2.1.3). One that is shared, or comes over 4o6, is on no network.
func (m *Machine) isBroadcast(a *answer) bool {
	mask, ok := a.in.Uint32(dhcp4.OptSubnetMask)
	bits, whole := maskBits(mask)
	return ok && whole && bits < 31 && !m.o.FourOverSix && !a.in.Has(dhcp4.OptPortParams) && a.in.YIAddr == lastOf(netip.PrefixFrom(a.in.YIAddr, bits))
}

// checkLifetime sees to it that there is a lifetime, and that it lets the client
// rest. A lease of a second or less would have it do nothing else but renew.
func (m *Machine) checkLifetime(a *answer) error {
	if a.kind == dhcp4.Nak || a.inform || a.in.YIAddr.IsUnspecified() {
		return nil
	}
	n, ok := a.in.Uint32(dhcp4.OptLeaseTime)
	switch {
	case !ok || n < 2:
		return errLifetime
	case n == 0xffffffff:
		a.life = infinite
	default:
		a.life = time.Duration(n) * time.Second
	}
	return nil
}

func (m *Machine) ignore(a *answer, why error) { m.ignoreFrom(a.from, why) }

func (m *Machine) ignoreFrom(from netip.Addr, why error) {
	m.note(zap.DebugLevel, "answer ignored", zap.Stringer("state", m.state), zap.Stringer("addr", from), zap.Error(why))
}
