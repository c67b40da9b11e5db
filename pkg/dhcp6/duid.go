package dhcp6

import (
	"encoding/hex"
	"time"
)

// A DUID identifies a client or a server (RFC 9915 §11): a type code of two
// octets, then at least one and at most 128 more. DUIDs are compared as a whole
// and taken apart only for what an operator asks of us (reservations by hardware
// address).
type DUID []byte

// DUIDType is the type code of a DUID.
type DUIDType uint16

// The DUID types (RFC 9915 §11.1).
const (
	DUIDLLT  DUIDType = 1
	DUIDEN   DUIDType = 2
	DUIDLL   DUIDType = 3
	DUIDUUID DUIDType = 4
)

// The bounds of a DUID, type code included (RFC 9915 §11.1).
const (
	minDUID = 2 + 1
	maxDUID = 2 + 128
)

// ParseDUID checks the value of a Client or Server Identifier option. DUIDs of
// unknown types are taken as well (RFC 9915 §11).
func ParseDUID(v []byte) (DUID, error) {
	if len(v) < minDUID || len(v) > maxDUID {
		return nil, ErrLength
	}
	return DUID(v), nil
}

// NewDUIDLLT returns a DUID of a link-layer address and the time of its making
// (RFC 9915 §11.2).
func NewDUIDLLT(hwType uint16, at time.Time, addr []byte) DUID {
	epoch := time.Date(2000, 1, 1, 0, 0, 0, 0, time.UTC)
	d := be.AppendUint16(nil, uint16(DUIDLLT))
	d = be.AppendUint16(d, hwType)
	d = be.AppendUint32(d, uint32(at.Sub(epoch)/time.Second))
	return append(d, addr...)
}

// NewDUIDEN returns a DUID that a vendor assigns (RFC 9915 §11.3).
func NewDUIDEN(enterprise uint32, id []byte) DUID {
	d := be.AppendUint16(nil, uint16(DUIDEN))
	d = be.AppendUint32(d, enterprise)
	return append(d, id...)
}

// NewDUIDLL returns a DUID of a link-layer address alone (RFC 9915 §11.4).
func NewDUIDLL(hwType uint16, addr []byte) DUID {
	d := be.AppendUint16(nil, uint16(DUIDLL))
	d = be.AppendUint16(d, hwType)
	return append(d, addr...)
}

// NewDUIDUUID returns a DUID of a universally unique identifier (RFC 9915 §11.5).
func NewDUIDUUID(uuid [16]byte) DUID {
	return append(be.AppendUint16(nil, uint16(DUIDUUID)), uuid[:]...)
}

// Type returns the type code.
func (d DUID) Type() DUIDType {
	if len(d) < 2 {
		return 0
	}
	return DUIDType(be.Uint16(d))
}

// HWAddr returns the hardware address that a DUID-LLT or DUID-LL was made of; it
// need not be that of the client any more (RFC 9915 §11).
func (d DUID) HWAddr() (hwType uint16, addr []byte, ok bool) {
	switch {
	case d.Type() == DUIDLLT && len(d) > 8:
		return be.Uint16(d[2:]), d[8:], true
	case d.Type() == DUIDLL && len(d) > 4:
		return be.Uint16(d[2:]), d[4:], true
	}
	return 0, nil, false
}

// String returns the octets in hexadecimal with colons between them, as Kea
// prints DUIDs.
func (d DUID) String() string { return string(d.AppendText(nil)) }

// AppendText appends what String returns.
func (d DUID) AppendText(b []byte) []byte {
	for i := range d {
		if i > 0 {
			b = append(b, ':')
		}
		b = hex.AppendEncode(b, d[i:i+1])
	}
	return b
}
