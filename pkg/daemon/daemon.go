package daemon

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"go.uber.org/zap"

	"github.com/dhcp4o6/dhcp4o6/internal/program"
	"github.com/dhcp4o6/dhcp4o6/pkg/config"
	"github.com/dhcp4o6/dhcp4o6/pkg/control"
	"github.com/dhcp4o6/dhcp4o6/pkg/ddns"
	"github.com/dhcp4o6/dhcp4o6/pkg/ipc"
	"github.com/dhcp4o6/dhcp4o6/pkg/link/layered"
	"github.com/dhcp4o6/dhcp4o6/pkg/metrics"
	"github.com/dhcp4o6/dhcp4o6/pkg/netif"
	"github.com/dhcp4o6/dhcp4o6/pkg/topology"
	"github.com/dhcp4o6/dhcp4o6/pkg/transport"
)

// A kind is what tells the two servers apart, as far as this package is
// concerned.
type kind struct {
	family topology.Family
	name   string // "dhcp4d"
	kea    string // "kea-dhcp4": the root of its loggers, and the default name of its files
	side   ipc.Side
	listen func(transport.Options) (*transport.Group, error)

	// engine makes the server out of what the daemon has assembled.
	engine func(*daemon) (engine, error)
}

// An engine is server4.Server or server6.Server.
type engine interface {
	Serve(ctx context.Context, conn transport.Conn)
	// servePair reads the pair until ctx ends.
	servePair(ctx context.Context, d *daemon)
	// links tells of the host's links and addresses as they are now.
	links([]netif.Interface)
	// replace puts a configuration in force that the daemon has prepared.
	replace(*config.Config)
	// Disable has clients wait, or serves them again.
	Disable(off bool)
}

// A daemon is one server with all its parts.
type daemon struct {
	kind
	setup   Setup
	log     *zap.Logger
	out     *program.Outlet // under log
	metrics *metrics.Set

	cfg    *config.Config
	leases *leases
	ddns   *ddns.Updater
	group  *transport.Group
	pair   *ipc.Conn
	engine engine

	peer      watch        // the other daemon, by the pair
	peerSince atomic.Int64 // when it was found there or gone, in Unix nanoseconds; 0: never

	statistics *metrics.Statistics // of metrics
	scraped    scraped

	// commands
	inForce             atomic.Pointer[config.Config] // cfg, for who is not the daemon's goroutine
	control             *control.Server
	asked               asked
	quit                chan Exit // shutdown's exit code; holds one
	exit                Exit
	service             service
	serving             serving
	scripts             scripts
	started, configured time.Time       // configured: by the last change of the configuration
	refusals            metrics.Limit   // of lines
	logFolders          map[string]bool // of the file's log files
}

// run serves until ctx is done.
func (k kind) run(ctx context.Context, setup Setup) (err error) {
	d := &daemon{kind: k, setup: setup, metrics: new(metrics.Set), asked: newAsked(), quit: make(chan Exit, 1), started: time.Now()}
	if setup.Metrics != nil {
		d.metrics = setup.Metrics
	}
	if err := d.firstConfig(); err != nil {
		return err
	}
	defer func() {
		if err != nil && !errors.As(err, new(Exit)) {
			d.log.Error("server stopped", zap.Error(err))
		}
		d.out.Close()
	}()
	if setup.PIDFile {
		pid, err := d.writePID()
		if err != nil {
			return err
		}
		defer pid.remove()
	}
	if err := d.serve(ctx); err != nil {
		return err
	}
	if d.exit != 0 {
		return d.exit
	}
	return nil
}

// firstConfig reads the configuration and opens the loggers that it asks for.
func (d *daemon) firstConfig() error {
	cfg, problems := config.Load(d.setup.ConfigFile, d.family, config.Options{})
	if cfg == nil {
		return unusable(problems)
	}
	if len(cfg.Refuse) > 0 && !d.setup.ServeAnyway {
		return refuses(cfg)
	}
	var err error
	if d.log, d.out, err = d.newLog(cfg); err != nil {
		return err
	}
	d.cfg, d.configured, d.logFolders = cfg, time.Now(), foldersOf(cfg)
	d.inForce.Store(cfg)
	d.sayProblems(problems)
	return nil
}

// sayProblems logs what a configuration that is in use leaves to be desired.
func (d *daemon) sayProblems(problems []config.Problem) {
	for i := range problems {
		d.log.Warn("configuration", zap.String("problem", problems[i].Error()))
	}
	// dhcp4d without interfaces answers over the pair
	if len(d.cfg.Interfaces.Specs) == 0 && (d.family == topology.V6 || d.cfg.DHCP4o6Port == 0) {
		d.log.Warn("no client is served: interfaces-config.interfaces is empty")
	}
	for _, reason := range d.cfg.Refuse {
		d.log.Error("serving without what the configuration asks for", zap.String("reason", reason))
	}
}

func (d *daemon) writePID() (*pidFile, error) {
	dir, asked := pidDir()
	pid, err := writePID(dir, d.cfg.File, d.name)
	if err == nil || asked || errors.Is(err, errServed) {
		return pid, err
	}
	d.log.Info("no pid file", zap.Error(err))
	return nil, nil
}

// serve assembles the server, runs it and takes it apart: sockets, workers,
// table, store.
func (d *daemon) serve(ctx context.Context) error {
	if err := d.mayServe(d.cfg); err != nil {
		return err
	}
	script, err := findScript(d.cfg)
	if err != nil {
		return err
	}
	if err := d.openLeases(ctx); err != nil {
		return err
	}
	defer d.leases.close(d.log)
	d.openDDNS()
	if err := d.openSockets(ctx); err != nil || d.group == nil {
		return err
	}
	if err := d.openPair(); err != nil {
		return errors.Join(err, d.group.Close())
	}
	defer d.pair.Close()
	d.scripts.log = d.log
	d.scripts.use(script, d.metrics)
	defer d.scripts.close() // when the workers have left
	if d.engine, err = d.kind.engine(d); err != nil {
		return errors.Join(err, d.group.Close())
	}
	d.service.tell = d.engine.Disable
	defer d.service.close()
	d.newStatistics()
	d.openScrape()
	defer d.scraped.close()
	if err := d.openControl(); err != nil {
		return errors.Join(err, d.group.Close())
	}
	defer d.runDDNS()() // until the workers have ended
	working, stop := context.WithCancel(ctx)
	defer stop()
	var workers sync.WaitGroup
	links := d.followLinks(working, &workers)
	workers.Go(func() { d.group.Follow(working, links, func(c transport.Conn) { d.serveSocket(working, c) }) })
	workers.Go(func() { d.engine.servePair(working, d) })
	workers.Go(func() { d.leases.keep(working, d.log) })

	d.log.Info("server version " + program.Version + " started")
	d.sayReady()
	d.loop(ctx)
	d.log.Info("server stops", d.counted()...)
	if err := program.Notify("STOPPING=1"); err != nil {
		d.log.Warn("service manager", zap.Error(err))
	}
	d.control.Close() // that the answer of shutdown goes out
	stop()
	workers.Wait()
	return nil
}

// followLinks tells the engine of every change of the links, then passes it on to
// the sockets.
func (d *daemon) followLinks(ctx context.Context, workers *sync.WaitGroup) <-chan netif.Event {
	changes, err := netif.Follow(ctx)
	if err != nil {
		d.log.Warn("links are not followed", zap.Error(err)) // those that are there now are served
		return nil
	}
	links := make(chan netif.Event)
	workers.Go(func() {
		defer close(links)
		for e := range changes {
			d.engine.links(e.Interfaces)
			select {
			case links <- e:
			case <-ctx.Done():
			}
		}
	})
	return links
}

// counted are the counters that have counted anything.
func (d *daemon) counted() (fields []zap.Field) {
	d.countLost()
	for _, s := range d.metrics.All() {
		if s.Value != 0 {
			fields = append(fields, zap.Int64(s.Name, s.Value))
		}
	}
	return fields
}

func (d *daemon) sayReady() {
	if err := program.Notify("READY=1"); err != nil {
		d.log.Warn("service manager", zap.Error(err))
	}
	if d.setup.Ready != nil {
		d.setup.Ready()
	}
}

// loop is the one goroutine for what comes after the start.
func (d *daemon) loop(ctx context.Context) {
	defer close(d.asked.ended)
	second := time.NewTicker(time.Second)
	defer second.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case d.exit = <-d.quit:
			return
		case call := <-d.asked.calls:
			call()
		case <-d.setup.Reload:
			_, _ = d.reload() // which has said all there is to say
		case now := <-second.C:
			d.lookAfterPair()
			d.lookAfterScrape()
			d.statistics.Note(now)
		}
	}
}

func (d *daemon) openSockets(ctx context.Context) (err error) {
	o := transport.Options{
		Specs:      specs(d.cfg),
		Port:       uint16(d.setup.Port),
		Raw:        d.family == topology.V4 && !d.cfg.Interfaces.UDP,
		Framer:     new(layered.Framer),
		Segment:    d.family == topology.V6,
		RequireAll: d.cfg.Interfaces.RequireAll,
		UseRouting: d.cfg.Interfaces.Routing,
		OnProblem: func(iface string, err error) {
			if errors.Is(err, transport.ErrBuffer) {
				d.log.Warn("receive buffer is smaller than asked for", zap.String("iface", iface), zap.Error(err), hint(err))
				return
			}
			d.serving.lack(iface, err)
			d.log.Warn("interface is not served in full", zap.String("iface", iface), zap.Error(err), hint(err))
		},
	}
	for retries := d.cfg.Interfaces.MaxRetries; ; retries-- {
		if d.group, err = d.listen(o); err == nil {
			return nil
		}
		if !o.RequireAll || retries <= 0 {
			return fmt.Errorf("daemon: sockets: %w", err)
		}
		d.log.Warn("sockets are tried again", zap.Int("retries", retries), zap.Error(err))
		select {
		case <-ctx.Done():
			return nil
		case <-time.After(d.cfg.Interfaces.RetryWait):
		}
	}
}

// serveSocket is called for each socket when it opens, now or later, and
// returns when it is closed.
func (d *daemon) serveSocket(ctx context.Context, c transport.Conn) {
	s := c.Socket()
	d.serving.begin(s.Iface)
	defer d.serving.end()
	d.log.Info("serving", zap.String("iface", s.Iface), zap.Stringer("addr", s.Addr), zap.Int("receive-buffer", s.ReceiveBuffer))
	d.engine.Serve(ctx, c)
	if ctx.Err() == nil {
		d.log.Info("no longer serving", zap.String("iface", s.Iface), zap.Stringer("addr", s.Addr))
	}
}

func specs(cfg *config.Config) []transport.Spec {
	all := make([]transport.Spec, len(cfg.Interfaces.Specs))
	for i, s := range cfg.Interfaces.Specs {
		all[i] = transport.Spec{Iface: s.Iface, Addr: s.Addr}
	}
	return all
}

// dataDir is where files stand that are named without a folder: data-directory
// of the configuration, else KEA_DHCP_DATA_DIR, else the service manager's choice,
// else ours.
func dataDir(cfg *config.Config) string {
	if cfg.DataDir != "" {
		return cfg.DataDir
	}
	for _, v := range []string{"KEA_DHCP_DATA_DIR", "STATE_DIRECTORY"} {
		if d := os.Getenv(v); d != "" {
			return strings.SplitN(d, ":", 2)[0]
		}
	}
	return "/var/lib/dhcp4o6"
}

// leaseFile is the file of the leases. A name without a folder stands in the
// data folder, as in Kea 3.
func leaseFile(k kind, cfg *config.Config) string {
	name := cfg.LeaseDB.Name
	if name == "" {
		name = fmt.Sprintf("kea-leases%d.csv", k.family)
	}
	if !strings.ContainsRune(name, '/') {
		name = filepath.Join(dataDir(cfg), name)
	}
	return name
}
