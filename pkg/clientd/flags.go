package clientd

import (
	"errors"
	"flag"
	"fmt"
	"io"
	"net/netip"
	"slices"
	"time"

	"github.com/dhcp4o6/dhcp4o6/internal/program"
	"github.com/dhcp4o6/dhcp4o6/pkg/config"
)

// action is what the command line asks for.
type action int

const (
	serve   action = iota
	status         // --status: print how the clients stand
	renew          // --renew: have a running client renew
	release        // --release: give leases back
	check          // -t: check a configuration
	done           // nothing more to do: --version, -h
)

// A command is a command line, parsed.
type command struct {
	do         action
	interfaces []string
	configFile string

	server    netip.AddrPort
	over6     bool
	over6Port int
	script    string

	leaseFile, stateDir, runDir string

	once, inform, dryRun bool
	timeout              time.Duration // of --once
	json, verbose        bool
}

var errUsage = errors.New("usage")

// names is a flag that may stand several times.
type names []string

func (n *names) String() string { return "" }

func (n *names) Set(s string) error {
	if s == "" {
		return errors.New("the name is empty")
	}
	if !slices.Contains(*n, s) {
		*n = append(*n, s)
	}
	return nil
}

// where things are kept, unless flags say otherwise
const (
	defaultState = "/var/lib/dhcp4o6"
	defaultRun   = "/run/dhcp4o6"
)

// parseFlags reads a command line. What it prints goes to out, complaints to errs.
func (k *kind) parseFlags(args []string, out, errs io.Writer) (command, error) {
	var (
		c      command
		server string
		test   string
		verbs  struct{ status, renew, release, version bool }
	)
	f := flag.NewFlagSet(k.name, flag.ContinueOnError)
	f.SetOutput(errs)
	f.Usage = func() {} // a slip of the pen is not answered by a page
	f.Var((*names)(&c.interfaces), "i", "")
	f.Var((*names)(&c.interfaces), "interface", "")
	f.StringVar(&c.configFile, "c", "", "")
	f.StringVar(&test, "t", "", "")
	f.StringVar(&server, "server", "", "")
	f.BoolVar(&c.over6, "4o6", false, "")
	f.IntVar(&c.over6Port, "4o6-port", 0, "")
	f.StringVar(&c.script, "script", "", "")
	f.StringVar(&c.leaseFile, "lease-file", "", "")
	f.StringVar(&c.stateDir, "state-dir", defaultState, "")
	f.StringVar(&c.runDir, "run-dir", defaultRun, "")
	f.BoolVar(&c.once, "once", false, "")
	f.DurationVar(&c.timeout, "timeout", time.Minute, "")
	f.BoolVar(&c.inform, "inform", false, "")
	f.BoolVar(&c.dryRun, "dry-run", false, "")
	f.BoolVar(&verbs.status, "status", false, "")
	f.BoolVar(&verbs.renew, "renew", false, "")
	f.BoolVar(&verbs.release, "release", false, "")
	f.BoolVar(&c.json, "json", false, "")
	f.BoolVar(&c.verbose, "v", false, "")
	f.BoolVar(&verbs.version, "version", false, "")
	if err := f.Parse(args); err != nil {
		if errors.Is(err, flag.ErrHelp) {
			k.usage(out)
			c.do = done
			return c, nil
		}
		fmt.Fprintf(errs, "Try '%s -h'.\n", k.name)
		return c, errUsage
	}
	for _, name := range f.Args() { // as dhclient takes them
		_ = (*names)(&c.interfaces).Set(name)
	}
	if verbs.version {
		program.PrintVersion(out, k.name, c.verbose)
		c.do = done
		return c, nil
	}
	err := c.settle(k, server, test, map[action]bool{status: verbs.status, renew: verbs.renew, release: verbs.release, check: test != ""})
	if err != nil {
		fmt.Fprintf(errs, "%s: %v\nTry '%s -h'.\n", k.name, err, k.name)
		return c, errUsage
	}
	return c, nil
}

// settle finds out what is to be done, and what contradicts itself.
func (c *command) settle(k *kind, server, test string, asked map[action]bool) error {
	n := 0
	for do, is := range asked {
		if is {
			c.do, n = do, n+1
		}
	}
	var err error
	if server != "" {
		if c.server, err = config.ParseServer(server); err != nil {
			return fmt.Errorf("--server: %w", err)
		}
	}
	switch {
	case n > 1:
		return errors.New("--status, --renew, --release and -t exclude one another")
	case c.do != serve && (c.once || c.inform):
		return errors.New("--once and --inform go with none of --status, --renew, --release and -t")
	case c.json && c.do != status && !c.dryRun:
		return errors.New("--json goes with --status and --dry-run")
	case server != "" && c.server.Addr().Is4() != (k.family == 4):
		return fmt.Errorf("--server: %s wants an IPv%d address", k.name, k.family)
	case c.over6Port < 0 || c.over6Port > 65534:
		return fmt.Errorf("--4o6-port: %d is outside 1..65534", c.over6Port)
	case c.timeout <= 0:
		return errors.New("--timeout: the time has to be positive")
	case c.leaseFile != "" && len(c.interfaces) > 1:
		return errors.New("--lease-file is for one interface; several have files in --state-dir")
	}
	if test != "" {
		c.configFile = test
	}
	return nil
}

func (k *kind) usage(w io.Writer) {
	over6 := "messages go to dhcp6c, and by it to a DHCP 4o6 server"
	if k.family == 6 {
		over6 = "DHCPv4 over DHCPv6 (RFC 7341) as well, in this process"
	}
	fmt.Fprintf(w, `usage: %[1]s [-i INTERFACE]... [-c FILE] [--once | --dry-run] [-v]
       %[1]s --status [--json] | --renew | --release  [-i INTERFACE]...
       %[1]s -t FILE | --version | -h

  -i, --interface NAME  the interface; may stand several times
  -c FILE               configuration, JSON as Kea writes it
  -t FILE               check a configuration, print everything that is wrong
  --once                end when every interface has a lease, and keep it
  --timeout TIME        how long --once waits (1m0s)
  --inform              ask for configuration alone
  --dry-run [--json]    change nothing on this host, print what would be
  --release             give the lease back, with or without a running client
  --renew               have a running client renew now
  --status [--json]     how the running clients stand
  --script PROGRAM      applies leases in place of the client, as dhclient-script
  --server ADDR[:PORT]  send everything there, for tests and loopback
  --4o6                 %[2]s
  --4o6-port PORT       of the pair of clients on ::1, and the port after it
  --lease-file FILE     the lease; %[3]s/%[1]s.INTERFACE.json
  --state-dir DIR       leases and DUID; %[3]s
  --run-dir DIR         control sockets; %[4]s
  -v                    log every message
  --version             the version; with -v how it was built
`, k.name, over6, defaultState, defaultRun)
}
