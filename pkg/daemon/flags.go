package daemon

import (
	"errors"
	"flag"
	"fmt"
	"io"

	"github.com/dhcp4o6/dhcp4o6/internal/program"
	"github.com/dhcp4o6/dhcp4o6/pkg/metrics"
	"github.com/dhcp4o6/dhcp4o6/pkg/server4"
)

// Setup is what a daemon is started with. The zero value lacks only ConfigFile.
type Setup struct {
	ConfigFile string

	// Port is the server's port; 0: 67 or 547.
	Port int

	// ClientPort is where answers to clients that are not behind a relay go;
	// 0: 68 or 546. FromSource sends them to the port the query came from, as
	// tests without privileges need it.
	ClientPort int
	FromSource bool

	// ServeAnyway starts in spite of configuration that asks for what would
	// change who gets what (a foreign lease database, an HA hook).
	ServeAnyway bool

	// Log is where the daemon logs; nil: where the configuration's loggers say.
	Log Logger

	// Hooks are an embedder's functions in a DHCPv4 server; nil: none.
	Hooks *server4.Hooks

	// Debug logs every packet on stdout, whatever the loggers say.
	Debug bool

	// Reload has the daemon read its configuration again; nil: never.
	Reload <-chan struct{}

	// Metrics is where the daemon counts; nil: a set of its own.
	Metrics *metrics.Set

	// Ready is called once the server serves; nil: nobody waits for it.
	Ready func()

	// PIDFile asks for a pid file, which a program has and a test has not.
	PIDFile bool
}

// action is what the command line asks for.
type action int

const (
	serve action = iota
	check        // -t: check the configuration and say what is wrong
	done         // nothing more to do: -v, -V, -h
)

// command is a command line, parsed.
type command struct {
	Setup
	do action
}

var errUsage = errors.New("usage")

// parseFlags reads a command line in the manner of Kea's daemons. What it
// prints goes to out, complaints to errs.
func parseFlags(name string, args []string, out, errs io.Writer) (command, error) {
	c := command{Setup: Setup{PIDFile: true}}
	f := flag.NewFlagSet(name, flag.ContinueOnError)
	f.SetOutput(errs)
	f.Usage = func() { usage(f.Output(), name) }
	f.StringVar(&c.ConfigFile, "c", "", "")
	var test string
	f.StringVar(&test, "t", "", "")
	f.StringVar(&test, "T", "", "")
	f.BoolVar(&c.Debug, "d", false, "")
	f.IntVar(&c.Port, "p", 0, "")
	clientPort := f.Int("P", -1, "")
	version := f.Bool("v", false, "")
	long := f.Bool("V", false, "")
	build := f.Bool("W", false, "")
	f.BoolVar(&c.ServeAnyway, "serve-anyway", false, "")
	if err := f.Parse(args); err != nil {
		if errors.Is(err, flag.ErrHelp) {
			c.do = done
			return c, nil
		}
		return c, errUsage
	}
	complain := func(format string, a ...any) (command, error) {
		fmt.Fprintf(errs, name+": "+format+"\n", a...)
		fmt.Fprintf(errs, "Try '%s -h'.\n", name)
		return c, errUsage
	}
	switch {
	case f.NArg() > 0:
		return complain("unexpected argument %q", f.Arg(0))
	case *version, *long, *build:
		program.PrintVersion(out, name, *long || *build)
		c.do = done
		return c, nil
	case test != "":
		c.do = check
		c.ConfigFile = test
		return c, nil
	case c.ConfigFile == "":
		return complain("no configuration file: give one with -c FILE")
	case c.Port < 0 || c.Port > 65535:
		return complain("port %d of -p is outside 1..65535", c.Port)
	case *clientPort < -1 || *clientPort > 65535:
		return complain("port %d of -P is outside 0..65535", *clientPort)
	}
	c.ClientPort = max(*clientPort, 0)
	c.FromSource = *clientPort == 0
	return c, nil
}

func usage(w io.Writer, name string) {
	fmt.Fprintf(w, `usage: %[1]s -c FILE [-d] [-p PORT] [-P PORT] [--serve-anyway]
       %[1]s -t FILE
       %[1]s -v | -V | -h

  -c FILE         serve by this configuration (Kea's JSON)
  -t FILE, -T     check the configuration, print everything that is wrong, exit
  -d              log every packet, to stdout
  -p PORT         the server's own port, for tests
  -P PORT         the port of clients, for tests; 0: the port a query came from
  --serve-anyway  start although the configuration asks for a foreign database or
                  a hook that would change who gets what
  -v, -V          the version; the version and how it was built
`, name)
}
