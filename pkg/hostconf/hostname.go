package hostconf

import (
	"fmt"
	"os"
	"slices"
	"strings"
	"syscall"
)

// hostName gives the host the name of the lease, where it has none, or has that of
// the lease before: dhclient-script's rule. It stays when the lease ends.
func (w *work) hostName() error {
	name := strings.TrimSuffix(w.want.HostName, ".")
	if !w.o.HostName || name == "" {
		return nil
	}
	if !IsName(name) || len(name) > 64 { // HOST_NAME_MAX of Linux
		return fmt.Errorf("hostconf: host name %.80q: %w", name, ErrValue)
	}
	now, err := os.Hostname()
	if err != nil {
		return fmt.Errorf("hostconf: host name: %w", err)
	}
	mine := []string{"", "(none)", "localhost"}
	if w.c.Old != nil && w.c.Old.HostName != "" {
		mine = append(mine, strings.TrimSuffix(w.c.Old.HostName, "."))
	}
	if now == name || !slices.Contains(mine, now) {
		return nil
	}
	if err := syscall.Sethostname([]byte(name)); err != nil {
		return fmt.Errorf("hostconf: set host name: %w", err)
	}
	return nil
}
