package client6

import (
	"bytes"
	"encoding/binary"
	"errors"
	"net/netip"
	"slices"

	"github.com/dhcp4o6/dhcp4o6/pkg/dhcp6"
)

var be = binary.BigEndian

// An answer is a message of a server that has been checked as far as can be done
// without knowing what it answers. It shares memory with the datagram.
type answer struct {
	kind       dhcp6.MessageType
	xid        [3]byte
	data       []byte // the whole
	options    dhcp6.Options
	server     []byte
	ours       bool // has our client identifier
	rapid      bool
	preference uint8
	status     dhcp6.StatusCode
	ias        []answeredIA

	solMaxRT, infMaxRT uint32 // 0: not there, or out of range
}

// An answeredIA is what the server says of one IA of ours.
type answeredIA struct {
	at     int // in Options.IAs
	status dhcp6.StatusCode
	t1, t2 uint32
	leases []answeredLease
}

type answeredLease struct {
	prefix           netip.Prefix
	preferred, valid uint32
}

// mostLeases bounds what one IA may bring: each becomes an address of the host.
const mostLeases = 64

// Why a message is no answer.
var (
	errType     = errors.New("a message that the state does not wait for")
	errRelayed  = errors.New("a message of relays")
	errTwice    = errors.New("an option twice that may be there once")
	errClientID = errors.New("not our client identifier")
	errServerID = errors.New("no server identifier, or not one")
	errServer   = errors.New("another server than was asked")
	errXID      = errors.New("another transaction")
	errStatus   = errors.New("a status that cannot be")
	errNoRapid  = errors.New("a Reply to a Solicit without Rapid Commit")
	errNothing  = errors.New("nothing is offered")
)

// once are the options of which a message may have one (RFC 9915 §21) and on which
// something rests here.
var once = [...]dhcp6.Code{dhcp6.OptClientID, dhcp6.OptServerID, dhcp6.OptStatusCode, dhcp6.OptPreference, dhcp6.OptAuth, dhcp6.OptReconfMsg}

// read checks a datagram (RFC 9915 §16).
func (m *Machine) read(data []byte) (*answer, error) {
	var e dhcp6.Envelope
	if err := e.Parse(data); err != nil {
		return nil, err
	}
	if len(e.Relays) > 0 {
		return nil, errRelayed
	}
	a := &answer{kind: e.Message.Type, xid: e.Message.XID, data: data, options: e.Message.Options}
	switch a.kind {
	case dhcp6.Advertise, dhcp6.Reply, dhcp6.Reconfigure:
	default:
		return nil, errType
	}
	if err := a.identify(m.o.DUID); err != nil {
		return nil, err
	}
	if v, ok := a.options.Option(dhcp6.OptStatusCode); ok {
		var err error
		if a.status, err = dhcp6.ParseStatusCode(v); err != nil {
			return nil, errStatus
		}
	}
	v, ok := a.options.Option(dhcp6.OptRapidCommit)
	a.rapid = ok && len(v) == 0
	if v, ok := a.options.Option(dhcp6.OptPreference); ok && len(v) == 1 {
		a.preference = v[0]
	}
	a.solMaxRT, a.infMaxRT = a.maxRT(dhcp6.OptSolMaxRT), a.maxRT(dhcp6.OptInfMaxRT)
	m.readIAs(a)
	return a, nil
}

// identify checks who speaks, and to whom (RFC 9915 §16.3, §16.10, §16.11).
func (a *answer) identify(duid []byte) error {
	for _, c := range once {
		if a.options.Count(c) > 1 {
			return errTwice
		}
	}
	id, ok := a.options.Option(dhcp6.OptClientID)
	if a.ours = ok && bytes.Equal(id, duid); !a.ours {
		return errClientID
	}
	v, _ := a.options.Option(dhcp6.OptServerID)
	server, err := dhcp6.ParseDUID(v)
	if err != nil {
		return errServerID
	}
	a.server = server
	return nil
}

// The bounds of SOL_MAX_RT and INF_MAX_RT (RFC 9915 §21.24, §21.25); what is beyond
// them is ignored.
const leastMaxRT, mostMaxRT = 60, 86400

func (a *answer) maxRT(c dhcp6.Code) uint32 {
	v, ok := a.options.Option(c)
	if !ok || len(v) != 4 {
		return 0
	}
	if n := be.Uint32(v); n >= leastMaxRT && n <= mostMaxRT {
		return n
	}
	return 0
}

// readIAs reads what is said of our IAs. An IA that is not ours, that comes a second
// time, or makes no sense is passed over, as though the server had left it out (RFC
// 9915 §21.4, §21.21).
func (m *Machine) readIAs(a *answer) {
	for c, v := range a.options.All {
		var (
			ia  answeredIA
			in  dhcp6.Options
			id  uint32
			err error
			of  IAKind
		)
		switch c {
		case dhcp6.OptIANA:
			var x dhcp6.IANA
			x, err = dhcp6.ParseIANA(v)
			of, id, in, ia.t1, ia.t2 = NA, x.IAID, x.Options, x.T1, x.T2
		case dhcp6.OptIATA:
			var x dhcp6.IATA
			x, err = dhcp6.ParseIATA(v)
			of, id, in = TA, x.IAID, x.Options
		case dhcp6.OptIAPD:
			var x dhcp6.IAPD
			x, err = dhcp6.ParseIAPD(v)
			of, id, in, ia.t1, ia.t2 = PD, x.IAID, x.Options, x.T1, x.T2
		default:
			continue
		}
		ia.at = slices.IndexFunc(m.ias, func(b binding) bool { return b.Kind == of && b.IAID == id })
		twice := slices.ContainsFunc(a.ias, func(o answeredIA) bool { return o.at == ia.at })
		if err != nil || ia.at < 0 || twice || ia.t1 > ia.t2 && ia.t2 > 0 || !ia.read(of, in) {
			continue
		}
		a.ias = append(a.ias, ia)
	}
}

// read takes the status and the leases of an IA; false: its status cannot be read,
// and nobody knows how it is meant.
func (ia *answeredIA) read(k IAKind, in dhcp6.Options) (ok bool) {
	if ia.status, ok = statusOf(in); !ok {
		return false
	}
	for c, v := range in.All {
		l, ok := readLease(k, c, v)
		known := slices.ContainsFunc(ia.leases, func(o answeredLease) bool { return o.prefix == l.prefix })
		if ok && !known && len(ia.leases) < mostLeases {
			ia.leases = append(ia.leases, l)
		}
	}
	return true
}

func statusOf(in dhcp6.Options) (s dhcp6.StatusCode, ok bool) {
	v, there := in.Option(dhcp6.OptStatusCode)
	if !there {
		return s, true // Success (RFC 9915 §7.5)
	}
	s, err := dhcp6.ParseStatusCode(v)
	return s, err == nil && in.Count(dhcp6.OptStatusCode) == 1
}

// readLease reads an address or prefix of an IA. Not ok: it is something else, it
// failed, it can be nobody's, or it would be preferred when it is no longer valid
// (RFC 9915 §21.6, §21.22).
func readLease(k IAKind, c dhcp6.Code, v []byte) (l answeredLease, ok bool) {
	var in dhcp6.Options
	switch {
	case c == dhcp6.OptIAAddr && k != PD:
		x, err := dhcp6.ParseIAAddr(v)
		if err != nil {
			return l, false
		}
		l, in = answeredLease{netip.PrefixFrom(x.Addr, 128), x.Preferred, x.Valid}, x.Options
	case c == dhcp6.OptIAPrefix && k == PD:
		x, err := dhcp6.ParseIAPrefix(v)
		if err != nil {
			return l, false
		}
		l, in = answeredLease{x.Prefix.Masked(), x.Preferred, x.Valid}, x.Options
	default:
		return l, false
	}
	status, ok := statusOf(in)
	return l, ok && status.Status == dhcp6.Success && l.preferred <= l.valid && usable(k, l.prefix)
}

// offers reports how many of our IAs the answer has leases for.
func (a *answer) offers() (n int) {
	for i := range a.ias {
		if a.ias[i].good() {
			n++
		}
	}
	return n
}

// good reports whether an IA brings anything that can be used.
func (ia *answeredIA) good() bool {
	if ia.status.Status != dhcp6.Success {
		return false
	}
	return slices.ContainsFunc(ia.leases, func(l answeredLease) bool { return l.valid > 0 })
}
