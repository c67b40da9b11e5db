package daemon

import (
	"context"
	"errors"
	"runtime/debug"

	"go.uber.org/zap"

	"github.com/dhcp4o6/dhcp4o6/pkg/lease"
	"github.com/dhcp4o6/dhcp4o6/pkg/topology"
)

// strayTold is how many leases in the wrong subnet are named in the log.
const strayTold = 10

// A leaseCheck holds leases that were loaded to the configuration: each has to
// belong to the subnet that it says it is of (sanity-checks.lease-checks).
type leaseCheck struct {
	mode                  string // "none", "warn", "fix", "fix-del" or "del"
	net                   *topology.Topology
	table                 *lease.Table
	log                   *zap.Logger
	stray, moved, removed int
	seq                   lease.Seq
}

// checkLeases does what lease-checks says about leases whose subnet is not there,
// or does not hold their address.
func (d *daemon) checkLeases(ctx context.Context, t *lease.Table) error {
	if d.cfg.LeaseChecks == "none" {
		return nil
	}
	c := leaseCheck{mode: d.cfg.LeaseChecks, net: d.cfg.Topology, table: t, log: d.log}
	if err := c.run(ctx); err != nil {
		return err
	}
	if c.stray > 0 {
		d.log.Warn("leases are not of the subnets of this configuration", zap.Int("leases", c.stray),
			zap.Int("moved", c.moved), zap.Int("removed", c.removed), zap.String("lease-checks", c.mode))
	}
	return nil
}

// inOneGo is how many changes are made before they are stored.
const inOneGo = 10_000

func (c *leaseCheck) run(ctx context.Context) (err error) {
	walked := c.table.Walk(ctx, 0, c.astray, func(l *lease.Lease) bool {
		if err = c.mend(l); err == nil && c.stray%inOneGo == 0 {
			err = c.table.Commit(c.seq)
		}
		return err == nil
	})
	if c.stray >= 10*inOneGo {
		debug.FreeOSMemory() // what the walk left behind, as much again as the table
	}
	if walked != nil {
		return walked
	}
	return errors.Join(err, c.table.Commit(c.seq))
}

// astray reports whether a lease is not of the subnet that it says. Prefixes are
// not looked at, as by Kea.
func (c *leaseCheck) astray(l *lease.Lease) bool {
	if l.Resource.Kind != lease.V4 && l.Resource.Kind != lease.NA {
		return false
	}
	sub := c.net.ByID(l.Subnet)
	return sub == nil || !sub.Prefix.Contains(l.Resource.Prefix.Addr())
}

// mend moves a lease to the subnet that holds its address, removes it, or leaves it
// as it is.
func (c *leaseCheck) mend(l *lease.Lease) (err error) {
	c.stray++
	var right, pool uint32 // right 0: no subnet holds the address
	if sub := c.net.Holding(l.Resource.Prefix.Addr()); sub != nil {
		right = sub.ID
		if p := sub.PoolOf(l.Resource.Kind, l.Resource.Prefix.Addr()); p != nil {
			pool = p.Lease.ID
		}
	}
	fix, del := c.mode == "fix" || c.mode == "fix-del", c.mode == "fix-del" || c.mode == "del"
	done := "left"
	switch {
	case fix && right != 0:
		done = "moved"
		c.moved++
		m := *l
		m.Subnet, m.Pool = right, pool // the table has no pools yet
		_, c.seq, err = c.table.Put(&m, lease.Present)
	case del:
		done = "removed"
		c.removed++
		c.seq, err = c.table.Delete(l.Resource)
	}
	if c.stray <= strayTold {
		c.log.Warn("a lease is not of its subnet", zap.Stringer("addr", l.Resource.Prefix.Addr()), zap.Uint32("subnet", l.Subnet),
			zap.Uint32("right", right), zap.String("lease", done))
	}
	return err
}
