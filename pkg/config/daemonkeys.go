package config

import (
	"encoding/hex"
	"path"
	"slices"
	"strings"
)

// interfaces reads interfaces-config. Whether the interfaces exist is not asked:
// they may come later.
func (c *compiler) interfaces() {
	n := c.root.get("interfaces-config")
	l := levels{n}
	i := Interfaces{
		UDP:        l.text("dhcp-socket-type", "raw") == "udp",
		Routing:    l.text("dhcp-socket-type", "raw") == "udp" && l.text("outbound-interface", "same-as-inbound") == "use-routing",
		RequireAll: l.bool("service-sockets-require-all", false),
		MaxRetries: int(l.uint32("service-sockets-max-retries", 0)),
		RetryWait:  l.ms("service-sockets-retry-wait-time", 5000),
	}
	seen := map[InterfaceSpec]bool{}
	for _, e := range n.list("interfaces") {
		s, ok := c.interfaceSpec(e)
		switch {
		case !ok:
		case seen[s]:
			c.errorf(e, "%q stands here twice", e.str)
		default:
			seen[s] = true
			i.Specs = append(i.Specs, s)
			c.link(e, s.Iface)
		}
	}
	c.cfg.Interfaces = i
}

// link warns of an interface that the host has not.
func (c *compiler) link(n *node, name string) {
	if c.host == nil || n == nil || n.kind != kString || name == "" || name == "*" || slices.Contains(c.host, name) {
		return
	}
	c.add(Warning, n.at, n.path(), nearest(name, c.host), "this host has no interface %q; it may come later", name)
}

func (c *compiler) interfaceSpec(e *node) (s InterfaceSpec, ok bool) {
	if e.kind != kString {
		return s, false
	}
	name, addr, found := strings.Cut(e.str, "/")
	s.Iface = strings.TrimSpace(name)
	switch {
	case s.Iface == "":
		c.errorf(e, "the name of an interface is missing")
		return s, false
	case !found:
		return s, true
	case s.Iface == "*":
		c.errorf(e, "* stands for all interfaces and goes with no address")
		return s, false
	}
	s.Addr, ok = parseAddr(strings.TrimSpace(addr), c.cfg.Family)
	if !ok || s.Addr.IsMulticast() {
		c.errorf(e, "%q is not an %s unicast address", addr, ipName(c.cfg.Family))
		return s, false
	}
	return s, true
}

func (c *compiler) leaseDatabase() {
	l := levels{c.root.get("lease-database")}
	c.cfg.LeaseDB = LeaseDB{
		Type:         l.text("type", "memfile"),
		Name:         l.text("name", ""),
		Persist:      l.bool("persist", true),
		LFCInterval:  l.seconds("lfc-interval", 3600),
		MaxRowErrors: int(l.uint32("max-row-errors", 0)),
	}
	if c.cfg.LeaseDB.Type != "memfile" {
		c.cfg.LeaseDB.Name = "" // of a database, not of a file
	}
}

func expired(n *node) Expired {
	l := levels{n}
	return Expired{
		ReclaimWait: l.seconds("reclaim-timer-wait-time", 10),
		FlushWait:   l.seconds("flush-reclaimed-timer-wait-time", 25),
		Hold:        l.seconds("hold-reclaimed-time", 3600),
		MaxLeases:   int(l.uint32("max-reclaim-leases", 100)),
		MaxTime:     l.ms("max-reclaim-time", 250),
		Unwarned:    int(l.uint32("unwarned-reclaim-cycles", 5)),
	}
}

// serverID reads server-id (RFC 9915 §11).
func (c *compiler) serverID() {
	n := c.root.get("server-id")
	l := levels{n}
	id := ServerID{
		Type:         l.text("type", ""),
		HType:        uint16(l.uint32("htype", 0)),
		Time:         l.uint32("time", 0),
		EnterpriseID: l.uint32("enterprise-id", 0),
		Persist:      l.bool("persist", true),
	}
	if m := n.get("identifier"); m != nil && m.str != "" {
		b, err := hex.DecodeString(strings.ReplaceAll(m.str, ":", ""))
		switch {
		case err != nil:
			c.errorf(m, "%q is not an even number of hexadecimal digits", m.str)
		case len(b) > 120:
			c.errorf(m, "is %d octets long; a DUID has room for 120", len(b))
		}
		id.Identifier = b
	}
	c.cfg.ServerID = id
}

var severities = []string{"FATAL", "ERROR", "WARN", "INFO", "DEBUG", "NONE"}

func (c *compiler) loggers() {
	for _, n := range c.root.list("loggers") {
		l := levels{n}
		out := Logger{
			Name:       n.text("name"),
			Severity:   strings.ToUpper(l.text("severity", "INFO")),
			DebugLevel: int(l.uint32("debuglevel", 0)),
		}
		if !slices.Contains(severities, out.Severity) {
			m := n.get("severity")
			c.add(Error, m.at, m.path(), nearest(out.Severity, severities), "%q is not one of %s", m.str, strings.Join(severities, ", "))
		}
		for _, key := range []string{"output-options", "output_options"} {
			for _, o := range n.list(key) {
				out.Outputs = append(out.Outputs, output(o))
			}
		}
		c.cfg.Loggers = append(c.cfg.Loggers, out)
	}
}

// minSize is the least maxsize that rotates a file; with less Kea never does.
const minSize = 204800

func output(n *node) Output {
	l := levels{n}
	o := Output{
		Output:  n.text("output"),
		MaxSize: 10240000,
		MaxVer:  int(l.uint32("maxver", 1)),
		Flush:   l.bool("flush", true),
	}
	if m := n.get("maxsize"); m != nil {
		o.MaxSize = m.num
	}
	if o.MaxSize < minSize {
		o.MaxSize = 0
	}
	return o
}

// ours reads what stands in user-context.dhcp4o6 at top level.
func (c *compiler) ours() {
	l := levels{c.root.ours()}
	o := Ours{
		OfferHold:  l.seconds("offer-hold", 10),
		OfferLimit: int(l.uint32("offer-limit", 0)),
		PadIPC:     l.bool("pad-ipc", false),
		RawSync:    l.bool("raw-sync", true),
		PairHMAC:   l.text("pair-hmac", "off"),
	}
	if c.cfg.Family == v6 {
		o.PairDialect = l.text("pair-dialect", "kea")
	}
	o.PairKeyFiles = c.pairKeys(&o)
	for _, n := range c.root.ours().list("pair-users") {
		o.PairUsers = append(o.PairUsers, n.str)
	}
	o.Metrics = c.metrics()
	o.ClampTotals = l.bool("clamp-totals", false)
	c.cfg.Statistics = c.statistics()
	if c.cfg.Family == v4 {
		c.cfg.Parked = int(levels{c.root}.uint32("parked-packet-limit", 256))
	}
	c.cfg.Ours = o
}

// pairKeys reads the names of the key files, as far as they are in use.
func (c *compiler) pairKeys(o *Ours) (files []string) {
	n := c.root.ours()
	for _, key := range []string{"pair-key-file", "pair-other-key-file"} {
		m := n.get(key)
		if m == nil || m.kind != kString || m.str == "" {
			continue
		}
		if !path.IsAbs(m.str) {
			c.errorf(m, "%q is not an absolute path", m.str)
		}
		files = append(files, m.str)
	}
	switch mode := n.get("pair-hmac"); {
	case o.PairHMAC == "off":
		return nil
	case n.text("pair-key-file") == "":
		c.errorf(mode, "%q needs a pair-key-file", o.PairHMAC)
	case o.PairDialect == "isc":
		c.errorf(mode, "ISC's dialect has no place for a MAC: pair-hmac has to be off, or pair-dialect kea")
	}
	return files
}

// ours returns the map of our keys in the user-context of a map.
func (n *node) ours() *node { return n.get("user-context").get("dhcp4o6") }

// refusals notes what must not be passed over in silence: who gets what would be
// decided, or known, elsewhere.
func (c *compiler) refusals() {
	if t := c.cfg.LeaseDB.Type; t != "memfile" {
		c.refuse(c.root.get("lease-database"), "leases are kept in "+t+", which is not served")
	}
	databases := slices.Concat(c.root.list("hosts-databases"), c.root.get("config-control").list("config-databases"))
	if h := c.root.get("hosts-database"); h != nil {
		databases = slices.Insert(databases, 0, h)
	}
	for _, n := range databases {
		what := "reservations are"
		if n.parent.key == "config-databases" {
			what = "parts of the configuration are"
		}
		if t := n.text("type"); t != "memfile" && t != "" {
			c.refuse(n, what+" kept in "+t+", which is not served")
		}
	}
	for _, n := range c.root.list("hooks-libraries") {
		c.hook(n)
	}
}

// refuse notes a reason not to start.
func (c *compiler) refuse(n *node, text string) {
	if n.kind == kBad {
		return
	}
	c.warnf(n, "%s; a start is refused unless --serve-anyway is given", text)
	c.cfg.Refuse = append(c.cfg.Refuse, n.path()+": "+text)
}

// The hook libraries of Kea, by whether a server without them gives the same
// leases to the same clients.
var (
	builtInHooks  = []string{"class_cmds", "host_cmds", "lease_cmds", "stat_cmds", "subnet_cmds"}
	harmlessHooks = []string{"cb_cmds", "ddns_tuning", "flex_option", "gss_tsig", "host_cache",
		"lease_query", "legal_log", "forensic_log", "mysql", "mysql_cb", "perfmon", "pgsql", "pgsql_cb", "ping_check",
		"run_script"}
	decidingHooks = []string{"ha", "limits", "radius", "user_chk"}
)

// hook notes a hook library. None is ever loaded.
func (c *compiler) hook(n *node) {
	lib := n.get("library")
	if lib == nil {
		return
	}
	name := libraryName(lib)
	replace, ignore := n.get("parameters").get("replace-client-id"), n.get("parameters").get("ignore-iaid")
	switch {
	case c.builtIn(name): // see libraries
	case name == "flex_id" && replace != nil && replace.bool:
		c.refuse(replace, "clients are known by what the library flex_id makes of their queries, and it is not served")
	case name == "flex_id" && ignore != nil && ignore.bool:
		c.refuse(ignore, "leases are known by what the library flex_id makes of their IAIDs, and it is not served")
	case name == "flex_id": // finds reservations
	case slices.Contains(builtInHooks, name): // its commands are there without it
	case slices.Contains(harmlessHooks, name):
		c.unserved(lib, "is not served yet: what the library "+name+" does is not done")
	case name == "rbac":
		c.refuse(lib, "the library rbac says who may send which command, and is not served: whoever reaches a control socket could send all")
	case slices.Contains(decidingHooks, name):
		c.refuse(lib, "the library "+name+" decides who gets what, and is not served")
	default:
		c.refuse(lib, "the library "+path.Base(lib.str)+" is not known here; nobody can say what the server is without it")
	}
}
