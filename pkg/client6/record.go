package client6

import (
	"bytes"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net/netip"
	"os"
	"strings"
	"time"

	"github.com/dhcp4o6/dhcp4o6/internal/wholefile"
	"github.com/dhcp4o6/dhcp4o6/pkg/dhcp6"
)

// A Record is what a client remembers from one life to the next: its leases, and
// what came with them. Times are wall times, since they outlive the host's clock.
// It is not changed once it is made.
type Record struct {
	Version   int    `json:"version"` // RecordVersion
	Interface string `json:"interface,omitempty"`
	DUID      Hex    `json:"duid"` // whose leases they are

	Server  Hex              `json:"server,omitempty"` // DUID of who gave them
	Updated time.Time        `json:"updated,omitzero"` // by the server's last answer
	IAs     []RecordedIA     `json:"ias,omitempty"`
	Options []RecordedOption `json:"options,omitempty"`
	Refresh time.Time        `json:"refresh,omitzero"` // when configuration is asked for anew, where there is no lease

	SolMaxRT uint32          `json:"sol-max-rt,omitempty"` // seconds; 0: not told
	InfMaxRT uint32          `json:"inf-max-rt,omitempty"`
	Key      *ReconfigureKey `json:"reconfigure,omitempty"`
}

// RecordVersion is what this code writes. What is newer is refused.
const RecordVersion = 1

// A RecordedIA is an identity association with its leases.
type RecordedIA struct {
	Kind    IAKind          `json:"kind"`
	IAID    uint32          `json:"iaid"`
	Updated time.Time       `json:"updated,omitzero"`
	T1      uint32          `json:"t1"` // seconds from Updated; 0xffffffff: never
	T2      uint32          `json:"t2"`
	Leases  []RecordedLease `json:"leases"`
}

// A RecordedLease is an address, as a prefix of 128 bits, or a delegated prefix.
type RecordedLease struct {
	Prefix    netip.Prefix `json:"prefix"`
	Preferred time.Time    `json:"preferred-until,omitzero"` // zero: for ever
	Valid     time.Time    `json:"valid-until,omitzero"`
}

// A RecordedOption is an option that was asked for and given. Name is for the
// reader's eye.
type RecordedOption struct {
	Code  dhcp6.Code `json:"code"`
	Name  string     `json:"name,omitempty"`
	Value Hex        `json:"value"`
}

// A ReconfigureKey is what a server proves itself by when it has the client ask
// anew (RFC 9915 §20.4).
type ReconfigureKey struct {
	Key    Hex    `json:"key"`
	Replay uint64 `json:"replay"` // the last value that was used
}

// Hex is octets that are written in hexadecimal, colons between them.
type Hex []byte

// MarshalText writes them.
func (h Hex) MarshalText() ([]byte, error) { return dhcp6.DUID(h).AppendText(nil), nil }

// UnmarshalText reads them, with colons or without.
func (h *Hex) UnmarshalText(text []byte) error {
	b, err := hex.DecodeString(strings.ReplaceAll(string(text), ":", ""))
	if err != nil {
		return errHex
	}
	*h = b
	return nil
}

// MarshalText writes na, ta or pd.
func (k IAKind) MarshalText() ([]byte, error) { return []byte(k.String()), nil }

// UnmarshalText reads that.
func (k *IAKind) UnmarshalText(text []byte) error {
	for i, name := range kindNames {
		if name == string(text) {
			*k = IAKind(i)
			return nil
		}
	}
	return errKind
}

// What a file may hold instead of a record.
var (
	errHex     = errors.New("octets that are not hexadecimal")
	errKind    = errors.New("an identity association of unknown kind")
	errNewer   = errors.New("written by a newer version")
	errForeign = errors.New("not a record of leases")
	errLease   = errors.New("a lease that cannot be")
	errOption  = errors.New("an option that cannot be")
	errMore    = errors.New("something behind the record")
)

// ParseRecord reads the text that AppendText writes.
func ParseRecord(text []byte) (*Record, error) {
	r := new(Record)
	d := json.NewDecoder(bytes.NewReader(text))
	d.DisallowUnknownFields()
	if err := d.Decode(r); err != nil {
		return nil, err
	}
	if _, err := d.Token(); err != io.EOF {
		return nil, errMore
	}
	if err := r.check(); err != nil {
		return nil, err
	}
	return r, nil
}

func (r *Record) check() error {
	if r.Version > RecordVersion {
		return errNewer
	}
	if _, err := dhcp6.ParseDUID(r.DUID); err != nil || r.Version < 1 {
		return errForeign
	}
	if _, err := dhcp6.ParseDUID(r.Server); err != nil && len(r.IAs) > 0 {
		return errForeign
	}
	for _, ia := range r.IAs {
		for _, l := range ia.Leases {
			late := !l.Valid.IsZero() && (l.Preferred.IsZero() || l.Preferred.After(l.Valid))
			if late || !usable(ia.Kind, l.Prefix) {
				return errLease
			}
		}
	}
	for _, o := range r.Options {
		if len(o.Value) > 0xffff {
			return errOption
		}
	}
	if r.Key != nil && len(r.Key.Key) != keyLen {
		return errForeign
	}
	return nil
}

// AppendText appends the record as JSON for people to read, a newline behind it.
func (r *Record) AppendText(b []byte) ([]byte, error) {
	text, err := json.MarshalIndent(r, "", "  ")
	if err != nil {
		return b, err
	}
	return append(append(b, text...), '\n'), nil
}

// A Store keeps a client's record. Load returns nil where there is none.
type Store interface {
	Save(*Record) error // nil: forget it
	Load() (*Record, error)
}

// A File is a Store in a file, replaced as a whole and on disk when Save returns.
// It can be read by its owner alone, for it holds the reconfigure key.
type File struct{ name string }

// NewFile returns the Store in the file of that name.
func NewFile(name string) *File { return &File{name} }

// Save writes the record, or removes the file.
func (f *File) Save(r *Record) error {
	if r == nil {
		if err := os.Remove(f.name); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return fmt.Errorf("client6: forget leases: %w", err)
		}
		return nil
	}
	text, err := r.AppendText(nil)
	if err == nil {
		err = wholefile.Write(f.name, text, 0o600)
	}
	if err != nil {
		return fmt.Errorf("client6: write leases: %w", err)
	}
	return nil
}

// Load reads the record. A file that makes no sense is an error and stays as it is.
func (f *File) Load() (*Record, error) {
	text, err := os.ReadFile(f.name)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("client6: read leases: %w", err)
	}
	r, err := ParseRecord(text)
	if err != nil {
		return nil, fmt.Errorf("client6: leases in %q: %w", f.name, err)
	}
	return r, nil
}
