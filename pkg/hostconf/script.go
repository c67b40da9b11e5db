package hostconf

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/dhcp4o6/dhcp4o6/internal/command"
)

// ErrTaken is that of a script that refuses a lease, which is to say that somebody
// else has its address: it ends with another status than 0 for IPv4, and with 3 for
// an IPv6 address, as dhclient has it.
var ErrTaken = errors.New("the script says that the address is taken")

// A TakenError names the IPv6 address that a script refuses. It is an ErrTaken.
type TakenError struct{ Addr netip.Addr }

func (e *TakenError) Error() string { return fmt.Sprintf("%v: %v", e.Addr, ErrTaken) }

// Is makes a TakenError an ErrTaken.
func (e *TakenError) Is(target error) bool { return target == ErrTaken }

// Bounds of a script that ScriptOptions leave open.
const (
	ScriptLimit = time.Minute // for one run
	scriptSays  = 4096        // octets of output that are told
)

// ScriptOptions say how a script is run.
type ScriptOptions struct {
	Limit     time.Duration // for one run; 0: ScriptLimit
	Env       []string      // further variables, NAME=value, as of dhclient's -e
	Requested []string      // the options asked for, named as their variables: requested_NAME=1

	// Output, when not nil, is given the first lines of what each run says, with
	// nothing in them that a terminal obeys.
	Output func(line string)
}

// NewScript returns a System that runs a program with the environment of
// dhclient-script(8) and nothing of ours, without a shell, and waits for its end. A
// Change of IPv6 runs it once for each address and prefix, as dhclient does.
//
// A variable whose value could surprise a shell is left out and told, and the
// program is run all the same. Only root or our own user may be able to change the
// program; that is looked at each time.
func NewScript(program string, o ScriptOptions) System {
	if o.Limit <= 0 {
		o.Limit = ScriptLimit
	}
	return &script{program: program, o: o}
}

// script is the System of NewScript.
type script struct {
	program string
	o       ScriptOptions
	mu      sync.Mutex // one run at a time
}

// CheckScript reports why a program could not be run as a script.
func CheckScript(program string) error {
	if !filepath.IsAbs(program) {
		return fmt.Errorf("hostconf: script %q: not a whole path", program)
	}
	info, err := os.Stat(program)
	switch {
	case err != nil:
	case !info.Mode().IsRegular() || info.Mode()&0o111 == 0:
		err = errors.New("not a file that may be executed")
	default:
		err = command.Owned(info, os.Geteuid())
	}
	if err != nil {
		return fmt.Errorf("hostconf: script %s: %w", program, err)
	}
	return nil
}

// Apply implements System.
func (s *script) Apply(ctx context.Context, c *Change) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if err := CheckScript(s.program); err != nil {
		return err
	}
	bounded := *c
	var errs []error
	if c.New != nil {
		is := *c.New
		errs, bounded.New = append(errs, is.bound()), &is
	}
	if c.Old != nil { // what was too much of it was told when it was new
		was := *c.Old
		_, bounded.Old = was.bound(), &was
	}
	c = &bounded
	for _, r := range c.runs(time.Now()) {
		errs = append(errs, s.run(ctx, c, &r))
	}
	return errors.Join(errs...)
}

// run runs the program once.
func (s *script) run(ctx context.Context, c *Change, r *run) error {
	env, refused := s.environ(c, r)
	limit, cancel := context.WithTimeout(ctx, s.o.Limit)
	defer cancel()
	said := &command.Head{N: scriptSays}
	cmd := command.New(limit, env, s.program)
	cmd.Stdout, cmd.Stderr = said, said
	err := command.Run(cmd)
	if s.o.Output != nil {
		for line := range strings.Lines(said.Text()) {
			if line = strings.TrimSpace(line); line != "" {
				s.o.Output(printable(line))
			}
		}
	}
	return errors.Join(refused, s.verdict(r, err, limit))
}

// verdict is what the end of a run means.
func (s *script) verdict(r *run, err error, limit context.Context) error {
	var exit *exec.ExitError
	switch {
	case err == nil:
		return nil
	case errors.Is(limit.Err(), context.DeadlineExceeded):
		return fmt.Errorf("hostconf: script %s: killed after %v", r.reason, s.o.Limit)
	case limit.Err() != nil:
		return fmt.Errorf("hostconf: script %s: %w", r.reason, limit.Err())
	case !errors.As(err, &exit) || !exit.Exited():
		return fmt.Errorf("hostconf: script %s: %w", r.reason, err)
	case r.gives && !r.reason.V6():
		err = fmt.Errorf("%w (%w)", ErrTaken, err)
	case r.gives && exit.ExitCode() == 3 && r.addr.IsValid():
		err = &TakenError{r.addr}
	case !r.gives && !r.addr.IsValid() && r.reason.V6() && exit.ExitCode() == 2:
		return nil // Debian's dhclient-script knows no prefix that goes, and says so like this
	}
	return fmt.Errorf("hostconf: script %s: %w", r.reason, err)
}

// printable leaves out of a line what a terminal obeys.
func printable(s string) string {
	return strings.Map(func(c rune) rune {
		if c < ' ' || c == 0x7f || c >= 0x80 && c < 0xa0 || c == '\ufffd' {
			return '?'
		}
		return c
	}, s)
}

// environ makes the environment of a run. What the guard refuses is left out.
func (s *script) environ(c *Change, r *run) ([]string, error) {
	pid := c.PID
	if pid == 0 {
		pid = os.Getpid()
	}
	env := append(slices.Clone(s.o.Env), "PATH="+usualPath, "reason="+string(r.reason), "pid="+fmt.Sprint(pid))
	if c.Iface != "" {
		env = append(env, "interface="+c.Iface)
	}
	if r.reason.V6() {
		env = append(env, "dad_wait_time=0") // we watch it ourselves
	}
	var errs []error
	for _, name := range s.o.Requested {
		if isVarName(name) {
			env = append(env, "requested_"+name+"=1")
		}
	}
	for _, v := range r.vars {
		if err := v.check(); err != nil {
			errs = append(errs, err)
		} else {
			env = append(env, v.prefix+v.Name+"="+v.Value)
		}
	}
	return env, errors.Join(errs...)
}
