package main

import (
	"fmt"
	"net"
	"slices"
	"sync"

	"github.com/dhcp4o6/dhcp4o6/pkg/dhcp4"
	"github.com/dhcp4o6/dhcp4o6/pkg/lease"
	"github.com/dhcp4o6/dhcp4o6/pkg/server4"
	"github.com/dhcp4o6/dhcp4o6/pkg/topology"
)

// client is who a packet is from.
func client(x *server4.Exchange) string { return net.HardwareAddr(x.Query.CHAddr()).String() }

// trace shows the order of the points. Its functions are called by several workers
// at the same time.
func (a *app) trace() *server4.Hooks {
	var mu sync.Mutex
	say := func(x *server4.Exchange, point string, more ...any) server4.NextStep {
		mu.Lock()
		defer mu.Unlock()
		way := "native"
		if _, over6 := x.Over6(); over6 {
			way = "4o6"
		}
		fmt.Fprintln(a.out, append([]any{way, x.Type, point}, more...)...)
		return server4.Continue
	}
	at := func(point string) func(*server4.Exchange) server4.NextStep {
		return func(x *server4.Exchange) server4.NextStep { return say(x, point) }
	}
	of := func(point string) func(*server4.Exchange, *lease.Lease) server4.NextStep {
		return func(x *server4.Exchange, l *lease.Lease) server4.NextStep {
			return say(x, point, l.Resource.Prefix.Addr())
		}
	}
	return &server4.Hooks{
		PacketReceive: at("pkt4_receive"),
		SubnetSelect:  at("subnet4_select"),
		HostIdentifier: func(x *server4.Exchange) (id topology.Identifier, ok bool) {
			say(x, "host4_identifier")
			return id, false
		},
		LeaseSelect: func(x *server4.Exchange, l *lease.Lease, offer bool) server4.NextStep {
			return say(x, "lease4_select", l.Resource.Prefix.Addr())
		},
		LeaseRenew: of("lease4_renew"), LeaseRelease: of("lease4_release"), LeaseDecline: of("lease4_decline"),
		LeaseOffer: at("lease4_offer"),
		LeasesCommitted: func(x *server4.Exchange, c *server4.Committed) server4.NextStep {
			return say(x, "leases4_committed", len(c.Leases), len(c.Deleted))
		},
		PacketSend: at("pkt4_send"),
		BufferSend: at("buffer4_send"),
	}
}

// denied drops packets as soon as they are read.
func (a *app) denied() *server4.Hooks {
	return &server4.Hooks{PacketReceive: func(x *server4.Exchange) server4.NextStep {
		if slices.Contains(a.deny, client(x)) {
			return server4.Drop // counted as pkt4-drop-hook
		}
		return server4.Continue
	}}
}

// greet changes the reply before it is written.
func greet() *server4.Hooks {
	return &server4.Hooks{PacketSend: func(x *server4.Exchange) server4.NextStep {
		x.Response().Add(dhcp4.OptMessage, []byte("hello "+client(x)))
		return server4.Continue
	}}
}

// asked parks: the worker goes on with other packets while somebody is asked.
func (a *app) asked() *server4.Hooks {
	return &server4.Hooks{SubnetSelect: func(x *server4.Exchange) server4.NextStep {
		if x.Type != dhcp4.Discover {
			return server4.Continue
		}
		p, who := x.Park(), client(x)
		if p == nil {
			return server4.Drop // parked-packet-limit
		}
		go func() {
			known, err := a.ask(who)
			p.Resume(func(*server4.Exchange) server4.NextStep {
				if err != nil || !known {
					return server4.Drop
				}
				return server4.Continue
			})
		}()
		return server4.Park
	}}
}
