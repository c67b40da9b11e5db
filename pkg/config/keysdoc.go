package config

import (
	"bufio"
	"fmt"
	"io"
	"slices"
	"strings"
)

// WriteKeys writes the schema as Markdown, for the documentation of the
// configuration: a table for each kind of map, with the keys of both families.
func WriteKeys(w io.Writer) error { return writeKeys(w, global, "`Dhcp4` and `Dhcp6`") }

// WriteClientKeys is WriteKeys for the file of a client. What may stand at top
// level and in an interface is written once.
func WriteClientKeys(w io.Writer) error {
	return writeKeys(w, clientGlobal, "`dhcp4c` and `dhcp6c`, besides what may stand in an element of `interfaces`")
}

func writeKeys(w io.Writer, top *scope, at string) error {
	b := bufio.NewWriter(w)
	writeScope(b, &home{scope: top, at: []string{at}})
	for _, h := range scopes(top) {
		writeScope(b, h)
	}
	return b.Flush()
}

// A home is a scope and the keys that lead to it.
type home struct {
	scope *scope
	at    []string
	state State // where it is not Served, nothing in the scope is
}

// scopes returns all scopes below the one at the top, in the order in which they are
// met.
func scopes(top *scope) []*home {
	var out []*home
	found := map[*scope]*home{}
	var walk func(s *scope, where string)
	walk = func(s *scope, where string) {
		for i := range s.keys {
			r := &s.keys[i]
			if r.of == nil {
				continue
			}
			at := "`" + r.name + "`"
			switch {
			case r.typ == tContext:
				at = "`user-context.dhcp4o6`" + where
			case r.typ == tMaps:
				at = "each element of " + at
			}
			h := found[r.of]
			if h == nil {
				h = &home{scope: r.of}
				if r.typ != tContext {
					h.state = r.state
				}
				found[r.of] = h
				out = append(out, h)
				defer walk(r.of, " of a "+r.of.name)
			}
			if !strings.Contains(strings.Join(h.at, ", "), at) {
				h.at = append(h.at, at)
			}
		}
	}
	walk(top, " at top level")
	return out
}

func writeScope(b *bufio.Writer, h *home) {
	s := h.scope
	if len(s.keys) == 0 {
		return
	}
	fmt.Fprintf(b, "### %s\n\n", strings.Join(h.at, ", "))
	fmt.Fprintf(b, "| key | of | value | default | state | |\n|---|---|---|---|---|---|\n")
	for i := range s.keys {
		r := &s.keys[i]
		if r.name == "comment" || r.typ == tContext || s == clientGlobal && slices.ContainsFunc(clientLink, func(l rule) bool { return l.name == r.name }) {
			continue
		}
		value, def, family, state := r.typ.String(), "", "", r.state
		if state == Served {
			state = h.state
		}
		if whole := r.whole(); whole != "" {
			value += ", " + whole
		}
		if r.need {
			value += "; needed"
		}
		if r.def != "" {
			def = "`" + r.def + "`"
		}
		if r.in != 0 {
			family = fmt.Sprintf("v%d", r.in)
		}
		note := r.note
		if r.newer != "" {
			note = strings.TrimPrefix(note+"; older name of "+r.newer, "; ")
		}
		fmt.Fprintf(b, "| `%s` | %s | %s | %s | %s | %s |\n", r.name, family, value, def, state, note)
	}
	b.WriteByte('\n')
}
