package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"time"
)

// A stage holds the processes of the demo and prints what they say.
type stage struct {
	ctx    context.Context // ends at Ctrl-C
	bin    string
	dir    string // of its own
	port   int    // where dhcp6d serves
	conf   map[string]string
	leases string

	clientPair int // the ports of dhcp6c and dhcp4c
	actors     map[string]*actor

	print sync.Mutex
}

// An actor is one daemon.
type actor struct {
	cmd   *exec.Cmd
	ready chan struct{} // closed when it has said that it serves
	ended chan struct{} // closed when it is gone
}

func newStage(ctx context.Context, bin, dir string) (*stage, error) {
	bin, err := filepath.Abs(bin)
	if err != nil {
		return nil, err
	}
	for _, program := range []string{"dhcp6d", "dhcp4d", "dhcp6c", "dhcp4c", "dhcpload"} {
		if _, err := os.Stat(filepath.Join(bin, program)); err != nil {
			return nil, fmt.Errorf("%w; `make build` makes the programs", err)
		}
	}
	pair, err := freePair()
	if err != nil {
		return nil, err
	}
	clients, err := freePair()
	if err != nil {
		return nil, err
	}
	port, err := freePort()
	if err != nil {
		return nil, err
	}
	s := &stage{ctx: ctx, bin: bin, dir: dir, port: port, clientPair: clients, leases: filepath.Join(dir, "leases4.csv"), actors: make(map[string]*actor)}
	s.conf = map[string]string{
		"dhcp6d": filepath.Join(dir, "dhcp6.json"),
		"dhcp4d": filepath.Join(dir, "dhcp4.json"),
	}
	os.Setenv("KEA_PIDFILE_DIR", dir)
	texts := map[string]string{
		"dhcp6d": fmt.Sprintf(conf6, filepath.Join(dir, "leases6.csv"), pair),
		"dhcp4d": fmt.Sprintf(conf4, s.leases, pair),
	}
	for name, text := range texts {
		if err := os.WriteFile(s.conf[name], []byte(text), 0o600); err != nil {
			return nil, err
		}
	}
	return s, nil
}

const conf6 = `{ "Dhcp6": {
  "interfaces-config": { "interfaces": [ "lo/::1" ] },
  "lease-database": { "type": "memfile", "name": %q },
  "option-data": [ { "code": 88, "space": "dhcp6", "data": "::1" }, { "name": "dns-servers", "data": "2001:db8::53" } ],
  "subnet6": [ { "id": 1, "subnet": "2001:db8:1::/64", "interface": "lo", "pools": [ { "pool": "2001:db8:1::10 - 2001:db8:1::99" } ] } ],
  "dhcp4o6-port": %d,
  "loggers": [ { "name": "kea-dhcp6", "severity": "DEBUG", "debuglevel": 99, "output-options": [ { "output": "stdout" } ] } ]
} }
`

const conf4 = `{ "Dhcp4": {
  "interfaces-config": { "interfaces": [ ] },
  "lease-database": { "type": "memfile", "name": %q },
  "valid-lifetime": 4000, "calculate-tee-times": true,
  "subnet4": [ { "id": 1, "subnet": "192.0.2.0/24", "4o6-interface": "lo",
                 "option-data": [ { "name": "routers", "data": "192.0.2.1" } ],
                 "pools": [ { "pool": "192.0.2.10 - 192.0.2.99" } ] } ],
  "dhcp4o6-port": %d,
  "loggers": [ { "name": "kea-dhcp4", "severity": "DEBUG", "debuglevel": 99, "output-options": [ { "output": "stdout" } ] } ]
} }
`

// freePort returns a UDP port of ::1 that nobody holds at the moment.
func freePort() (int, error) {
	c, err := net.ListenPacket("udp6", "[::1]:0")
	if err != nil {
		return 0, err
	}
	defer c.Close()
	return c.LocalAddr().(*net.UDPAddr).Port, nil
}

// freePair returns a port that is free together with the next one.
func freePair() (int, error) {
	for range 100 {
		p, err := freePort()
		if err != nil {
			return 0, err
		}
		c, err := net.ListenPacket("udp6", fmt.Sprintf("[::1]:%d", p+1))
		if err == nil {
			return p, c.Close()
		}
	}
	return 0, errors.New("no two free ports in a row on ::1")
}

// begin starts a program and prints what it says.
func (s *stage) begin(name string, args ...string) (*actor, error) {
	a := &actor{
		cmd:   exec.Command(filepath.Join(s.bin, name), args...),
		ready: make(chan struct{}), ended: make(chan struct{}),
	}
	out, err := a.cmd.StdoutPipe()
	if err != nil {
		return nil, err
	}
	a.cmd.Stderr = a.cmd.Stdout
	a.cmd.SysProcAttr = companion()
	if err := a.cmd.Start(); err != nil {
		return nil, err
	}
	s.actors[name] = a
	go func() {
		s.follow(name, out, a)
		a.cmd.Wait()
		close(a.ended)
	}()
	return a, nil
}

// once runs a program to its end.
func (s *stage) once(name string, args ...string) error {
	a, err := s.begin(name, args...)
	if err != nil {
		return err
	}
	select {
	case <-a.ended:
	case <-s.ctx.Done():
		return s.ctx.Err()
	case <-time.After(patience):
		return fmt.Errorf("%s is not done after %v", name, patience)
	}
	delete(s.actors, name)
	if code := a.cmd.ProcessState.ExitCode(); code != 0 {
		return fmt.Errorf("%s ended with exit code %d", name, code)
	}
	return nil
}

// end ends a program as its operator would.
func (s *stage) end(name string, a *actor) {
	a.cmd.Process.Signal(syscall.SIGTERM)
	select {
	case <-a.ended:
	case <-time.After(patience):
		a.cmd.Process.Kill()
		<-a.ended
	}
	delete(s.actors, name)
}

// start starts a daemon and waits until it serves.
func (s *stage) start(name string, args ...string) error {
	a, err := s.begin(name, append([]string{"-c", s.conf[name]}, args...)...)
	if err != nil {
		return err
	}
	select {
	case <-a.ready:
		return nil
	case <-s.ctx.Done():
		return s.ctx.Err()
	case <-a.ended:
		return fmt.Errorf("%s ended at its start", name)
	case <-time.After(patience):
		return fmt.Errorf("%s does not serve after %v", name, patience)
	}
}

// follow prints what a program says, log lines without their time.
func (s *stage) follow(name string, out io.Reader, a *actor) {
	for lines := bufio.NewScanner(out); lines.Scan(); {
		line := lines.Text()
		if f := strings.SplitN(line, " ", 3); len(f) == 3 && strings.HasPrefix(line, "20") {
			line = f[2]
		}
		s.say(name, line)
		if strings.Contains(line, "server version") && strings.HasSuffix(line, "started") {
			close(a.ready)
		}
	}
}

// client runs one client to its end.
func (s *stage) client(args ...string) error {
	all := append([]string{"4o6", "--server", fmt.Sprintf("[::1]:%d", s.port), "--clients", "1", "-v"}, args...)
	cmd := exec.CommandContext(s.ctx, filepath.Join(s.bin, "dhcpload"), all...)
	cmd.SysProcAttr = companion()
	out, err := cmd.StdoutPipe()
	if err != nil {
		return err
	}
	cmd.Stderr = os.Stderr
	if err := cmd.Start(); err != nil {
		return err
	}
	talking := true // what follows the conversation are the figures of a load
	for lines := bufio.NewScanner(out); lines.Scan(); {
		if line := lines.Text(); strings.HasPrefix(line, "4o6,") {
			talking = false
		} else if talking {
			s.say("client", line)
		}
	}
	if err := cmd.Wait(); err != nil {
		return fmt.Errorf("client: %w", err)
	}
	s.pause(100 * time.Millisecond) // what the daemons say of it comes first
	return s.ctx.Err()
}

// companion is how processes of the demo start: in a group of their own, so that Ctrl-C
// reaches the demo alone, which ends them in order, and never to outlive it.
func companion() *syscall.SysProcAttr {
	return &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGKILL}
}

// pause waits, but not when the demo is to end.
func (s *stage) pause(d time.Duration) {
	select {
	case <-s.ctx.Done():
	case <-time.After(d):
	}
}

// kill ends a daemon as a crash would.
func (s *stage) kill(name string) {
	a := s.actors[name]
	a.cmd.Process.Kill()
	<-a.ended
	delete(s.actors, name)
}

// stop ends what still runs.
func (s *stage) stop() {
	for name, a := range s.actors {
		s.end(name, a)
	}
}

func (s *stage) title(text string) { s.say("", "\n== "+text) }

func (s *stage) say(who, text string) {
	s.print.Lock()
	defer s.print.Unlock()
	if who == "" {
		fmt.Println(text)
		return
	}
	fmt.Printf("%-7s %s\n", who, text)
}
