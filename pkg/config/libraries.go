package config

import (
	"path"
	"strings"

	"github.com/dhcp4o6/dhcp4o6/pkg/topology"
)

// libraryName is the name of a hook library of Kea's: flex_id for
// /usr/lib/kea/hooks/libdhcp_flex_id.so.
func libraryName(lib *node) string {
	return strings.TrimSuffix(strings.TrimPrefix(path.Base(lib.str), "libdhcp_"), ".so")
}

// builtIn reports whether what a library does is built into the steps of a server.
func (c *compiler) builtIn(name string) bool {
	return c.cfg.Family == v4 && (name == "bootp" || name == "ddns_tuning" || name == "flex_id" || name == "flex_option" || name == "run_script")
}

// libraries compiles what the libraries say that are built in. The definitions of
// options and classes must have been read.
func (c *compiler) libraries(t *topology.Topology) {
	for _, n := range c.root.list("hooks-libraries") {
		lib := n.get("library")
		if lib == nil || !c.builtIn(libraryName(lib)) {
			if lib != nil && libraryName(lib) == "flex_id" { // DHCPv6: reservations only, see hook
				t.FlexID = c.flexID(n.get("parameters"))
			}
			continue
		}
		switch libraryName(lib) {
		case "bootp":
			t.BOOTP = true
		case "ddns_tuning":
			t.Tuning = &topology.Tuning{Hostname: c.hostnameExpr(n.get("parameters"))}
		case "flex_id":
			t.FlexID = c.flexID(n.get("parameters"))
		case "flex_option":
			t.FlexOptions = c.flexOptions(n)
		case "run_script":
			c.script(n)
		}
	}
}

// flexID reads the parameters of flex_id. Without an expression no client has a
// flex-id, as with Kea.
func (c *compiler) flexID(p *node) *topology.FlexRule {
	f := &topology.FlexRule{ReplaceClientID: c.flag(p, "replace-client-id"), AsDUID: c.flag(p, "cid-as-rfc4361-duid")}
	switch m := p.get("identifier-expression"); {
	case m == nil:
	case m.kind != kString:
		c.errorf(m, "has to be a string")
	case m.str != "":
		if f.Expr = c.value(m); f.Expr != nil {
			return f
		}
	}
	return nil
}

// flag reads a parameter of a library that is true or false.
func (c *compiler) flag(p *node, key string) bool {
	m := p.get(key)
	if m == nil {
		return false
	}
	if m.kind != kBool {
		c.errorf(m, "has to be true or false")
	}
	return m.bool
}
