package daemon

import (
	"context"
	"encoding/json"
	"fmt"
	"math"
	"slices"
	"sync"
	"time"

	"github.com/dhcp4o6/dhcp4o6/pkg/control"
)

// The origins of dhcp-disable and dhcp-enable, as Kea numbers them. What one has
// switched off, only it switches on again.
const (
	originUser   = 1
	originLocal  = 1000 // and up: this server's own doing
	originRemote = 2000 // and up: a partner of high availability
	originEnd    = 3000
)

// A service is whether clients are served, and who has decided otherwise. It
// outlives every change of the configuration.
type service struct {
	mu   sync.Mutex
	off  map[int]*time.Timer // by origin; the timer, nil for ever, ends it
	tell func(off bool)      // the engine
}

// disable switches the service off, for good when limit is 0. The last word of an
// origin holds, with its limit.
func (s *service) disable(origin int, limit time.Duration) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if t := s.off[origin]; t != nil {
		t.Stop()
	}
	if s.off == nil {
		s.off = make(map[int]*time.Timer)
	}
	var timer *time.Timer
	if limit > 0 {
		timer = time.AfterFunc(limit, func() { s.over(origin, &timer) })
	}
	s.off[origin] = timer
	s.tell(true)
}

// over ends what a timer has limited, unless its origin has spoken again since.
// The timer is set before the lock of disable is given back.
func (s *service) over(origin int, timer **time.Timer) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if t, ok := s.off[origin]; ok && t == *timer {
		s.on(origin)
	}
}

func (s *service) enable(origin int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if t := s.off[origin]; t != nil {
		t.Stop()
	}
	s.on(origin)
}

func (s *service) on(origin int) {
	delete(s.off, origin)
	s.tell(len(s.off) > 0)
}

// close stops the timers.
func (s *service) close() {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, t := range s.off {
		if t != nil {
			t.Stop()
		}
	}
	s.off = nil
}

// state is dhcp-state of status-get, as in Kea 3.
func (s *service) state() map[string]any {
	s.mu.Lock()
	defer s.mu.Unlock()
	local, remote := []int{}, []int{}
	for origin := range s.off {
		switch {
		case origin >= originRemote:
			remote = append(remote, origin)
		case origin >= originLocal:
			local = append(local, origin)
		}
	}
	slices.Sort(local)
	slices.Sort(remote)
	_, user := s.off[originUser]
	return map[string]any{
		"disabled-by-db-connection":  []int{},
		"disabled-by-local-command":  local,
		"disabled-by-remote-command": remote,
		"disabled-by-user":           user,
		"globally-disabled":          len(s.off) > 0,
	}
}

func (d *daemon) dhcpDisable(_ context.Context, args json.RawMessage) control.Result {
	a, res := serviceArguments("dhcp-disable", args)
	if res != nil {
		return *res
	}
	limit := time.Duration(0)
	if raw, ok := a["max-period"]; ok {
		seconds, ok := integer(raw)
		switch {
		case !ok:
			return failed("'max-period' argument must be a number")
		case seconds <= 0:
			return failed("'max-period' must be positive integer")
		}
		limit = time.Duration(min(seconds, math.MaxInt64/int64(time.Second))) * time.Second
	}
	origin, res := originOf(a)
	if res != nil {
		return *res
	}
	d.service.disable(origin, limit)
	text := fmt.Sprintf("DHCPv%d service disabled", d.family)
	if limit > 0 {
		text += fmt.Sprintf(" for %d seconds", int64(limit/time.Second))
	}
	return control.Result{Text: text}
}

func (d *daemon) dhcpEnable(_ context.Context, args json.RawMessage) control.Result {
	a, res := serviceArguments("dhcp-enable", args)
	if res != nil {
		return *res
	}
	origin, res := originOf(a)
	if res != nil {
		return *res
	}
	d.service.enable(origin)
	return control.Result{Text: "DHCP service successfully enabled"}
}

func serviceArguments(command string, args json.RawMessage) (map[string]json.RawMessage, *control.Result) {
	a, ok := arguments(args)
	if !ok {
		res := failed("arguments for the '" + command + "' command must be a map")
		return nil, &res
	}
	return a, nil
}

// originOf is who asks: origin-id, a number, or origin, a word.
func originOf(a map[string]json.RawMessage) (int, *control.Result) {
	refuse := func(format string, v ...any) (int, *control.Result) {
		res := failed(fmt.Sprintf(format, v...))
		return 0, &res
	}
	if raw, ok := a["origin-id"]; ok {
		id, ok := integer(raw)
		switch {
		case !ok:
			return refuse("'origin-id' argument must be a number")
		case id != originUser && (id < originLocal || id >= originEnd):
			return refuse("invalid value used for 'origin-id' parameter: %d", id)
		}
		return int(id), nil
	}
	raw, ok := a["origin"]
	if !ok {
		return originUser, nil
	}
	var word string
	if json.Unmarshal(raw, &word) != nil || raw[0] != '"' {
		return refuse("'origin' argument must be a string")
	}
	switch word {
	case "user":
		return originUser, nil
	case "ha-partner":
		return originRemote, nil
	}
	return refuse("invalid value used for 'origin' parameter: %s", word)
}

// arguments takes the map of arguments apart; none are an empty map.
func arguments(args json.RawMessage) (map[string]json.RawMessage, bool) {
	if args == nil {
		return nil, true
	}
	var a map[string]json.RawMessage
	if err := json.Unmarshal(args, &a); err != nil || a == nil {
		return nil, false
	}
	return a, true
}

// integer reads a whole number.
func integer(raw json.RawMessage) (int64, bool) {
	var v int64
	if raw[0] == '"' || json.Unmarshal(raw, &v) != nil || string(raw) == "null" {
		return 0, false
	}
	return v, true
}
