package control

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"runtime/debug"
	"slices"
)

// Run carries out one command and returns its answer, which is JSON as well.
// request is written to: its comments are blanked out. It is refused when there
// is more in it than one command.
func (r *Registry) Run(ctx context.Context, request []byte) []byte {
	var f frame
	switch err := f.scan(request); {
	case err != nil:
		return encode(failed(err.Error()))
	case f.blank():
		return encode(failed(noCommand))
	case !f.finished():
		return encode(failed(errEnd.Error()))
	}
	return encode(r.call(ctx, request[f.begin:f.end]).result)
}

const noCommand = "Command processing failed: NULL command parameter"

func failed(text string) Result {
	return Result{Code: Error, Text: text}
}

// An outcome is what became of a request.
type outcome struct {
	command string // empty where there is none to be read
	result  Result
	syntax  bool  // the request is no JSON
	fault   error // a panic of the Handler
}

// call carries out the command that a frame has found.
func (r *Registry) call(ctx context.Context, text []byte) outcome {
	c, err := parse(text)
	switch {
	case errors.As(err, new(*shapeError)):
		return outcome{command: c.name, result: failed("Error during command processing: " + err.Error())}
	case err != nil:
		return outcome{result: failed(err.Error()), syntax: true}
	}
	if res, ok := r.mine(c.service); !ok {
		return outcome{command: c.name, result: res}
	}
	h := r.handler(c.name)
	if h == nil {
		return outcome{command: c.name, result: Result{Code: Unsupported, Text: "'" + c.name + "' command not supported."}}
	}
	res, fault := guard(ctx, r.processed(c.name, h), c.name, c.args)
	return outcome{command: c.name, result: res, fault: fault}
}

// processed is h with Processed behind it.
func (r *Registry) processed(command string, h Handler) Handler {
	if r.Processed == nil {
		return h
	}
	return func(ctx context.Context, args json.RawMessage) Result {
		res := h(ctx, args)
		r.Processed(command, args, &res)
		return res
	}
}

// guard keeps a fault in one command from ending the service of DHCP.
func guard(ctx context.Context, h Handler, name string, args json.RawMessage) (res Result, fault error) {
	defer func() {
		if v := recover(); v != nil {
			res = failed("internal error in " + name)
			fault = fmt.Errorf("control: %s: panic: %v\n%s", name, v, debug.Stack())
		}
	}()
	return h(ctx, args), nil
}

// mine reports whether the `service` of a command, a list, means this daemon.
// kea-dhcp4 and kea-dhcp6 2.2.0 do not look at it and obey what is meant for the
// other one; the text for a wrong one is that of kea-ctrl-agent.
func (r *Registry) mine(service json.RawMessage) (Result, bool) {
	if service == nil || r.Service == "" {
		return Result{}, true
	}
	var names []string
	switch err := json.Unmarshal(service, &names); {
	case err != nil && service[0] != '[' || names == nil:
		return failed("service value must be a list"), false
	case err != nil:
		return failed("service value must be a list of strings"), false
	case len(names) == 0 || slices.Contains(names, r.Service):
		return Result{}, true
	}
	return Result{Code: Unsupported, Text: "this is " + r.Service + ", the command is for the server type " + names[0]}, false
}

// A command is a request taken apart.
type command struct {
	name          string
	args, service json.RawMessage
}

// A shapeError says that a request is JSON, but no command.
type shapeError struct{ text string }

func (e *shapeError) Error() string { return e.text }

// parse takes a request apart, in the order in which Kea looks at it.
func parse(text []byte) (c command, err error) {
	var (
		name  json.RawMessage
		alien string
		first = text[0]
	)
	p := parser{b: text, members: func(key string, v json.RawMessage) {
		switch key {
		case "command":
			name = v
		case "arguments":
			c.args = v
		case "service":
			c.service = v
		case "remote-address": // set by those who forward commands
		default:
			if alien == "" || key < alien {
				alien = key
			}
		}
	}}
	if err := p.value(); err != nil {
		return command{}, err
	}
	switch {
	case first != '{':
		return c, &shapeError{"Invalid command Element specified, expected map"}
	case name == nil:
		return c, &shapeError{"Invalid answer specified, does not contain mandatory 'command'"}
	case name[0] != '"':
		return c, &shapeError{"'command' element in command message is not a string"}
	}
	if err := json.Unmarshal(name, &c.name); err != nil {
		return c, &shapeError{err.Error()}
	}
	if alien != "" {
		return c, &shapeError{"Received command contains unsupported parameter '" + alien + "'"}
	}
	return c, nil
}

// encode writes an answer so that Kea's own programs can read it, which know \u
// for the first 256 characters only.
func encode(res Result) []byte {
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	if err := e.Encode(res); err != nil {
		return encode(failed("the answer cannot be written as JSON: " + err.Error()))
	}
	out := bytes.TrimSuffix(b.Bytes(), []byte{'\n'})
	return plain(out)
}

// plain replaces the three escapes of encoding/json that Kea cannot read.
func plain(b []byte) []byte {
	if !bytes.Contains(b, []byte(`\u202`)) && !bytes.Contains(b, []byte(`\ufffd`)) {
		return b
	}
	out := b[:0] // never longer than what has been read
	for i := 0; i < len(b); i++ {
		if b[i] != '\\' {
			out = append(out, b[i])
			continue
		}
		switch rest := b[i:]; {
		case bytes.HasPrefix(rest, []byte(`\u2028`)):
			out, i = append(out, "\u2028"...), i+5
		case bytes.HasPrefix(rest, []byte(`\u2029`)):
			out, i = append(out, "\u2029"...), i+5
		case bytes.HasPrefix(rest, []byte(`\ufffd`)):
			out, i = append(out, "\ufffd"...), i+5
		default:
			out, i = append(out, b[i], b[i+1]), i+1
		}
	}
	return out
}
