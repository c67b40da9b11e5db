package daemon

import (
	"sync"

	"github.com/dhcp4o6/dhcp4o6/pkg/config"
)

// A serving is which sockets have a worker and which interfaces lack one.
type serving struct {
	mu      sync.Mutex
	sockets int
	lacks   map[string]string // why, by interface
}

// lack notes that an interface is not served, or not in full.
func (s *serving) lack(iface string, err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.lacks == nil {
		s.lacks = make(map[string]string)
	}
	s.lacks[iface] = err.Error()
}

// begin notes a worker on an interface, end that it has left.
func (s *serving) begin(iface string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.sockets++
	delete(s.lacks, iface)
}

func (s *serving) end() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.sockets--
}

// configured forgets interfaces that are no longer asked for.
func (s *serving) configured(cfg *config.Config) {
	s.mu.Lock()
	defer s.mu.Unlock()
	named := make(map[string]bool)
	for _, spec := range cfg.Interfaces.Specs {
		if spec.Iface == "*" {
			return
		}
		named[spec.Iface] = true
	}
	for iface := range s.lacks {
		if !named[iface] {
			delete(s.lacks, iface)
		}
	}
}

// workers is how many goroutines answer packets.
func (s *serving) workers() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.sockets + 1 // of the pair
}

// status is sockets of status-get: what is missing is tried again.
func (s *serving) status() map[string]any {
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.lacks) == 0 {
		return map[string]any{"status": "ready"}
	}
	return map[string]any{"status": "retrying", "errors": texts(s.lacks)}
}
