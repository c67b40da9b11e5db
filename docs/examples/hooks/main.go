// Hooks is dhcp4d with functions of its own at Kea's hook points. Each is a small
// library: a name and a struct of functions; the command line says which are used,
// in which order.
//
//	go run ./docs/examples/hooks -c dhcp4.json -use trace,deny,greet,ask -deny 02:00:00:00:00:01
//
//	trace   says on standard error which points a packet passes
//	deny    drops the packets of some hardware addresses
//	greet   adds an option to every answer
//	ask     parks every DISCOVER until somebody slow has said who the client is
//
// docs/hooks.md has the points, and what a function may do there.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"strings"
	"syscall"
	"time"

	"github.com/dhcp4o6/dhcp4o6/pkg/daemon"
	"github.com/dhcp4o6/dhcp4o6/pkg/server4"
)

// A registry holds what may be hooked in, by name.
type registry map[string]*server4.Hooks

// join returns the hooks of a list of names, in that order: at each point the
// functions of the first are called first.
func (r registry) join(names string) (*server4.Hooks, error) {
	var all []*server4.Hooks
	for name := range strings.SplitSeq(names, ",") {
		h := r[name]
		if h == nil {
			return nil, fmt.Errorf("there are no hooks called %q", name)
		}
		all = append(all, h)
	}
	return server4.JoinHooks(all...), nil
}

// An app is what the functions work with.
type app struct {
	out  io.Writer
	deny []string                          // hardware addresses
	ask  func(client string) (bool, error) // takes its time
}

func (a *app) registry() registry {
	return registry{"trace": a.trace(), "deny": a.denied(), "greet": greet(), "ask": a.asked()}
}

func main() {
	a := &app{out: os.Stderr, ask: slow}
	config := flag.String("c", "", "configuration `file`, Kea's JSON")
	use := flag.String("use", "trace", "hooks, by `names` with commas between")
	deny := flag.String("deny", "", "hardware `addresses` that are not served, with commas between")
	flag.Parse()
	a.deny = strings.Split(*deny, ",")
	hooks, err := a.registry().join(*use)
	if err == nil {
		ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
		defer stop()
		err = daemon.DHCP4(ctx, daemon.Setup{ConfigFile: *config, Hooks: hooks})
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

// slow stands for a question to somebody else: a database, a RADIUS server.
func slow(client string) (bool, error) {
	time.Sleep(100 * time.Millisecond)
	if client == "" {
		return false, errors.New("a client without hardware address")
	}
	return true, nil
}
