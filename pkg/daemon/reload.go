package daemon

import (
	"errors"
	"reflect"
	"time"

	"go.uber.org/zap"
	"go.uber.org/zap/zapcore"

	"github.com/dhcp4o6/dhcp4o6/pkg/config"
	"github.com/dhcp4o6/dhcp4o6/pkg/ipc"
)

// reload reads the configuration again and changes over to it, wholly or not at
// all. It logs what comes of that, and names what takes a restart.
func (d *daemon) reload() (restart []string, err error) {
	cfg, problems := config.Load(d.setup.ConfigFile, d.family, config.Options{})
	if cfg == nil {
		for i := range problems {
			level := zapcore.WarnLevel
			if problems[i].Severity == config.Error {
				level = zapcore.ErrorLevel
			}
			d.log.Log(level, "configuration", zap.String("problem", problems[i].Error()))
		}
		d.log.Error("reconfiguration failed, the old configuration stays", zap.String("file", d.setup.ConfigFile))
		return nil, unusable(problems)
	}
	if restart, err = d.adopt(cfg, problems); err != nil {
		d.log.Error("reconfiguration failed, the old configuration stays", zap.String("file", cfg.File), zap.Error(err))
		return nil, err
	}
	d.logFolders = foldersOf(cfg)
	d.log.Info("dynamic server reconfiguration succeeded with file " + cfg.File)
	return restart, nil
}

// adopt changes over to a configuration and says what it leaves to be desired.
func (d *daemon) adopt(cfg *config.Config, problems []config.Problem) (restart []string, err error) {
	was := d.cfg
	if err := d.change(cfg); err != nil {
		return nil, err
	}
	d.configured = time.Now()
	d.serving.configured(cfg)
	d.sayProblems(problems)
	restart = later(was, cfg)
	for _, key := range restart {
		d.log.Warn("a change takes a restart", zap.String("path", key))
	}
	return restart, nil
}

// change does what can fail first, each step with its way back, then what
// cannot.
func (d *daemon) change(cfg *config.Config) error {
	if err := d.mayChange(cfg); err != nil {
		return err
	}
	if err := d.mayServe(cfg); err != nil {
		return err
	}
	program, err := findScript(cfg)
	if err != nil {
		return err
	}
	auth, err := pairAuth(cfg)
	if err != nil {
		return err
	}
	scrape, err := d.stageScrape(cfg.Ours.Metrics)
	if err != nil {
		return err
	}
	defer scrape.discard() // what was not put in force
	out, err := d.openLogs(cfg)
	if err != nil {
		return err
	}
	doors, sockets, err := d.stageControl(cfg)
	if err != nil {
		return errors.Join(err, out.Close())
	}
	port, err := d.stagePair(cfg.DHCP4o6Port)
	if err != nil {
		doors.Discard()
		return errors.Join(err, out.Close())
	}
	if err := d.group.Replace(specs(cfg)); err != nil {
		port.Discard()
		doors.Discard()
		return errors.Join(err, out.Close())
	}
	if err := port.Commit(); err != nil {
		doors.Discard()
		return errors.Join(err, d.group.Replace(specs(d.cfg)), out.Close())
	}
	doors.Commit()
	d.sayControl(sockets)
	d.changePair(cfg, auth)
	scrape.commit()
	d.limitSamples(cfg)
	if err := d.out.Swap(out); err != nil {
		d.log.Warn("loggers so far", zap.Error(err))
	}
	d.leases.configure(cfg)
	d.configureDDNS(cfg)
	d.cfg = cfg
	d.scripts.use(program, d.metrics)
	d.engine.replace(cfg)
	d.inForce.Store(cfg)
	return nil
}

// stagePair opens the pair's new port. A port that was taken at the start, and is
// asked for again, is still tried every second and holds no reload up.
func (d *daemon) stagePair(port uint16) (*ipc.Staged, error) {
	if port == d.cfg.DHCP4o6Port {
		port = d.pair.Port()
	}
	return d.pair.Stage(port)
}

// later names what has changed in the file and takes a restart to act.
func later(was, is *config.Config) (names []string) {
	for _, key := range []struct {
		name    string
		changed bool
	}{
		{"interfaces-config.dhcp-socket-type", was.Interfaces.UDP != is.Interfaces.UDP},
		{"interfaces-config.outbound-interface", was.Interfaces.Routing != is.Interfaces.Routing},
		{"interfaces-config.service-sockets-require-all", was.Interfaces.RequireAll != is.Interfaces.RequireAll},
		{"server-id", !reflect.DeepEqual(was.ServerID, is.ServerID)},
		{"lease-database.max-row-errors", was.LeaseDB.MaxRowErrors != is.LeaseDB.MaxRowErrors},
		{"user-context.dhcp4o6.raw-sync", was.Ours.RawSync != is.Ours.RawSync},
	} {
		if key.changed {
			names = append(names, key.name)
		}
	}
	return names
}

var errRestart = errors.New("daemon: lease-database has changed, which takes a restart")

// mayChange refuses what a running server cannot change over to.
func (d *daemon) mayChange(cfg *config.Config) error {
	if len(cfg.Refuse) > 0 && !d.setup.ServeAnyway {
		return refuses(cfg)
	}
	if cfg.LeaseDB.Persist != d.cfg.LeaseDB.Persist || leaseFile(d.kind, cfg) != leaseFile(d.kind, d.cfg) {
		return errRestart
	}
	return nil
}
