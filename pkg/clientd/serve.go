package clientd

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"reflect"
	"slices"
	"strings"
	"sync"
	"syscall"
	"time"

	"go.uber.org/zap"

	"github.com/dhcp4o6/dhcp4o6/internal/program"
	"github.com/dhcp4o6/dhcp4o6/pkg/config"
	"github.com/dhcp4o6/dhcp4o6/pkg/hostclock"
)

// A company is the seats of one process, as they come and go.
type company struct {
	*host
	seats []*seat
	ended chan *seat
	alive sync.WaitGroup
}

// serve runs the clients until they end, or ctx does.
func (k *kind) serve(ctx context.Context, c *command, out, errs io.Writer) error {
	h, err := k.newHost(c, out, errs)
	if err != nil {
		return err
	}
	g := &company{host: h, ended: make(chan *seat)}
	links, err := h.wanted()
	if err == nil {
		err = g.openAll(links)
	}
	if err != nil {
		return h.closed(err)
	}
	return h.closed(g.attend(ctx))
}

// openAll opens the seats of all interfaces, or none.
func (g *company) openAll(links []config.ClientLink) error {
	for i := range links {
		seats, err := g.openOne(&links[i])
		if err != nil {
			for _, s := range g.seats {
				s.discard()
			}
			return err
		}
		g.seats = append(g.seats, seats...)
	}
	return nil
}

// openOne opens the seats of one interface.
func (h *host) openOne(l *config.ClientLink) ([]*seat, error) {
	link, err := h.link(l.Name)
	if err == nil {
		err = h.mayServe(l)
	}
	if err != nil {
		return nil, err
	}
	return h.k.open(h, l, link)
}

// attend looks after the seats: signals, the clock, and their ends.
func (g *company) attend(ctx context.Context) error {
	ctx, stop := context.WithCancel(ctx)
	defer stop()
	signals := make(chan os.Signal, 4)
	signal.Notify(signals, syscall.SIGHUP, syscall.SIGUSR1)
	defer signal.Stop(signals)

	for _, s := range g.seats {
		g.start(ctx, s)
	}
	clock, err := hostclock.Follow(ctx)
	if err != nil {
		g.log.Warn("clock is not followed", zap.Error(err))
	}
	g.log.Info("client started", zap.String("version", program.Version))
	g.word("READY=1")
	err = g.loop(ctx, signals, clock)
	g.word("STOPPING=1")
	stop()
	g.log.Info("client stops")
	for len(g.seats) > 0 {
		err = errors.Join(err, g.leave(<-g.ended))
	}
	g.alive.Wait()
	return err
}

// loop runs until nothing is left to look after.
func (g *company) loop(ctx context.Context, signals <-chan os.Signal, clock <-chan time.Duration) error {
	var all <-chan struct{}
	var limit <-chan time.Time
	if g.c.once {
		all = settled(g.seats)
		t := time.NewTimer(g.c.timeout)
		defer t.Stop()
		limit = t.C
	}
	var fault error
	for len(g.seats) > 0 {
		select {
		case <-ctx.Done():
			return fault
		case <-all:
			return fault
		case <-limit:
			return fail(exitNoLease, "no lease within %v: %s", g.c.timeout, g.waiting())
		case s := <-g.ended:
			fault = errors.Join(fault, g.leave(s))
		case slept, ok := <-clock:
			if !ok {
				clock = nil
			}
			for _, s := range g.seats {
				offer(s.clock, slept)
			}
		case sig := <-signals:
			if sig == syscall.SIGHUP {
				if err := g.reload(ctx); len(g.seats) == 0 {
					fault = errors.Join(fault, err) // nothing is left that could go on
				}
				continue
			}
			for _, s := range g.seats {
				s.put(askRenew)
			}
		}
	}
	return fault
}

// start has a seat live.
func (g *company) start(ctx context.Context, s *seat) {
	g.alive.Go(func() {
		s.live(ctx)
		g.ended <- s
	})
}

// leave takes a seat out that has ended. One that was stopped for a reload, or by
// command, leaves no error.
func (g *company) leave(s *seat) error {
	g.seats = slices.DeleteFunc(g.seats, func(o *seat) bool { return o == s })
	if s.err != nil {
		g.log.Error("client ended", zap.String("iface", s.iface), zap.Error(s.err))
	}
	return s.err
}

// settled is closed when all seats have what they were started for.
func settled(seats []*seat) <-chan struct{} {
	all := make(chan struct{})
	go func() {
		for _, s := range seats {
			select {
			case <-s.settled:
			case <-s.ended:
				return // the loop hears of it
			}
		}
		close(all)
	}()
	return all
}

// waiting names who has no lease yet, and what it does.
func (g *company) waiting() string {
	var who []string
	for _, s := range g.seats {
		select {
		case <-s.settled:
		default:
			p, _ := s.look()
			who = append(who, fmt.Sprintf("%s is %s on %s", s.program, p.State, s.iface))
		}
	}
	return strings.Join(who, ", ")
}

// reload reads the configuration again. Interfaces whose settings are the same go
// on undisturbed; the others begin anew with the lease that they have, and with the
// settings so far where it does not go with the new ones.
func (g *company) reload(ctx context.Context) error {
	err := g.change(ctx)
	if err == nil {
		g.log.Info("configuration read again")
		return nil
	}
	var bad *configError
	if errors.As(err, &bad) {
		for i := range bad.problems {
			g.log.Warn("problem in the configuration", zap.String("problem", bad.problems[i].Error()))
		}
	}
	g.log.Error("configuration not read again", zap.Error(err))
	return err
}

func (g *company) change(ctx context.Context) error {
	next := &host{k: g.k, c: g.c, out: g.out, log: g.log, logs: g.logs, fronts: g.fronts}
	if err := next.configure(io.Discard); err != nil {
		return err
	}
	if err := next.prepare(); err != nil {
		return err
	}
	links, err := next.wanted()
	if err != nil {
		return err
	}
	set, err := next.openLogs()
	if err != nil {
		return err
	}
	if err := g.logs.Swap(set); err != nil {
		g.log.Warn("loggers so far", zap.Error(err))
	}
	same4 := reflect.DeepEqual(g.cfg4, next.cfg4)
	last, former := g.host, g.settings()
	g.host = next
	g.dismiss(func(iface string) bool {
		return !slices.ContainsFunc(links, func(l config.ClientLink) bool { return l.Name == iface && g.fits(&l, same4) })
	})
	var faults []error
	for i := range links {
		if slices.ContainsFunc(g.seats, func(s *seat) bool { return s.iface == links[i].Name }) {
			continue
		}
		seats, err := next.openOne(&links[i])
		if err != nil {
			faults = append(faults, err)
			if l, ok := former[links[i].Name]; ok {
				seats, err = last.openOne(&l)
				faults = append(faults, err)
			}
		}
		for _, s := range seats {
			g.seats = append(g.seats, s)
			g.start(ctx, s)
		}
	}
	return errors.Join(faults...)
}

// settings are what the interfaces were opened with.
func (g *company) settings() map[string]config.ClientLink {
	all := make(map[string]config.ClientLink)
	for _, s := range g.seats {
		if s.program == g.k.name {
			all[s.iface] = s.link
		}
	}
	return all
}

// fits reports whether the seats of an interface were opened with just these
// settings. Those of a DHCPv4 inside dhcp6c are in another map of the file.
func (g *company) fits(l *config.ClientLink, same4 bool) bool {
	for _, s := range g.seats {
		if s.iface != l.Name {
			continue
		}
		if s.program == g.k.name && !reflect.DeepEqual(s.link, *l) || s.program != g.k.name && !same4 {
			return false
		}
	}
	return true
}

// dismiss ends the seats of those interfaces, and waits until they have ended.
func (g *company) dismiss(who func(iface string) bool) {
	going := make(map[*seat]bool)
	for _, s := range g.seats {
		if who(s.iface) {
			going[s] = true
			s.stop()
		}
	}
	for len(going) > 0 {
		s := <-g.ended
		delete(going, s)
		_ = g.leave(s) // logged, and the others go on
	}
}

// tellState tells the service manager, and who has asked for all messages, where
// a client stands.
func (h *host) tellState(s *seat) {
	p, _ := s.look()
	h.word("STATUS=" + p.Client + " " + p.Interface + ": " + p.State)
}

// word says something to the service manager.
func (h *host) word(text string) {
	if err := program.Notify(text); err != nil {
		h.log.Warn("service manager", zap.Error(err))
	}
}
