package daemon

import (
	"context"
	"fmt"
	"sync"
	"time"

	"go.uber.org/zap"

	"github.com/dhcp4o6/dhcp4o6/pkg/config"
	"github.com/dhcp4o6/dhcp4o6/pkg/metrics"
	"github.com/dhcp4o6/dhcp4o6/pkg/script"
	"github.com/dhcp4o6/dhcp4o6/pkg/server4"
)

// scriptGrace is how long a program that runs when the server stops may go on.
const scriptGrace = 3 * time.Second

// scripts are the runs of the operator's program (run_script). They outlive the
// workers, whose last leases are told too, and begin when a configuration first asks
// for them.
type scripts struct {
	log    *zap.Logger
	told   metrics.Limit
	runner *script.Runner // nil: never asked for
	stop   context.CancelFunc
	done   sync.WaitGroup
}

// findScript looks for the program of a configuration; "" is none.
func findScript(cfg *config.Config) (string, error) {
	if cfg.Script == nil {
		return "", nil
	}
	name, err := script.Find(cfg.Script.Name)
	if err != nil {
		return "", fmt.Errorf("daemon: run_script: %w", err)
	}
	return name, nil
}

// use has a program run from now on, "" for none.
func (s *scripts) use(program string, set *metrics.Set) {
	if s.runner != nil {
		s.runner.SetProgram(program)
		return
	}
	if program == "" {
		return
	}
	s.runner = script.New(script.Options{Program: program, OnFailure: s.failed})
	set.Source("script", s.statistics)
	ctx, stop := context.WithCancel(context.Background())
	s.stop = stop
	s.done.Go(func() { s.runner.Run(ctx, scriptGrace) })
}

// close ends what runs.
func (s *scripts) close() {
	if s.runner != nil {
		s.stop()
		s.done.Wait()
	}
}

func (s *scripts) failed(f script.Failure) {
	if n, ok := s.told.Allow(); ok {
		s.log.Warn("script failed", zap.String("point", f.Point), zap.String("program", f.Program), zap.Error(f.Err),
			zap.String("output", f.Output), zap.Duration("took", f.Took.Round(time.Millisecond)), zap.Uint64("missed", n))
	}
}

// statistics is the metrics.Source of the runs.
func (s *scripts) statistics(yield func(metrics.Sample)) {
	st := s.runner.Stats()
	yield(metrics.Int("script-runs", int64(st.Runs)))
	yield(metrics.Int("script-failed", int64(st.Failed)))
	yield(metrics.Int("script-killed", int64(st.Killed)))
	yield(metrics.Int("script-dropped", int64(st.Dropped)))
	yield(metrics.Gauge("script-running", st.Running))
	yield(metrics.Gauge("script-waiting", st.Waiting))
}

// hooksFor joins the embedder's functions and those of the configuration.
func (d *daemon) hooksFor(cfg *config.Config) *server4.Hooks {
	if cfg.Script == nil || d.scripts.runner == nil {
		return d.setup.Hooks
	}
	runner := d.scripts.runner
	own := server4.ScriptHooks(func(point string, env []string) { runner.Start(point, env) })
	return server4.JoinHooks(d.setup.Hooks, own)
}
