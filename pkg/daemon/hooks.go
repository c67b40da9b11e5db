package daemon

import (
	"fmt"

	"github.com/dhcp4o6/dhcp4o6/pkg/config"
	"github.com/dhcp4o6/dhcp4o6/pkg/control"
)

// mayServe asks the embedder's functions about a configuration that is about to be
// put in force.
func (d *daemon) mayServe(cfg *config.Config) error {
	if h := d.setup.Hooks; h != nil && h.Configured != nil {
		if err := h.Configured(cfg.Topology); err != nil {
			return fmt.Errorf("daemon: a hook function refuses the configuration: %w", err)
		}
	}
	return nil
}

// hookCommands has the embedder's functions see every answer to a command.
func (d *daemon) hookCommands(r *control.Registry) {
	if d.setup.Hooks != nil {
		r.Processed = d.setup.Hooks.CommandProcessed
	}
}
