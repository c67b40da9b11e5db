package ddns

import (
	"crypto/sha256"
	"errors"
)

// A DHCID is the content of a DHCID record: kind of identifier, digest type and
// digest (RFC 4701 §3).
type DHCID [3 + sha256.Size]byte

// The kinds of identifiers (RFC 4701 §3.3).
const (
	byHWAddr   = 0
	byClientID = 1
	byDUID     = 2
)

const sha256Digest = 1 // RFC 4701 §3.4

var errIdentity = errors.New("ddns: no DHCID can be made of the client's identifier")

// identity is what a DHCID is made of, taken from a lease.
type identity struct {
	kind byte
	n    uint16
	b    [260]byte
}

// bounds of a DUID in a client identifier: a type code and at most 128 octets
// (RFC 9915 §11.1), behind the type octet and the IAID (RFC 4361 §6.1).
const (
	nodeType = 255
	nodeHead = 5
	maxNode  = nodeHead + 2 + 128
)

// digest makes the DHCID of an identity and a name, which is in canonical wire form:
// uncompressed and in lower case (RFC 4701 §3.5).
func (i *identity) digest(wire []byte) DHCID {
	h := sha256.New()
	h.Write(i.b[:i.n])
	h.Write(wire)
	d := DHCID{0, i.kind, sha256Digest}
	h.Sum(d[:3])
	return d
}

// v4 is the identity of a DHCPv4 client: the DUID in its identifier, its
// identifier, or its hardware address behind its type (RFC 4701 §3.3).
func (i *identity) v4(clientID, hwAddr []byte, hwType uint16) error {
	switch {
	case len(clientID) > 0 && clientID[0] == nodeType:
		if len(clientID) <= nodeHead || len(clientID) > maxNode {
			return errIdentity
		}
		return i.set(byDUID, clientID[nodeHead:])
	case len(clientID) > 0:
		return i.set(byClientID, clientID)
	case len(hwAddr) == 0 || len(hwAddr) >= len(i.b):
		return errIdentity
	}
	i.kind, i.b[0] = byHWAddr, byte(hwType)
	i.n = uint16(1 + copy(i.b[1:], hwAddr))
	return nil
}

// v6 is the identity of a DHCPv6 client.
func (i *identity) v6(duid []byte) error {
	if len(duid) == 0 {
		return errIdentity
	}
	return i.set(byDUID, duid)
}

func (i *identity) set(kind byte, id []byte) error {
	if len(id) > len(i.b) {
		return errIdentity
	}
	i.kind, i.n = kind, uint16(copy(i.b[:], id))
	return nil
}
