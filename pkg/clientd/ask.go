package clientd

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"time"

	"github.com/dhcp4o6/dhcp4o6/pkg/control"
)

// patience is how long a running client may take to answer.
const patience = 30 * time.Second

// call has the client of an interface carry a command out. gone: there is none.
func (k *kind) call(ctx context.Context, c *command, iface, what string) (a *control.Answer, gone bool, err error) {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	text, err := control.Call(ctx, socketName(c.runDir, k.name, iface), []byte(fmt.Sprintf(`{"command": %q}`, what)))
	if errors.Is(err, fs.ErrNotExist) || errors.Is(err, syscall.ECONNREFUSED) {
		return nil, true, nil
	}
	if err == nil {
		a, err = control.ParseAnswer(text)
	}
	if err == nil && a.Result != control.Success {
		err = errors.New(a.Text)
	}
	return a, false, say(iface, err)
}

// running are the interfaces that are asked for, else those with a control socket.
func (k *kind) running(c *command) []string {
	if len(c.interfaces) > 0 {
		return c.interfaces
	}
	return named(c.runDir, k.name+".", ".sock")
}

// named returns what the files of a folder are about, by their names.
func named(dir, before, after string) (out []string) {
	files, _ := filepath.Glob(filepath.Join(dir, before+"*"+after)) // the pattern is ours
	for _, f := range files {
		out = append(out, strings.TrimSuffix(strings.TrimPrefix(filepath.Base(f), before), after))
	}
	return out
}

// none says that there is nobody to ask.
func (k *kind) none(iface string) error {
	if iface == "" {
		return fail(exitNotRunning, "no client is running")
	}
	return fail(exitNotRunning, "%s: no %s is running on this interface", iface, k.name)
}

// status prints how the running clients stand.
func (k *kind) status(ctx context.Context, c *command, out io.Writer) error {
	var all []json.RawMessage
	for _, iface := range k.running(c) {
		a, gone, err := k.call(ctx, c, iface, "status-get")
		switch {
		case err != nil:
			return err
		case gone && len(c.interfaces) > 0:
			return k.none(iface)
		case !gone:
			all = append(all, a.Arguments)
		}
	}
	if c.json {
		return printJSON(out, all)
	}
	if len(all) == 0 {
		return k.none("")
	}
	for i, one := range all {
		if i > 0 {
			fmt.Fprintln(out)
		}
		if err := printStatus(out, one); err != nil {
			return err
		}
	}
	return nil
}

// renew has the running clients renew.
func (k *kind) renew(ctx context.Context, c *command) error {
	asked := 0
	for _, iface := range k.running(c) {
		_, gone, err := k.call(ctx, c, iface, "renew")
		switch {
		case err != nil:
			return err
		case gone && len(c.interfaces) > 0:
			return k.none(iface)
		case !gone:
			asked++
		}
	}
	if asked == 0 {
		return k.none("")
	}
	return nil
}

// errNothing says that there is no lease to be given back.
var errNothing = errors.New("there is no lease to release")

// release has the running clients give their leases back and end; where none runs,
// the lease of the file is given back.
func (k *kind) release(ctx context.Context, c *command, out, errs io.Writer) error {
	ifaces := c.interfaces
	if len(ifaces) == 0 {
		ifaces = append(named(c.runDir, k.name+".", ".sock"), named(c.stateDir, k.name+".", ".json")...)
		slices.Sort(ifaces)
		ifaces = slices.Compact(ifaces)
	}
	var faults []error
	for _, iface := range ifaces {
		_, gone, err := k.call(ctx, c, iface, "release")
		if gone {
			err = k.releaseKept(ctx, c, iface, out, errs)
		}
		if errors.Is(err, errNothing) {
			fmt.Fprintf(out, "%s: %s: %v\n", k.name, iface, errNothing)
			err = nil
		}
		faults = append(faults, err)
	}
	if len(ifaces) == 0 {
		fmt.Fprintf(out, "%s: %v\n", k.name, errNothing)
	}
	return errors.Join(faults...)
}

// releaseKept gives back the lease that a client which no longer runs has kept.
func (k *kind) releaseKept(ctx context.Context, c *command, iface string, out, errs io.Writer) error {
	one := *c
	one.interfaces = []string{iface}
	h, err := k.newHost(&one, out, errs)
	if err != nil {
		return err
	}
	g := &company{host: h}
	links, err := h.wanted()
	if err == nil {
		err = g.openAll(links)
	}
	for _, s := range g.seats {
		s.live(ctx)
		err = errors.Join(err, s.err)
	}
	return h.closed(err)
}
