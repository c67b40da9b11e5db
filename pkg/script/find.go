package script

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"github.com/dhcp4o6/dhcp4o6/internal/command"
)

// Folder is where programs stand when KEA_HOOK_SCRIPTS_PATH names no other.
const Folder = "/usr/share/kea/scripts"

// Why a program is not run.
var (
	ErrFolder = errors.New("programs are run from no other folder")
	ErrFile   = errors.New("not a file that may be executed")
	ErrWrite  = command.ErrWrite
	ErrOwner  = command.ErrOwner
)

// Find returns the path of the program that the configuration names. It has to
// stand in one folder, as in newer versions of Kea: whoever may send commands
// could otherwise have any program of the host run. A name without folder
// stands there. A link is followed before that is looked at, and only
// root, or the user of the server, may be able to change the program.
func Find(name string) (string, error) {
	dir := os.Getenv("KEA_HOOK_SCRIPTS_PATH")
	if dir == "" {
		dir = Folder
	}
	path := name
	if filepath.Base(name) == name {
		path = filepath.Join(dir, name)
	}
	if name == "" || filepath.Clean(filepath.Dir(path)) != filepath.Clean(dir) {
		return "", fmt.Errorf("script: %q: %w than %s (KEA_HOOK_SCRIPTS_PATH chooses another)", name, ErrFolder, dir)
	}
	if err := check(path, dir); err != nil {
		return "", fmt.Errorf("script: %s: %w", path, err)
	}
	return path, nil
}

func check(path, dir string) error {
	real, err := filepath.EvalSymlinks(path)
	if err != nil {
		return err
	}
	home, err := filepath.EvalSymlinks(dir)
	if err != nil {
		return err
	}
	if filepath.Dir(real) != home {
		return ErrFolder
	}
	for _, name := range []string{real, home} {
		info, err := os.Stat(name)
		if err != nil {
			return err
		}
		if name == real && (!info.Mode().IsRegular() || info.Mode()&0o111 == 0) {
			return ErrFile
		}
		if err := command.Owned(info, os.Geteuid()); err != nil {
			return err
		}
	}
	return nil
}
