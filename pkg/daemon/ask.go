package daemon

import (
	"context"
	"fmt"
	"runtime/debug"

	"github.com/dhcp4o6/dhcp4o6/pkg/control"
)

// asked is what commands ask of the daemon's own goroutine, where everything is
// changed that outlives a packet.
type asked struct {
	calls chan func()
	ended chan struct{} // the goroutine takes no more calls
}

func newAsked() asked {
	return asked{calls: make(chan func()), ended: make(chan struct{})}
}

// do runs f in the daemon's goroutine and returns what it returns. It waits for
// a reload that is under way. Once f has begun it is waited for, whatever becomes
// of ctx: the answer says what has been done. A panic of f is the caller's.
func (a *asked) do(ctx context.Context, f func() control.Result) control.Result {
	var (
		res   control.Result
		fault any
		done  = make(chan struct{})
	)
	call := func() {
		defer close(done)
		defer func() {
			if v := recover(); v != nil {
				fault = fmt.Sprintf("%v\n%s", v, debug.Stack())
			}
		}()
		res = f()
	}
	select {
	case a.calls <- call:
	case <-ctx.Done():
		return failed("the server is busy with a change of its configuration; nothing was done")
	case <-a.ended:
		return failed("the server is shutting down; nothing was done")
	}
	<-done
	if fault != nil {
		panic(fault)
	}
	return res
}

func failed(text string) control.Result { return control.Result{Code: control.Error, Text: text} }
