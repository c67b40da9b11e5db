package leasefile

import (
	"bytes"
	"encoding/json"
	"errors"
	"hash/crc32"
	"math"
	"net/netip"
	"time"

	"github.com/dhcp4o6/dhcp4o6/pkg/lease"
	"github.com/dhcp4o6/dhcp4o6/pkg/softwire"
)

// Why a row is damaged.
var (
	errShort    = errors.New("too few columns")
	errLong     = errors.New("too many columns")
	errChecksum = errors.New("the checksum does not fit")
	errAddress  = errors.New("bad address")
	errPrefix   = errors.New("bad prefix length")
	errType     = errors.New("bad lease type")
	errPorts    = errors.New("bad port set")
	errOctets   = errors.New("bad hexadecimal octets")
	errNoDUID   = errors.New("no DUID")
	errNumber   = errors.New("bad number")
	errFlag     = errors.New("bad flag")
	errState    = errors.New("bad state")
	errTooLong  = errors.New("line too long")
	errTorn     = errors.New("only the start of a row")
)

// A row is a line cut into its columns; the fields share memory with the line.
type row struct {
	field  [numColumns][]byte
	count  int  // columns on the line
	summed bool // a checksum was there, and it fits
}

// split cuts a line, newline excluded, and compares its checksum. Columns at the
// end may be missing, from Kea's oldest count on: older files and rows lack them.
func (l *layout) split(line []byte, r *row) error {
	*r = row{}
	last := 0
	for rest := line; ; r.count++ {
		if r.count == len(l.columns) {
			return errLong
		}
		c := l.columns[r.count]
		i := bytes.IndexByte(rest, ',')
		if i < 0 {
			r.field[c] = rest
			last = len(line) - len(rest)
			r.count++
			break
		}
		r.field[c] = rest[:i]
		rest = rest[i+1:]
	}
	if r.count < l.schema.oldest {
		return errShort
	}
	sum := r.field[colChecksum]
	if l.ours && r.count == len(l.columns)-1 && len(line)-last == 8 {
		return errChecksum // the checksum is there, and a comma is not: no pool of Kea's has such a number
	}
	if !l.summed || r.count < len(l.columns) || len(sum) == 0 {
		if l.ours && bytes.IndexByte(line, 0) >= 0 {
			return errTorn // octets of the file that were never written; neither Kea nor we write a zero
		}
		return nil
	}
	var have uint32
	if len(sum) != 8 {
		return errChecksum
	}
	for _, c := range sum {
		if !isHex(c) {
			return errChecksum
		}
		have = have<<4 | uint32(unhex(c))
	}
	if crc32.Checksum(line[:last-1], castagnoli) != have {
		return errChecksum
	}
	r.summed = true
	return nil
}

// resource reads what the row is about.
func (s *schema) resource(r *row) (lease.Resource, error) {
	var res lease.Resource
	if s.family != V6 {
		a, ok := parseAddr4(r.field[colAddress])
		if !ok {
			return res, errAddress
		}
		res.Prefix = netip.PrefixFrom(a, 32)
		if s.family == V4Ports {
			return res, parsePorts(r.field[colPorts], &res.Ports)
		}
		return res, nil
	}
	a, err := netip.ParseAddr(string(r.field[colAddress]))
	if err != nil || !a.Is6() || a.Zone() != "" {
		return res, errAddress
	}
	kind, err := parseUint(r.field[colType], uint64(lease.PD-lease.NA))
	if err != nil {
		return res, errType
	}
	res.Kind = lease.NA + lease.Kind(kind)
	bits := uint64(128)
	if res.Kind == lease.PD {
		if bits, err = parseUint(r.field[colPrefixLen], 128); err != nil {
			return res, errPrefix
		}
	}
	res.Prefix = netip.PrefixFrom(a, int(bits)).Masked()
	return res, nil
}

// decode reads the rest of the row. What l refers to is taken from mem.
func (s *schema) decode(r *row, l *lease.Lease, mem *arena) error {
	var p numbers
	valid := p.uint(r.field[colValid], math.MaxUint32)
	expire := p.int(r.field[colExpire])
	l.Subnet = uint32(p.uint(r.field[colSubnet], math.MaxUint32))
	l.FwdDNS = p.flag(r.field[colFwd])
	l.RevDNS = p.flag(r.field[colRev])
	l.State = lease.State(p.optional(r.field[colState], 0, math.MaxUint8))
	l.Pool = uint32(p.optional(r.field[colPool], 0, math.MaxUint32))
	if p.err != nil {
		return p.err
	}
	if l.State > stateRegistered {
		return errState
	}
	l.Valid = time.Duration(valid) * time.Second
	l.Start = time.Unix(expire-int64(valid), 0).UTC()
	l.Hostname = string(mem.unescape(r.field[colHostname]))
	if s.family == V6 {
		return decode6(r, l, mem)
	}
	return decode4(r, l, mem)
}

// stateRegistered is Kea's state of an address that a client made itself
// (RFC 9686); it is carried along as it is.
const stateRegistered lease.State = 4

func decode4(r *row, l *lease.Lease, mem *arena) (err error) {
	if l.HWAddr, err = mem.octets(r.field[colHWAddr]); err != nil {
		return err
	}
	if l.ClientID, err = mem.octets(r.field[colClientID]); err != nil {
		return err
	}
	ctx := mem.unescape(r.field[colContext])
	if len(l.HWAddr) > 0 {
		l.HWType = hwEthernet
		if rest, hwtype, ok := cutHWType(ctx); ok {
			ctx, l.HWType = rest, hwtype
		}
	}
	l.UserContext = json.RawMessage(ctx)
	return nil
}

func decode6(r *row, l *lease.Lease, mem *arena) (err error) {
	if l.DUID, err = mem.octets(r.field[colDUID]); err != nil {
		return err
	}
	if l.State == lease.Declined || l.State == lease.Reclaimed {
		// Kea 2.2 writes one octet of zero, newer ones three
		if d := string(l.DUID); d == "\x00" || d == "\x00\x00\x00" {
			l.DUID = nil
		}
	} else if len(l.DUID) == 0 {
		return errNoDUID
	}
	var p numbers
	l.Preferred = time.Duration(p.uint(r.field[colPreferred], math.MaxUint32)) * time.Second
	l.IAID = uint32(p.uint(r.field[colIAID], math.MaxUint32))
	// Kea reads a lease whose hardware address is damaged, without it
	if l.HWAddr, err = mem.octets(r.field[colHWAddr]); err != nil {
		l.HWAddr = nil
	}
	var hwtype uint64
	if len(l.HWAddr) > 0 {
		hwtype = hwEthernet
	}
	l.HWType = uint16(p.optional(r.field[colHWType], hwtype, math.MaxUint16))
	l.HWSource = uint16(p.optional(r.field[colHWSource], 0, math.MaxUint16))
	l.UserContext = json.RawMessage(mem.unescape(r.field[colContext]))
	return p.err
}

// numbers reads fields and keeps the first error.
type numbers struct{ err error }

func (p *numbers) uint(v []byte, limit uint64) uint64 {
	n, err := parseUint(v, limit)
	if err != nil && p.err == nil {
		p.err = err
	}
	return n
}

// optional is uint for a column that may be missing or empty.
func (p *numbers) optional(v []byte, missing, limit uint64) uint64 {
	if len(v) == 0 {
		return missing
	}
	return p.uint(v, limit)
}

func (p *numbers) int(v []byte) int64 {
	negative := len(v) > 0 && v[0] == '-'
	if negative {
		return -int64(p.uint(v[1:], math.MaxInt64/4))
	}
	return int64(p.uint(v, math.MaxInt64/4))
}

func (p *numbers) flag(v []byte) bool {
	if len(v) == 1 && (v[0] == '0' || v[0] == '1') {
		return v[0] == '1'
	}
	if p.err == nil {
		p.err = errFlag
	}
	return false
}

func parseUint(v []byte, limit uint64) (uint64, error) {
	if len(v) == 0 || len(v) > 19 {
		return 0, errNumber
	}
	var n uint64
	for _, c := range v {
		if c-'0' > 9 {
			return 0, errNumber
		}
		n = n*10 + uint64(c-'0')
	}
	if n > limit {
		return 0, errNumber
	}
	return n, nil
}

func parseAddr4(v []byte) (netip.Addr, bool) {
	var a [4]byte
	for i := range a {
		end := len(v)
		if i < 3 {
			end = bytes.IndexByte(v, '.')
		}
		if end < 1 || end > 3 {
			return netip.Addr{}, false
		}
		n, err := parseUint(v[:end], 255)
		if err != nil {
			return netip.Addr{}, false
		}
		a[i] = byte(n)
		v = v[min(end+1, len(v)):]
	}
	return netip.AddrFrom4(a), true
}

// parsePorts reads offset/length/id of a port set (RFC 7597 §5.1).
func parsePorts(v []byte, p *softwire.PortSet) error {
	offset, rest, ok1 := bytes.Cut(v, []byte{'/'})
	length, id, ok2 := bytes.Cut(rest, []byte{'/'})
	if !ok1 || !ok2 {
		return errPorts
	}
	var n numbers
	a, k, x := n.uint(offset, 16), n.uint(length, 16), n.uint(id, math.MaxUint16)
	if n.err != nil || k == 0 || a+k > 16 || x >= 1<<k {
		return errPorts
	}
	*p = softwire.PortSet{Offset: uint8(a), Len: uint8(k), ID: uint16(x)}
	return nil
}
