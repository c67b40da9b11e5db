package hostconf

import (
	"errors"
	"fmt"
)

// The most that is taken of one lease. A server has no honest use for more, and
// every one costs the kernel and the next change time.
const (
	mostAddresses = 256
	mostRoutes    = 1024
)

// trim takes out of a lease what is not put on the host at all.
func (w *work) trim() error {
	var errs []error
	if !w.want.PortSet.Whole() && !w.o.Shared && len(w.want.Addresses) > 0 {
		errs = append(errs, fmt.Errorf("hostconf: %v: %w", w.want.Addresses[0].Prefix.Addr(), ErrShared))
		w.want.Addresses, w.want.Routes = nil, nil
	}
	if len(w.want.Routes) > mostRoutes {
		errs = append(errs, fmt.Errorf("hostconf: %d routes: %w", len(w.want.Routes), ErrMany))
		w.want.Routes = w.want.Routes[:mostRoutes]
	}
	return errors.Join(append(errs, w.want.bound())...)
}

// bound leaves out what is too much of addresses and prefixes.
func (s *Settings) bound() error {
	var errs []error
	if n := len(s.Addresses); n > mostAddresses {
		errs = append(errs, fmt.Errorf("hostconf: %d addresses: %w", n, ErrMany))
		s.Addresses = s.Addresses[:mostAddresses]
	}
	if n := len(s.Prefixes); n > mostAddresses {
		errs = append(errs, fmt.Errorf("hostconf: %d prefixes: %w", n, ErrMany))
		s.Prefixes = s.Prefixes[:mostAddresses]
	}
	return errors.Join(errs...)
}
