package main

import (
	"errors"
	"flag"
	"fmt"
	"io"
	"net"
	"net/netip"
	"runtime/debug"
	"strconv"
	"strings"
	"time"

	"github.com/dhcp4o6/dhcp4o6/pkg/load"
)

const usage = `usage: dhcpload SCENARIO --server ADDRESS [flags]

Scenarios
  4o6   DHCPv4 in DHCPv6 messages (RFC 7341): DISCOVER, OFFER, REQUEST, ACK
  v4    DHCPv4 as a relay agent, or on the link: DISCOVER, OFFER, REQUEST, ACK
  v6    DHCPv6: SOLICIT, ADVERTISE, REQUEST, REPLY
  mix   what --mix says

Where to
  --server ADDR[:PORT]   server or multicast group, as 192.0.2.1, [2001:db8::1]:547, ff02::1:2;
                         255.255.255.255 for DHCPv4 clients on the link, without a relay
  --server4 ADDR[:PORT]  the DHCPv4 server of a mix of both families
  --iface NAME           the link, for a group, a link-local address or 255.255.255.255
  --local ADDR[:PORT]    what to send from and to be answered at; without it the address that
                         the host chooses, and the port of a client or relay (546, 547, 67, 68),
                         or any free one where the server's port is not the standard one
  --local4 ADDR[:PORT]   the same for --server4
  --sources FIRST-LAST   addresses of this host of which each client has one of its own to send
                         from (giaddr in v4)

How much
  --clients N            different clients; each begins again when there is a --count or
                         --duration to fill, else each has one conversation
  --count N              conversations in all
  --duration TIME        begin conversations for so long, as 10s, 2m; 10s when nothing is said
  --in-flight N          conversations at a time (16; with --rate 4096; in a storm all)
  --rate N               conversations begun in a second; otherwise as fast as answers come
  --delay TIME           each client waits a random time up to this before it begins

What is said
  --mix SHARE[,SHARE...] what clients come for, as lease=6,renew=3,v4/release=1: an act and its
                         weight; before it 4o6/, v4/ or v6/ where it is not the scenario. Acts:
                         lease renew rebind return release decline inform
  --prepare N            leases taken before the run, which are not in its figures
  --storm N              N clients take a lease, then all come back at once as after a power cut:
                         INIT-REBOOT over 4o6 and v4, Confirm in v6; those of --mix, if given
  --pause TIME           between --prepare or the leases of --storm and the run
  --renewals N           renew each lease so often
  --release              release each lease at the end
  --renew-address ADDR   begin with the renewal of an address from an earlier run
  --mac ADDR             hardware address of the first client (02:00:5e:10:00:00); others count on
  --first N              number of the first client, for runs beside each other (0)
  --no-client-id         leave option 61 out of DHCPv4 messages
  --seed N               of every random choice, to repeat a run; the report tells it

Waiting
  --patience fast        --timeout and --retries: a loop that nothing holds up (the default)
  --patience standard    as real clients: 4, 8, 16, 32, 64 s, a second more or less (RFC 2131);
                         IRT, MRT, MRC, MRD and RAND of each message (RFC 9915 section 15)
  --timeout TIME         fast: until a message is sent again, then doubled (1s)
  --retries N            how often a message is sent again (3; standard: as the RFCs say)
  --give-up TIME         standard: end of what the RFCs let go on for ever (2m)
  --time-scale N         standard: all waits and --delay times this, as 0.01 (1)

Relays that dhcpload plays
  --relays N             levels of relaying (0; v4: 1)
  --link-address ADDR    link-address of the relay nearest the client
  --interface-id TEXT    its Interface-Id; the circuit-id in v4
  --giaddr ADDR          giaddr in v4

What comes out
  -v                     what the first client says and hears, message by message
  --json                 the report as JSON; docs/load.md tells its names
  -q                     nothing but the exit code
  --cpu PID[,PID...]     CPU time of these processes for 1000 conversations, and their memory
  --max-loss PERCENT     conversations that may fail (0)
  --version              the version

Exit codes: 0 answered, 1 more lost or refused than --max-loss, or interrupted, 2 wrong usage.
`

// errDone says that the command line asked for nothing but what was printed.
var errDone = errors.New("done")

// A command is a command line, parsed.
type command struct {
	load.Scenario
	json    bool
	quiet   bool
	maxLoss float64
}

// print writes the report as it was asked for.
func (c *command) print(r *load.Report, w io.Writer) error {
	if c.json {
		return r.JSON(w)
	}
	return r.Text(w)
}

// texts are what is parsed once all flags are read.
type texts struct {
	server, local, server4, local4 string
	mix, patience                  string
	show, version                  bool
}

// define names the flags, whose values go to c and t.
func define(c *command, t *texts) *flag.FlagSet {
	f := flag.NewFlagSet("dhcpload", flag.ContinueOnError)
	f.SetOutput(io.Discard)
	f.StringVar(&t.server, "server", "", "")
	f.StringVar(&t.server4, "server4", "", "")
	f.StringVar(&c.Iface, "iface", "", "")
	f.StringVar(&t.local, "local", "", "")
	f.StringVar(&t.local4, "local4", "", "")
	f.Func("sources", "", func(s string) error { return parseRange(s, &c.Sources) })
	defineAmounts(c, f)
	f.StringVar(&t.mix, "mix", "", "")
	f.IntVar(&c.Renewals, "renewals", 0, "")
	f.BoolVar(&c.Release, "release", false, "")
	f.TextVar(&c.Renew, "renew-address", netip.Addr{}, "")
	f.Func("mac", "", func(s string) error { return parseMAC(s, &c.HWAddr) })
	f.BoolVar(&c.NoClient, "no-client-id", false, "")
	f.StringVar(&t.patience, "patience", "fast", "")
	f.DurationVar(&c.Timeout, "timeout", 0, "")
	f.IntVar(&c.Retries, "retries", 3, "")
	f.DurationVar(&c.GiveUp, "give-up", 0, "")
	f.Float64Var(&c.TimeScale, "time-scale", 0, "")
	f.IntVar(&c.Relays, "relays", 0, "")
	f.TextVar(&c.Link, "link-address", netip.Addr{}, "")
	f.StringVar(&c.InterfaceID, "interface-id", "", "")
	f.TextVar(&c.GIAddr, "giaddr", netip.Addr{}, "")
	f.BoolVar(&t.show, "v", false, "")
	f.BoolVar(&c.json, "json", false, "")
	f.BoolVar(&c.quiet, "q", false, "")
	f.Func("cpu", "", func(s string) error { return parsePIDs(s, &c.PIDs) })
	f.Func("max-loss", "", func(s string) error { return parsePercent(s, &c.maxLoss) })
	f.BoolVar(&t.version, "version", false, "")
	return f
}

func defineAmounts(c *command, f *flag.FlagSet) {
	f.IntVar(&c.Clients, "clients", 0, "")
	f.IntVar(&c.Count, "count", 0, "")
	f.DurationVar(&c.Duration, "duration", 0, "")
	f.IntVar(&c.InFlight, "in-flight", 0, "")
	f.Float64Var(&c.Rate, "rate", 0, "")
	f.DurationVar(&c.Delay, "delay", 0, "")
	f.IntVar(&c.Prepare, "prepare", 0, "")
	f.IntVar(&c.Storm, "storm", 0, "")
	f.DurationVar(&c.Pause, "pause", 0, "")
	f.IntVar(&c.First, "first", 0, "")
	f.Uint64Var(&c.Seed, "seed", 0, "")
}

// parse reads the command line.
func parse(args []string, out io.Writer) (command, error) {
	var c command
	var t texts
	f := define(&c, &t)
	scenario, rest := "", args
	if len(args) > 0 && !strings.HasPrefix(args[0], "-") {
		scenario, rest = args[0], args[1:]
	}
	err := f.Parse(rest)
	switch {
	case errors.Is(err, flag.ErrHelp):
		_, err = io.WriteString(out, usage)
		return c, errors.Join(errDone, err)
	case err != nil:
		return c, fmt.Errorf("dhcpload: %w", err)
	case t.version:
		fmt.Fprintln(out, buildVersion())
		return c, errDone
	case scenario == "":
		return c, errors.New("dhcpload: name a scenario first: 4o6, v4, v6 or mix")
	case f.NArg() > 0:
		return c, fmt.Errorf("dhcpload: %q: what is this?", f.Arg(0))
	case t.server == "":
		return c, errors.New("dhcpload: --server is missing")
	}
	if err := t.complete(scenario, &c); err != nil {
		return c, err
	}
	given := map[string]bool{}
	f.Visit(func(f *flag.Flag) { given[f.Name] = true })
	if err := c.waits(given); err != nil {
		return c, err
	}
	if c.Count == 0 && c.Clients == 0 && c.Duration == 0 && c.Storm == 0 {
		c.Duration = 10 * time.Second
	}
	if t.show {
		c.Conversation = out
	}
	return c, c.Check()
}

// complete puts into c what takes more than one flag to understand.
func (t *texts) complete(scenario string, c *command) (err error) {
	for _, a := range []struct {
		flag, text string
		to         *netip.AddrPort
	}{{"server", t.server, &c.Server}, {"local", t.local, &c.Local}, {"server4", t.server4, &c.Server4}, {"local4", t.local4, &c.Local4}} {
		if a.text == "" {
			continue
		}
		if *a.to, err = parseAddrPort(a.text); err != nil {
			return fmt.Errorf("dhcpload: --%s %s: %w", a.flag, a.text, err)
		}
	}
	switch {
	case scenario != "mix":
		if c.Kind, err = load.ParseKind(scenario); err != nil {
			return err
		}
	case t.mix == "":
		return errors.New("dhcpload: scenario mix: --mix is missing")
	case c.Server.Addr().Is4():
		c.Kind = load.V4
	}
	if t.mix != "" {
		if c.Mix, err = load.ParseMix(t.mix, c.Kind); err != nil {
			return fmt.Errorf("dhcpload: --mix %s: %w", t.mix, err)
		}
	}
	switch t.patience {
	case "fast":
	case "standard":
		c.Patience = load.Standard
	default:
		return fmt.Errorf("dhcpload: --patience %s: there are fast and standard", t.patience)
	}
	return nil
}

// waits refuses flags that have no effect together, and tells a number that was
// given from a default.
func (c *command) waits(given map[string]bool) error {
	for _, name := range []string{"give-up", "time-scale"} {
		if given[name] && c.Patience == load.Fast {
			return fmt.Errorf("dhcpload: --%s goes with --patience standard", name)
		}
	}
	switch {
	case given["time-scale"] && c.TimeScale == 0:
		return errors.New("dhcpload: --time-scale 0: from 0.001 to 1000")
	case given["timeout"] && c.Patience == load.Standard:
		return errors.New("dhcpload: --timeout goes with --patience fast")
	case !given["retries"]:
		c.Retries = 0
	case c.Retries == 0:
		c.Retries = -1 // none; zero would be the default
	}
	return nil
}

// buildVersion is what Go has noted of the version when it built the program.
func buildVersion() string {
	if i, ok := debug.ReadBuildInfo(); ok {
		return i.Main.Version
	}
	return "unknown"
}

// parseAddrPort reads an address with or without a port.
func parseAddrPort(s string) (netip.AddrPort, error) {
	if p, err := netip.ParseAddrPort(s); err == nil {
		return p, nil
	}
	a, err := netip.ParseAddr(strings.TrimSuffix(strings.TrimPrefix(s, "["), "]"))
	if err != nil {
		return netip.AddrPort{}, errors.New("not an address, nor one with a port as [2001:db8::1]:547 or 192.0.2.1:67")
	}
	return netip.AddrPortFrom(a, 0), nil
}

// parseRange reads the first and the last of a range of addresses.
func parseRange(s string, to *[2]netip.Addr) error {
	first, last, ok := strings.Cut(s, "-")
	if !ok {
		last = first
	}
	for i, text := range []string{first, last} {
		a, err := netip.ParseAddr(strings.TrimSpace(text))
		if err != nil || a.Zone() != "" {
			return errors.New("not a range of addresses as 2001:db8::1-2001:db8::ff")
		}
		to[i] = a
	}
	return nil
}

func parseMAC(s string, to *[6]byte) error {
	a, err := net.ParseMAC(s)
	if err != nil || copy(to[:], a) != 6 || len(a) != 6 {
		return errors.New("not six octets as 02:00:5e:10:00:00")
	}
	return nil
}

func parsePIDs(s string, to *[]int) error {
	for p := range strings.FieldsFuncSeq(s, func(r rune) bool { return r == ',' || r == ' ' }) {
		n, err := strconv.Atoi(p)
		if err != nil || n < 1 {
			return fmt.Errorf("%q is no process id", p)
		}
		*to = append(*to, n)
	}
	return nil
}

func parsePercent(s string, to *float64) error {
	n, err := strconv.ParseFloat(strings.TrimSuffix(s, "%"), 64)
	if err != nil || n < 0 || n > 100 {
		return errors.New("not a percentage")
	}
	*to = n / 100
	return nil
}
