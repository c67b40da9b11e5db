package leasefile

import (
	"bytes"
	"errors"

	"github.com/dhcp4o6/dhcp4o6/pkg/lease"
)

// Family says what the leases of a file are.
type Family uint8

// The families. The file of port sets has a column in front that no file of
// Kea's has, so that Kea cannot open it by mistake and give away the whole
// address.
const (
	V4      Family = iota // IPv4 addresses; kea-dhcp4's columns
	V6                    // IPv6 addresses and delegated prefixes; kea-dhcp6's columns
	V4Ports               // port sets of shared IPv4 addresses
)

// column is what a field of a row means, whatever its place.
type column uint8

const (
	colUnknown column = iota // of a newer Kea; read over
	colPorts
	colAddress
	colHWAddr
	colClientID
	colDUID
	colValid
	colExpire
	colSubnet
	colPreferred
	colType
	colIAID
	colPrefixLen
	colFwd
	colRev
	colHostname
	colState
	colContext
	colHWType
	colHWSource
	colPool
	colChecksum
	numColumns
)

var columnNames = [numColumns]string{
	colPorts:     "port_set",
	colAddress:   "address",
	colHWAddr:    "hwaddr",
	colClientID:  "client_id",
	colDUID:      "duid",
	colValid:     "valid_lifetime",
	colExpire:    "expire",
	colSubnet:    "subnet_id",
	colPreferred: "pref_lifetime",
	colType:      "lease_type",
	colIAID:      "iaid",
	colPrefixLen: "prefix_len",
	colFwd:       "fqdn_fwd",
	colRev:       "fqdn_rev",
	colHostname:  "hostname",
	colState:     "state",
	colContext:   "user_context",
	colHWType:    "hwtype",
	colHWSource:  "hwaddr_source",
	colPool:      "pool_id",
	colChecksum:  "crc32c",
}

// schema is what a family's file looks like when we write it. The first oldest
// columns are those of Kea's first version; a file or a row with fewer is none.
type schema struct {
	family  Family
	columns []column
	oldest  int
}

var schemas = [...]schema{
	V4: {V4, []column{colAddress, colHWAddr, colClientID, colValid, colExpire, colSubnet,
		colFwd, colRev, colHostname, colState, colContext, colPool, colChecksum}, 9},
	V6: {V6, []column{colAddress, colDUID, colValid, colExpire, colSubnet, colPreferred,
		colType, colIAID, colPrefixLen, colFwd, colRev, colHostname, colHWAddr, colState,
		colContext, colHWType, colHWSource, colPool, colChecksum}, 12},
	V4Ports: {V4Ports, []column{colPorts, colAddress, colHWAddr, colClientID, colValid, colExpire,
		colSubnet, colFwd, colRev, colHostname, colState, colContext, colPool, colChecksum}, 13},
}

// header returns the first line of a file of ours, its newline included.
func (s *schema) header() []byte {
	var b []byte
	for i, c := range s.columns {
		if i > 0 {
			b = append(b, ',')
		}
		b = append(b, columnNames[c]...)
	}
	return append(b, '\n')
}

// holds reports whether a file of the family can express r.
func (s *schema) holds(r *lease.Resource) bool {
	a := r.Prefix.Addr()
	switch s.family {
	case V4:
		return r.Kind == lease.V4 && a.Is4() && r.Ports.Whole()
	case V4Ports:
		return r.Kind == lease.V4 && a.Is4() && !r.Ports.Whole()
	default:
		return r.Kind != lease.V4 && a.Is6()
	}
}

// layout is the order of columns in one file, as its header tells it.
type layout struct {
	schema  *schema
	columns []column
	ours    bool // the header is exactly the one we write
	summed  bool // there is a checksum column, and it is the last
}

var errHeader = errors.New("the first line is not the header of a lease file of this family")

// parseHeader reads the first line of a file, newline excluded.
func (s *schema) parseHeader(line []byte) (layout, error) {
	l := layout{schema: s}
	have := [numColumns]bool{}
	for name := range bytes.SplitSeq(line, []byte{','}) {
		c := colUnknown
		for i := colUnknown + 1; i < numColumns; i++ {
			if columnNames[i] == string(name) {
				c = i
			}
		}
		if c != colUnknown && have[c] || len(l.columns) == maxColumns {
			return l, errHeader
		}
		have[c] = true
		l.columns = append(l.columns, c)
	}
	for _, c := range s.columns[:s.oldest] {
		if !have[c] {
			return l, errHeader
		}
	}
	if have[colPorts] && s.family != V4Ports {
		return l, errHeader
	}
	h := s.header()
	l.ours = bytes.Equal(line, h[:len(h)-1])
	l.summed = l.columns[len(l.columns)-1] == colChecksum
	return l, nil
}

// maxColumns bounds what a header may name; Kea's widest has 18.
const maxColumns = 64
