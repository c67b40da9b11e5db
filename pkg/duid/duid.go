// Package duid makes DUIDs (RFC 9915 §11) and keeps them on disk, so that a host
// is known by one identifier for as long as it lives: a server to its clients, a
// client to its servers, in DHCPv4 too (RFC 4361).
//
// The file holds the octets in hexadecimal with colons between them, as Kea keeps
// that of its server. What stands there is used as it is, unless a Spec wants
// another; a file that makes no sense is refused and stays as it is, since a new
// identifier would cost the host its addresses:
//
//	id, err := duid.Load("/var/lib/dhcp4o6/client-duid", duid.Spec{}, links, time.Now())
package duid

import (
	"bytes"
	"crypto/rand"
	"errors"
	"fmt"
	"time"

	"github.com/dhcp4o6/dhcp4o6/pkg/dhcp6"
	"github.com/dhcp4o6/dhcp4o6/pkg/netif"
)

// A Kind names one way of making DUIDs, by the RFC's letters.
type Kind string

// The kinds of DUIDs (RFC 9915 §11.1). Any leaves the choice to Make.
const (
	Any  Kind = ""
	LLT  Kind = "LLT"
	LL   Kind = "LL"
	EN   Kind = "EN"
	UUID Kind = "UUID"
)

// A Spec says which DUID is wanted. The zero value: whichever there is.
type Spec struct {
	Kind       Kind
	HWType     uint16 // LLT, LL; 0: of the link chosen
	HWAddr     []byte // LLT, LL; nil: of the first link that has one
	Time       uint32 // LLT; seconds since 2000, 0: now
	Enterprise uint32 // EN; 0: that of the old one
	ID         []byte // EN: the vendor's own part, nil: random; UUID: 16 octets, nil: random
}

// What a Spec may ask for and not get.
var (
	ErrKind       = errors.New("duid: unknown kind")
	ErrNoHWAddr   = errors.New("duid: no link has a hardware address; name one, or use another kind")
	ErrEnterprise = errors.New("duid: a DUID-EN needs an enterprise number")
	ErrUUID       = errors.New("duid: a UUID has 16 octets")
	ErrLength     = errors.New("duid: the identifier is empty or longer than 128 octets")
)

// Make returns the DUID that s asks for. What s leaves open is taken from old
// where that is of the same kind, else from the links and the time, else from
// chance. A nil old: there was none. Of no particular kind, old is kept; without
// one a DUID-LLT is made where a link has a hardware address, and a DUID-UUID
// where none has.
func Make(old dhcp6.DUID, s Spec, links []netif.Interface, now time.Time) (dhcp6.DUID, error) {
	d, err := choose(old, s, links, now)
	if err != nil {
		return nil, err
	}
	if _, err := dhcp6.ParseDUID(d); err != nil || !whole(d) {
		return nil, ErrLength
	}
	return d, nil
}

func choose(old dhcp6.DUID, s Spec, links []netif.Interface, now time.Time) (dhcp6.DUID, error) {
	switch s.Kind {
	case LLT:
		return makeLLT(old, s, links, now)
	case LL:
		return makeLL(old, s, links)
	case EN:
		return makeEN(old, s)
	case UUID:
		return makeUUID(old, s)
	case Any:
	default:
		return nil, fmt.Errorf("%w %q", ErrKind, string(s.Kind))
	}
	if old != nil {
		return old, nil
	}
	if d, err := makeLLT(nil, s, links, now); err == nil {
		return d, nil
	}
	return makeUUID(nil, Spec{})
}

// epoch is where the time in a DUID-LLT begins (RFC 9915 §11.2).
var epoch = time.Date(2000, 1, 1, 0, 0, 0, 0, time.UTC)

func makeLLT(old dhcp6.DUID, s Spec, links []netif.Interface, now time.Time) (dhcp6.DUID, error) {
	at := now
	if s.Time != 0 {
		at = epoch.Add(time.Duration(s.Time) * time.Second)
	}
	if t, a, ok := old.HWAddr(); ok && old.Type() == dhcp6.DUIDLLT && s.fits(t, a) {
		if s.Time == 0 || bytes.Equal(dhcp6.NewDUIDLLT(t, at, a), old) {
			return old, nil
		}
	}
	hwType, addr, err := s.hardware(links)
	if err != nil {
		return nil, err
	}
	return dhcp6.NewDUIDLLT(hwType, at, addr), nil
}

func makeLL(old dhcp6.DUID, s Spec, links []netif.Interface) (dhcp6.DUID, error) {
	if t, a, ok := old.HWAddr(); ok && old.Type() == dhcp6.DUIDLL && s.fits(t, a) {
		return old, nil
	}
	hwType, addr, err := s.hardware(links)
	if err != nil {
		return nil, err
	}
	return dhcp6.NewDUIDLL(hwType, addr), nil
}

// fits reports whether a DUID of this hardware address is as s wants it.
func (s *Spec) fits(hwType uint16, addr []byte) bool {
	return (s.HWType == 0 || s.HWType == hwType) && (s.HWAddr == nil || bytes.Equal(s.HWAddr, addr))
}

// ethernet is the hardware type of a named address that comes without one.
const ethernet = 1

// hardware returns the hardware address to make a DUID of: the named one, else
// that of the first link that has one. Real links come before those that only
// look like Ethernet, which the order of their indexes mostly gives.
func (s *Spec) hardware(links []netif.Interface) (hwType uint16, addr []byte, err error) {
	if s.HWAddr != nil {
		if s.HWType == 0 {
			return ethernet, s.HWAddr, nil
		}
		return s.HWType, s.HWAddr, nil
	}
	for i := range links {
		l := &links[i]
		if l.Loopback || len(l.HWAddr) < 6 || allZero(l.HWAddr) || s.HWType != 0 && l.HWType != s.HWType {
			continue
		}
		return l.HWType, l.HWAddr, nil
	}
	return 0, nil, ErrNoHWAddr
}

func allZero(b []byte) bool {
	for _, c := range b {
		if c != 0 {
			return false
		}
	}
	return true
}

func makeEN(old dhcp6.DUID, s Spec) (dhcp6.DUID, error) {
	if old.Type() == dhcp6.DUIDEN && len(old) > 6 {
		same := s.Enterprise == 0 || bytes.Equal(dhcp6.NewDUIDEN(s.Enterprise, nil), old[:6])
		if same && (s.ID == nil || bytes.Equal(s.ID, old[6:])) {
			return old, nil
		}
	}
	if s.Enterprise == 0 {
		return nil, ErrEnterprise
	}
	id := s.ID
	if id == nil {
		id = make([]byte, 8)
		rand.Read(id)
	}
	return dhcp6.NewDUIDEN(s.Enterprise, id), nil
}

func makeUUID(old dhcp6.DUID, s Spec) (dhcp6.DUID, error) {
	if old.Type() == dhcp6.DUIDUUID && (s.ID == nil || bytes.Equal(s.ID, old[2:])) {
		return old, nil
	}
	var uuid [16]byte
	if s.ID != nil {
		if copy(uuid[:], s.ID) != len(s.ID) || len(s.ID) != len(uuid) {
			return nil, ErrUUID
		}
		return dhcp6.NewDUIDUUID(uuid), nil
	}
	rand.Read(uuid[:])
	uuid[6], uuid[8] = uuid[6]&0x0f|0x40, uuid[8]&0x3f|0x80 // random, as RFC 9562 §5.4 marks it
	return dhcp6.NewDUIDUUID(uuid), nil
}
