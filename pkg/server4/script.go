package server4

import (
	"net/netip"

	"github.com/dhcp4o6/dhcp4o6/pkg/lease"
	"github.com/dhcp4o6/dhcp4o6/pkg/script"
)

// ScriptHooks are the functions of run_script: start is handed the name of the
// hook point and the environment that Kea's library gives its program there. It
// must not wait.
func ScriptHooks(start func(point string, env []string)) *Hooks {
	return &Hooks{
		LeaseRenew: func(x *Exchange, l *lease.Lease) NextStep {
			var e script.Env
			x.scriptQuery(&e)
			if sub := x.spotAt(l.Resource.Prefix.Addr()).sub; sub != nil {
				e.Subnet4("SUBNET4", sub.ID, sub.Prefix)
			}
			e.ID("PKT4_CLIENT_ID", x.clientID)
			e.HWAddr("PKT4_HWADDR", uint16(x.Query.HType), x.Query.CHAddr())
			e.Lease4("LEASE4", l)
			start("lease4_renew", e.Vars())
			return Continue
		},
		LeaseRelease: scriptLease("lease4_release", start),
		LeaseDecline: scriptLease("lease4_decline", start),
		LeasesCommitted: func(x *Exchange, c *Committed) NextStep {
			var e script.Env
			x.scriptQuery(&e)
			e.Leases4("LEASES4", c.Leases)
			e.Leases4("DELETED_LEASES4", c.Deleted)
			start("leases4_committed", e.Vars())
			return Continue
		},
		LeaseExpire: func(l *lease.Lease, remove bool) NextStep {
			var e script.Env
			e.Lease4("LEASE4", l)
			e.Bool("REMOVE_LEASE", remove)
			start("lease4_expire", e.Vars())
			return Continue
		},
		LeaseRecover: func(l *lease.Lease) NextStep {
			var e script.Env
			e.Lease4("LEASE4", l)
			start("lease4_recover", e.Vars())
			return Continue
		},
	}
}

func scriptLease(point string, start func(string, []string)) func(*Exchange, *lease.Lease) NextStep {
	return func(x *Exchange, l *lease.Lease) NextStep {
		var e script.Env
		x.scriptQuery(&e)
		e.Lease4("LEASE4", l)
		start(point, e.Vars())
		return Continue
	}
}

// scriptQuery adds the query. Over 4o6 it came, as Kea tells it, from the
// IPv6 address of the client or the relay, and port 68.
func (x *Exchange) scriptQuery(e *script.Env) {
	p := script.Packet4{Message: x.Query, Type: x.Type, IfIndex: x.s.indexOf(x.iface), Iface: x.iface,
		Local: netip.AddrPortFrom(x.local, serverPort), Remote: x.peer}
	if x.over6 {
		p.Remote = netip.AddrPortFrom(x.origin.Addr, clientPort)
	}
	if !p.Local.Addr().IsValid() {
		p.Local = netip.AddrPortFrom(netip.IPv4Unspecified(), serverPort)
	}
	e.Packet4("QUERY4", &p)
}

// indexOf is the index of an interface, 0 for one that this host has not. It does
// not wait for a reload.
func (s *Server) indexOf(iface string) int {
	for _, l := range *s.ifaces.Load() {
		if l.Name == iface {
			return l.Index
		}
	}
	return 0
}
