package daemon

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"iter"
	"path/filepath"
	"slices"
	"strings"

	"go.uber.org/zap"

	"github.com/dhcp4o6/dhcp4o6/pkg/config"
	"github.com/dhcp4o6/dhcp4o6/pkg/control"
)

// wire is what a configuration that came by a command is called in messages, as
// in Kea.
const wire = "<wire>"

func (d *daemon) configGet(context.Context, json.RawMessage) control.Result {
	cfg := d.inForce.Load()
	text := cfg.JSON()
	whole := make([]byte, 0, len(text)+80)
	whole = append(whole, text[:len(text)-1]...) // a map: the hash goes in beside
	whole = fmt.Appendf(whole, `,"hash":%q}`, cfg.Hash())
	return control.Result{Arguments: json.RawMessage(whole)}
}

func (d *daemon) configHashGet(context.Context, json.RawMessage) control.Result {
	return control.Result{Arguments: hashOf(d.inForce.Load())}
}

func hashOf(cfg *config.Config) map[string]any { return map[string]any{"hash": cfg.Hash()} }

// root is the member of a file that is this daemon's.
func (d *daemon) root() string { return fmt.Sprintf("Dhcp%d", d.family) }

// fromWire compiles the configuration in the arguments of a command.
func (d *daemon) fromWire(args json.RawMessage) (*config.Config, []config.Problem, string) {
	if args == nil {
		return nil, nil, "Missing mandatory 'arguments' parameter."
	}
	a, ok := arguments(args)
	if !ok {
		return nil, nil, "Argument must be a map"
	}
	mine, ok := a[d.root()]
	if !ok {
		return nil, nil, "Missing mandatory '" + d.root() + "' parameter."
	}
	if mine[0] != '{' {
		return nil, nil, "'" + d.root() + "' parameter expected to be a map."
	}
	var alien []string
	for key := range a {
		if key != d.root() && key != "hash" { // config-get gives a hash, which may come back
			alien = append(alien, key)
		}
	}
	if len(alien) > 0 {
		return nil, nil, "Unsupported '" + slices.Min(alien) + "' parameter."
	}
	text := slices.Concat([]byte(`{"`+d.root()+`":`), mine, []byte("}"))
	cfg, problems := config.Load(wire, d.family, config.Options{ReadFile: func(name string) ([]byte, error) {
		if name != wire {
			return nil, fs.ErrPermission // nothing is included into a command
		}
		return text, nil
	}})
	if cfg == nil {
		return nil, problems, errorsOf(problems)
	}
	cfg.File = d.setup.ConfigFile
	return cfg, problems, ""
}

// maxTold is how many errors of a configuration an answer holds.
const maxTold = 20

// errorsOf is what is wrong, one line each.
func errorsOf(problems []config.Problem) string {
	var all []string
	for i := range problems {
		if problems[i].Severity == config.Error {
			all = append(all, problems[i].Error())
		}
	}
	if n := len(all) - maxTold; n > 0 {
		all = append(all[:maxTold], fmt.Sprintf("%d more", n))
	}
	return strings.Join(all, "\n")
}

const sane = "Configuration seems sane. Control-socket, hook-libraries, and D2 configuration were sanity checked, but not applied."

func (d *daemon) configTest(ctx context.Context, args json.RawMessage) control.Result {
	cfg, _, wrong := d.fromWire(args)
	if cfg == nil {
		return failed(wrong)
	}
	return d.asked.do(ctx, func() control.Result {
		if err := d.mayLog(cfg); err != nil {
			return failed(err.Error())
		}
		if _, err := findScript(cfg); err != nil {
			return failed(err.Error())
		}
		switch err := d.mayChange(cfg); {
		case errors.Is(err, errRestart):
			return control.Result{Text: sane + " This server cannot change over to it: " + err.Error() + "."}
		case err != nil:
			return failed(err.Error())
		}
		return control.Result{Text: sane}
	})
}

func (d *daemon) configSet(ctx context.Context, args json.RawMessage) control.Result {
	return d.asked.do(ctx, func() control.Result {
		cfg, problems, wrong := d.fromWire(args)
		if cfg == nil {
			return failed(wrong)
		}
		if err := d.mayLog(cfg); err != nil {
			return failed(err.Error())
		}
		restart, err := d.adopt(cfg, problems)
		if err != nil {
			d.log.Error("reconfiguration failed, the old configuration stays", zap.String("file", wire), zap.Error(err))
			return failed(err.Error())
		}
		d.log.Info("dynamic server reconfiguration succeeded with a command")
		return configured(cfg, restart)
	})
}

func (d *daemon) configReload(ctx context.Context, _ json.RawMessage) control.Result {
	return d.asked.do(ctx, func() control.Result {
		restart, err := d.reload()
		if err != nil {
			return failed(fmt.Sprintf("Config reload failed: configuration error using file '%s': %s", d.setup.ConfigFile, reasonOf(err)))
		}
		return configured(d.cfg, restart)
	})
}

// mayLog refuses log files in other folders than the operator's file has them in:
// who may command is not for that reason one who may write anywhere.
func (d *daemon) mayLog(cfg *config.Config) error {
	for name := range logFiles(cfg) {
		if !d.logFolders[filepath.Dir(name)] {
			return fmt.Errorf("daemon: loggers: %s: a command may have log files only in the folders of %s", name, d.setup.ConfigFile)
		}
	}
	return nil
}

// foldersOf are the folders of a configuration's log files.
func foldersOf(cfg *config.Config) map[string]bool {
	all := make(map[string]bool)
	for name := range logFiles(cfg) {
		all[filepath.Dir(name)] = true
	}
	return all
}

// logFiles yields the names of a configuration's log files.
func logFiles(cfg *config.Config) iter.Seq[string] {
	return func(yield func(string) bool) {
		for _, l := range cfg.Loggers {
			for _, o := range l.Outputs {
				if o.Output == "stdout" || o.Output == "stderr" || o.Output == "syslog" || strings.HasPrefix(o.Output, "syslog:") {
					continue
				}
				if !yield(filepath.Clean(o.Output)) {
					return
				}
			}
		}
	}
}

// reasonOf words why a file was not taken over.
func reasonOf(err error) string {
	var bad *configError
	if errors.As(err, &bad) && bad.errors != "" {
		return bad.errors
	}
	return err.Error()
}

// configured answers a change, and says what of it waits for a restart.
func configured(cfg *config.Config, restart []string) control.Result {
	text := "Configuration successful."
	if len(restart) > 0 {
		text += " These changes take a restart: " + strings.Join(restart, ", ") + "."
	}
	return control.Result{Text: text, Arguments: hashOf(cfg)}
}
