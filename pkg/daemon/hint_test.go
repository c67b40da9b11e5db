package daemon

import (
	"errors"
	"fmt"
	"syscall"
	"testing"

	"go.uber.org/zap"
)

func TestHint(t *testing.T) {
	for err, want := range map[error]string{
		fmt.Errorf("bind: %w", syscall.EADDRINUSE): "ss -lunp",
		fmt.Errorf("bind: %w", syscall.EACCES):     "CAP_NET_BIND_SERVICE",
		fmt.Errorf("socket: %w", syscall.EPERM):    "CAP_NET_RAW",
		errors.New("anything"):                     "",
	} {
		got := hint(err)
		if want == "" && !got.Equals(zap.Skip()) {
			t.Errorf("%v: %v", err, got)
		}
		contains(t, got.String, want)
	}
}
