package leasecmd

import (
	"context"
	"encoding/json"
	"maps"
	"slices"
	"strings"

	"github.com/dhcp4o6/dhcp4o6/pkg/config"
	"github.com/dhcp4o6/dhcp4o6/pkg/control"
)

// A Change is what becomes of a configuration by a command.
type Change struct {
	Next     *config.Config // nil: nothing changes
	Problems []config.Problem
	Result   control.Result // when Next is in force, or why there is none
}

// change has the daemon go over to what edit makes of the configuration in force. An
// error of edit, or of the configuration that it makes, changes nothing.
func (c *Commands) change(ctx context.Context, edit func(now *config.Config) (Change, error)) (control.Result, error) {
	var wrong error
	res := c.o.Change(ctx, func(now *config.Config) Change {
		ch, err := edit(now)
		if err != nil {
			wrong = err
			return Change{}
		}
		if ch.Next == nil && len(ch.Problems) > 0 {
			ch.Result = control.Result{Code: control.Error, Text: errorsOf(ch.Problems)}
		}
		return ch
	})
	return res, wrong
}

// answered is a change that comes to an answer and no more.
func answered(code int, text string) (Change, error) {
	return Change{Result: control.Result{Code: code, Text: text}}, nil
}

// compiled is a change to what a draft has become.
func compiled(d *config.Draft, res control.Result) (Change, error) {
	next, problems := d.Compile()
	return Change{Next: next, Problems: problems, Result: res}, nil
}

// maxTold is how many errors an answer holds.
const maxTold = 20

// errorsOf is what is wrong with a configuration, a line each. Columns of a text that
// nobody has written so are left out: the path says where.
func errorsOf(problems []config.Problem) string {
	var all []string
	for _, p := range problems {
		if p.Severity != config.Error {
			continue
		}
		text := p.Text
		if p.Path != "" {
			text = p.Path + ": " + text
		}
		if p.Suggestion != "" {
			text += "; did you mean '" + p.Suggestion + "'?"
		}
		all = append(all, text)
	}
	if len(all) > maxTold {
		all = append(all[:maxTold], "and more")
	}
	return strings.Join(all, "\n")
}

// without returns a map as JSON that lacks one of its members.
func (m members) without(name string) json.RawMessage {
	b := []byte{'{'}
	for _, key := range slices.Sorted(maps.Keys(m)) {
		if key == name {
			continue
		}
		if len(b) > 1 {
			b = append(b, ',')
		}
		k, err := json.Marshal(key)
		if err != nil {
			panic(err) // it was a key
		}
		b = append(append(append(b, k...), ':'), m[key]...)
	}
	return append(b, '}')
}

// only returns the one item of a list; ok is false for anything else.
func only(v json.RawMessage) (item json.RawMessage, n int, ok bool) {
	var all []json.RawMessage
	if len(v) == 0 || v[0] != '[' || json.Unmarshal(v, &all) != nil {
		return nil, 0, false
	}
	if len(all) != 1 {
		return nil, len(all), true
	}
	return all[0], 1, true
}
