package daemon

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"sync"
	"sync/atomic"
	"time"

	"go.uber.org/zap"

	"github.com/dhcp4o6/dhcp4o6/pkg/config"
	"github.com/dhcp4o6/dhcp4o6/pkg/lease"
	"github.com/dhcp4o6/dhcp4o6/pkg/lease/leasefile"
	"github.com/dhcp4o6/dhcp4o6/pkg/metrics"
	"github.com/dhcp4o6/dhcp4o6/pkg/topology"
)

// leases is the table and what keeps it in order while the server runs.
type leases struct {
	table *lease.Table
	file  string          // "" when nothing is kept
	store *leasefile.File // nil when nothing is kept

	settings atomic.Pointer[housekeeping]
	changed  chan struct{} // settings were replaced
	bloat    int64         // octets up to which the file waits for lfc-interval, however much of it is outdated
}

// A lease file is cleaned up before lfc-interval is over once it is larger than
// bloatFrom octets and than bloatBy times what the last clean-up left: clients that
// renew all the time must not fill the disk.
const (
	bloatFrom = 256 << 20
	bloatBy   = 4
)

// housekeeping is what the configuration says about expiry and clean-up.
type housekeeping struct {
	expired config.Expired
	clean   time.Duration
}

// openLeases opens the store and loads it into the table.
func (d *daemon) openLeases(ctx context.Context) error {
	l := &leases{changed: make(chan struct{}, 1), bloat: bloatFrom}
	store, err := d.openStore(l)
	if err != nil {
		return err
	}
	l.table = lease.NewTable(store, tableOptions(d.cfg))
	n, err := l.table.Load(ctx)
	if err != nil {
		return errors.Join(fmt.Errorf("daemon: leases: %w", err), l.table.Close())
	}
	if f, ok := store.(*leasefile.File); ok {
		d.sayLoaded(n, f.Report())
	}
	if err := d.checkLeases(ctx, l.table); err != nil {
		return errors.Join(fmt.Errorf("daemon: check of leases: %w", err), l.table.Close())
	}
	d.leases = l
	l.configure(d.cfg)
	return nil
}

func (d *daemon) openStore(l *leases) (lease.Store, error) {
	if !d.cfg.LeaseDB.Persist {
		d.log.Warn("leases are not kept: lease-database.persist is false")
		return new(lease.Volatile), nil
	}
	l.file = leaseFile(d.kind, d.cfg)
	o := leasefile.Options{
		Family: leasefile.V4, MaxRowErrors: d.cfg.LeaseDB.MaxRowErrors,
		PIDFiles: keaPIDs(d.cfg.File, d.kea), RawSync: d.cfg.Ours.RawSync,
	}
	if d.family == topology.V6 {
		o.Family = leasefile.V6
	}
	f, err := leasefile.Open(l.file, o)
	if errors.Is(err, fs.ErrPermission) && d.cfg.LeaseDB.Name == "" {
		return nil, fmt.Errorf("%w; lease-database.name and KEA_DHCP_DATA_DIR choose another place", err)
	}
	if err != nil {
		return nil, err
	}
	l.store = f
	return f, nil
}

func (d *daemon) sayLoaded(leases int, r leasefile.Report) {
	d.log.Info("leases loaded", zap.String("file", r.Name), zap.Int("leases", leases), zap.Int("rows", r.Rows),
		zap.Int64("size", r.Size), zap.Duration("took", r.Took.Round(time.Millisecond)))
	if len(r.TakenOver) > 0 {
		d.log.Info("Kea's lease files were taken over", zap.Strings("files", r.TakenOver))
	}
	if r.AfterFailure {
		d.log.Warn("the last run ended while leases could not be made durable; the file was written anew", zap.String("file", r.Name))
	}
	if r.Torn > 0 {
		d.log.Warn("a torn last row was cut off", zap.String("file", r.Name), zap.Int64("octets", r.Torn))
	}
	for _, damage := range r.Damage {
		d.log.Error("a damaged row was left out", zap.Error(damage))
	}
	if r.Damaged > 0 {
		d.log.Error("damaged rows were kept aside", zap.Int("rows", r.Damaged), zap.String("file", r.Aside))
	}
}

// keaPIDs are the pid files of the Kea server that would serve this
// configuration: two servers on one lease file would give addresses away twice.
func keaPIDs(configFile, kea string) []string {
	names := []string{pidName("/run/kea", configFile, kea)}
	if dir := os.Getenv("KEA_PIDFILE_DIR"); dir != "" {
		names = append(names, pidName(dir, configFile, kea))
	}
	return names
}

func tableOptions(cfg *config.Config) lease.TableOptions {
	return lease.TableOptions{
		OfferHold:          cfg.Ours.OfferHold,
		MaxOffersPerSource: cfg.Ours.OfferLimit,
		DeclineProbation:   cfg.DeclineProbation,
		HoldReclaimed:      history(cfg.Expired),
		DropReleased:       cfg.Expired.FlushWait == 0,
	}
}

// history is how long a released or reclaimed lease is kept: not at all where either
// of Kea's keys about it is 0. Where there are no rounds, flushing has a say about
// released ones alone: leases-reclaim says itself whether what it ends stays.
func history(e config.Expired) time.Duration {
	if e.Hold == 0 || e.FlushWait == 0 && e.ReclaimWait > 0 {
		return -1 // the table's "not at all"
	}
	return e.Hold
}

// configure takes over what a configuration says about leases besides pools.
func (l *leases) configure(cfg *config.Config) {
	l.table.Configure(tableOptions(cfg))
	l.settings.Store(&housekeeping{cfg.Expired, cfg.LeaseDB.LFCInterval})
	select {
	case l.changed <- struct{}{}:
	default:
	}
}

// keep ends what has expired, cleans the lease file up and heals a store that is
// down, until ctx is done.
func (l *leases) keep(ctx context.Context, log *zap.Logger) {
	var w sync.WaitGroup
	defer w.Wait()
	w.Go(func() { l.expire(ctx, log) })
	w.Go(func() { l.clean(ctx, log) })
}

// expire reclaims leases in rounds, as expired-leases-processing says. Offers that
// are over end with them, or when their address is wanted.
func (l *leases) expire(ctx context.Context, log *zap.Logger) {
	tick := time.NewTicker(time.Second)
	defer tick.Stop()
	next, behind := time.Now(), 0 // rounds in a row that left expired leases behind
	for {
		select {
		case <-ctx.Done():
			return
		case now := <-tick.C:
			e := l.settings.Load().expired
			switch {
			case now.Before(next):
				continue
			case e.ReclaimWait == 0:
				if e.FlushWait > 0 {
					next = now.Add(e.FlushWait)
					l.flush(log)
				}
				continue
			}
			next = now.Add(e.ReclaimWait)
			n, more := l.round(e)
			if n > 0 {
				log.Debug("expired leases reclaimed", zap.Int("leases", n))
			}
			if behind++; !more {
				behind = 0
			}
			if e.Unwarned > 0 && behind >= e.Unwarned {
				behind = 0
				log.Warn("expired leases are reclaimed more slowly than leases expire", zap.Int("leases", n), zap.Int("rounds", e.Unwarned))
			}
		}
	}
}

// flush forgets what is remembered of leases, which rounds of reclamation do otherwise.
func (l *leases) flush(log *zap.Logger) {
	n, seq := l.table.Flush(time.Now())
	if n > 0 && l.table.Commit(seq) == nil { // clean sees to the store
		log.Debug("old leases forgotten", zap.Int("leases", n))
	}
}

// round is one round of reclamation: at most MaxLeases, for at most MaxTime. more
// says that either was too little.
func (l *leases) round(e config.Expired) (done int, more bool) {
	const step = 1000 // leases between two looks at the clock
	begin := time.Now()
	for {
		limit := step
		if e.MaxLeases > 0 {
			limit = min(step, e.MaxLeases-done)
		}
		n, more, seq := l.table.Reap(time.Now(), limit)
		done += n
		if seq > 0 && l.table.Commit(seq) != nil {
			return done, more // clean sees to the store
		}
		switch {
		case !more:
			return done, false
		case e.MaxLeases > 0 && done >= e.MaxLeases, e.MaxTime > 0 && time.Since(begin) >= e.MaxTime:
			return done, true
		}
	}
}

// clean rewrites the lease file when it is time to (lfc-interval) or when it has
// grown too much, and at once, again and again, when the store is down.
func (l *leases) clean(ctx context.Context, log *zap.Logger) {
	tick := time.NewTicker(time.Second)
	defer tick.Stop()
	last, left := time.Now(), l.size()
	var said metrics.Limit
	for {
		select {
		case <-ctx.Done():
			return
		case now := <-tick.C:
			l.trimFile(log)
			down := l.table.Down()
			every := l.settings.Load().clean
			switch {
			case down != nil:
				if _, ok := said.Allow(); ok {
					log.Error("leases cannot be made durable: no new lease is answered", zap.Error(down))
				}
			case every == 0:
				continue
			case now.Sub(last) < every && l.size() <= max(l.bloat, bloatBy*left):
				continue
			}
			last = now
			l.rewrite(ctx, log, down != nil)
			left = l.size()
		}
	}
}

// size is that of the lease file, 0 when nothing is kept.
func (l *leases) size() int64 {
	if l.store == nil {
		return 0
	}
	return l.store.Size()
}

// trimFile cuts off what the lease file has ahead of it after a time of load.
func (l *leases) trimFile(log *zap.Logger) {
	if l.store == nil {
		return
	}
	if err := l.store.Trim(); err != nil {
		log.Warn("blank lines stay at the end of the lease file", zap.String("file", l.file), zap.Error(err))
	}
}

func (l *leases) rewrite(ctx context.Context, log *zap.Logger, healing bool) {
	begin := time.Now()
	if err := l.table.Clean(ctx); err != nil {
		if ctx.Err() == nil && !healing {
			log.Error("lease file was not cleaned up", zap.String("file", l.file), zap.Error(err))
		}
		return
	}
	if healing {
		log.Info("leases are durable again", zap.String("file", l.file))
		return
	}
	log.Info("lease file cleaned up", zap.String("file", l.file), zap.Duration("took", time.Since(begin).Round(time.Millisecond)))
}

// close syncs what is left and closes the store.
func (l *leases) close(log *zap.Logger) {
	if err := l.table.Close(); err != nil {
		log.Error("lease store", zap.Error(err))
	}
}
