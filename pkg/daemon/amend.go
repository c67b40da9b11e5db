package daemon

import (
	"context"

	"go.uber.org/zap"

	"github.com/dhcp4o6/dhcp4o6/pkg/config"
	"github.com/dhcp4o6/dhcp4o6/pkg/control"
	"github.com/dhcp4o6/dhcp4o6/pkg/leasecmd"
)

// amend puts a configuration in force that differs from the present one in
// reservations, subnets, networks or classes: sockets, loggers and the pair stay as they
// are. It goes through the daemon's goroutine, where the others change the configuration.
func (d *daemon) amend(ctx context.Context, edit func(now *config.Config) leasecmd.Change) control.Result {
	return d.asked.do(ctx, func() control.Result {
		c := edit(d.cfg)
		if c.Next == nil {
			return c.Result
		}
		if err := d.mayChange(c.Next); err != nil {
			return failed(err.Error())
		}
		if err := d.mayServe(c.Next); err != nil {
			return failed(err.Error())
		}
		for i := range c.Problems {
			d.log.Warn("configuration", zap.String("problem", c.Problems[i].Error()))
		}
		d.configureDDNS(c.Next)
		d.cfg = c.Next
		d.engine.replace(c.Next)
		d.inForce.Store(c.Next)
		return c.Result
	})
}
