package client4

import (
	"math/rand/v2"
	"net/netip"
	"slices"
	"time"

	"github.com/dhcp4o6/dhcp4o6/pkg/dhcp4"
)

// Options say who the client is and what it wants. What they refer to is not
// changed by the machine, and must not be by others.
type Options struct {
	Iface    string
	HWType   uint8  // 1: Ethernet
	HWAddr   []byte // none for links whose addresses do not fit (RFC 4390)
	ClientID []byte // option 61 as it goes on the wire (RFC 4361, RFC 2132 §9.14); none: no option

	FourOverSix bool       // the carrier is DHCPv6 (RFC 7341)
	Server      netip.Addr // everything goes to this address, for loopback and tests; zero: as RFC 2131 has it
	Broadcast   bool       // the carrier takes broadcasts alone while there is no address (RFC 2131 §4.1)

	Request     []byte        // codes of the wanted options (option 55), in order; nil: DefaultRequest
	HostName    string        // option 12
	FQDN        string        // option 81, which leaves option 12 out (RFC 4702 §3.1)
	NoDNS       bool          // asks the server to leave the DNS alone (RFC 4702 §2.1, N)
	VendorClass string        // option 60
	UserClass   string        // option 77, one class (RFC 3004)
	LeaseTime   time.Duration // the wish of option 51; 0: none
	MaxSize     uint16        // option 57; 0: 1500

	Probe    bool         // the address is probed before it is used (RFC 2131 §4.4.1)
	V6Only   bool         // do without IPv4 where the network would have it so (RFC 8925)
	Inform   netip.Prefix // the host has this address already, and wants the rest (DHCPINFORM)
	NoHijack bool         // of options 33 and 121 only the default route and the way to its gateway
	KeepLast bool         // when no server answers, the lease of the record is used for the rest of its time (RFC 2131 §3.2)
	Stay     bool         // what was set on the host stays when the machine is stopped

	Record *Record // the lease of the last life; nil: none
	Timing Timing
	Rand   *rand.Rand
}

// Timing holds the times that the RFC leaves open, or that tests want otherwise.
// What is zero has the RFC's value.
type Timing struct {
	Desync   time.Duration // the first DHCPDISCOVER waits for a random time up to this (RFC 2131 §4.4.1); 0: it does not
	First    time.Duration // before the first retransmission: 4 s (RFC 2131 §4.1)
	Longest  time.Duration // the delays double up to this: 64 s
	Jitter   time.Duration // each delay is longer or shorter by up to this: 1 s
	Requests int           // DHCPREQUESTs that are sent before the client starts anew: 4, within 60 s (RFC 2131 §3.1)
	Reboots  int           // the same in REBOOTING: 2, within 12 s
	Collect  time.Duration // how long further offers are waited for; 0: the first good one is taken
	Renew    time.Duration // the shortest delay in RENEWING and REBINDING: 60 s (RFC 2131 §4.4.5)
	Decline  time.Duration // the wait after a DHCPDECLINE: 10 s (RFC 2131 §3.1)
	Probe    time.Duration // after which a probe that told nothing found nobody: 15 s
	Leave    time.Duration // how long a release waits for the carrier: 5 s
}

func (t Timing) filled() Timing {
	for _, d := range []struct {
		of    *time.Duration
		value time.Duration
	}{
		{&t.First, 4 * time.Second}, {&t.Longest, 64 * time.Second}, {&t.Jitter, time.Second},
		{&t.Renew, time.Minute}, {&t.Decline, 10 * time.Second}, {&t.Probe, 15 * time.Second},
		{&t.Leave, 5 * time.Second},
	} {
		if *d.of == 0 {
			*d.of = d.value
		}
	}
	if t.Requests == 0 {
		t.Requests = 4
	}
	if t.Reboots == 0 {
		t.Reboots = 2
	}
	return t
}

// DefaultRequest are the codes that are asked for when Options name none. Option
// 121 stands before 33 and 3, as RFC 3442 demands.
var DefaultRequest = []byte{
	byte(dhcp4.OptSubnetMask), byte(dhcp4.OptClasslessStaticRoute), byte(dhcp4.OptStaticRoute), byte(dhcp4.OptRouter),
	byte(dhcp4.OptBroadcastAddress), byte(dhcp4.OptDNS), byte(dhcp4.OptDomainName), byte(dhcp4.OptDomainSearch),
	byte(dhcp4.OptHostName), byte(dhcp4.OptInterfaceMTU), byte(dhcp4.OptNTPServers),
	byte(dhcp4.OptRenewalTime), byte(dhcp4.OptRebindingTime),
}

// request returns the parameter request list: every code once, option 121 before
// 33 and 3, option 108 as the options want it.
func (o *Options) request() []byte {
	codes := o.Request
	if codes == nil {
		codes = DefaultRequest
	}
	var list []byte
	add := func(c byte) {
		if dhcp4.Code(c) != dhcp4.OptPad && dhcp4.Code(c) != dhcp4.OptEnd && !slices.Contains(list, c) {
			list = append(list, c)
		}
	}
	classless := slices.Contains(codes, byte(dhcp4.OptClasslessStaticRoute))
	for _, c := range codes {
		switch dhcp4.Code(c) {
		case dhcp4.OptIPv6OnlyPreferred:
			continue // who cannot do without IPv4 must not ask (RFC 8925 §3.2)
		case dhcp4.OptRouter, dhcp4.OptStaticRoute:
			if classless {
				add(byte(dhcp4.OptClasslessStaticRoute))
			}
		}
		add(c)
	}
	if o.V6Only {
		add(byte(dhcp4.OptIPv6OnlyPreferred))
	}
	return list[:min(len(list), 255)]
}
