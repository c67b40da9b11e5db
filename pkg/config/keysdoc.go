package config

import (
	"bufio"
	"fmt"
	"io"
	"strings"
)

// WriteKeys writes every key of a family as rows of a Markdown table, for the
// documentation of the configuration.
func WriteKeys(w io.Writer, f Family) error {
	b := bufio.NewWriter(w)
	fmt.Fprintf(b, "| key of %s | value | default | state | |\n|---|---|---|---|---|\n", root(f))
	for _, k := range Keys(f) {
		value := k.Type
		if k.Range != "" {
			value += ", " + k.Range
		}
		def := ""
		if k.Default != "" {
			def = "`" + k.Default + "`"
		}
		note := k.Note
		if k.NewName != "" {
			note = strings.TrimPrefix(note+"; older name of "+k.NewName, "; ")
		}
		fmt.Fprintf(b, "| `%s` | %s | %s | %s | %s |\n", k.Path, value, def, k.State, note)
	}
	return b.Flush()
}
