package hostconf

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/dhcp4o6/dhcp4o6/internal/command"
)

// Bounds of the programs that tell a resolver.
const (
	toolLimit  = 10 * time.Second
	toolOutput = 512
)

var errNotFound = errors.New("not found")

// run runs resolvconf or resolvectl.
func (w *work) run(stdin, name string, args ...string) error {
	path := w.o.find(name)
	if path == "" {
		return fmt.Errorf("hostconf: %s: %w", name, errNotFound)
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(w.ctx), toolLimit) // what is told while stopping is told too
	defer cancel()
	said := &command.Head{N: toolOutput}
	cmd := command.New(ctx, []string{"PATH=" + usualPath}, path, args...)
	cmd.Stdin, cmd.Stdout, cmd.Stderr = strings.NewReader(stdin), said, said
	if err := command.Run(cmd); err != nil {
		return fmt.Errorf("hostconf: %s %s: %w: %s", name, strings.Join(args, " "), err, said.Line())
	}
	return nil
}
