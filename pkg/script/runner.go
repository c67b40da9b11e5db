package script

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"github.com/dhcp4o6/dhcp4o6/internal/command"
)

// The bounds of a Runner that Options leave open.
const (
	Parallel = 4                // programs that run at the same time
	Queue    = 1024             // events that wait for their turn
	Limit    = 10 * time.Second // for one run
)

// Options are what a Runner is made of.
type Options struct {
	Program  string        // path, as Find returns it
	Parallel int           // 0: the constant of that name; likewise the others
	Queue    int           //
	Limit    time.Duration //

	// OnFailure, when not nil, is told of each run that failed. It may be called by
	// several goroutines at the same time.
	OnFailure func(Failure)
}

// A Failure is a run that did not end well.
type Failure struct {
	Point   string
	Program string
	Err     error  // of the start, or *exec.ExitError
	Killed  bool   // it took longer than Limit
	Output  string // the first of what it said on standard error
	Took    time.Duration
}

// Stats are what a Runner counts.
type Stats struct {
	Runs    uint64 // begun, with those that could not be
	Failed  uint64 // of these: not begun, killed, or ended with other than 0
	Killed  uint64 // of these: took too long
	Dropped uint64 // events that found the queue full, or the Runner ended
	Running int64
	Waiting int64
}

// A Runner runs the program for one event after the other, several at a time.
// Its methods are safe for concurrent use.
type Runner struct {
	o     Options
	queue chan event
	ended atomic.Bool

	program atomic.Pointer[string]

	runs, failed, killed, dropped atomic.Uint64
	running                       atomic.Int64
}

type event struct {
	point string
	env   []string
}

// New returns a Runner, which runs nothing before Run is called.
func New(o Options) *Runner {
	if o.Parallel <= 0 {
		o.Parallel = Parallel
	}
	if o.Queue <= 0 {
		o.Queue = Queue
	}
	if o.Limit <= 0 {
		o.Limit = Limit
	}
	r := &Runner{o: o, queue: make(chan event, o.Queue)}
	r.SetProgram(o.Program)
	return r
}

// SetProgram has another program run for the events that come; "" for none.
func (r *Runner) SetProgram(name string) { r.program.Store(&name) }

// Start has the program run for an event, as soon as it is its turn; its one
// argument is the name of the hook point. It never waits: an event that
// finds the queue full is dropped and counted, and false is returned. env is the Runner's from
// then on.
func (r *Runner) Start(point string, env []string) bool {
	if !r.ended.Load() {
		select {
		case r.queue <- event{point, env}:
			return true
		default:
		}
	}
	r.dropped.Add(1)
	return false
}

// Run runs programs until ctx ends, and returns when the last has. What waits then
// is dropped and counted; what runs has until grace is over.
func (r *Runner) Run(ctx context.Context, grace time.Duration) {
	kill, stop := context.WithCancel(context.Background())
	defer stop()
	defer context.AfterFunc(ctx, func() {
		r.ended.Store(true)
		t := time.AfterFunc(grace, stop)
		context.AfterFunc(kill, func() { t.Stop() })
	})()
	var all sync.WaitGroup
	for range r.o.Parallel {
		all.Go(func() { r.work(ctx, kill) })
	}
	all.Wait()
	for {
		select {
		case <-r.queue:
			r.dropped.Add(1)
		default:
			return
		}
	}
}

func (r *Runner) work(ctx, kill context.Context) {
	for {
		select {
		case <-ctx.Done():
			return
		case e := <-r.queue:
			r.run(kill, e)
		}
	}
}

// run runs the program once; what it started ends with it when it takes too long.
func (r *Runner) run(kill context.Context, e event) {
	path := *r.program.Load()
	if path == "" || kill.Err() != nil {
		r.dropped.Add(1)
		return
	}
	r.runs.Add(1)
	r.running.Add(1)
	defer r.running.Add(-1)
	ctx, cancel := context.WithTimeout(kill, r.o.Limit)
	defer cancel()
	said := &command.Head{N: headLen}
	cmd := command.New(ctx, e.env, path, e.point)
	cmd.Stderr = said
	begin := time.Now()
	err := command.Run(cmd)
	if err == nil {
		return
	}
	late := errors.Is(ctx.Err(), context.DeadlineExceeded)
	r.failed.Add(1)
	switch {
	case late:
		r.killed.Add(1)
		err = fmt.Errorf("script: killed after %v", r.o.Limit)
	case kill.Err() != nil:
		err = errStopped
	}
	if r.o.OnFailure != nil {
		r.o.OnFailure(Failure{Point: e.point, Program: path, Err: err, Killed: late, Output: said.Line(), Took: time.Since(begin)})
	}
}

var errStopped = errors.New("script: killed since the server stops")

// Stats returns what has been counted.
func (r *Runner) Stats() Stats {
	return Stats{
		Runs: r.runs.Load(), Failed: r.failed.Load(), Killed: r.killed.Load(), Dropped: r.dropped.Load(),
		Running: r.running.Load(), Waiting: int64(len(r.queue)),
	}
}

// headLen is how much is kept of what a program says.
const headLen = 512
