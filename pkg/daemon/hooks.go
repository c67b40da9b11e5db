package daemon

import (
	"fmt"
	"runtime/debug"

	"github.com/dhcp4o6/dhcp4o6/pkg/config"
	"github.com/dhcp4o6/dhcp4o6/pkg/control"
)

// mayServe asks the embedder's functions about a configuration that is about to be
// put in force. A panic of theirs refuses it, as it must not end a server that runs.
func (d *daemon) mayServe(cfg *config.Config) (err error) {
	defer func() {
		if v := recover(); v != nil {
			err = fmt.Errorf("daemon: fault in a hook function: %v\n%s", v, debug.Stack())
		}
	}()
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
