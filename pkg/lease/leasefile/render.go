package leasefile

import (
	"hash/crc32"
	"slices"
	"strconv"
	"time"

	"github.com/dhcp4o6/dhcp4o6/pkg/lease"
)

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

// hwEthernet is the hardware type that Kea's v4 file takes for granted.
const hwEthernet = 1

// emptyDUID is what stands in for no DUID, since Kea refuses an empty field: its
// own sign of a declined lease (RFC 9915 §11 has no DUID of three octets).
const emptyDUID = "00:00:00"

// appendRow appends the row of a change, checksum and newline included. It
// allocates nothing but to grow b.
func (s *schema) appendRow(b []byte, c lease.Change) []byte {
	if !s.holds(&c.Lease.Resource) {
		panic("leasefile: a resource that is not of the file's family")
	}
	start := len(b)
	if s.family == V6 {
		b = append6(b, c.Lease, c.Remove)
	} else {
		if s.family == V4Ports {
			b = appendPorts(b, c.Lease)
		}
		b = append4(b, c.Lease, c.Remove)
	}
	return appendSum(b, start)
}

// appendSum closes the row that began at start.
func appendSum(b []byte, start int) []byte {
	sum := crc32.Checksum(b[start:], castagnoli)
	end := [...]byte{0: ',', 9: '\n'}
	for i := 8; i > 0; i-- {
		end[i] = lowerHex[sum&15]
		sum >>= 4
	}
	return append(b, end[:]...)
}

func appendPorts(b []byte, l *lease.Lease) []byte {
	p := l.Resource.Ports
	b = strconv.AppendUint(b, uint64(p.Offset), 10)
	b = append(b, '/')
	b = strconv.AppendUint(b, uint64(p.Len), 10)
	b = append(b, '/')
	return appendField(b, uint64(p.ID))
}

// append4 appends Kea's columns of an IPv4 lease, without the last comma.
func append4(b []byte, l *lease.Lease, remove bool) []byte {
	b = append(l.Resource.Prefix.Addr().AppendTo(b), ',')
	b = append(appendOctets(b, l.HWAddr), ',')
	b = append(appendOctets(b, l.ClientID), ',')
	b = appendTimes(b, l, remove)
	b = appendField(b, uint64(l.Subnet))
	b = appendFlags(b, l)
	b = append(appendEscaped(b, l.Hostname), ',')
	b = appendField(b, uint64(rowState(l, remove, len(l.HWAddr)+len(l.ClientID) == 0)))
	b = append(appendContext4(b, l), ',')
	return strconv.AppendUint(b, uint64(l.Pool), 10)
}

// append6 appends Kea's columns of an IPv6 lease, without the last comma.
func append6(b []byte, l *lease.Lease, remove bool) []byte {
	b = append(l.Resource.Prefix.Addr().AppendTo(b), ',')
	if len(l.DUID) == 0 {
		b = append(b, emptyDUID...)
	} else {
		b = appendOctets(b, l.DUID)
	}
	b = append(b, ',')
	b = appendTimes(b, l, remove)
	b = appendField(b, uint64(l.Subnet))
	b = appendField(b, seconds(l.Preferred))
	b = appendField(b, uint64(l.Resource.Kind-lease.NA))
	b = appendField(b, uint64(l.IAID))
	b = appendField(b, uint64(l.Resource.Prefix.Bits()))
	b = appendFlags(b, l)
	b = append(appendEscaped(b, l.Hostname), ',')
	b = append(appendOctets(b, l.HWAddr), ',')
	b = appendField(b, uint64(rowState(l, remove, len(l.DUID) == 0)))
	b = append(appendEscaped(b, l.UserContext), ',')
	b = appendField(b, uint64(l.HWType))
	b = appendField(b, uint64(l.HWSource))
	return strconv.AppendUint(b, uint64(l.Pool), 10)
}

// rowState returns the state to write. Kea reads a row without an owner only if
// it is declined, and a removal is of no use when it is not read.
func rowState(l *lease.Lease, remove, nobody bool) lease.State {
	if remove && nobody {
		return lease.Declined
	}
	return l.State
}

// appendTimes appends valid_lifetime and expire. The second counts beyond 32
// bits for leases without end; a lifetime of zero removes the lease.
func appendTimes(b []byte, l *lease.Lease, remove bool) []byte {
	valid := seconds(l.Valid)
	if remove {
		valid = 0
	}
	b = appendField(b, valid)
	return append(strconv.AppendInt(b, l.Start.Unix()+int64(valid), 10), ',')
}

// seconds returns a lifetime as it is written: 32 bits, all of them for ever.
func seconds(d time.Duration) uint64 {
	return uint64(min(max(d, 0), lease.Infinite) / time.Second)
}

func appendField(b []byte, v uint64) []byte {
	return append(strconv.AppendUint(b, v, 10), ',')
}

func appendFlags(b []byte, l *lease.Lease) []byte {
	return append(b, flag(l.FwdDNS), ',', flag(l.RevDNS), ',')
}

func flag(v bool) byte {
	if v {
		return '1'
	}
	return '0'
}

// appendOctets appends octets in hexadecimal with colons between.
func appendOctets(b, v []byte) []byte {
	if len(v) == 0 {
		return b
	}
	at := len(b)
	b = slices.Grow(b, 3*len(v))[:at+3*len(v)]
	for _, c := range v {
		b[at], b[at+1], b[at+2] = lowerHex[c>>4], lowerHex[c&15], ':'
		at += 3
	}
	return b[:at-1]
}
