package daemon

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"runtime"
	"strings"
	"syscall"

	"github.com/dhcp4o6/dhcp4o6/pkg/config"
	"github.com/dhcp4o6/dhcp4o6/pkg/netif"
)

// Exit codes of the daemons.
const (
	exitOK     = 0
	exitFailed = 1 // could not start, or the configuration has errors
	exitUsage  = 2
)

// minProcs is how many goroutines may run at a time, though there be fewer
// processors: a sync of the lease file keeps one from running (raw-sync), and the
// others must not wait for it.
const minProcs = 4

// Main6 is the program dhcp6d: it runs the command line and returns the exit code.
func Main6(args []string) int { return dhcp6.main(args, os.Stdout, os.Stderr) }

// Main4 is the program dhcp4d.
func Main4(args []string) int { return dhcp4.main(args, os.Stdout, os.Stderr) }

func (k kind) main(args []string, out, errs io.Writer) int {
	c, err := parseFlags(k.name, args, out, errs)
	switch {
	case err != nil:
		return exitUsage
	case c.do == done:
		return exitOK
	case c.do == check:
		return k.check(c.ConfigFile, out, errs)
	}
	runtime.GOMAXPROCS(max(runtime.GOMAXPROCS(0), minProcs))
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM, syscall.SIGINT)
	defer stop()
	reload, ignore := reloads()
	defer ignore()
	c.Reload = reload
	context.AfterFunc(ctx, stop) // a second signal ends the program at once
	err = k.run(ctx, c.Setup)
	var asked Exit
	switch {
	case err == nil:
		return exitOK
	case errors.As(err, &asked):
		return int(asked)
	}
	k.complain(errs, err)
	return exitFailed
}

// complain tells the operator why nothing is served. The problems of a
// configuration begin with its name, so that editors find the place.
func (k kind) complain(w io.Writer, err error) {
	var bad *configError
	if errors.As(err, &bad) {
		fmt.Fprintln(w, strings.Join(bad.problems, "\n"))
		fmt.Fprintf(w, "%s: not started: %s\n", k.name, bad.summary)
		return
	}
	fmt.Fprintf(w, "%s: not started: %v\n", k.name, err)
}

// reloads turns SIGHUP into reloads; several in a row may become one.
func reloads() (<-chan struct{}, func()) {
	signals := make(chan os.Signal, 1)
	signal.Notify(signals, syscall.SIGHUP)
	reload := make(chan struct{}, 1)
	go func() {
		for range signals {
			select {
			case reload <- struct{}{}:
			default:
			}
		}
	}()
	return reload, func() {
		signal.Stop(signals)
		close(signals)
	}
}

// check prints everything that is wrong with a configuration, and what it asks
// for in vain.
func (k kind) check(file string, out, errs io.Writer) int {
	cfg, problems := config.Load(file, k.family, config.Options{Links: linkNames()})
	if cfg == nil {
		fmt.Fprintln(errs, unusable(problems))
		return exitFailed
	}
	for i := range problems {
		fmt.Fprintln(errs, problems[i].String())
	}
	for _, reason := range cfg.Refuse {
		fmt.Fprintf(errs, "%s: a start needs --serve-anyway: %s\n", file, reason)
	}
	fmt.Fprintf(out, "%s: %s is correct\n", k.name, file)
	return exitOK
}

// linkNames are the interfaces of this host; nil where nobody can say.
func linkNames() (names []string) {
	links, err := netif.List()
	if err != nil {
		return nil
	}
	for _, l := range links {
		names = append(names, l.Name)
	}
	return names
}
