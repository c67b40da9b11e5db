package load

import (
	"errors"
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
	V4                      // DHCPv4 through a relay (RFC 2131)
	V6                      // DHCPv6 (RFC 9915)
)

var kindNames = [...]string{"4o6", "v4", "v6"}

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
// Clients and Duration.
type Scenario struct {
	Kind Kind

	// Server is where everything is sent: an address of the server or a
	// multicast group. Iface names the link when the address does not: a group
	// and a link-local address need it. Port 0 is the server's own.
	Server netip.AddrPort
	Iface  string

	// Local is what is bound: an invalid address for any, port 0 for the port
	// that answers come to: 546, 547 of a relay or 67, where Server has the
	// standard port; else one that is free.
	Local netip.AddrPort

	Count    int           // conversations in all; 0: one for each client, or until Duration is over
	Duration time.Duration // for which conversations begin; 0: until Count is reached
	Clients  int           // different clients, who begin again in turn; 0: a new one each time
	First    int           // number of the first client
	InFlight int           // conversations at a time; 0: 16, with a Rate 4096
	Rate     float64       // conversations begun in a second; 0: as InFlight allows

	Renewals int  // of each lease, one after the other
	Release  bool // at the end

	// Renew makes each client begin with the renewal of an address that it holds
	// from an earlier run; v6 clients rebind, as they no longer know who gave it.
	Renew netip.Addr

	Timeout time.Duration // until the first retransmission, doubled each time; 0: 1 s
	Retries int           // retransmissions of a message; below 0: none; 0: 3

	HWAddr   [6]byte // of client 0; zero: 02:00:5e:10:00:00
	NoClient bool    // leave the client identifier out of DHCPv4 messages

	// The way: levels of relaying and what the relay nearest the client says.
	Relays      int        // of 4o6 and v6; v4 is always relayed
	Link        netip.Addr // link-address; invalid: the local address
	GIAddr      netip.Addr // giaddr of v4; invalid: the local address
	InterfaceID string     // Interface-Id option; circuit-id in v4

	PIDs []int // processes whose CPU time is counted

	// Conversation, when not nil, is written what the first client says and
	// hears. Progress, when not nil, is called about twice a second and at the
	// end; both are called from the goroutine of Run.
	Conversation io.Writer
	Progress     func(Progress)
}

const (
	maxRelays   = 32
	maxInFlight = 1 << 16
)

// Check says what is wrong with s, nil when Run would take it.
func (s Scenario) Check() error {
	v4 := s.Kind == V4
	a := s.Server.Addr()
	switch {
	case int(s.Kind) >= len(kindNames):
		return errors.New("load: unknown kind of scenario")
	case !a.IsValid():
		return errors.New("load: no server given")
	case v4 != a.Is4():
		return fmt.Errorf("load: server %v: %v needs an IPv%d address", a, s.Kind, map[bool]int{true: 4, false: 6}[v4])
	case (a.IsLinkLocalUnicast() || a.IsMulticast()) && !v4 && s.Iface == "" && a.Zone() == "":
		return fmt.Errorf("load: server %v: name the interface", a)
	case v4 && s.Relays != 0:
		return errors.New("load: relay levels are for 4o6 and v6; v4 is one relay")
	case s.Relays < 0 || s.Relays > maxRelays:
		return fmt.Errorf("load: %d relay levels: at most %d", s.Relays, maxRelays)
	case s.Count < 0 || s.Clients < 0 || s.First < 0 || s.Renewals < 0 || s.Rate < 0 || s.Duration < 0 || s.Timeout < 0:
		return errors.New("load: negative count, rate or time")
	case s.Count == 0 && s.Clients == 0 && s.Duration == 0:
		return errors.New("load: no end: give a count, clients or a duration")
	case s.InFlight < 0 || s.InFlight > maxInFlight:
		return fmt.Errorf("load: %d conversations in flight: at most %d", s.InFlight, maxInFlight)
	case s.Renew.IsValid() && s.Renew.Is4() == (s.Kind == V6):
		return fmt.Errorf("load: address %v cannot be renewed by %v", s.Renew, s.Kind)
	case s.GIAddr.IsValid() && !s.GIAddr.Is4(), s.Link.IsValid() && !s.Link.Is6(), len(s.InterfaceID) > 255:
		return errors.New("load: wrong address of a relay, or interface-id over 255 octets")
	}
	return nil
}

// complete puts in what was left to be chosen.
func (s *Scenario) complete() {
	if zone := s.Server.Addr().Zone(); s.Iface == "" {
		s.Iface = zone
	}
	if s.Server.Port() == 0 {
		s.Server = netip.AddrPortFrom(s.Server.Addr(), s.serverPort())
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
	if s.Timeout == 0 {
		s.Timeout = time.Second
	}
	if s.Retries == 0 {
		s.Retries = 3
	}
	s.Retries = min(max(s.Retries, 0), maxRetries)
	if s.HWAddr == [6]byte{} {
		s.HWAddr = [6]byte{2, 0, 0x5e, 0x10}
	}
	if s.Local.Port() == 0 {
		s.Local = netip.AddrPortFrom(s.Local.Addr(), s.localPort())
	}
}

// serverPort is the port that servers of the kind listen on.
func (s *Scenario) serverPort() uint16 {
	if s.Kind == V4 {
		return 67
	}
	return 547
}

// localPort is the port that a server of standard port answers to, else 0.
func (s *Scenario) localPort() uint16 {
	switch {
	case s.Server.Port() != s.serverPort():
		return 0
	case s.Kind == V4:
		return 67
	case s.Relays > 0:
		return 547
	}
	return 546
}
