package main

import (
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/dhcp4o6/dhcp4o6/pkg/config"
	"github.com/dhcp4o6/dhcp4o6/pkg/control"
	"github.com/dhcp4o6/dhcp4o6/pkg/daemon"
)

const usage = `usage: dhcpctl [-4 | -6 | -c FILE | -s SOCKET | -u URL] [flags] COMMAND [ARGUMENTS]

  -4, -6          the daemon of /etc/dhcp4o6/dhcp4.json, or dhcp6.json
  -c FILE         the daemon of this configuration; with -4 or -6 where it is for both
  -s SOCKET       the daemon at this UNIX socket
  -u URL          the daemon, or kea-ctrl-agent, at this address: http://127.0.0.1:8000/
  --user NAME     for -u; the password is the first line of --password-file
  --ca, --cert, --key FILE
                  for https: who signs the daemon's certificate, and our own
  --service NAME  for kea-ctrl-agent: dhcp4 or dhcp6
  --json          the answer as it came, on one line
  --timeout TIME  how long to wait for it (default 1m)

ARGUMENTS are a JSON map, or @FILE that holds one (@- is the standard input), or
pairs key=value; a value that is no JSON is a string.

  dhcpctl -4 list-commands
  dhcpctl -4 lease4-get-all 'subnets=[1,2]'
  dhcpctl -6 dhcp-disable max-period=60
`

// etc is where the configurations are that make install lays down.
const etc = "/etc/dhcp4o6/"

// errDone says that the command line asked for help, which has been given.
var errDone = errors.New("done")

// options is a command line.
type options struct {
	socket  control.Socket // of a daemon
	url     *url.URL       // of HTTP; nil: the UNIX socket
	user    string
	secret  string
	tls     tlsFiles
	request []byte
	json    bool
	timeout time.Duration
}

type tlsFiles struct{ ca, cert, key string }

func parse(args []string, in io.Reader, out io.Writer) (o *options, err error) {
	o = new(options)
	f := flag.NewFlagSet("dhcpctl", flag.ContinueOnError)
	f.SetOutput(io.Discard)
	f.Usage = func() {}
	v4, v6 := f.Bool("4", false, ""), f.Bool("6", false, "")
	file, name, address := f.String("c", "", ""), f.String("s", "", ""), f.String("u", "", "")
	passwordFile, service := f.String("password-file", "", ""), f.String("service", "", "")
	f.StringVar(&o.user, "user", "", "")
	f.StringVar(&o.tls.ca, "ca", "", "")
	f.StringVar(&o.tls.cert, "cert", "", "")
	f.StringVar(&o.tls.key, "key", "", "")
	f.BoolVar(&o.json, "json", false, "")
	f.DurationVar(&o.timeout, "timeout", time.Minute, "")
	words, err := interleaved(f, args)
	switch {
	case errors.Is(err, flag.ErrHelp):
		fmt.Fprint(out, usage)
		return nil, errDone
	case err != nil:
		return nil, err
	case len(words) == 0:
		return nil, errors.New("which command?")
	case *v4 && *v6:
		return nil, errors.New("-4 or -6, not both")
	}
	if o.request, err = request(words, *service, in); err != nil {
		return nil, err
	}
	if err := o.where(*v4, *v6, *file, *name, *address); err != nil {
		return nil, err
	}
	if *passwordFile != "" {
		if o.secret, err = control.ReadSecret(".", *passwordFile); err != nil {
			return nil, err
		}
	}
	return o, nil
}

// interleaved parses flags that may stand before and after other words.
func interleaved(f *flag.FlagSet, args []string) (words []string, err error) {
	for len(args) > 0 {
		if err := f.Parse(args); err != nil {
			return nil, err
		}
		args = f.Args()
		if len(args) > 0 {
			words, args = append(words, args[0]), args[1:]
		}
	}
	return words, nil
}

// where finds the daemon.
func (o *options) where(v4, v6 bool, file, name, address string) error {
	given := 0
	for _, s := range []string{file, name, address} {
		if s != "" {
			given++
		}
	}
	switch {
	case given > 1:
		return errors.New("one of -c, -s and -u")
	case name != "":
		o.socket = control.Socket{Type: control.Unix, Path: name}
		return nil
	case address != "":
		return o.at(address)
	case file == "" && v4:
		file = etc + "dhcp4.json"
	case file == "" && v6:
		file = etc + "dhcp6.json"
	case file == "":
		return errors.New("which daemon? -4, -6, -c, -s or -u says so")
	}
	return o.configured(file, v4, v6)
}

func (o *options) at(address string) (err error) {
	o.url, err = url.Parse(address)
	if err != nil || o.url.Scheme != "http" && o.url.Scheme != "https" || o.url.Host == "" {
		return fmt.Errorf("%q is no address of HTTP", address)
	}
	return nil
}

// configured takes the first UNIX socket of a configuration, else the first of
// another kind, with the first name that may log in.
func (o *options) configured(file string, v4, v6 bool) error {
	family := config.Family(4)
	switch {
	case v6:
		family = 6
	case !v4:
		text, err := os.ReadFile(file)
		if err != nil {
			return err
		}
		if strings.Contains(string(text), `"Dhcp6"`) && !strings.Contains(string(text), `"Dhcp4"`) {
			family = 6
		}
	}
	cfg, problems := config.Load(file, family, config.Options{})
	if cfg == nil {
		for i := range problems {
			if problems[i].Severity == config.Error {
				return errors.New(problems[i].Error())
			}
		}
	}
	for _, c := range cfg.Control {
		if c.Type == control.Unix {
			path, err := socketOf(c.Name, family)
			o.socket = control.Socket{Type: control.Unix, Path: path}
			return err
		}
	}
	if len(cfg.Control) == 0 {
		return fmt.Errorf("%s names no control socket", file)
	}
	sockets, err := daemon.ControlSockets(cfg)
	if err != nil {
		return err
	}
	o.socket = sockets[0]
	if len(o.socket.Clients) > 0 && o.user == "" {
		o.user, o.secret = o.socket.Clients[0].User, o.socket.Clients[0].Password
	}
	return o.at(o.socket.Type + "://" + o.socket.Addr.String() + "/")
}

// runtime is where our units have their folders.
var runtime = "/run"

// socketOf is where a daemon has its socket: the service manager tells the daemon
// of a folder that it does not tell us of.
func socketOf(name string, family config.Family) (string, error) {
	path, err := daemon.SocketPath(name)
	if err != nil || filepath.IsAbs(name) {
		return path, err
	}
	if _, err := os.Lstat(path); err != nil {
		unit := filepath.Join(runtime, fmt.Sprintf("dhcp%dd", family), name)
		if _, err := os.Lstat(unit); err == nil {
			return unit, nil
		}
	}
	return path, nil
}

// request makes the command out of words.
func request(words []string, service string, in io.Reader) ([]byte, error) {
	args, err := arguments(words[1:], in)
	if err != nil {
		return nil, err
	}
	b, err := json.Marshal(words[0])
	if err != nil {
		return nil, err
	}
	b = append([]byte(`{"command":`), b...)
	if service != "" {
		s, err := json.Marshal([]string{service})
		if err != nil {
			return nil, err
		}
		b = append(append(b, `,"service":`...), s...)
	}
	if args != nil {
		b = append(append(b, `,"arguments":`...), args...)
	}
	return append(b, "\n}"...), nil // in a line of its own: a comment may stand before it
}

// arguments makes one map out of words, nil out of none. A text that is given
// whole is not looked at: a configuration may hold comments.
func arguments(words []string, in io.Reader) ([]byte, error) {
	switch {
	case len(words) == 0:
		return nil, nil
	case len(words) == 1 && words[0] == "@-":
		return io.ReadAll(in)
	case len(words) == 1 && strings.HasPrefix(words[0], "@"):
		return os.ReadFile(words[0][1:])
	case len(words) == 1 && strings.HasPrefix(strings.TrimSpace(words[0]), "{"):
		return []byte(words[0]), nil
	}
	m := make(map[string]any, len(words))
	for _, w := range words {
		key, value, ok := strings.Cut(w, "=")
		if !ok || key == "" {
			return nil, fmt.Errorf("%q is no key=value", w)
		}
		m[key] = value
		if json.Valid([]byte(value)) {
			m[key] = json.RawMessage(value)
		}
	}
	return json.Marshal(m)
}
