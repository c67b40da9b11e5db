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
  v4    DHCPv4 as a relay agent: DISCOVER, OFFER, REQUEST, ACK
  v6    DHCPv6: SOLICIT, ADVERTISE, REQUEST, REPLY

Where to
  --server ADDR[:PORT]   server or multicast group, as 192.0.2.1, [2001:db8::1]:547, ff02::1:2
  --iface NAME           the link, for a group or a link-local address
  --local ADDR[:PORT]    what to send from and to be answered at; without it the address that
                         the host chooses, and the port of a client or relay (546, 547, 67), or
                         any free one where the server's port is not the standard one

How much
  --clients N            different clients; each begins again when there is a --count or
                         --duration to fill, else each has one conversation
  --count N              conversations in all
  --duration TIME        begin conversations for so long, as 10s, 2m; 10s when nothing is said
  --in-flight N          conversations at a time (16; with --rate 4096)
  --rate N               conversations begun in a second; otherwise as fast as answers come

What is said
  --renewals N           renew each lease so often
  --release              release each lease at the end
  --renew-address ADDR   begin with the renewal of an address from an earlier run
  --mac ADDR             hardware address of the first client (02:00:5e:10:00:00); others count on
  --no-client-id         leave option 61 out of DHCPv4 messages
  --timeout TIME         until a message is sent again, then doubled (1s)
  --retries N            how often a message is sent again (3)

Relays that dhcpload plays
  --relays N             levels of relaying, 4o6 and v6
  --link-address ADDR    link-address of the relay nearest the client
  --interface-id TEXT    its Interface-Id; the circuit-id in v4
  --giaddr ADDR          giaddr in v4

What comes out
  -v                     what the first client says and hears, message by message
  --json                 the report as JSON
  -q                     nothing but the exit code
  --cpu PID[,PID...]     CPU time of these processes for 1000 conversations
  --max-loss PERCENT     conversations that may fail (0)
  --version              the version

Exit codes: 0 answered, 1 more lost or refused than --max-loss, 2 wrong usage.
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
	server, local string
	show, version bool
}

// define names the flags, whose values go to c and t.
func define(c *command, t *texts) *flag.FlagSet {
	f := flag.NewFlagSet("dhcpload", flag.ContinueOnError)
	f.SetOutput(io.Discard)
	f.StringVar(&t.server, "server", "", "")
	f.StringVar(&t.local, "local", "", "")
	f.StringVar(&c.Iface, "iface", "", "")
	f.IntVar(&c.Clients, "clients", 0, "")
	f.IntVar(&c.Count, "count", 0, "")
	f.DurationVar(&c.Duration, "duration", 0, "")
	f.IntVar(&c.InFlight, "in-flight", 0, "")
	f.Float64Var(&c.Rate, "rate", 0, "")
	f.IntVar(&c.Renewals, "renewals", 0, "")
	f.BoolVar(&c.Release, "release", false, "")
	f.TextVar(&c.Renew, "renew-address", netip.Addr{}, "")
	f.Func("mac", "", func(s string) error { return parseMAC(s, &c.HWAddr) })
	f.BoolVar(&c.NoClient, "no-client-id", false, "")
	f.DurationVar(&c.Timeout, "timeout", 0, "")
	f.IntVar(&c.Retries, "retries", 3, "")
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
		return c, errors.New("dhcpload: name a scenario first: 4o6, v4 or v6")
	case f.NArg() > 0:
		return c, fmt.Errorf("dhcpload: %q: what is this?", f.Arg(0))
	case t.server == "":
		return c, errors.New("dhcpload: --server is missing")
	}
	if c.Kind, err = load.ParseKind(scenario); err != nil {
		return c, err
	}
	if c.Server, err = parseAddrPort(t.server); err != nil {
		return c, fmt.Errorf("dhcpload: --server %s: %w", t.server, err)
	}
	if t.local != "" {
		if c.Local, err = parseAddrPort(t.local); err != nil {
			return c, fmt.Errorf("dhcpload: --local %s: %w", t.local, err)
		}
	}
	if c.Count == 0 && c.Clients == 0 && c.Duration == 0 {
		c.Duration = 10 * time.Second
	}
	if c.Retries == 0 {
		c.Retries = -1 // none; zero would be the default
	}
	if t.show {
		c.Conversation = out
	}
	return c, c.Check()
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
