package daemon

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"syscall"

	"go.uber.org/zap"

	"github.com/dhcp4o6/dhcp4o6/pkg/control"
)

func (d *daemon) configWrite(ctx context.Context, args json.RawMessage) control.Result {
	a, ok := arguments(args)
	if !ok {
		return failed("Argument must be a map")
	}
	name := ""
	if raw, ok := a["filename"]; ok {
		if raw[0] != '"' || json.Unmarshal(raw, &name) != nil {
			return failed("passed parameter 'filename' is not a string")
		}
	}
	return d.asked.do(ctx, func() control.Result {
		file, shown, err := writable(d.setup.ConfigFile, name)
		switch {
		case errors.Is(err, fs.ErrNotExist):
			return failed("Error during write-config:Unable to open file " + name + " for writing")
		case err != nil:
			return failed("Error during write-config:" + err.Error())
		}
		var b bytes.Buffer
		if err := json.Indent(&b, d.cfg.JSON(), "", "    "); err != nil {
			return failed("Error during write-config:" + err.Error())
		}
		b.WriteByte('\n')
		if err := replaceFile(osDisk{}, file, b.Bytes()); err != nil {
			return failed(fmt.Sprintf("Error during write-config:Unable to open file %s for writing: %v", shown, err))
		}
		d.log.Info("configuration written", zap.String("file", file), zap.Int("size", b.Len()))
		return control.Result{
			Text:      "Configuration written to " + shown + " successful",
			Arguments: map[string]any{"filename": shown, "size": b.Len()},
		}
	})
}

// writable says which file config-write may replace: the configuration file, be
// it a link, or one beside it. A name without a folder is beside it.
func writable(configFile, name string) (file, shown string, err error) {
	own, err := filepath.EvalSymlinks(configFile)
	if err != nil {
		if own, err = filepath.Abs(configFile); err != nil {
			return "", "", err
		}
	}
	if name == "" || name == configFile {
		return own, configFile, nil
	}
	dir, base := filepath.Split(name)
	if dir == "" {
		dir = filepath.Dir(configFile)
	}
	folder, err := filepath.EvalSymlinks(dir)
	switch {
	case err != nil:
		return "", "", err
	case base == "" || base == "." || base == "..":
		return "", "", fmt.Errorf("%q names no file", name)
	}
	if folder, err = filepath.Abs(folder); err != nil {
		return "", "", err
	}
	allowed, err := filepath.EvalSymlinks(filepath.Dir(configFile))
	if err == nil {
		allowed, err = filepath.Abs(allowed)
	}
	if err != nil {
		return "", "", err
	}
	if folder != allowed {
		return "", "", fmt.Errorf("not allowed to write config into %s: invalid path specified: '%s', supported path is '%s'", name, folder, allowed)
	}
	file = filepath.Join(folder, base)
	if info, err := os.Lstat(file); err == nil && file != own && !(info.Mode().IsRegular() && looksLikeConfig(base)) {
		return "", "", fmt.Errorf("not allowed to write config into %s: it is there, and no configuration by its name", name)
	}
	return file, name, nil
}

// looksLikeConfig keeps keys and passwords that stand in the same folder from
// being written over.
func looksLikeConfig(name string) bool {
	ext := filepath.Ext(name)
	return ext == ".json" || ext == ".conf"
}

// A disk is what replaceFile asks of the file system; tests cut its power.
type disk interface {
	// create makes a new file, with owner, group and mode of like if that is there.
	create(name, like string) (diskFile, error)
	rename(from, to string) error
	remove(name string) error
	syncDir(name string) error
}

type diskFile interface {
	io.Writer
	Sync() error
	Close() error
}

// replaceFile puts another text in a file's place: whole, durable, or not at all.
func replaceFile(d disk, name string, text []byte) error {
	fresh := name + ".new"
	f, err := d.create(fresh, name)
	if err != nil {
		return err
	}
	if _, err = f.Write(text); err == nil {
		err = f.Sync()
	}
	if err = errors.Join(err, f.Close()); err == nil {
		err = d.rename(fresh, name)
	}
	if err != nil {
		return errors.Join(err, d.remove(fresh))
	}
	return d.syncDir(filepath.Dir(name))
}

// osDisk is the machine's.
type osDisk struct{}

func (osDisk) create(name, like string) (diskFile, error) {
	if err := os.Remove(name); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, err
	}
	f, err := os.OpenFile(name, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return nil, err
	}
	mode := fs.FileMode(0o640) // it may hold passwords
	if info, err := os.Stat(like); err == nil {
		mode = info.Mode().Perm()
		if old, ok := info.Sys().(*syscall.Stat_t); ok {
			if f.Chown(int(old.Uid), int(old.Gid)) != nil && f.Chown(-1, int(old.Gid)) != nil {
				mode &^= 0o070 // what was for its group is not for ours
			}
		}
	}
	if err := f.Chmod(mode); err != nil {
		return nil, errors.Join(err, f.Close(), os.Remove(name))
	}
	return f, nil
}

func (osDisk) rename(from, to string) error { return os.Rename(from, to) }
func (osDisk) remove(name string) error     { return os.Remove(name) }

func (osDisk) syncDir(name string) error {
	d, err := os.Open(name)
	if err != nil {
		return err
	}
	return errors.Join(d.Sync(), d.Close())
}
