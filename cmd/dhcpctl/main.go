// Dhcpctl sends one command to a running daemon and shows its answer.
//
//	dhcpctl -4 status-get
//	dhcpctl -4 lease4-get ip-address=192.0.2.10
//	dhcpctl -s /run/dhcp4o6/dhcp6d.sock dhcp-disable max-period=60
//	dhcpctl -u http://127.0.0.1:8000/ --user admin --password-file secret config-get --json
//	dhcpctl -c dhcp4.json config-set @new.json
//
// The exit code is the result code of the answer: 0 done, 1 failed, 2 no such
// command, 3 nothing found, 4 conflict, 5 done in part; 64 is a wrong command
// line, 69 a daemon that does not answer. docs/control.md tells the rest.
package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"syscall"
)

// The exit codes that are no result codes, as sysexits.h has them.
const (
	exitUsage       = 64
	exitUnavailable = 69
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	os.Exit(run(ctx, os.Args[1:], os.Stdin, os.Stdout, os.Stderr))
}

// run is the whole program.
func run(ctx context.Context, args []string, in io.Reader, out, errs io.Writer) int {
	o, err := parse(args, in, out)
	switch {
	case errors.Is(err, errDone):
		return 0
	case err != nil:
		fmt.Fprintf(errs, "dhcpctl: %v\nTry 'dhcpctl -h'.\n", err)
		return exitUsage
	}
	ctx, cancel := context.WithTimeout(ctx, o.timeout)
	defer cancel()
	a, err := o.call(ctx)
	if err != nil {
		fmt.Fprintf(errs, "dhcpctl: %v\n", err)
		return exitUnavailable
	}
	return show(a, o.json, out, errs)
}
