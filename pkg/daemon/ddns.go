package daemon

import (
	"context"

	"go.uber.org/zap"

	"github.com/dhcp4o6/dhcp4o6/pkg/config"
	"github.com/dhcp4o6/dhcp4o6/pkg/ddns"
	"github.com/dhcp4o6/dhcp4o6/pkg/metrics"
)

// openDDNS has name change requests follow the leases. While they are switched off
// it does nothing.
func (d *daemon) openDDNS() {
	log := d.log.Named("ddns")
	var lost metrics.Limit
	d.ddns = ddns.New(ddns.Options{
		Durable: d.leases.table.Durable,
		Commit:  d.leases.table.Commit,
		Held: func(err error, waiting int) {
			log.Warn("name change requests are held back", zap.Error(err), zap.Int("waiting", waiting))
		},
		Resumed: func(waiting int) {
			log.Info("name change requests are sent again", zap.Int("waiting", waiting))
		},
		Lost: func(n uint64) {
			if missed, ok := lost.Allow(); ok {
				log.Warn("name change requests were lost: the queue is full", zap.Uint64("requests", n), zap.Uint64("missed", missed))
			}
		},
	})
	d.leases.table.WatchNames(d.ddns.Changed)
	d.configureDDNS(d.cfg)
}

// configureDDNS takes over what a configuration says of it.
func (d *daemon) configureDDNS(cfg *config.Config) {
	c := cfg.DDNS
	d.ddns.Configure(ddns.Config{Enable: c.Enable, Server: c.Server, Sender: c.Sender, Queue: c.Queue}, cfg.Topology.NamesOf)
}

// runDDNS sends requests until stop is called, which waits for what can still go
// out.
func (d *daemon) runDDNS() (stop func()) {
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan struct{})
	go func() {
		defer close(done)
		d.ddns.Run(ctx)
	}()
	return func() {
		cancel()
		<-done
	}
}

// countDDNS reads what became of the requests.
func (d *daemon) countDDNS(yield func(metrics.Sample)) {
	st := d.ddns.Stats()
	count := func(name string, n uint64) { yield(metrics.Int(name, int64(n))) }
	count("ncr-queued", st.Queued.Load())
	count("ncr-sent", st.Sent.Load())
	count("ncr-error", st.Failed.Load())
	count("ncr-invalid", st.Invalid.Load())
	count("ncr-queue-full", st.Full.Load())
	count("ncr-discarded", st.Tossed.Load())
	yield(metrics.Gauge("ncr-waiting", int64(d.ddns.Waiting())))
	held := int64(0)
	if st.Held.Load() {
		held = 1
	}
	yield(metrics.Gauge("ncr-held", held))
}
