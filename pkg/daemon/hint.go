package daemon

import (
	"errors"
	"syscall"

	"go.uber.org/zap"

	"github.com/dhcp4o6/dhcp4o6/pkg/transport"
)

// hint says what to do about an error that operators meet at a start, where the
// error itself says only what went wrong. Nothing is added to other errors.
func hint(err error) zap.Field {
	switch {
	case errors.Is(err, transport.ErrBuffer):
		return zap.String("hint", "raise the sysctl net.core.rmem_max to 8388608, or give CAP_NET_ADMIN")
	case errors.Is(err, syscall.EADDRINUSE):
		return zap.String("hint", "another server, perhaps Kea's, has this address and port; ss -lunp shows which")
	case errors.Is(err, syscall.EACCES): // of bind(2)
		return zap.String("hint", "ports under 1024 need root or CAP_NET_BIND_SERVICE, which the systemd unit gives")
	case errors.Is(err, syscall.EPERM): // of socket(2), for packets
		return zap.String("hint", "packet sockets need root or CAP_NET_RAW, which the systemd unit gives; without them UDP sockets are read, which packet filters have to let through, and clients without address are answered by broadcast")
	}
	return zap.Skip()
}
