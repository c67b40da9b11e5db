package leasecmd

import (
	"context"
	"encoding/json"
	"errors"
	"net/netip"
	"strings"
	"time"

	"github.com/dhcp4o6/dhcp4o6/pkg/config"
	"github.com/dhcp4o6/dhcp4o6/pkg/control"
	"github.com/dhcp4o6/dhcp4o6/pkg/lease"
	"github.com/dhcp4o6/dhcp4o6/pkg/topology"
)

// Options are what the commands work on.
type Options struct {
	Family   topology.Family
	Leases   *lease.Table
	Topology func() *topology.Topology // the one in force

	// Config returns the configuration in force, of which subnet4-get and its kin
	// show parts. nil: these are not registered.
	Config func() *config.Config

	// Change has the daemon go over to another configuration: edit is called with the
	// one in force, when no other change is under way. nil: the configuration cannot
	// be changed by these commands.
	Change func(ctx context.Context, edit func(now *config.Config) Change) control.Result

	// TellDNS has the DNS hold the name of a lease, or no longer hold it, when the
	// change seq is durable. It reports whether updates are made at all, which is all that
	// it does for nil. nil: there are none.
	TellDNS func(l *lease.Lease, remove bool, seq lease.Seq) bool

	// File is the name of the lease file, in whose folder lease4-write writes;
	// "": leases are not kept in one.
	File string

	// Local returns the address that a dhcp4d answers broadcasts on a link from, the
	// zero Addr for none. nil: none is known.
	Local func(iface string) netip.Addr

	// MaxAnswer is how many octets of leases one answer may hold; 0: 24 MiB.
	MaxAnswer int

	Now func() time.Time // nil: time.Now
}

// Commands are the commands of one daemon. It is safe for concurrent use.
type Commands struct {
	o    Options
	kind lease.Kind // of what a command means that does not say
	walk chan struct{}
}

// New returns the commands; Register makes them known.
func New(o Options) *Commands {
	if o.MaxAnswer == 0 {
		o.MaxAnswer = 24 << 20
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	c := &Commands{o: o, kind: lease.V4, walk: make(chan struct{}, 1)}
	if o.Family == topology.V6 {
		c.kind = lease.NA
	}
	return c
}

// table names the commands; # stands for 4 or 6.
var table = [...]struct {
	name string
	only topology.Family // 0: both
	do   func(*Commands, context.Context, json.RawMessage) (control.Result, error)
}{
	{"lease#-get", 0, (*Commands).get},
	{"lease#-get-all", 0, (*Commands).getAll},
	{"lease#-get-page", 0, (*Commands).getPage},
	{"lease#-get-by-hw-address", topology.V4, (*Commands).byHWAddress},
	{"lease#-get-by-client-id", topology.V4, (*Commands).byClientID},
	{"lease#-get-by-duid", topology.V6, (*Commands).byDUID},
	{"lease#-get-by-hostname", 0, (*Commands).byHostname},
	{"lease#-get-by-state", 0, (*Commands).byState},
	{"lease#-add", 0, (*Commands).add},
	{"lease#-update", 0, (*Commands).update},
	{"lease#-del", 0, (*Commands).del},
	{"lease#-resend-ddns", 0, (*Commands).resend},
	{"lease#-wipe", 0, (*Commands).wipe},
	{"lease#-write", 0, (*Commands).write},
	{"leases-reclaim", 0, (*Commands).reclaim},
	{"kea-lfc-start", 0, (*Commands).clean},
	{"stat-lease#-get", 0, (*Commands).stat},
	{"subnet#-list", 0, (*Commands).subnetList},
	{"subnet#-select-test", 0, (*Commands).selectTest},
	{"subnet4o6-select-test", topology.V4, (*Commands).selectTest4o6},
}

// described are the commands that need Options.Config.
var described = [...]struct {
	name string
	do   func(*Commands, context.Context, json.RawMessage) (control.Result, error)
}{
	{"subnet#-get", (*Commands).subnetGet},
	{"network#-list", (*Commands).networkList},
	{"network#-get", (*Commands).networkGet},
	{"reservation-get", (*Commands).hostGet},
	{"reservation-get-all", (*Commands).hostGetAll},
	{"reservation-get-page", (*Commands).hostGetPage},
	{"reservation-get-by-address", (*Commands).hostsByAddress},
	{"reservation-get-by-hostname", (*Commands).hostsByHostname},
	{"reservation-get-by-id", (*Commands).hostsByID},
	{"class-get", (*Commands).classGet},
	{"class-list", (*Commands).classList},
}

// changing are the commands that change the configuration: they need Options.Change
// too.
var changing = [...]struct {
	name string
	do   func(*Commands, context.Context, json.RawMessage) (control.Result, error)
}{
	{"reservation-add", (*Commands).hostAdd},
	{"reservation-update", (*Commands).hostUpdate},
	{"reservation-del", (*Commands).hostDel},
	{"subnet#-add", (*Commands).subnetAdd},
	{"subnet#-update", (*Commands).subnetUpdate},
	{"subnet#-del", (*Commands).subnetDel},
	{"subnet#-delta-add", (*Commands).subnetDeltaAdd},
	{"subnet#-delta-del", (*Commands).subnetDeltaDel},
	{"network#-add", (*Commands).networkAdd},
	{"network#-del", (*Commands).networkDel},
	{"network#-subnet-add", (*Commands).networkSubnetAdd},
	{"network#-subnet-del", (*Commands).networkSubnetDel},
	{"class-add", (*Commands).classAdd},
	{"class-update", (*Commands).classUpdate},
	{"class-del", (*Commands).classDel},
}

// Register makes the commands known.
func (c *Commands) Register(r *control.Registry) {
	for _, e := range table {
		if e.only == 0 || e.only == c.o.Family {
			c.handle(r, e.name, e.do)
		}
	}
	if c.o.Config == nil {
		return
	}
	for _, e := range described {
		c.handle(r, e.name, e.do)
	}
	if c.o.Change == nil {
		return
	}
	for _, e := range changing {
		c.handle(r, e.name, e.do)
	}
}

func (c *Commands) handle(r *control.Registry, name string, do func(*Commands, context.Context, json.RawMessage) (control.Result, error)) {
	r.Handle(strings.Replace(name, "#", c.digit(), 1), func(ctx context.Context, args json.RawMessage) control.Result {
		res, err := do(c, ctx, args)
		switch {
		case errors.As(err, new(*partError)):
			return control.Result{Code: control.Partial, Text: err.Error()}
		case err != nil:
			return control.Result{Code: control.Error, Text: err.Error()}
		}
		return res
	})
}

// digit is 4 or 6.
func (c *Commands) digit() string { return string('0' + rune(c.o.Family)) }

// protocol is IPv4 or IPv6.
func (c *Commands) protocol() string { return "IPv" + c.digit() }

// alone waits until no other command walks through the table; done ends it.
func (c *Commands) alone(ctx context.Context) (done func(), err error) {
	select {
	case c.walk <- struct{}{}:
		return func() { <-c.walk }, nil
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

// A partError says that a command failed after it had changed something.
type partError struct {
	done string
	err  error
}

func (e *partError) Error() string { return e.done + ": " + e.err.Error() }
func (e *partError) Unwrap() error { return e.err }

// commit waits until a change is durable.
func (c *Commands) commit(seq lease.Seq) error {
	if err := c.o.Leases.Commit(seq); err != nil {
		return &partError{"the change is made and may be lost in a crash", err}
	}
	return nil
}

func empty(text string) (control.Result, error) {
	return control.Result{Code: control.Empty, Text: text}, nil
}

var errNotMap = refusef("get(string) called on a non-map Element")
