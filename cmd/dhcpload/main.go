// Dhcpload measures DHCP servers and shows what they say: IPv4 leases over
// IPv6 (4o6), IPv4 leases as a relay (v4), IPv6 addresses (v6).
//
// One client, every message shown; then the renewal of what it got:
//
//	dhcpload 4o6 --server [::1]:1547 --clients 1 --mac 02:00:5e:10:00:01 -v
//	dhcpload 4o6 --server [::1]:1547 --clients 1 --mac 02:00:5e:10:00:01 -v --renew-address 192.0.2.10
//
// As fast as it goes with 16 conversations in flight, and what that costs the
// servers:
//
//	dhcpload 4o6 --server ff02::1:2 --iface eth0 --duration 30s --cpu $(pidof dhcp4d),$(pidof dhcp6d)
//
// A thousand new clients a second behind two relays, each renewing twice:
//
//	dhcpload 4o6 --server 2001:db8::1 --relays 2 --rate 1000 --duration 1m --renewals 2
//
// Five thousand clients after a power cut, who wait as real ones do:
//
//	dhcpload 4o6 --server 2001:db8::1 --relays 1 --storm 5000 --patience standard --delay 1s
//
// docs/load.md tells the rest.
package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"syscall"

	"github.com/dhcp4o6/dhcp4o6/pkg/load"
)

// The exit codes.
const (
	exitFine   = 0
	exitLosses = 1 // more conversations failed than --max-loss allows, or the run itself did
	exitUsage  = 2
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	os.Exit(run(ctx, os.Args[1:], os.Stdout, os.Stderr, terminal(os.Stderr)))
}

// terminal reports whether somebody reads f as it is written.
func terminal(f *os.File) bool {
	i, err := f.Stat()
	return err == nil && i.Mode()&os.ModeCharDevice != 0
}

// run is the whole program; live says that progress can be shown on errs.
func run(ctx context.Context, args []string, out, errs io.Writer, live bool) int {
	c, err := parse(args, out)
	switch {
	case errors.Is(err, errDone):
		return exitFine
	case err != nil:
		fmt.Fprintln(errs, err)
		fmt.Fprintln(errs, "dhcpload --help tells what there is.")
		return exitUsage
	}
	if live && !c.quiet && c.Conversation == nil {
		c.Progress = progressOn(errs)
	}
	report, err := load.Run(ctx, c.Scenario)
	if err != nil && !errors.Is(err, ctx.Err()) {
		fmt.Fprintln(errs, err)
		return exitLosses
	}
	if !c.quiet && !c.tell(&report, out, errs) {
		return exitLosses
	}
	if err != nil || report.Begun == 0 || report.LossRate() > c.maxLoss {
		return exitLosses
	}
	return exitFine
}

// tell prints the report, and advice where there is some.
func (c *command) tell(r *load.Report, out, errs io.Writer) bool {
	if err := c.print(r, out); err != nil {
		fmt.Fprintf(errs, "dhcpload: write the report: %v\n", err)
		return false
	}
	if !r.Silent() {
		return true
	}
	fmt.Fprintf(errs, "dhcpload: nobody answered: is there a server at %s, with a subnet for these clients?\n", r.Server)
	if c.Kind == load.V6 && c.Relays == 0 && !c.Server.Addr().IsMulticast() {
		fmt.Fprintln(errs, "DHCPv6 servers do not accept unicast from clients (RFC 9915 section 16): try ff02::1:2, or --relays 1.")
	}
	return true
}

// progressOn returns what rewrites one line on a terminal.
func progressOn(w io.Writer) func(load.Progress) {
	return func(p load.Progress) {
		end := ""
		if p.Done {
			end = "\n"
		}
		fmt.Fprintf(w, "\r%v\x1b[K%s", p, end)
	}
}
