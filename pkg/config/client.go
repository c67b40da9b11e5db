package config

import (
	"net/netip"
	"slices"
	"time"
)

// A Client is the configuration of dhcp4c or dhcp6c, checked. What the file lacks
// has its default.
type Client struct {
	Family     Family
	File       string
	Interfaces []ClientLink // in the order of the file; none: the command line says
	DUIDType   string       // "LLT", "LL", "UUID"; "": whichever there is
	Loggers    []Logger     // as configured; none means none were

	top ClientLink
}

// A ClientLink is what a client is to do on one interface. Zero stands for what
// the client does by itself.
type ClientLink struct {
	Name string

	Request, Also []uint16       // options to ask for in place of the usual, and besides; nil: none are named
	Server        netip.AddrPort // port 0: the usual
	Script        string
	Resolver      string // "auto", "resolvconf", "resolved", "file", "none"
	Metric        int
	Stay          bool // what a lease set stays on the host when the client is stopped
	FQDN          string
	UserClass     string
	NoDNS         bool
	Over6         bool
	Over6Port     uint16

	// of DHCPv4
	HostName, VendorClass             string
	ClientID                          []byte // as it is sent; nil: RFC 4361's, or that of HWClientID
	HWClientID                        bool
	IAID                              *uint32 // nil: of the hardware address
	LeaseTime                         time.Duration
	SetHostName                       bool
	MinMTU                            int
	Shared                            bool // "shared-address"
	Probe, V6Only, NoHijack, KeepLast bool
	Timing                            ClientTiming

	// of DHCPv6
	IAs                      []ClientIA // nil: the usual one
	VendorClasses            []ClientVendorClass
	RapidCommit, Reconfigure bool
	Unreachable              bool // "unreachable-prefixes"
}

// A ClientVendorClass is a Vendor Class option (RFC 9915 §21.16).
type ClientVendorClass struct {
	Enterprise uint32
	Classes    []string
}

// InfoOnly reports whether a DHCPv6 client is to ask for no address at all.
func (l *ClientLink) InfoOnly() bool { return l.IAs != nil && len(l.IAs) == 0 }

// ClientTiming is "timing"; 0: as the client does by itself.
type ClientTiming struct {
	InitialDelay, InitialInterval, BackoffCutoff, SelectTimeout time.Duration
	Requests, Reboots                                           int
}

// A ClientIA is an element of "ia".
type ClientIA struct {
	Type string  // "na", "ta", "pd"
	IAID *uint32 // nil: of the hardware address
	Hint netip.Prefix
}

// Link returns what to do on the interface of a name: what its element says, or
// what is said of all.
func (c *Client) Link(name string) ClientLink {
	if i := slices.IndexFunc(c.Interfaces, func(l ClientLink) bool { return l.Name == name }); i >= 0 {
		return c.Interfaces[i]
	}
	l := c.top
	l.Name = name
	return l
}

// LoadClient reads and checks the file of a client, as Load does that of a
// server. One file may serve both clients; a map that is not there leaves all to
// the defaults. Without a name there is no file at all.
func LoadClient(name string, f Family, o Options) (*Client, []Problem) {
	r := &report{}
	c := &compiler{report: r, cfg: &Config{Family: f, File: name}, host: o.Links, client: true}
	c.root = &node{kind: kMap}
	if name != "" {
		if o.ReadFile == nil {
			o.ReadFile = readFile
		}
		text, err := o.ReadFile(name)
		if err != nil {
			return nil, []Problem{{File: name, Severity: Error, Text: "cannot be read: " + reason(err).Error() + looked(name)}}
		}
		if top, _ := readTree(r, name, o, text); top == nil || !c.clientRoots(top) {
			return nil, r.problems()
		}
		c.check(c.root, clientGlobal)
	}
	out := c.compileClient()
	if r.errs > 0 {
		out = nil
	}
	return out, r.problems()
}

// clientRoots finds the map of this client, which may be missing where the other
// one's is there.
func (c *compiler) clientRoots(top *node) bool {
	mine, other := clientRoot(c.cfg.Family), clientRoot(v4+v6-c.cfg.Family)
	if top.kind != kMap {
		c.errorf(top, "the configuration has to be a map with a member %s, not %s", mine, top.kind)
		return false
	}
	for _, m := range top.members {
		switch {
		case m.key != mine && m.key != other:
			c.add(Error, m.keyAt, m.key, nearest(m.key, []string{mine, other}), "is not known at top level, where %s and %s stand", mine, other)
		case m.kind != kMap && m.kind != kBad:
			c.errorf(m, "has to be a map, not %s", m.kind)
		case m.key == mine && m.kind == kMap:
			c.root = m
		}
	}
	return c.errs == 0 || len(c.root.members) > 0
}
