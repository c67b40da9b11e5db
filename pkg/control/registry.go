package control

import (
	"context"
	"encoding/json"
	"sort"
	"sync"
)

// The result codes of Kea's control API.
const (
	Success     = 0
	Error       = 1
	Unsupported = 2 // no such command, or meant for another daemon
	Empty       = 3 // nothing found
	Conflict    = 4
	Partial     = 5 // failed with a part of the change made
)

// A Result is what a command comes to.
type Result struct {
	Code      int    `json:"result"`
	Text      string `json:"text,omitempty"`
	Arguments any    `json:"arguments,omitempty"` // anything that encoding/json takes
}

// A Handler carries out one command. args is the JSON of the arguments, nil
// where there are none, without comments; the Handler keeps nothing of it. Up to
// Limits.Running of them run at the same time. ctx ends some time after the
// server is closed, and by HTTP when nobody waits for the answer any more.
type Handler func(ctx context.Context, args json.RawMessage) Result

// A Registry holds the commands of one daemon. It is safe for concurrent use.
type Registry struct {
	// Service is what the daemon is called in the `service` of a command, dhcp4
	// or dhcp6; commands for others are refused. Empty answers to every name. It
	// is set before the first command arrives.
	Service string

	// Processed, when not nil, may change the answer to a command that was
	// carried out. It is set before the first command arrives.
	Processed func(command string, args json.RawMessage, r *Result)

	mu       sync.RWMutex
	handlers map[string]Handler
}

// listCommands is the one command that a Registry has from the start.
const listCommands = "list-commands"

// Handle registers h for a command. Registering a command twice panics: it is a
// fault of the program.
func (r *Registry) Handle(command string, h Handler) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.handlers == nil {
		r.handlers = make(map[string]Handler)
	}
	if r.handlers[command] != nil || command == listCommands {
		panic("control: " + command + " is registered twice")
	}
	r.handlers[command] = h
}

// Commands returns the names of all commands, sorted.
func (r *Registry) Commands() []string {
	r.mu.RLock()
	defer r.mu.RUnlock()
	names := append(make([]string, 0, len(r.handlers)+1), listCommands)
	for name := range r.handlers {
		names = append(names, name)
	}
	sort.Strings(names)
	return names
}

// handler returns what carries a command out, nil for nothing.
func (r *Registry) handler(command string) Handler {
	if command == listCommands {
		return r.list
	}
	r.mu.RLock()
	defer r.mu.RUnlock()
	return r.handlers[command]
}

func (r *Registry) list(context.Context, json.RawMessage) Result {
	return Result{Arguments: r.Commands()}
}
