package leasecmd

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"strings"

	"github.com/dhcp4o6/dhcp4o6/pkg/control"
	"github.com/dhcp4o6/dhcp4o6/pkg/lease"
)

func (c *Commands) add(_ context.Context, args json.RawMessage) (control.Result, error) {
	m, err := given(args)
	if err != nil {
		return control.Result{}, err
	}
	d, err := c.draft(m)
	if err != nil {
		return control.Result{}, err
	}
	_, there := c.at(d.Resource.Kind, d.Resource.Prefix.Addr(), 0)
	var seq lease.Seq
	if !there {
		_, seq, err = c.o.Leases.Put(&d.Lease, lease.Absent)
		there = errors.Is(err, lease.ErrExists)
	}
	if there {
		return control.Result{}, refusef("%s lease already exists.", c.protocol())
	}
	if err != nil {
		return control.Result{}, err
	}
	what := "address " + d.Resource.Prefix.Addr().String()
	if k := d.Resource.Kind; k == lease.TA || k == lease.PD {
		what = "prefix " + d.Resource.Prefix.String()
	}
	return control.Result{Text: fmt.Sprintf("Lease for %s, subnet-id %d added.", what, d.Subnet)}, c.commit(seq)
}

func (c *Commands) update(_ context.Context, args json.RawMessage) (control.Result, error) {
	if args == nil {
		return control.Result{}, refusef("no parameters specified for lease%s-update command", c.digit())
	}
	m, isMap := mapOf(args)
	if !isMap {
		return control.Result{}, errNotMap
	}
	d, err := c.draft(m)
	if err != nil {
		return control.Result{}, err
	}
	a := d.Resource.Prefix.Addr()
	old, there := c.at(d.Resource.Kind, a, 0)
	when := lease.Present
	if d.force || there && old.Resource != d.Resource { // a prefix changes its length
		when = lease.Always
	}
	created, seq, err := c.o.Leases.Put(&d.Lease, when)
	if errors.Is(err, lease.ErrUnknown) {
		return control.Result{}, refusef("failed to update the lease with address %s either because the lease has been deleted or it has changed in the database, in both cases a retry might succeed", a)
	}
	if err == nil && there && old.Resource != d.Resource {
		var last lease.Seq
		if last, err = c.o.Leases.Delete(old.Resource); errors.Is(err, lease.ErrUnknown) {
			err = nil // it went by itself
		}
		seq, created = max(seq, last), false
	}
	if err != nil {
		return control.Result{}, err
	}
	verb := "updated"
	if created {
		verb = "added"
	}
	return control.Result{Text: fmt.Sprintf("%s lease %s.", c.protocol(), verb)}, c.commit(seq)
}

// del deletes one lease. With "update-ddns" its name leaves the DNS too.
func (c *Commands) del(_ context.Context, args json.RawMessage) (control.Result, error) {
	m, isMap := mapOf(args)
	if !isMap {
		return control.Result{}, errParameters
	}
	q, err := c.query(m, "Delete")
	if err != nil {
		return control.Result{}, err
	}
	update, ok := isBool(m["update-ddns"])
	if m.has("update-ddns") && !ok {
		return control.Result{}, refusef("'update-ddns' is not a boolean")
	}
	l, found, err := c.find(&q)
	if err != nil {
		return control.Result{}, err
	}
	var seq lease.Seq
	if found {
		seq, err = c.o.Leases.Delete(l.Resource)
		found = !errors.Is(err, lease.ErrUnknown)
	}
	switch {
	case !found:
		return empty(c.protocol() + " lease not found.")
	case err != nil:
		return control.Result{}, err
	}
	if update && c.o.TellDNS != nil {
		c.o.TellDNS(&l, true, seq)
	}
	return control.Result{Text: c.protocol() + " lease deleted."}, c.commit(seq)
}

// batch is how many deletions are made durable at a time.
const batch = 4096

// wipe deletes all leases of one subnet, or of all subnets that are configured.
func (c *Commands) wipe(ctx context.Context, args json.RawMessage) (control.Result, error) {
	r := &reader{}
	if args != nil {
		var isMap bool
		if r.m, isMap = mapOf(args); !isMap {
			return control.Result{}, refusef("contains(string) called on a non-map Element")
		}
	}
	id := uint32(r.number("subnet-id", math.MaxUint32, 0))
	if r.err != nil {
		return control.Result{}, r.err
	}
	in := func(l *lease.Lease) bool { return l.Subnet == id }
	var names strings.Builder
	if id != 0 {
		fmt.Fprintf(&names, " %d", id)
	} else {
		all := c.o.Topology().Subnets
		in = func(l *lease.Lease) bool { return byID(all, l.Subnet) != nil }
		for _, s := range all {
			fmt.Fprintf(&names, " %d", s.ID)
		}
	}
	n, err := c.deleteAll(ctx, in)
	switch {
	case err != nil && n > 0:
		return control.Result{}, &partError{fmt.Sprintf("%d %s lease(s) were deleted, then", n, c.protocol()), err}
	case err != nil:
		return control.Result{}, err
	}
	res := control.Result{Text: fmt.Sprintf("Deleted %d %s lease(s) from subnet(s)%s", n, c.protocol(), names.String())}
	if n == 0 {
		res.Code = control.Empty
	}
	return res, nil
}

func (c *Commands) deleteAll(ctx context.Context, in func(*lease.Lease) bool) (n int, err error) {
	done, err := c.alone(ctx)
	if err != nil {
		return 0, err
	}
	defer done()
	var last lease.Seq
	var failed error
	err = c.o.Leases.Walk(ctx, 0, in, func(l *lease.Lease) bool {
		seq, err := c.o.Leases.Delete(l.Resource)
		switch {
		case errors.Is(err, lease.ErrUnknown):
			return true // it went by itself
		case err != nil:
			failed = err
			return false
		}
		last, n = seq, n+1
		if n%batch == 0 {
			failed = c.o.Leases.Commit(last)
		}
		return failed == nil
	})
	return n, errors.Join(failed, err, c.o.Leases.Commit(last))
}

// reclaim ends what has run out, now rather than in the next round.
func (c *Commands) reclaim(ctx context.Context, args json.RawMessage) (control.Result, error) {
	m, isMap := mapOf(args)
	switch {
	case args != nil && !isMap:
		return control.Result{}, refusef("Error during command processing: %s", errNotMap)
	case !m.has("remove"):
		return control.Result{}, refusef("Missing mandatory 'remove' parameter.")
	}
	remove, isBool := isBool(m["remove"])
	if !isBool {
		return control.Result{}, refusef("'remove' parameter expected to be a boolean.")
	}
	done, err := c.alone(ctx)
	if err != nil {
		return control.Result{}, err
	}
	defer done()
	_, seq, err := c.o.Leases.Reclaim(ctx, c.o.Now(), remove)
	if err != nil {
		return control.Result{}, err
	}
	return control.Result{Text: "Reclamation of expired leases is complete."}, c.commit(seq)
}
