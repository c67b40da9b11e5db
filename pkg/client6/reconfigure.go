package client6

import (
	"crypto/hmac"
	"crypto/md5"
	"errors"
	"slices"
	"time"

	"go.uber.org/zap"

	"github.com/dhcp4o6/dhcp4o6/pkg/dhcp6"
)

// A reconfigureKey is what the server proves itself by (RFC 9915 §20.4), and the
// last value of its replay detection.
type reconfigureKey struct {
	key    [keyLen]byte
	replay uint64
}

const keyLen = 16

// The Authentication option of RKAP (RFC 9915 §20.4.1): protocol, algorithm, RDM,
// eight octets of replay detection, then a type and its value.
const (
	authLen    = 11 + 1 + keyLen
	authKey    = 1 // the value is a key: in a Reply
	authDigest = 2 // the value is an HMAC-MD5: in a Reconfigure
)

var rkap = []byte{3, 1, 0}

// Why a Reconfigure is none (RFC 9915 §16.11).
var (
	errUnwanted = errors.New("a Reconfigure that was not agreed upon")
	errBusy     = errors.New("a Reconfigure while an exchange goes on")
	errMsgType  = errors.New("a Reconfigure for nothing that there is")
	errAuth     = errors.New("a Reconfigure that is not authentic")
	errReplay   = errors.New("a Reconfigure for the second time")
)

// readAuth returns the parts of an Authentication option of RKAP. The value shares
// memory with the message.
func readAuth(in dhcp6.Options, kind byte) (replay uint64, value []byte, ok bool) {
	v, there := in.Option(dhcp6.OptAuth)
	if !there || len(v) != authLen || !slices.Equal(v[:3], rkap) || v[11] != kind {
		return 0, nil, false
	}
	return be.Uint64(v[3:]), v[12:], true
}

// takeKey keeps the key of a Reply, when the server says that it will have the
// client ask anew (RFC 9915 §20.4.3, §21.20). A key of ours is exchanged for a later
// one only.
func (m *Machine) takeKey(a *answer) {
	if !m.o.Reconfigure || !a.options.Has(dhcp6.OptReconfAccept) {
		return
	}
	replay, value, ok := readAuth(a.options, authKey)
	if !ok || m.key != nil && replay <= m.key.replay {
		return
	}
	m.key = &reconfigureKey{[keyLen]byte(value), replay}
}

// reconfigure takes a Reconfigure, which has the client ask anew (RFC 9915 §18.2.11).
func (m *Machine) reconfigure(now time.Time, a *answer) {
	kind, err := m.checkReconfigure(a)
	if err != nil {
		m.note(zap.DebugLevel, "Reconfigure ignored", zap.Stringer("state", m.state), zap.Error(err))
		return
	}
	m.note(zap.InfoLevel, "server has the client ask anew", zap.Stringer("type", kind))
	m.save(now) // the replay detection has moved on
	switch kind {
	case dhcp6.Renew:
		m.renew(now)
	case dhcp6.Rebind:
		m.chosen = nil
		m.begin(now, Rebinding, nil, 0)
	case dhcp6.InformationRequest:
		m.refreshNow(now, a.server)
	}
}

// checkReconfigure returns what the server wants to be sent.
func (m *Machine) checkReconfigure(a *answer) (kind dhcp6.MessageType, err error) {
	if m.key == nil || string(a.server) != string(m.server) {
		return 0, errUnwanted
	}
	if m.state != Bound && m.state != Informed {
		return 0, errBusy
	}
	v, _ := a.options.Option(dhcp6.OptReconfMsg)
	if len(v) != 1 {
		return 0, errMsgType
	}
	switch kind = dhcp6.MessageType(v[0]); kind {
	case dhcp6.Renew, dhcp6.Rebind:
		if m.state != Bound {
			return 0, errMsgType
		}
	case dhcp6.InformationRequest:
	default:
		return 0, errMsgType
	}
	replay, digest, ok := readAuth(a.options, authDigest)
	if !ok {
		return 0, errAuth
	}
	said := slices.Clone(digest)
	clear(digest) // the message is our copy; zeroes stand there when it is computed (RFC 9915 §20.4.2)
	mac := hmac.New(md5.New, m.key.key[:])
	mac.Write(a.data)
	if !hmac.Equal(mac.Sum(nil), said) {
		return 0, errAuth
	}
	if replay <= m.key.replay {
		return 0, errReplay
	}
	m.key.replay = replay
	return kind, nil
}
