package daemon

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"

	"go.uber.org/zap"

	"github.com/dhcp4o6/dhcp4o6/pkg/config"
	"github.com/dhcp4o6/dhcp4o6/pkg/control"
)

// farewell is how long the end of the daemon waits for answers to be read.
const farewell = 2 * time.Second

// openControl opens the sockets that take commands. The commands can do nothing
// before the daemon's goroutine runs.
func (d *daemon) openControl() error {
	sockets, err := ControlSockets(d.cfg)
	if err != nil {
		return err
	}
	r := &control.Registry{Service: fmt.Sprintf("dhcp%d", d.family)}
	d.hookCommands(r)
	d.commands(r)
	d.control, err = control.Listen(control.Options{
		Registry: r, Sockets: sockets, Limits: control.Limits{Grace: farewell}, OnEvent: d.commanded,
	})
	if err != nil {
		return fmt.Errorf("daemon: %w", err)
	}
	d.sayControl(sockets)
	return nil
}

func (d *daemon) sayControl(sockets []control.Socket) {
	for _, w := range control.Warnings(sockets) {
		d.log.Warn("control socket", zap.String("problem", w))
	}
}

// ControlSockets is what a configuration says of sockets for commands, with names
// made whole and secrets read from their files.
func ControlSockets(cfg *config.Config) ([]control.Socket, error) {
	all := make([]control.Socket, 0, len(cfg.Control))
	for _, c := range cfg.Control {
		s := control.Socket{
			Type: c.Type, Addr: c.Addr, Realm: c.Realm,
			TrustAnchor: c.TrustAnchor, CertFile: c.CertFile, KeyFile: c.KeyFile, AnyClient: c.AnyClient,
		}
		if s.Realm == "" {
			s.Realm = fmt.Sprintf("kea-dhcpv%d-server", cfg.Family) // Kea's
		}
		for _, h := range c.Headers {
			s.Headers = append(s.Headers, control.Header(h))
		}
		var err error
		if c.Type == control.Unix {
			s.Path, err = SocketPath(c.Name)
		} else {
			s.Clients, err = controlClients(c)
		}
		if err != nil {
			return nil, err
		}
		all = append(all, s)
	}
	return all, nil
}

// SocketPath is where a UNIX socket stands: a name without a folder in
// KEA_CONTROL_SOCKET_DIR, else in the runtime folder that the service manager
// made, else in ours. Where the operator names the folder, as Kea 3 always does,
// it is the only one.
func SocketPath(name string) (string, error) {
	dir := os.Getenv("KEA_CONTROL_SOCKET_DIR")
	if filepath.IsAbs(name) {
		if dir != "" && filepath.Dir(filepath.Clean(name)) != filepath.Clean(dir) {
			return "", fmt.Errorf("daemon: control socket %s: KEA_CONTROL_SOCKET_DIR allows no other folder than %s", name, dir)
		}
		return name, nil
	}
	if dir == "" {
		dir, _, _ = strings.Cut(os.Getenv("RUNTIME_DIRECTORY"), ":")
	}
	if dir == "" {
		dir = "/run/dhcp4o6"
	}
	path := filepath.Join(dir, name)
	if filepath.Dir(path) != filepath.Clean(dir) {
		return "", fmt.Errorf("daemon: control socket %q: the name has a folder in it, and is not absolute", name)
	}
	return path, nil
}

// controlClients reads names and passwords that stand in files.
func controlClients(c config.ControlSocket) (all []control.Client, err error) {
	for _, k := range c.Clients {
		user, password := k.User, k.Password
		if k.UserFile != "" {
			if user, err = control.ReadSecret(c.Directory, k.UserFile); err != nil {
				return nil, fmt.Errorf("daemon: user-file: %w", err)
			}
		}
		if k.PasswordFile != "" {
			if password, err = control.ReadSecret(c.Directory, k.PasswordFile); err != nil {
				return nil, fmt.Errorf("daemon: password-file: %w", err)
			}
		}
		if user == "" { // the file holds both
			var found bool
			if user, password, found = strings.Cut(password, ":"); !found {
				return nil, fmt.Errorf("daemon: password-file %s: user:password is expected where no user is named", k.PasswordFile)
			}
		}
		all = append(all, control.Client{User: user, Password: password})
	}
	return all, nil
}

// stageControl opens what a configuration asks for besides what is open.
func (d *daemon) stageControl(cfg *config.Config) (*control.Staged, []control.Socket, error) {
	sockets, err := ControlSockets(cfg)
	if err != nil {
		return nil, nil, err
	}
	staged, err := d.control.Stage(sockets)
	if err != nil {
		return nil, nil, fmt.Errorf("daemon: %w", err)
	}
	return staged, sockets, nil
}

// commanded logs a command. Those that were refused come in floods.
func (d *daemon) commanded(e control.Event) {
	fields := []zap.Field{zap.String("command", e.Command), zap.Int("result", e.Result), zap.String("socket", e.Socket), zap.String("peer", e.Peer)}
	if e.User != "" {
		fields = append(fields, zap.String("user", e.User))
	}
	log := d.log.Named("commands")
	if e.Err != nil {
		if missed, ok := d.refusals.Allow(); ok {
			log.Warn("command not carried out", append(fields, zap.Error(e.Err), zap.Uint64("missed", missed))...)
		}
		return
	}
	fields = append(fields, zap.Duration("took", e.Took.Round(time.Microsecond)))
	if quiet(e) {
		log.Debug("command", fields...)
		return
	}
	log.Info("command", fields...)
}

// quiet reports whether a command only looked at something: those of monitors
// come again and again.
func quiet(e control.Event) bool {
	return strings.Contains(e.Command, "-get") || strings.HasSuffix(e.Command, "-list") || strings.HasSuffix(e.Command, "-report") ||
		e.Command == "list-commands" || strings.HasSuffix(e.Command, "-status")
}
