package leasecmd

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/dhcp4o6/dhcp4o6/pkg/control"
	"github.com/dhcp4o6/dhcp4o6/pkg/lease"
	"github.com/dhcp4o6/dhcp4o6/pkg/lease/leasefile"
)

// write writes a complete lease file: a new one in the folder of the lease file, or
// the lease file itself anew. No other place is written to and no other file
// replaced, whatever a command says.
func (c *Commands) write(ctx context.Context, args json.RawMessage) (control.Result, error) {
	m, err := given(args)
	if err != nil {
		return control.Result{}, err
	}
	if !m.has("filename") {
		return control.Result{}, refusef("'filename' parameter not specified")
	}
	name, isString := isText(m["filename"])
	if !isString {
		return control.Result{}, refusef("'filename' parameter must be a string")
	}
	if name == "" {
		return control.Result{}, refusef("'filename' parameter is empty")
	}
	path, err := c.place(name)
	if err != nil {
		return control.Result{}, fmt.Errorf("'filename' parameter is invalid: %w", err)
	}
	done, err := c.alone(ctx)
	if err != nil {
		return control.Result{}, err
	}
	defer done()
	if path == c.o.File {
		err = c.o.Leases.Clean(ctx)
	} else {
		err = leasefile.Write(ctx, path, c.family(), c.o.Leases.All())
	}
	if err != nil {
		return control.Result{}, err
	}
	return control.Result{Text: fmt.Sprintf("%s lease database into '%s'.", c.protocol(), name)}, nil
}

// clean has the lease file cleaned up now, and is answered when that is done.
func (c *Commands) clean(ctx context.Context, _ json.RawMessage) (control.Result, error) {
	if c.o.File == "" {
		return control.Result{Code: control.Unsupported, Text: "'persist' parameter of 'memfile' lease backend was configured to 'false'"}, nil
	}
	done, err := c.alone(ctx)
	if err != nil {
		return control.Result{}, err
	}
	defer done()
	if err := c.o.Leases.Clean(ctx); err != nil {
		return control.Result{}, fmt.Errorf("failed to start kea-lfc: %w", err)
	}
	return control.Result{Text: "kea-lfc started"}, nil
}

func (c *Commands) family() leasefile.Family {
	if c.kind == lease.V4 {
		return leasefile.V4
	}
	return leasefile.V6
}

// place returns the path that a file name stands for.
func (c *Commands) place(name string) (string, error) {
	if c.o.File == "" {
		return "", refusef("leases are not kept in a file")
	}
	folder := filepath.Dir(c.o.File)
	path := name
	if !strings.Contains(name, "/") {
		path = filepath.Join(folder, name)
	}
	base := filepath.Base(path)
	switch {
	case path == c.o.File:
		return path, nil
	case filepath.Dir(path) != folder || filepath.Clean(path) != path || strings.ContainsRune(name, 0):
		return "", refusef("'%s' is not in the folder of the lease file, %s", name, folder)
	case !strings.HasSuffix(base, ".csv"), strings.HasPrefix(base, "."):
		return "", refusef("'%s' does not end in .csv", name)
	}
	if _, err := os.Lstat(path); !errors.Is(err, fs.ErrNotExist) {
		return "", refusef("'%s' is there already", name)
	}
	return path, nil
}
