package daemon

import (
	"context"
	"errors"
	"fmt"
	"io"
	stdlog "log"
	"net"
	"net/http"
	"net/netip"
	"runtime"
	"runtime/debug"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/prometheus/client_golang/prometheus/promhttp"
	"go.uber.org/zap"

	"github.com/dhcp4o6/dhcp4o6/internal/program"
	"github.com/dhcp4o6/dhcp4o6/pkg/metrics"
)

// What a scrape may take. One monitor and a second one need none of it; somebody
// who wants to do harm gets no further.
const (
	scrapeConnections = 16
	scrapesAtOnce     = 4
	scrapeTime        = 10 * time.Second // to ask; and to be told
	scrapeIdle        = 2 * time.Minute
	scrapeHeader      = 8 << 10
)

// A scraped is the page that Prometheus reads, while it is to be had.
type scraped struct {
	want netip.AddrPort // invalid: nowhere
	page *page          // nil: not open
	told bool           // that it cannot be opened
}

// A page is one HTTP server.
type page struct {
	addr   netip.AddrPort
	listen net.Listener
	server *http.Server
	done   chan struct{} // Serve has returned
}

// openScrape opens the page that the configuration asks for. A port that is taken
// is no reason to leave clients unserved: it is tried again every second.
func (d *daemon) openScrape() {
	d.scraped.want = d.cfg.Ours.Metrics
	d.lookAfterScrape()
}

// lookAfterScrape is called every second.
func (d *daemon) lookAfterScrape() {
	s := &d.scraped
	if s.page != nil || !s.want.IsValid() {
		return
	}
	p, err := d.newPage(s.want)
	if err != nil {
		if !s.told {
			d.log.Error("metrics cannot be had; it is tried again every second", zap.Stringer("addr", s.want), zap.Error(err), hint(err))
		}
		s.told = true
		return
	}
	s.page, s.told = p, false
	d.servePage(p)
}

func (d *daemon) servePage(p *page) {
	d.log.Info("metrics are to be had", zap.Stringer("addr", p.addr))
	go p.serve()
}

// A scrapeChange is a page that a reload has opened and not begun to serve.
type scrapeChange struct {
	d    *daemon
	want netip.AddrPort
	page *page // nil: nothing was opened
}

// stageScrape opens the page of another configuration. Where the old one has the
// port, the new one can be opened only when it is closed: the clock does that.
func (d *daemon) stageScrape(want netip.AddrPort) (*scrapeChange, error) {
	c := &scrapeChange{d: d, want: want}
	was := d.scraped.want
	if want == was || !want.IsValid() || was.IsValid() && want.Port() == was.Port() {
		return c, nil
	}
	var err error
	c.page, err = d.newPage(want)
	return c, err
}

// discard closes what commit has not put in force.
func (c *scrapeChange) discard() {
	if c.page != nil {
		c.page.listen.Close()
		c.page = nil
	}
}

// commit replaces the page.
func (c *scrapeChange) commit() {
	s := &c.d.scraped
	if c.want == s.want {
		return
	}
	s.close()
	s.want, s.page, s.told = c.want, c.page, false
	if c.page != nil {
		c.d.servePage(c.page)
	}
	c.page = nil
	c.d.lookAfterScrape()
}

// close ends the page and waits for it. A scrape under way is cut off.
func (s *scraped) close() {
	if s.page == nil {
		return
	}
	s.page.server.Close()
	<-s.page.done
	s.page = nil
}

func (d *daemon) newPage(addr netip.AddrPort) (*page, error) {
	l, err := new(net.ListenConfig).Listen(context.Background(), "tcp", addr.String())
	if err != nil {
		return nil, fmt.Errorf("daemon: metrics: %w", err)
	}
	r := prometheus.NewRegistry()
	for _, c := range []prometheus.Collector{
		d.metrics.Collector(d.name), d.buildInfo(),
		collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}),
	} {
		if err := r.Register(c); err != nil {
			return nil, errors.Join(fmt.Errorf("daemon: metrics: %w", err), l.Close())
		}
	}
	handler := promhttp.HandlerFor(r, promhttp.HandlerOpts{
		ErrorLog: scrapeLog{d.log, new(metrics.Limit)}, ErrorHandling: promhttp.ContinueOnError,
		MaxRequestsInFlight: scrapesAtOnce, Timeout: scrapeTime, OfferedCompressions: []promhttp.Compression{promhttp.Gzip},
	})
	mux := http.NewServeMux()
	mux.Handle("GET /metrics", d.guarded(handler)) // and HEAD
	return &page{addr: addr, listen: &bounded{Listener: l, slots: make(chan struct{}, scrapeConnections), ended: make(chan struct{})}, done: make(chan struct{}),
		server: &http.Server{
			Handler: http.MaxBytesHandler(mux, 0), ReadHeaderTimeout: scrapeTime, ReadTimeout: scrapeTime, WriteTimeout: 2 * scrapeTime,
			IdleTimeout: scrapeIdle, MaxHeaderBytes: scrapeHeader,
			ErrorLog: stdlog.New(io.Discard, "", 0), // what clients do wrong
		}}, nil
}

func (p *page) serve() {
	defer close(p.done)
	_ = p.server.Serve(p.listen) // ends with Close
}

// guarded has a fault of ours cost one scrape.
func (d *daemon) guarded(h http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		defer func() {
			if fault := recover(); fault != nil {
				d.log.Error("fault in a scrape", zap.Any("reason", fault), zap.ByteString("stack", debug.Stack()))
				w.WriteHeader(http.StatusInternalServerError)
			}
		}()
		h.ServeHTTP(w, r)
	})
}

func (d *daemon) buildInfo() prometheus.Collector {
	return prometheus.NewGaugeFunc(prometheus.GaugeOpts{
		Name: d.name + "_build_info", Help: "The version, and what it was built with.",
		ConstLabels: prometheus.Labels{"version": program.Version, "goversion": runtime.Version()},
	}, func() float64 { return 1 })
}

// A scrapeLog takes what the Prometheus client has to say of a scrape.
type scrapeLog struct {
	log  *zap.Logger
	said *metrics.Limit
}

// Println implements promhttp.Logger.
func (l scrapeLog) Println(v ...any) {
	if missed, ok := l.said.Allow(); ok {
		l.log.Warn("metrics are not whole", zap.String("problem", fmt.Sprint(v...)), zap.Uint64("missed", missed))
	}
}

// A bounded listener has so many connections at a time; others wait in the
// kernel's queue.
type bounded struct {
	net.Listener
	slots chan struct{}
	ended chan struct{}
	once  sync.Once
}

// Accept implements net.Listener.
func (b *bounded) Accept() (net.Conn, error) {
	select {
	case b.slots <- struct{}{}:
	case <-b.ended:
		return nil, net.ErrClosed
	}
	c, err := b.Listener.Accept()
	if err != nil {
		<-b.slots
		return nil, err
	}
	return &slotted{Conn: c, free: func() { <-b.slots }}, nil
}

// Close implements net.Listener.
func (b *bounded) Close() error {
	b.once.Do(func() { close(b.ended) })
	return b.Listener.Close()
}

// A slotted connection gives its place back when it is closed.
type slotted struct {
	net.Conn
	once sync.Once
	free func()
}

// Close implements net.Conn.
func (s *slotted) Close() error {
	err := s.Conn.Close()
	s.once.Do(s.free)
	return err
}
