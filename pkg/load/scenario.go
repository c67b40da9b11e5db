package load

import (
	"fmt"
	"io"
	"net/netip"
	"time"
)

// A Kind says what is asked for and how it travels.
type Kind uint8

// The kinds of conversation.
const (
	FourOverSix Kind = iota // DHCPv4 in DHCPV4-QUERY messages (RFC 7341)
	V4                      // DHCPv4 (RFC 2131)
	V6                      // DHCPv6 (RFC 9915)

	kinds = iota
)

var kindNames = [kinds]string{"4o6", "v4", "v6"}

// String returns the name that the command line has for k.
func (k Kind) String() string { return kindNames[k] }

// ParseKind returns the kind of that name.
func ParseKind(name string) (Kind, error) {
	for i, n := range kindNames {
		if n == name {
			return Kind(i), nil
		}
	}
	return 0, fmt.Errorf("load: no scenario %q: there are 4o6, v4 and v6", name)
}

// A Scenario is what Run does. Only Server must be set, and one of Count,
// Clients, Storm and Duration.
type Scenario struct {
	Kind Kind

	// Mix is what clients come for, in which proportion; nil: leases of Kind.
	// Shares of all three kinds may stand in it.
	Mix []Share

	// Server is where everything is sent: an address of the server or a
	// multicast group; for V4 also 255.255.255.255, which makes the clients stand
	// on the link, without a relay. Iface names the link when the address does
	// not: a group and a link-local address need it. Port 0 is the server's own.
	Server netip.AddrPort
	Iface  string

	// Server4 is where the V4 shares of a Mix go when Kind is another.
	Server4 netip.AddrPort

	// Local is what is bound: an invalid address for any, port 0 for the port
	// that answers come to: 546, 547 of a relay, 67 or 68, where Server has the
	// standard port; else one that is free. Local4 goes with Server4.
	Local, Local4 netip.AddrPort

	// Sources are the first and the last address of a range that this host has,
	// of which each client takes one to send from, in turn when there are more
	// clients. Invalid: all send from the local one.
	Sources [2]netip.Addr

	Count    int           // conversations in all; 0: one for each client, or until Duration is over
	Duration time.Duration // for which conversations begin; 0: until Count is reached
	Clients  int           // different clients, who begin again in turn; 0: a new one each time
	First    int           // number of the first client
	InFlight int           // conversations at a time; 0: 16, with a Rate 4096, in a storm all
	Rate     float64       // conversations begun in a second; 0: as InFlight allows
	Delay    time.Duration // a client waits a random time up to this before it begins

	Renewals int  // of each lease, one after the other
	Release  bool // at the end

	// Renew makes each client begin with the renewal of an address that it holds
	// from an earlier run; v6 clients rebind, as they no longer know who gave it.
	Renew netip.Addr

	// Prepare is how many leases are taken before the run that is measured. Storm
	// is the same for clients who then all come back from a restart at once. Pause
	// is the time between the two.
	Prepare int
	Storm   int
	Pause   time.Duration

	// Patience is how answers are waited for. Timeout and Retries are for Fast;
	// Retries other than zero also limits Standard. GiveUp ends what the RFCs let
	// go on for ever. TimeScale shortens all waits of Standard, and Delay.
	Patience  Patience
	Timeout   time.Duration // until the first retransmission, doubled each time; 0: 1 s
	Retries   int           // retransmissions of a message; below 0: none; 0: 3
	GiveUp    time.Duration // 0: 2 min
	TimeScale float64       // 0: 1

	Seed uint64 // of every random choice; 0: another each time

	HWAddr   [6]byte // of client 0; zero: 02:00:5e:10:00:00
	NoClient bool    // leave the client identifier out of DHCPv4 messages

	// The way: levels of relaying and what the relay nearest the client says.
	Relays      int        // V4: 0 is one, unless Server is 255.255.255.255
	Link        netip.Addr // link-address; invalid: the local address
	GIAddr      netip.Addr // giaddr of v4; invalid: the local address
	InterfaceID string     // Interface-Id option; circuit-id in v4

	PIDs []int // processes whose CPU time and memory are told

	// Conversation, when not nil, is written what the first client says and
	// hears. Progress, when not nil, is called about twice a second and at the
	// end; both are called from the goroutine of Run.
	Conversation io.Writer
	Progress     func(Progress)
}

const (
	maxRelays   = 32      // HOP_COUNT_LIMIT would be 8 (RFC 9915 §7.6); more is for tests
	maxHops     = 16      // of DHCPv4 (RFC 1542 §4.1.1)
	maxInFlight = 1 << 20 // conversations
)

// limitedBroadcast is where DHCPv4 clients without a relay send to.
var limitedBroadcast = netip.AddrFrom4([4]byte{255, 255, 255, 255})

// shares returns what clients come for.
func (s *Scenario) shares() []Share {
	if s.Mix != nil {
		return s.Mix
	}
	if !s.Renew.IsValid() {
		return []Share{{s.Kind, ActLease, 1}}
	}
	return []Share{{s.Kind, ActRenew, 1}}
}

// has reports whether conversations of that kind occur.
func (s *Scenario) has(k Kind) bool {
	for _, share := range s.shares() {
		if share.Kind == k && share.Weight > 0 {
			return true
		}
	}
	return false
}

// name is the kind of all conversations, or mix.
func (s *Scenario) name() string {
	name := ""
	for _, share := range s.shares() {
		if k := share.Kind.String(); share.Weight > 0 && name != "" && name != k {
			return "mix"
		} else if share.Weight > 0 {
			name = k
		}
	}
	if name == "" { // a storm in which nobody holds a lease
		name = s.Kind.String()
	}
	return name
}

// server returns where messages of a family go.
func (s *Scenario) server(v4 bool) netip.AddrPort {
	if v4 && s.Kind != V4 {
		return s.Server4
	}
	return s.Server
}

// onLink reports whether the DHCPv4 clients stand on the link, without a relay.
func (s *Scenario) onLink() bool { return s.server(true).Addr() == limitedBroadcast }

// complete puts in what was left to be chosen.
func (s *Scenario) complete() {
	if zone := s.Server.Addr().Zone(); s.Iface == "" {
		s.Iface = zone
	}
	s.Server = withPort(s.Server, serverPort(s.Kind == V4))
	s.Server4 = withPort(s.Server4, serverPort(true))
	s.completeAmounts()
	s.completeWaits()
	if s.HWAddr == [6]byte{} {
		s.HWAddr = [6]byte{2, 0, 0x5e, 0x10}
	}
	if s.Relays == 0 && s.Kind == V4 && !s.onLink() {
		s.Relays = 1
	}
	s.Local = withPort(s.Local, s.localPort(s.Kind == V4))
	s.Local4 = withPort(s.Local4, s.localPort(true))
}

func (s *Scenario) completeAmounts() {
	if s.Storm > 0 {
		s.Clients, s.Prepare = s.Storm, s.Storm
		s.Mix = actsOf(s.shares(), ActReturn)
		if s.InFlight == 0 {
			s.InFlight = s.Storm
		}
	}
	if s.Count == 0 && s.Duration == 0 {
		s.Count = s.Clients
	}
	if s.InFlight == 0 {
		s.InFlight = 16
		if s.Rate > 0 {
			s.InFlight = 4096
		}
	}
	if s.Clients > 0 {
		s.InFlight = min(s.InFlight, s.Clients) // a client talks to itself about one lease at a time
	}
}

func (s *Scenario) completeWaits() {
	if s.Timeout == 0 {
		s.Timeout = time.Second
	}
	switch {
	case s.Patience == Standard:
		s.Retries = min(s.Retries, maxStandard)
	case s.Retries == 0:
		s.Retries = 3
	default:
		s.Retries = min(max(s.Retries, 0), maxRetries)
	}
	if s.GiveUp == 0 {
		s.GiveUp = 2 * time.Minute
	}
	if s.TimeScale == 0 {
		s.TimeScale = 1
	}
}

func withPort(a netip.AddrPort, port uint16) netip.AddrPort {
	if a.Port() == 0 {
		return netip.AddrPortFrom(a.Addr(), port)
	}
	return a
}

// serverPort is the port that servers of the family listen on.
func serverPort(v4 bool) uint16 {
	if v4 {
		return 67
	}
	return 547
}

// localPort is the port that a server of standard port answers to, else 0.
func (s *Scenario) localPort(v4 bool) uint16 {
	switch {
	case s.server(v4).Port() != serverPort(v4):
		return 0
	case v4 && s.onLink():
		return 68
	case v4:
		return 67
	case s.Relays > 0:
		return 547
	}
	return 546
}
