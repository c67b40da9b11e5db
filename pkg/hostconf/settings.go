package hostconf

import (
	"net/netip"
	"time"

	"github.com/dhcp4o6/dhcp4o6/pkg/softwire"
)

// Settings are what the lease of one family gives a host. Slices belong to whoever
// made them, and are not changed afterwards.
type Settings struct {
	Addresses []Address // v4: one; v6: of all IA_NA and IA_TA
	Prefixes  []Prefix  // delegated (IA_PD)

	// Routes are those of options 3, 33 and 121: not the network that an address is
	// of, which follows from its prefix. Where there is option 121, option 3 and
	// option 33 have no part in it (RFC 3442).
	Routes []Route

	MTU           int // 0: as it is
	DNS           []netip.Addr
	Domain        string   // v4 option 15
	Search        []string // v4 option 119, v6 option 24
	HostName      string
	NTP           []netip.Addr
	CaptivePortal string // RFC 8910

	PortSet   softwire.PortSet // of the one IPv4 address (RFC 7618)
	Softwires []Softwire       // RFC 7598

	// Vars are dhclient-script's variables without the new_ or old_ before them, in
	// order: {"ip_address", "192.0.2.7"}. Text in them is written by [Text]. Those
	// of one IPv6 address or prefix (ip6_address, max_life, iaid, ...), and those of
	// Softwires and PortSet, are made from the fields and do not stand here.
	Vars []Var
}

// A Var is a variable of dhclient-script.
type Var struct{ Name, Value string }

// An Address is leased to the host. Of IPv6 the length of the prefix is 128: an
// address says nothing about what is on the link (RFC 9915 §18.2.10.1).
type Address struct {
	Prefix           netip.Prefix // the address itself and the length of its network
	Broadcast        netip.Addr   // zero: none, or what follows from Prefix where it is shorter than 31
	Preferred, Valid time.Time    // ends of the lifetimes; zero: for ever

	Terms // v6
}

// A Prefix is delegated to the host. It is put on no link.
type Prefix struct {
	Prefix           netip.Prefix
	Preferred, Valid time.Time // zero: for ever

	Terms
}

// Terms are on what terms an IPv6 resource is held; scripts are told.
type Terms struct {
	IAID          uint32
	Temporary     bool          // of an IA_TA
	Starts        time.Time     // when the server's last answer came
	Renew, Rebind time.Duration // T1 and T2 of the identity association
}

// A Route leads to what is behind a gateway, or is on the link.
type Route struct {
	Dest   netip.Prefix
	Via    netip.Addr // zero: on the link
	Metric int        // added to the setting's: 0, 1, 2 for routers in order of preference
}

// A SoftwireKind is how IPv4 crosses the IPv6 network of an operator.
type SoftwireKind uint8

// The containers of RFC 7598 §5.
const (
	MAPE SoftwireKind = iota + 1
	MAPT
	LW4o6
)

// String returns map-e, map-t or lw4o6.
func (k SoftwireKind) String() string {
	switch k {
	case MAPE:
		return "map-e"
	case MAPT:
		return "map-t"
	case LW4o6:
		return "lw4o6"
	}
	return "unknown"
}

// A Softwire is one S46 container (RFC 7598 §5).
type Softwire struct {
	Kind  SoftwireKind
	Rules []MappingRule // MAP-E and MAP-T (option 89)
	BRs   []netip.Addr  // MAP-E and Lightweight 4over6 (option 90)
	DMR   netip.Prefix  // MAP-T (option 91)
	Binds []Binding     // Lightweight 4over6 (option 92); at most one
}

// A MappingRule maps IPv4 addresses and ports into IPv6 addresses (RFC 7598 §4.1).
type MappingRule struct {
	Forwarding bool  // FMR: other customers are reached by it too
	EALen      uint8 // bits of the embedded address
	V4, V6     netip.Prefix
	PortSet    softwire.PortSet
}

// A Binding gives an IPv4 address, or a share of one, to an IPv6 prefix
// (RFC 7598 §4.4).
type Binding struct {
	V4      netip.Addr
	V6      netip.Prefix
	PortSet softwire.PortSet
}
