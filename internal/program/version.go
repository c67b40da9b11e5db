package program

import (
	"fmt"
	"io"
	"runtime"
	"runtime/debug"
)

// Version is set by the linker: -X github.com/dhcp4o6/dhcp4o6/internal/program.Version=...
var Version = "unknown"

// PrintVersion writes the version; long: and how the program was built.
func PrintVersion(w io.Writer, name string, long bool) {
	fmt.Fprintln(w, Version)
	if !long {
		return
	}
	fmt.Fprintf(w, "%s %s, %s %s/%s\n", name, Version, runtime.Version(), runtime.GOOS, runtime.GOARCH)
	if info, ok := debug.ReadBuildInfo(); ok {
		for _, m := range info.Deps {
			fmt.Fprintf(w, "  %s %s\n", m.Path, m.Version)
		}
	}
}
