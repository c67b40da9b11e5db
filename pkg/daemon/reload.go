package daemon

import (
	"errors"
	"fmt"

	"go.uber.org/zap"

	"github.com/dhcp4o6/dhcp4o6/pkg/config"
)

// reload reads the configuration again and changes over to it, wholly or not at
// all.
func (d *daemon) reload() {
	cfg, problems := config.Load(d.setup.ConfigFile, d.family, config.Options{})
	if cfg == nil {
		for i := range problems {
			d.log.Error("configuration", zap.String("problem", problems[i].String()))
		}
		d.log.Error("reconfiguration failed, the old configuration stays", zap.String("file", d.setup.ConfigFile))
		return
	}
	if err := d.change(cfg); err != nil {
		d.log.Error("reconfiguration failed, the old configuration stays", zap.String("file", cfg.File), zap.Error(err))
		return
	}
	d.sayProblems(problems)
	d.log.Info("dynamic server reconfiguration succeeded with file " + cfg.File)
}

// change does what can fail first, each step with its way back, then what
// cannot.
func (d *daemon) change(cfg *config.Config) error {
	if err := d.mayChange(cfg); err != nil {
		return err
	}
	out, err := d.newCores(cfg)
	if err != nil {
		return err
	}
	port, err := d.pair.Stage(cfg.DHCP4o6Port)
	if err != nil {
		return errors.Join(err, out.Close())
	}
	if err := d.group.Replace(specs(cfg)); err != nil {
		port.Discard()
		return errors.Join(err, out.Close())
	}
	if err := port.Commit(); err != nil {
		return errors.Join(err, d.group.Replace(specs(d.cfg)), out.Close())
	}
	d.pair.SetPad(cfg.Ours.PadIPC)
	d.out.swap(out)
	d.leases.configure(cfg)
	d.cfg = cfg
	d.engine.replace(cfg)
	return nil
}

// mayChange refuses what a running server cannot change over to.
func (d *daemon) mayChange(cfg *config.Config) error {
	if len(cfg.Refuse) > 0 && !d.setup.ServeAnyway {
		return fmt.Errorf("daemon: %s", cfg.Refuse[0])
	}
	if cfg.LeaseDB.Persist != d.cfg.LeaseDB.Persist || leaseFile(d.kind, cfg) != leaseFile(d.kind, d.cfg) {
		return errors.New("daemon: lease-database has changed, which takes a restart")
	}
	return nil
}
