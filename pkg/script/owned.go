package script

import (
	"io/fs"
	"os"
	"syscall"
)

// owned reports who else could change a file or a folder.
func owned(info fs.FileInfo) error {
	if info.Mode()&0o022 != 0 {
		return ErrWrite
	}
	st, ok := info.Sys().(*syscall.Stat_t)
	if !ok || st.Uid != 0 && int(st.Uid) != os.Geteuid() {
		return ErrOwner
	}
	return nil
}
