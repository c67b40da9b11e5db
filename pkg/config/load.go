package config

import (
	"io"
	"os"
	"slices"
)

// Options steers Load. The zero value is what a daemon uses.
type Options struct {
	// ReadFile reads the file and what it includes; nil: from the file system.
	ReadFile func(name string) ([]byte, error)

	// Links are the interfaces that the host has: any other that is named gets a
	// warning. nil: nobody looks, they may come later.
	Links []string
}

// Load reads, checks and compiles the configuration of one daemon. It does not
// stop at the first error: the problems are all there are, in the order of the
// file. The Config is nil when one of them is an Error.
func Load(name string, f Family, o Options) (*Config, []Problem) {
	if o.ReadFile == nil {
		o.ReadFile = readFile
	}
	text, err := o.ReadFile(name)
	if err != nil {
		return nil, []Problem{{File: name, Severity: Error, Text: "cannot be read: " + reason(err).Error() + looked(name)}}
	}
	r := &report{}
	cfg := load(r, name, f, o, text)
	if r.errs > 0 {
		cfg = nil
	}
	return cfg, r.problems()
}

// readFile reads a file, pipes included, but not without end.
func readFile(name string) ([]byte, error) {
	f, err := os.Open(name)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	return io.ReadAll(io.LimitReader(f, maxText+1))
}

func load(r *report, name string, f Family, o Options, text []byte) *Config {
	top, included := readTree(r, name, o, text)
	if top == nil {
		return nil
	}
	cfg := &Config{Family: f, File: name, Includes: included}
	c := &compiler{report: r, cfg: cfg, host: o.Links}
	if c.root = c.daemon(top); c.root == nil {
		return nil
	}
	c.check(c.root, global)
	c.compile()
	return cfg
}

// readTree reads a file to its end, and says what was included; nil when that cannot
// be done.
func readTree(r *report, name string, o Options, text []byte) (*node, []string) {
	s := newScanner(r, o.ReadFile, name, text)
	if len(text) > maxText {
		s.fail(place{s.stack[0].src, 0}, "the file is longer than %d octets", maxText)
		return nil, nil
	}
	return parse(s), s.included
}

// foreign is what else may stand at top level: what older files of Kea have for
// its other daemons.
var foreign = []string{"Logging", "Control-agent", "DhcpDdns", "Netconf"}

// daemon returns the map of this daemon.
func (c *compiler) daemon(top *node) *node {
	if top.kind != kMap {
		c.errorf(top, "the configuration has to be a map with a member %s, not %s", root(c.cfg.Family), top.kind)
		return nil
	}
	var mine *node
	for _, m := range top.members {
		switch {
		case m.key == root(c.cfg.Family):
			mine = m
		case m.key == root(v4), m.key == root(v6): // of the other daemon
		case slices.Contains(foreign, m.key):
			c.add(Warning, m.keyAt, m.key, "", "is not for this daemon and has no effect here")
		default:
			c.add(Error, m.keyAt, m.key, nearest(m.key, []string{root(c.cfg.Family)}), "is not known at top level, where %s stands", root(c.cfg.Family))
		}
	}
	switch {
	case mine == nil:
		if c.errs == 0 {
			c.errorf(top, "%q is missing", root(c.cfg.Family))
		}
		return nil
	case mine.kind != kMap:
		if mine.kind != kBad {
			c.errorf(mine, "has to be a map, not %s", mine.kind)
		}
		return nil
	}
	return mine
}
