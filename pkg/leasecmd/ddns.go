package leasecmd

import (
	"context"
	"encoding/json"
	"net/netip"

	"github.com/dhcp4o6/dhcp4o6/pkg/control"
	"github.com/dhcp4o6/dhcp4o6/pkg/lease"
)

// resend has the DNS told of a lease once more: lease4-resend-ddns. The texts are
// Kea's.
func (c *Commands) resend(_ context.Context, args json.RawMessage) (control.Result, error) {
	m, isMap := mapOf(args)
	if !isMap {
		return control.Result{}, errNoArguments
	}
	a, err := c.named(m)
	if err != nil {
		return control.Result{}, err
	}
	conflict := func(text string) (control.Result, error) {
		return control.Result{Code: control.Conflict, Text: text}, nil
	}
	if c.o.TellDNS == nil || !c.o.TellDNS(nil, false, 0) {
		return conflict("DDNS updating is not enabled")
	}
	l, ok := c.o.Leases.ByResource(lease.Resource{Kind: c.kind, Prefix: netip.PrefixFrom(a, a.BitLen())})
	switch {
	case !ok:
		return empty("No lease found for: " + a.String())
	case l.Hostname == "":
		return conflict("Lease for: " + a.String() + ", has no hostname, nothing to update")
	case !l.FwdDNS && !l.RevDNS:
		return conflict("Neither forward nor reverse updates enabled for lease for: " + a.String())
	}
	c.o.TellDNS(&l, false, 0)
	return control.Result{Text: "NCR generated for: " + a.String() + ", hostname: " + l.Hostname}, nil
}

// named reads the address that a command is about.
func (c *Commands) named(m members) (a netip.Addr, err error) {
	if !m.has("ip-address") {
		return a, refusef("'ip-address' parameter is missing.")
	}
	s, ok := isText(m["ip-address"])
	if !ok {
		return a, refusef("'ip-address' is not a string.")
	}
	if a, err = netip.ParseAddr(s); err != nil || a.Zone() != "" {
		return a, refusef("'%s' is not a valid IP address.", s)
	}
	if a.Is4() != (c.kind == lease.V4) {
		return a, refusef("Invalid %s address specified: %s", c.protocol(), s)
	}
	return a, nil
}
