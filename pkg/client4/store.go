package client4

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"

	"github.com/dhcp4o6/dhcp4o6/internal/wholefile"
)

// A Store remembers one lease.
type Store interface {
	Save(r *Record) error   // nil: there is none any more
	Load() (*Record, error) // nil: there is none
}

// A File is a Store of one file, in JSON that people can read. What Save has
// written survives a crash.
type File struct{ name string }

// NewFile returns the store in the file of a name, which need not be there.
func NewFile(name string) *File { return &File{name} }

// maxRecord is more than any record has: a message is of 64 KiB at most.
const maxRecord = 1 << 20

// Save implements Store.
func (f *File) Save(r *Record) error {
	if r == nil {
		if err := os.Remove(f.name); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return fmt.Errorf("client4: forget lease: %w", err)
		}
		return nil
	}
	b, err := json.MarshalIndent(r, "", "  ")
	if err == nil {
		err = wholefile.Write(f.name, append(b, '\n'), 0o644)
	}
	if err != nil {
		return fmt.Errorf("client4: save lease: %w", err)
	}
	return nil
}

// Load implements Store.
func (f *File) Load() (*Record, error) {
	b, err := os.ReadFile(f.name)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("client4: load lease: %w", err)
	}
	r, err := parseRecord(b)
	if err != nil {
		return nil, fmt.Errorf("client4: load lease %q: %w", f.name, err)
	}
	return r, nil
}

func parseRecord(b []byte) (*Record, error) {
	if len(b) > maxRecord {
		return nil, ErrRecord
	}
	r := new(Record)
	if err := json.Unmarshal(b, r); err != nil {
		return nil, err
	}
	if _, err := r.check(); err != nil {
		return nil, err
	}
	return r, nil
}
