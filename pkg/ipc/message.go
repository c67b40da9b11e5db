package ipc

import (
	"net/netip"

	"github.com/dhcp4o6/dhcp4o6/pkg/dhcp6"
)

// A Side is one end of the pair.
type Side uint8

// The v6 side hands queries over, the v4 side answers them.
const (
	V6Side Side = iota // binds P, connects to P+1; sends DHCPV4-QUERY
	V4Side             // binds P+1, connects to P; sends DHCPV4-RESPONSE
)

// String returns "v6" or "v4".
func (s Side) String() string {
	if s == V4Side {
		return "v4"
	}
	return "v6"
}

// local returns the port that s binds.
func (s Side) local(port uint16) uint16 { return port + uint16(s) }

// remote returns the port that s connects to.
func (s Side) remote(port uint16) uint16 { return port + 1 - uint16(s) }

// sends and reads return the message types of each direction: a query goes
// from the v6 side to the v4 side, an answer the other way.
func (s Side) sends() kinds {
	if s == V4Side {
		return answer
	}
	return query
}

func (s Side) reads() kinds { return (1 - s).sends() }

// kinds are the two message types that one direction carries.
type kinds struct{ relay, inner dhcp6.MessageType }

var (
	query  = kinds{relay: dhcp6.RelayForw, inner: dhcp6.DHCPv4Query}
	answer = kinds{relay: dhcp6.RelayRepl, inner: dhcp6.DHCPv4Response}
)

// An Origin says where a query came from, and so where its answer goes. It
// equals another by ==.
type Origin struct {
	Iface string     // name of the interface the query came in on, 1 to 15 octets
	Addr  netip.Addr // source address of the datagram: the client, or the last relay; no zone
	Port  uint16     // its UDP source port
}

// valid reports whether o can be written.
func (o *Origin) valid() bool {
	return o.Addr.Is6() && nameFits(o.Iface)
}

// A Dialect is the way a peer wraps messages on the loopback pair.
type Dialect uint8

const (
	Kea Dialect = iota // the origin stands in a vendor option
	ISC                // ISC DHCP, 4.4.0 and later: it stands in a header of 36 octets
)

// String returns the name of the dialect in configurations.
func (d Dialect) String() string {
	if d == ISC {
		return "isc"
	}
	return "kea"
}

// A Message is one DHCPv6 message on the pair. The v4 side gives Origin, Dialect
// and Echo back with the answer as they came with the query; the v6 side speaks
// the dialect that is set.
type Message struct {
	Data    []byte // the message without the suboptions of the pair
	Origin  Origin
	Dialect Dialect
	Echo    Echo
}
