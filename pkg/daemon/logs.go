package daemon

import (
	"go.uber.org/zap"

	"github.com/dhcp4o6/dhcp4o6/internal/program"
	"github.com/dhcp4o6/dhcp4o6/pkg/config"
)

// Logger is the logger that every part gets from its maker.
type Logger = *zap.Logger

// newLog makes the daemon's logger: the one it was given, or one that goes where
// the configuration's loggers say.
func (d *daemon) newLog(cfg *config.Config) (*zap.Logger, *program.Outlet, error) {
	if d.setup.Log != nil {
		return d.setup.Log, nil, nil
	}
	set, err := d.openLogs(cfg)
	if err != nil {
		return nil, nil, err
	}
	log, out := program.NewOutlet(set)
	return log, out, nil
}

// openLogs opens what a configuration's loggers ask for.
func (d *daemon) openLogs(cfg *config.Config) (*program.Logs, error) {
	loggers := cfg.Loggers
	switch {
	case d.setup.Log != nil:
		return new(program.Logs), nil
	case d.setup.Debug:
		stdout := config.Output{Output: "stdout", Flush: true}
		loggers = []config.Logger{{Severity: "DEBUG", DebugLevel: 99, Outputs: []config.Output{stdout}}}
	}
	return program.OpenLogs(d.kea, d.name, loggers)
}
