package clientd

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"syscall"

	"github.com/dhcp4o6/dhcp4o6/pkg/config"
	"github.com/dhcp4o6/dhcp4o6/pkg/netif"
)

// A kind is one of the two programs.
type kind struct {
	name   string
	family config.Family

	// open makes the seats of one interface: one, and with DHCPv4 over DHCPv6
	// inside one process two.
	open func(*host, *config.ClientLink, *netif.Interface) ([]*seat, error)
}

// Main4 is the program dhcp4c: it runs the command line and returns the exit code.
func Main4(args []string) int {
	k := kind{name: "dhcp4c", family: 4, open: (*host).open4}
	return k.main(args, os.Stdout, os.Stderr)
}

// Main6 is the program dhcp6c.
func Main6(args []string) int {
	k := kind{name: "dhcp6c", family: 6, open: (*host).open6}
	return k.main(args, os.Stdout, os.Stderr)
}

func (k *kind) main(args []string, out, errs io.Writer) int {
	c, err := k.parseFlags(args, out, errs)
	switch {
	case err != nil:
		return exitUsage
	case c.do == done:
		return exitOK
	case c.do == check:
		return k.check(c.configFile, out, errs)
	}
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM, syscall.SIGINT)
	defer stop()
	context.AfterFunc(ctx, stop) // a second signal ends the program at once
	switch c.do {
	case status:
		err = k.status(ctx, &c, out)
	case renew:
		err = k.renew(ctx, &c)
	case release:
		err = k.release(ctx, &c, out, errs)
	default:
		err = k.serve(ctx, &c, out, errs)
	}
	if err != nil {
		k.complain(errs, err)
	}
	return exitCode(err)
}

// A configError is a configuration that cannot be used.
type configError struct{ problems []config.Problem }

func (e *configError) Error() string { return "the configuration has errors" }

// complain prints an error. The problems of a configuration begin with its name,
// so that editors find the place.
func (k *kind) complain(errs io.Writer, err error) {
	var bad *configError
	if errors.As(err, &bad) {
		tell(errs, bad.problems)
	}
	complain(errs, k.name, err)
}

func tell(w io.Writer, problems []config.Problem) {
	for i := range problems {
		fmt.Fprintln(w, problems[i].String())
	}
}

// check prints everything that is wrong with a configuration.
func (k *kind) check(file string, out, errs io.Writer) int {
	cfg, problems := config.LoadClient(file, k.family, config.Options{Links: linkNames()})
	tell(errs, problems)
	if cfg == nil {
		return exitUsage
	}
	fmt.Fprintf(out, "%s: %s is correct\n", k.name, file)
	return exitOK
}

// load reads the configuration, if there is a file. Warnings go to errs.
func (k *kind) load(file string, errs io.Writer) (*config.Client, error) {
	cfg, problems := config.LoadClient(file, k.family, config.Options{})
	if cfg == nil {
		return nil, &failure{exitUsage, &configError{problems}}
	}
	tell(errs, problems)
	return cfg, nil
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
