package config

import (
	"fmt"
	"os"
)

// Options steers Load. The zero value is what a daemon uses.
type Options struct {
	// ReadFile reads the file and what it includes; nil: os.ReadFile.
	ReadFile func(name string) ([]byte, error)
}

// Load reads, checks and compiles the configuration of one daemon. It does not
// stop at the first error: the problems are all there are, in the order of the
// file. The Config is nil when one of them is an Error.
func Load(name string, f Family, o Options) (*Config, []Problem) {
	if o.ReadFile == nil {
		o.ReadFile = os.ReadFile
	}
	if _, err := o.ReadFile(name); err != nil {
		return nil, []Problem{{File: name, Text: fmt.Sprintf("cannot be read: %v", err), Severity: Error}}
	}
	return nil, []Problem{{File: name, Text: "cannot be compiled", Severity: Error}}
}
