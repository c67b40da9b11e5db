package hostconf

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"

	"github.com/dhcp4o6/dhcp4o6/internal/wholefile"
)

// kept is what has to be known when the lease of one family on one interface ends,
// and cannot be read from the kernel.
type kept struct {
	MTU         int            `json:"mtu,omitempty"`        // as we have set it; 0: we have not
	MTUBefore   int            `json:"mtu-before,omitempty"` // as it was
	Unreachable []netip.Prefix `json:"unreachable,omitempty"`
	Names       *names         `json:"names,omitempty"` // what a resolver was told
}

func (k *kept) empty() bool { return k.MTU == 0 && len(k.Unreachable) == 0 && k.Names == nil }

// A slot is one family on one interface, named as resolvconf names it: eth0.dhcp4.
type slot string

func slotOf(c *Change) slot {
	if c.Reason.V6() {
		return slot(c.Iface + ".dhcp6")
	}
	return slot(c.Iface + ".dhcp4")
}

// iface is the interface of a slot.
func (s slot) iface() string { return string(s[:len(s)-len(".dhcp4")]) }

// A shelf holds what is kept of all slots: in files of a folder, where the other
// client and our next run find it, or in memory where there is no folder.
type shelf struct {
	dir string
	mem map[slot]kept
}

const keptPrefix, keptSuffix = "hostconf.", ".json"

// lock keeps the other client away from the folder. Whoever has the lock holds it
// for a bounded time, since what it runs is bounded. unlock is never nil.
func (s *shelf) lock() (unlock func(), err error) {
	nothing := func() {}
	if s.dir == "" {
		return nothing, nil
	}
	if err := os.MkdirAll(s.dir, 0o755); err != nil {
		return nothing, fmt.Errorf("hostconf: keep state: %w", err)
	}
	f, err := os.OpenFile(filepath.Join(s.dir, "hostconf.lock"), os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return nothing, fmt.Errorf("hostconf: keep state: %w", err)
	}
	for {
		err = syscall.Flock(int(f.Fd()), syscall.LOCK_EX)
		if !errors.Is(err, syscall.EINTR) {
			break
		}
	}
	if err != nil {
		f.Close()
		return nothing, fmt.Errorf("hostconf: lock %s: %w", f.Name(), err)
	}
	return func() { f.Close() }, nil
}

func (s *shelf) file(of slot) string {
	return filepath.Join(s.dir, keptPrefix+string(of)+keptSuffix)
}

// load returns what is kept of a slot. A file that cannot be read is as none: the
// next lease writes it anew.
func (s *shelf) load(of slot) (k kept, err error) {
	if s.dir == "" {
		return s.mem[of], nil
	}
	text, err := os.ReadFile(s.file(of))
	if errors.Is(err, fs.ErrNotExist) {
		return k, nil
	}
	if err == nil {
		err = json.Unmarshal(text, &k)
	}
	if err != nil {
		return kept{}, fmt.Errorf("hostconf: read kept state: %w", err)
	}
	return k, nil
}

func (s *shelf) save(of slot, k kept) error {
	if s.dir == "" {
		if s.mem == nil {
			s.mem = make(map[slot]kept)
		}
		if s.mem[of] = k; k.empty() {
			delete(s.mem, of)
		}
		return nil
	}
	if k.empty() {
		if err := os.Remove(s.file(of)); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return fmt.Errorf("hostconf: keep state: %w", err)
		}
		return nil
	}
	text, err := json.Marshal(k)
	if err == nil {
		err = wholefile.Write(s.file(of), append(text, '\n'), 0o644)
	}
	if err != nil {
		return fmt.Errorf("hostconf: keep state: %w", err)
	}
	return nil
}

// slots returns every slot of which something is kept, in order.
func (s *shelf) slots() ([]slot, error) {
	var all []slot
	if s.dir == "" {
		for of := range s.mem {
			all = append(all, of)
		}
		slices.Sort(all)
		return all, nil
	}
	entries, err := os.ReadDir(s.dir)
	if err != nil {
		return nil, fmt.Errorf("hostconf: read kept state: %w", err)
	}
	for _, e := range entries {
		name, ok := strings.CutPrefix(e.Name(), keptPrefix)
		name, ok2 := strings.CutSuffix(name, keptSuffix)
		if ok && ok2 && (strings.HasSuffix(name, ".dhcp4") || strings.HasSuffix(name, ".dhcp6")) {
			all = append(all, slot(name))
		}
	}
	return all, nil
}
