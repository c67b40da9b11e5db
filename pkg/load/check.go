package load

import (
	"errors"
	"fmt"
	"net/netip"
)

// Check says what is wrong with s, nil when Run would take it.
func (s Scenario) Check() error {
	if int(s.Kind) >= kinds {
		return errors.New("load: unknown kind of scenario")
	}
	for _, check := range []func(*Scenario) error{
		(*Scenario).checkMix, (*Scenario).checkServers, (*Scenario).checkWay, (*Scenario).checkAmounts, (*Scenario).checkWaits,
	} {
		if err := check(&s); err != nil {
			return err
		}
	}
	return nil
}

func (s *Scenario) checkMix() error {
	sum := 0
	for _, share := range s.shares() {
		if int(share.Kind) >= kinds || int(share.Act) >= acts || share.Weight < 0 || share.Weight > maxWeight {
			return errors.New("load: wrong share of the mix")
		}
		if share.Weight > 0 && s.Kind == V4 && share.Kind != V4 {
			return fmt.Errorf("load: %v in a mix of v4: begin with 4o6 or v6, and give the DHCPv4 server beside", share.Kind)
		}
		sum += share.Weight
	}
	switch {
	case sum == 0:
		return errNoWeight
	case (s.Mix != nil || s.Prepare > 0) && s.Renew.IsValid():
		return errors.New("load: an address to renew goes with no mix and no leases to prepare")
	case s.Renew.IsValid() && s.Renew.Is4() == (s.Kind == V6):
		return fmt.Errorf("load: address %v cannot be renewed by %v", s.Renew, s.Kind)
	}
	return nil
}

func (s *Scenario) checkServers() error {
	if !s.Server.Addr().IsValid() {
		return errors.New("load: no server given")
	}
	for _, k := range []Kind{s.Kind, FourOverSix, V4, V6} {
		v4 := k == V4
		a := s.server(v4).Addr()
		switch {
		case k != s.Kind && !s.has(k):
		case !a.IsValid():
			return errors.New("load: no DHCPv4 server given for the v4 share of the mix")
		case v4 != a.Is4():
			return fmt.Errorf("load: server %v: %v needs an IPv%d address", a, k, map[bool]int{true: 4, false: 6}[v4])
		case (a.IsLinkLocalUnicast() && !v4 || a.IsMulticast() || a == limitedBroadcast) && s.Iface == "" && a.Zone() == "":
			return fmt.Errorf("load: server %v: name the interface", a)
		}
	}
	return nil
}

func (s *Scenario) checkWay() error {
	onLink := s.has(V4) && s.onLink()
	switch {
	case s.Relays < 0 || s.Relays > maxRelays || s.has(V4) && s.Relays > maxHops:
		return fmt.Errorf("load: %d relay levels: at most %d, and %d of v4", s.Relays, maxRelays, maxHops)
	case onLink && (s.GIAddr.IsValid() || s.Kind == V4 && s.Relays > 0):
		return errors.New("load: a relay sends to an address of the server, not to 255.255.255.255")
	case onLink && (s.Renewals > 0 || s.Renew.IsValid()):
		return errOnLink
	case s.GIAddr.IsValid() && !s.GIAddr.Is4(), s.Link.IsValid() && !s.Link.Is6(), len(s.InterfaceID) > 255:
		return errors.New("load: wrong address of a relay, or interface-id over 255 octets")
	}
	for _, share := range s.shares() {
		if onLink && share.Kind == V4 && (share.Act == ActRenew || share.Act == ActRebind) {
			return errOnLink
		}
	}
	return checkSources(s.Sources[0], s.Sources[1])
}

// errOnLink: the answer to a renewal goes to the client's own address (RFC 2131
// §4.1), and the host has none of them.
var errOnLink = errors.New("load: DHCPv4 clients on the link cannot renew or rebind here; through a relay they can")

func checkSources(first, last netip.Addr) error {
	if !first.IsValid() && !last.IsValid() {
		return nil
	}
	a, b := first.As16(), last.As16()
	if first.BitLen() != last.BitLen() || last.Less(first) || [8]byte(a[:8]) != [8]byte(b[:8]) {
		return fmt.Errorf("load: sources %v-%v: not a range of addresses of one /64", first, last)
	}
	return nil
}

func (s *Scenario) checkAmounts() error {
	switch {
	case s.Count < 0 || s.Clients < 0 || s.First < 0 || s.Renewals < 0 || s.Rate < 0 || s.Duration < 0 || s.Prepare < 0 || s.Storm < 0:
		return errors.New("load: negative count, rate or time")
	case s.Count == 0 && s.Clients == 0 && s.Duration == 0 && s.Storm == 0:
		return errors.New("load: no end: give a count, clients, a storm or a duration")
	case s.InFlight < 0 || s.InFlight > maxInFlight:
		return fmt.Errorf("load: %d conversations in flight: at most %d", s.InFlight, maxInFlight)
	case s.Storm > maxInFlight && s.InFlight == 0:
		return fmt.Errorf("load: a storm of %d: at most %d at once, or give the number in flight", s.Storm, maxInFlight)
	case s.Clients > maxClients || s.Storm > maxClients || s.Prepare > maxClients:
		return fmt.Errorf("load: at most %d clients", maxClients)
	case s.Clients > 0 && s.Prepare > s.Clients:
		return fmt.Errorf("load: %d leases to prepare, and %d clients", s.Prepare, s.Clients)
	case s.Storm > 0 && (s.Clients > 0 || s.Prepare > 0 || s.Count > 0 || s.Duration > 0 || s.Renew.IsValid()):
		return errors.New("load: a storm has its own clients, and each comes back once")
	}
	return nil
}

const maxClients = 1 << 30

func (s *Scenario) checkWaits() error {
	switch {
	case s.Patience > Standard:
		return errors.New("load: unknown patience")
	case s.Timeout < 0 || s.GiveUp < 0 || s.Delay < 0 || s.Pause < 0:
		return errors.New("load: negative time")
	case s.TimeScale != 0 && !(s.TimeScale >= 0.001 && s.TimeScale <= 1000): // NaN is neither
		return fmt.Errorf("load: time scale %v: from 0.001 to 1000", s.TimeScale)
	}
	return nil
}
