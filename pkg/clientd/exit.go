package clientd

import (
	"errors"
	"fmt"
	"io"
	"syscall"

	"github.com/dhcp4o6/dhcp4o6/pkg/control"
)

// Exit codes, the table of docs/clients.md.
const (
	exitOK          = 0
	exitFailed      = 1 // what the others do not name
	exitUsage       = 2 // the command line or the configuration is wrong
	exitNoInterface = 3
	exitRunning     = 4 // another client has the interface
	exitPermission  = 5
	exitNoLease     = 6 // --once: not within the time
	exitNotRunning  = 7 // --status, --renew: there is nobody to ask
)

// A failure ends the program with a code of its own.
type failure struct {
	code int
	err  error
}

func (f *failure) Error() string { return f.err.Error() }
func (f *failure) Unwrap() error { return f.err }

func fail(code int, format string, args ...any) error {
	return &failure{code, fmt.Errorf(format, args...)}
}

// exitCode is what the program ends with.
func exitCode(err error) int {
	var f *failure
	switch {
	case err == nil:
		return exitOK
	case errors.As(err, &f):
		return f.code
	case errors.Is(err, control.ErrServed):
		return exitRunning
	case errors.Is(err, syscall.EACCES), errors.Is(err, syscall.EPERM):
		return exitPermission
	}
	return exitFailed
}

// complain says in one line why nothing goes on, and what to do about it where
// that is known.
func complain(w io.Writer, name string, err error) {
	fmt.Fprintf(w, "%s: %v%s\n", name, err, hint(err))
}

// hint is what operators do about an error that they meet at a start.
func hint(err error) string {
	switch {
	case errors.Is(err, syscall.EACCES), errors.Is(err, syscall.EPERM):
		return "; a client needs root, or CAP_NET_RAW, CAP_NET_ADMIN and CAP_NET_BIND_SERVICE, which the systemd unit gives"
	case errors.Is(err, syscall.EADDRINUSE):
		return "; another DHCP client has the port, ss -lunp shows which"
	case errors.Is(err, syscall.EAFNOSUPPORT):
		return "; this host does without that protocol"
	}
	return ""
}
