package server4

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"net/netip"
	"os"
	"slices"
	"time"

	"github.com/dhcp4o6/dhcp4o6/internal/wholefile"
)

// An identifierFile is what is kept of the server identifiers on disk, as JSON.
type identifierFile struct {
	Interfaces map[string]netip.Addr `json:"interfaces,omitempty"`
	Default    netip.Addr            `json:"default"`
	Configured []netip.Addr          `json:"configured,omitempty"`
	Lifetime   uint32                `json:"lifetime"` // seconds; of the longest leases whose clients name these
	Earlier    []earlierID           `json:"earlier,omitempty"`
}

// An earlierID was in use once and is accepted for some time more.
type earlierID struct {
	Addr  netip.Addr `json:"address"`
	Until time.Time  `json:"until"`
}

// all lists the identifiers in use.
func (f *identifierFile) all() []netip.Addr {
	all := slices.Collect(maps.Values(f.Interfaces))
	if f.Default.IsValid() {
		all = append(all, f.Default)
	}
	all = append(all, f.Configured...)
	slices.SortFunc(all, netip.Addr.Compare)
	return slices.Compact(all)
}

// retire carries over what was in use before and is not any more.
func (f *identifierFile) retire(before *identifierFile, now, until time.Time) {
	inUse := f.all()
	for _, e := range before.Earlier {
		if now.Before(e.Until) && !slices.Contains(inUse, e.Addr) {
			f.Earlier = append(f.Earlier, e)
		}
	}
	for _, a := range before.all() {
		if !slices.Contains(inUse, a) {
			f.Earlier = append(f.Earlier, earlierID{a, until.UTC().Truncate(time.Second)})
		}
	}
	slices.SortFunc(f.Earlier, func(a, b earlierID) int { return a.Addr.Compare(b.Addr) })
}

func (f *identifierFile) equal(o *identifierFile) bool {
	return f.Default == o.Default && f.Lifetime == o.Lifetime && maps.Equal(f.Interfaces, o.Interfaces) && slices.Equal(f.Configured, o.Configured) &&
		slices.EqualFunc(f.Earlier, o.Earlier, func(a, b earlierID) bool { return a.Addr == b.Addr && a.Until.Equal(b.Until) })
}

// identifiers returns f in the form that packets are served from.
func (f *identifierFile) identifiers() *identifiers {
	d := &identifiers{byIface: maps.Clone(f.Interfaces), rest: f.Default, own: make(map[netip.Addr]bool), past: make(map[netip.Addr]time.Time)}
	for _, a := range f.all() {
		d.own[a] = true
	}
	for _, e := range f.Earlier {
		d.past[e.Addr] = e.Until
	}
	return d
}

// readIdentifiers reads the file; one that is not there is empty. It always
// returns something to go on with.
func readIdentifiers(name string) (*identifierFile, error) {
	f := new(identifierFile)
	if name == "" {
		return f, nil
	}
	b, err := os.ReadFile(name)
	if errors.Is(err, fs.ErrNotExist) {
		return f, nil
	}
	if err != nil {
		return f, fmt.Errorf("server4: read server identifiers: %w", err)
	}
	if err := json.Unmarshal(b, f); err != nil {
		return new(identifierFile), fmt.Errorf("server4: read server identifiers %q: %w", name, err)
	}
	for _, a := range slices.Concat(f.all(), f.earlier()) {
		if !a.Is4() {
			return new(identifierFile), fmt.Errorf("server4: read server identifiers %q: %w: %q", name, errNotIPv4, a)
		}
	}
	return f, nil
}

var errNotIPv4 = errors.New("not an IPv4 address")

func (f *identifierFile) earlier() (all []netip.Addr) {
	for _, e := range f.Earlier {
		all = append(all, e.Addr)
	}
	return all
}

// writeIdentifiers replaces the file in one step: at every moment the name leads
// to a whole file, and after return the new one survives a crash.
func writeIdentifiers(name string, f *identifierFile) error {
	if name == "" {
		return nil
	}
	b, err := json.MarshalIndent(f, "", "  ")
	if err != nil {
		return fmt.Errorf("server4: write server identifiers: %w", err)
	}
	if err := wholefile.Write(name, append(b, '\n'), 0o600); err != nil {
		return fmt.Errorf("server4: write server identifiers: %w", err)
	}
	return nil
}
