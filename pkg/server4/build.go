package server4

import (
	"bytes"

	"go.uber.org/zap"

	"github.com/dhcp4o6/dhcp4o6/pkg/ddns"
	"github.com/dhcp4o6/dhcp4o6/pkg/dhcp4"
)

// build fills in the reply by table 3 of RFC 2131 §4.3.1.
func (s *Server) build(x *Exchange) Verdict {
	q, w := x.Query, &x.out
	s.additional(x)
	x.scope()
	if x.bootp {
		s.buildBOOTP(x)
		return Next
	}
	w.Reply(q, x.Reply, x.buf)
	x.allow(x.limit())
	id := s.identifier(x).As4()
	switch x.Reply {
	case dhcp4.Nak:
		if given(q.GIAddr) {
			w.Header.Flags |= dhcp4.FlagBroadcast // the client has no address that the relay could use (RFC 2131 §4.3.2)
		}
		w.Add(dhcp4.OptServerID, id[:])
		x.addText(dhcp4.OptMessage, x.why)
	default:
		if x.Reply == dhcp4.Ack {
			w.Header.CIAddr = q.CIAddr
		}
		if x.Type == dhcp4.Inform && given(q.GIAddr) && !given(q.CIAddr) {
			w.Header.Flags |= dhcp4.FlagBroadcast // there is no address that the relay could use
		}
		x.bootFields()
		w.Add(dhcp4.OptServerID, id[:])
		if x.Type != dhcp4.Inform {
			w.Header.YIAddr = x.Lease.Resource.Prefix.Addr()
		}
		if x.leased() {
			x.times()
		}
		x.configured()
	}
	w.Limit(x.max)
	x.echo()
	return Next
}

// bare is room enough for a reply with an address and nothing configured.
const bare = dhcp4.HeaderLen + 64

// allow sets the largest size of the reply, keeping room for what echo adds as
// long as a lease still fits in beside it.
func (x *Exchange) allow(n int) {
	switch {
	case x.over6:
		n = min(n, x.packet.Room())
	case n > dhcp4.MinAccept && x.framed():
		n = min(n, x.s.carries(x.ifIndex))
	}
	x.max = n
	x.out.Limit(max(n-x.tail(), bare))
}

// Sizes of replies (see limit).
const (
	headers    = 20 + 8 // of IP and UDP, which the clients' option 57 counts in
	minMaxSize = 576    // the least that option 57 may say (RFC 2132 §9.10)
	ethernet   = 1500 - headers
)

// limit is the largest reply that the client takes: what its option 57 says, or
// what every client must take (RFC 2131 §2).
func (x *Exchange) limit() int {
	if v, ok := x.Query.Uint16(dhcp4.OptMaxMessageSize); ok {
		return max(int(v), minMaxSize) - headers
	}
	return dhcp4.MinAccept
}

// add adds an option, counting one that finds no room. Without a word from the
// client about its limit the reply may grow to what an Ethernet carries, as it
// does with Kea: a client that takes no more than it must would otherwise be
// left without options that its operator configured.
func (x *Exchange) add(c dhcp4.Code, v []byte) {
	if x.out.Add(c, v) {
		return
	}
	if !x.Query.Has(dhcp4.OptMaxMessageSize) {
		x.grow()
		if x.out.Add(c, v) {
			return
		}
	}
	x.noRoom(c)
}

// noRoom counts an option that the reply has no room for, and says so now and
// then: the client does without something that its operator has configured.
func (x *Exchange) noRoom(c dhcp4.Code) {
	x.s.count.optionDropped.Inc()
	if n, ok := x.s.told.room.Allow(); ok {
		x.s.log.Warn("no room for an option in a reply",
			append(x.fields(), zap.Uint8("option", uint8(c)), zap.Int("room", x.max), zap.Uint64("missed", n))...)
	}
}

// leased reports whether the reply gives the client an address.
func (x *Exchange) leased() bool { return given(x.out.Header.YIAddr) }

func (x *Exchange) add32(c dhcp4.Code, n uint32) {
	x.add(c, []byte{byte(n >> 24), byte(n >> 16), byte(n >> 8), byte(n)})
}

// addText adds a short text.
func (x *Exchange) addText(c dhcp4.Code, s string) {
	var b [255]byte
	x.add(c, b[:copy(b[:], s)])
}

// times adds the lifetime and, where they are configured, T1 and T2 (RFC 2131
// §4.4.5).
func (x *Exchange) times() {
	valid := uint32(x.Lease.Valid.Seconds())
	x.add32(dhcp4.OptLeaseTime, valid)
	t1, t2 := x.Policy.Timers4(valid)
	if t1 > 0 {
		x.add32(dhcp4.OptRenewalTime, t1)
	}
	if t2 > 0 {
		x.add32(dhcp4.OptRebindingTime, t2)
	}
}

// basic are the options that a client gets unasked, as it does from Kea.
var basic = [...]dhcp4.Code{dhcp4.OptRouter, dhcp4.OptDNS, dhcp4.OptDomainName}

// configured adds option-data: what the client asks for, in its order (RFC 2132
// §9.8), what is always sent, and the basic ones. The subnet mask goes before
// any router (RFC 2132 §3.3) and with every address.
func (x *Exchange) configured() {
	asked, _ := x.Query.Option(dhcp4.OptParameterRequestList)
	x.tried = dhcp4.CodeSet{}
	if x.leased() {
		x.configure(dhcp4.OptSubnetMask)
	} else {
		for _, c := range asked {
			if dhcp4.Code(c) == dhcp4.OptSubnetMask {
				x.configure(dhcp4.OptSubnetMask)
			}
		}
	}
	for _, c := range asked {
		x.configure(dhcp4.Code(c))
	}
	for c := range x.always {
		x.configure(c)
	}
	if !x.tried.Has(dhcp4.OptVIVendorInfo) {
		x.vendorInfo(false)
	}
	for _, c := range basic {
		x.configure(c)
	}
	x.named()
}

// named adds the name that goes with a lease: in option 81 to a client that sent
// one, else in option 12.
func (x *Exchange) named() {
	switch answer := x.name.is.Answer; {
	case !x.leased():
	case answer == ddns.HostName:
		x.configure(dhcp4.OptHostName)
	case answer == ddns.FQDN:
		var b [3 + 255 + 2]byte
		x.add(dhcp4.OptClientFQDN, x.name.appendFQDN(b[:0]))
	}
}

// configure adds one option as it is configured, once.
func (x *Exchange) configure(c dhcp4.Code) {
	if x.tried.Has(c) { // a list may name one code as often as it likes
		return
	}
	x.tried.Add(c)
	if ours(c) || x.out.Has(c) || c == dhcp4.OptIPv6OnlyPreferred && !x.asks(c) {
		return
	}
	switch c {
	case dhcp4.OptVIVendorClass:
		x.vendorClass()
		return
	case dhcp4.OptVIVendorInfo:
		x.vendorInfo(true)
		return
	}
	o := x.option(c)
	if c == dhcp4.OptHostName && x.leased() && x.name.is.Answer == ddns.HostName && (o == nil || !o.Never) {
		x.addText(c, x.name.text()) // which goes before one that is for everybody
		return
	}
	if o != nil {
		if !o.Never {
			x.add(c, o.Value)
		}
		return
	}
	if c == dhcp4.OptSubnetMask && x.Subnet != nil {
		x.add32(c, ^uint32(0)<<(32-x.Subnet.Prefix.Bits()))
	}
}

// ours reports whether an option is made by the server and never taken from
// option-data.
func ours(c dhcp4.Code) bool {
	switch c {
	case dhcp4.OptPad, dhcp4.OptEnd, dhcp4.OptRequestedAddress, dhcp4.OptLeaseTime, dhcp4.OptOverload,
		dhcp4.OptMessageType, dhcp4.OptServerID, dhcp4.OptParameterRequestList, dhcp4.OptMaxMessageSize,
		dhcp4.OptRenewalTime, dhcp4.OptRebindingTime, dhcp4.OptClientID, dhcp4.OptRelayAgentInfo, dhcp4.OptClientFQDN:
		return true
	}
	return false
}

// tail is the room to be kept for what echo adds.
func (x *Exchange) tail() int {
	n := x.room(dhcp4.OptClientID) + x.room(dhcp4.OptRelayAgentInfo)
	if x.Reply != dhcp4.Nak {
		n += x.room(dhcp4.OptSubnetSelection)
	}
	if x.pxe() {
		n += x.room(dhcp4.OptClientUUID)
	}
	return n
}

// room is what an option of the query takes in the reply.
func (x *Exchange) room(c dhcp4.Code) int {
	v, ok := x.Query.Option(c)
	if !ok {
		return 0
	}
	return len(v) + 2*max(1, (len(v)+254)/255)
}

// echo gives back the machine's identifier to a PXE client (RFC 4578 §2.3), the
// subnet that the client asked for, without which it takes no answer (RFC 3011
// §2), its identifier (RFC 6842 §3, unless echo-client-id is off) and, behind
// everything else, what the relay put in (RFC 3046 §2.2).
func (x *Exchange) echo() {
	if subnet, ok := x.Query.Option(dhcp4.OptSubnetSelection); ok && x.Reply != dhcp4.Nak {
		x.giveBack(dhcp4.OptSubnetSelection, subnet)
	}
	if id, ok := x.Query.Option(dhcp4.OptClientUUID); ok && x.pxe() && !x.out.Has(dhcp4.OptClientUUID) {
		x.giveBack(dhcp4.OptClientUUID, id)
	}
	if id, ok := x.Query.Option(dhcp4.OptClientID); ok && x.Policy.EchoClientID {
		x.giveBack(dhcp4.OptClientID, id)
	}
	if len(x.Net.FlexOptions) > 0 {
		x.out.Limit(x.max - x.room(dhcp4.OptRelayAgentInfo))
		x.flexOptions()
		x.out.Limit(x.max)
	}
	if info, ok := x.Query.Option(dhcp4.OptRelayAgentInfo); ok && x.relayed() {
		x.giveBack(dhcp4.OptRelayAgentInfo, info)
	}
}

// giveBack is add for what echo adds, which has the room that allow kept for it
// unless it is very long.
func (x *Exchange) giveBack(c dhcp4.Code, v []byte) {
	if x.out.Add(c, v) {
		return
	}
	if !x.Query.Has(dhcp4.OptMaxMessageSize) {
		x.grow()
		n := x.max
		if c != dhcp4.OptRelayAgentInfo { // without which its relay could not forward the reply
			n -= x.room(dhcp4.OptRelayAgentInfo)
		}
		x.out.Limit(n)
		if x.out.Add(c, v) {
			return
		}
	}
	x.noRoom(c)
}

// pxe reports whether the client says that it boots by PXE (RFC 4578 §2).
func (x *Exchange) pxe() bool {
	class, _ := x.Query.Option(dhcp4.OptVendorClassID)
	return bytes.HasPrefix(class, []byte("PXEClient"))
}
