package duid

import (
	"bytes"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	"github.com/dhcp4o6/dhcp4o6/internal/wholefile"
	"github.com/dhcp4o6/dhcp4o6/pkg/dhcp6"
	"github.com/dhcp4o6/dhcp4o6/pkg/netif"
)

// What a file may hold instead of a DUID.
var (
	ErrForeign = errors.New("not a DUID in hexadecimal")
	ErrDamaged = errors.New("a DUID of this type cannot be so long, or so short")
)

// maxText is more than a DUID of 130 octets takes, colons and end of line
// included: a file that is longer was written for something else.
const maxText = 512

// Load returns the DUID in the file, as far as s does not want another; else a
// new one, which is on disk when Load returns. A file that cannot be understood
// is an error and stays as it is. Two programs that come at once, as the two
// clients of a host do at its first start, get the same.
func Load(name string, s Spec, links []netif.Interface, now time.Time) (dhcp6.DUID, error) {
	defer lock(filepath.Dir(name))()
	old, err := Read(name)
	if err != nil {
		return nil, err
	}
	d, err := Make(old, s, links, now)
	if err != nil || bytes.Equal(d, old) {
		return d, err
	}
	if err := Write(name, d); err != nil {
		return nil, err
	}
	return d, nil
}

// lock keeps others from making a DUID in the same folder at the same time, as far as
// its file system has locks. A folder that is not there is for Write to complain of.
func lock(dir string) (unlock func()) {
	d, err := os.Open(dir)
	if err != nil {
		return func() {}
	}
	for errors.Is(syscall.Flock(int(d.Fd()), syscall.LOCK_EX), syscall.EINTR) {
	}
	return func() { _ = d.Close() }
}

// Read returns the DUID in a file, nil where there is no file.
func Read(name string) (dhcp6.DUID, error) {
	d, err := read(name)
	if err != nil {
		return nil, fmt.Errorf("duid: read %q: %w", name, err)
	}
	return d, nil
}

func read(name string) (dhcp6.DUID, error) {
	f, err := os.Open(name)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return nil, nil
	case err != nil:
		return nil, err
	}
	defer f.Close()
	text, err := io.ReadAll(io.LimitReader(f, maxText+1))
	if err != nil {
		return nil, err
	}
	return Parse(text)
}

// Parse reads the text of such a file: an even number of hexadecimal digits,
// colons between the octets or not, white space around.
func Parse(text []byte) (dhcp6.DUID, error) {
	if len(text) > maxText {
		return nil, ErrForeign
	}
	b, err := hex.DecodeString(strings.ReplaceAll(string(bytes.TrimSpace(text)), ":", ""))
	if err != nil {
		return nil, ErrForeign
	}
	d, err := dhcp6.ParseDUID(b)
	if err != nil {
		return nil, ErrForeign
	}
	if !whole(d) {
		return nil, ErrDamaged
	}
	return d, nil
}

// whole reports whether a DUID has the length that its type asks for, so that a
// file cut short does not pass for another identity. Of types that we do not know
// nothing is asked (RFC 9915 §11).
func whole(d dhcp6.DUID) bool {
	switch d.Type() {
	case dhcp6.DUIDLLT:
		return len(d) > 8
	case dhcp6.DUIDLL:
		return len(d) > 4
	case dhcp6.DUIDEN:
		return len(d) > 6
	case dhcp6.DUIDUUID:
		return len(d) == 18
	}
	return true
}

// Write puts the DUID into a file. The file is replaced as a whole or not at all,
// and is on disk when Write returns.
func Write(name string, d dhcp6.DUID) error {
	if err := wholefile.Write(name, []byte(d.String()), 0o644); err != nil {
		return fmt.Errorf("duid: write: %w", err)
	}
	return nil
}
