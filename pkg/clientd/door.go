package clientd

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"go.uber.org/zap"

	"github.com/dhcp4o6/dhcp4o6/internal/program"
	"github.com/dhcp4o6/dhcp4o6/pkg/control"
)

// socketName is where the client of an interface takes commands.
func socketName(runDir, program, iface string) string {
	return filepath.Join(runDir, program+"."+iface+".sock")
}

// lock takes the control socket of a seat, which no two clients can have: who
// comes second is told so. A dry run needs none and takes none.
func (h *host) lock(s *seat) error {
	s.now.Client, s.now.Interface, s.now.Version, s.now.PID = s.program, s.iface, program.Version, os.Getpid()
	if h.c.dryRun {
		return nil
	}
	dir, err := filepath.Abs(h.c.runDir)
	if err != nil {
		return err
	}
	s.door, err = control.Listen(control.Options{
		Registry: s.commands(),
		Sockets:  []control.Socket{{Path: socketName(dir, s.program, s.iface)}},
		Limits:   control.Limits{Request: 64 << 10, Memory: 2 << 20, Connections: 16, Running: 4},
		OnEvent:  h.commanded,
	})
	if errors.Is(err, control.ErrServed) {
		return fail(exitRunning, "%s: another %s is running on this interface; %s --status tells how it stands", s.iface, s.program, s.program)
	}
	return err
}

// commanded logs what was asked of a client from outside.
func (h *host) commanded(e control.Event) {
	fields := []zap.Field{zap.String("command", e.Command), zap.Int("result", e.Result), zap.String("socket", e.Socket), zap.String("peer", e.Peer)}
	switch {
	case e.Err != nil:
		h.log.Warn("command not carried out", append(fields, zap.Error(e.Err))...)
	case strings.HasSuffix(e.Command, "-get"), e.Command == "list-commands":
		h.log.Debug("command", fields...)
	default:
		h.log.Info("command", fields...)
	}
}

// commands are those of one seat.
func (s *seat) commands() *control.Registry {
	r := &control.Registry{Service: s.program}
	r.Handle("status-get", func(context.Context, json.RawMessage) control.Result {
		p, err := s.look()
		if err != nil {
			return control.Result{Code: control.Error, Text: err.Error()}
		}
		return control.Result{Arguments: p}
	})
	r.Handle("version-get", func(context.Context, json.RawMessage) control.Result {
		return control.Result{Text: program.Version}
	})
	r.Handle("renew", func(context.Context, json.RawMessage) control.Result {
		if !s.put(askRenew) {
			return control.Result{Code: control.Error, Text: "the client is busy or ends"}
		}
		return control.Result{Text: fmt.Sprintf("%s renews on %s", s.program, s.iface)}
	})
	r.Handle("release", s.commandRelease)
	r.Handle("shutdown", func(context.Context, json.RawMessage) control.Result {
		s.stop()
		return control.Result{Text: fmt.Sprintf("%s ends on %s and keeps its lease", s.program, s.iface)}
	})
	return r
}

// commandRelease answers when the lease is given back. The one of the client inside
// goes first, since that goes by this one.
func (s *seat) commandRelease(ctx context.Context, _ json.RawMessage) control.Result {
	if s.inside != nil && s.inside.put(askRelease) {
		select {
		case <-s.inside.ended:
		case <-ctx.Done():
		}
	}
	if !s.put(askRelease) {
		return control.Result{Code: control.Error, Text: "the client is busy or ends"}
	}
	select {
	case <-s.ended:
		return control.Result{Text: fmt.Sprintf("%s has released on %s and ends", s.program, s.iface)}
	case <-ctx.Done():
		return control.Result{Code: control.Error, Text: "the release is under way"}
	}
}
