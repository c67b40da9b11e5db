package config

import (
	"net/netip"
	"time"

	"github.com/dhcp4o6/dhcp4o6/pkg/topology"
)

// Family is 4 or 6.
type Family = topology.Family

// A Config is one daemon's configuration, checked and compiled. What it lacks
// has its default: every field is ready for use.
type Config struct {
	Family   Family
	File     string   // as given to Load
	Includes []string // files that were read besides, in order

	Topology    *topology.Topology // frozen
	Interfaces  Interfaces
	LeaseDB     LeaseDB
	DataDir     string   // "data-directory"; "" leaves the choice to the daemon
	DHCP4o6Port uint16   // 0: no pair
	ServerID    ServerID // DHCPv6
	Loggers     []Logger // as configured; none means none were
	Control     []ControlSocket
	ServerTag   string // "server-tag"

	Parked           int // "parked-packet-limit" of DHCPv4; 0: any number
	Expired          Expired
	DeclineProbation time.Duration // how long a declined address rests
	LeaseChecks      string        // "sanity-checks": what becomes of leases that are not of their subnet: "none", "warn", "fix", "fix-del" or "del"

	Statistics Statistics
	DDNS       DDNS
	Script     *Script // run_script; nil: not there

	Ours Ours

	// What the configuration asks for and this version does not do. None of it
	// is an error of the file; what to make of it is the daemon's decision.
	Unserved []string // path and name of each key that has no effect here yet
	Refuse   []string // reasons not to start unless the operator insists

	doc *document
}

// DDNS is how name change requests leave: "dhcp-ddns".
type DDNS struct {
	Enable         bool
	Server, Sender netip.AddrPort // Sender of address 0.0.0.0 or ::, of port 0: any
	Queue          int            // "max-queue-size"
}

// Interfaces is "interfaces-config".
type Interfaces struct {
	Specs      []InterfaceSpec
	UDP        bool // "dhcp-socket-type" is "udp": no packet sockets (v4)
	Routing    bool // "outbound-interface" is "use-routing", for relays (v4, with UDP)
	RequireAll bool // a socket that cannot be opened fails the start
	MaxRetries int  // of opening sockets
	RetryWait  time.Duration
}

// An InterfaceSpec is one entry of "interfaces": a name, "*" for all, or a name
// and the one address on it to use.
type InterfaceSpec struct {
	Iface string
	Addr  netip.Addr // invalid: every address
}

// LeaseDB is "lease-database".
type LeaseDB struct {
	Type         string // "memfile", or what Refuse complains about
	Name         string // "" leaves the choice to the daemon
	Persist      bool
	LFCInterval  time.Duration // 0: never cleaned up
	MaxRowErrors int           // 0: any number
}

// ServerID is "server-id" of a DHCPv6 server.
type ServerID struct {
	Type         string // "LLT", "LL", "EN"; "" when the file does not say
	Identifier   []byte // link-layer address, or the identifier of type EN; nil: generated
	HType        uint16 // 0: of the interface chosen
	Time         uint32 // seconds since 2000; 0: now
	EnterpriseID uint32 // 0: ours to choose
	Persist      bool
}

// A Logger is one entry of "loggers".
type Logger struct {
	Name       string // "kea-dhcp4", "kea-dhcp4.leases", ...
	Severity   string // "FATAL", "ERROR", "WARN", "INFO", "DEBUG", "NONE"
	DebugLevel int    // 0..99
	Outputs    []Output
}

// An Output is one place a logger writes to.
type Output struct {
	Output  string // "stdout", "stderr", "syslog", "syslog:local3" or a file
	MaxSize int64  // octets before the file is rotated; 0: never
	MaxVer  int    // rotated files to keep
	Flush   bool
}

// A ControlSocket is a place where commands are taken: an element of
// "control-sockets", or "control-socket".
type ControlSocket struct {
	Type string         // "unix", "http", "https"
	Name string         // of a UNIX socket, as it is written; a folder may be missing
	Addr netip.AddrPort // of the others

	// Who may command, over HTTP; no Clients: everybody.
	Realm     string
	Directory string // of the files of clients
	Clients   []ControlClient

	Headers                        []ControlHeader // that answers carry
	TrustAnchor, CertFile, KeyFile string          // of HTTPS
	AnyClient                      bool            // clients need no certificate
}

// A ControlClient is somebody who may command. The files are read by who opens
// the socket; a PasswordFile without a user holds both, "user:password".
type ControlClient struct{ User, UserFile, Password, PasswordFile string }

// A ControlHeader is a line of the head of an HTTP answer.
type ControlHeader struct{ Name, Value string }

// Expired is "expired-leases-processing".
type Expired struct {
	ReclaimWait time.Duration // between rounds; 0: no rounds
	FlushWait   time.Duration // 0: released leases are not remembered, nor are reclaimed ones where there are rounds
	Hold        time.Duration // how long a reclaimed lease is remembered
	MaxLeases   int           // in one round; 0: any number
	MaxTime     time.Duration // for one round; 0: any time
	Unwarned    int           // rounds in a row that may leave expired leases behind before that is told; 0: any number
}

// Ours is what stands in user-context.dhcp4o6 at top level: keys that Kea does
// not have, where it does not mind them.
type Ours struct {
	// OfferHold is how long an offered address is kept for the client where no
	// offer-lifetime says otherwise: "offer-hold".
	OfferHold time.Duration

	// OfferLimit bounds the offers that are open at a time for each source and
	// relay: "offer-limit"; 0 leaves it to the lease table.
	OfferLimit int

	// ClampTotals has no statistic told greater than 63 bits: "clamp-totals".
	ClampTotals bool

	// Metrics is where Prometheus may read: "metrics"; invalid: nowhere.
	Metrics netip.AddrPort

	// PadIPC says that the peer of the pair is one of these daemons, so datagrams
	// to it may be padded to go out as one segmented send: "pad-ipc".
	PadIPC bool

	// PairUsers are for ipc.Trusted: "pair-users".
	PairUsers []string

	// PairDialect is what dhcp6d speaks over the pair, "kea" or "isc":
	// "pair-dialect". Empty in dhcp4d.
	PairDialect string

	// PairHMAC is "off", "accept" or "require": "pair-hmac". PairKeyFiles are the
	// files of its keys, the first of which signs; none when it is off.
	PairHMAC     string
	PairKeyFiles []string

	// RawSync is for leasefile.Options: "raw-sync".
	RawSync bool
}
