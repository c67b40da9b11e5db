//go:build interop && units

package interop

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/dhcp4o6/dhcp4o6/internal/dhcptest"
	"github.com/dhcp4o6/dhcp4o6/internal/dhcptest/need"
)

// A machine is a systemd of its own over this machine's /usr, with what make install
// puts on a host, in a container.
type machine struct {
	t    *testing.T
	root string
	*dhcptest.Process
	init int // the pid of its first process
}

// machine makes one for the network of a namespace and boots it with units.
func (s *site) machine(t *testing.T, netns string, config map[string]string, units ...string) *machine {
	t.Helper()
	need.Root(t)
	need.Programs(t, "systemd-nspawn", "systemctl", "nsenter", "make")
	m := &machine{t: t, root: filepath.Join(s.lab.Dir, "root-"+filepath.Base(netns))}
	for _, dir := range []string{"usr", "etc/systemd/system/multi-user.target.wants", "etc/dhcp4o6", "var", "tmp", "run", "proc", "sys", "dev", "root"} {
		m.check(os.MkdirAll(filepath.Join(m.root, dir), 0o755))
	}
	for _, dir := range []string{"bin", "sbin", "lib", "lib64"} {
		m.check(os.Symlink("usr/"+dir, filepath.Join(m.root, dir)))
	}
	for name, text := range map[string]string{"os-release": "ID=test\n", "machine-id": "", "resolv.conf": ""} {
		m.write(name, text)
	}
	for name, text := range config {
		m.write("dhcp4o6/"+name, text)
	}
	install := exec.Command("make", "-C", "../..", "install", "DESTDIR="+m.root, "PREFIX=/opt", "SYSCONFDIR=/etc",
		"UNITDIR=/etc/systemd/system", "SYSUSERSDIR=/etc/sysusers.d", "MANDIR=/opt/man")
	if out, err := install.CombinedOutput(); err != nil {
		t.Fatalf("make install: %v\n%s", err, out)
	}
	for _, unit := range units {
		file := unit
		if name, _, ok := strings.Cut(unit, "@"); ok {
			file = name + "@.service"
		}
		m.check(os.Symlink("../"+file, filepath.Join(m.root, "etc/systemd/system/multi-user.target.wants", unit)))
	}
	m.boot(s.lab.Dir, netns)
	return m
}

func (m *machine) check(err error) {
	m.t.Helper()
	if err != nil {
		m.t.Fatal(err)
	}
}

func (m *machine) write(name, text string) {
	m.t.Helper()
	m.check(os.WriteFile(filepath.Join(m.root, "etc", name), []byte(text), 0o644))
}

func (m *machine) boot(dir, netns string) {
	m.t.Helper()
	m.Process = dhcptest.StartIn(m.t, dir, nil, "systemd-nspawn", "-q", "-D", m.root, "--bind-ro=/usr", "--network-namespace-path=/run/netns/"+netns,
		"--capability=CAP_NET_ADMIN", "--resolv-conf=off", "--register=no", "--keep-unit", "--console=pipe", "--kill-signal=SIGRTMIN+3", "--boot")
	dhcptest.WaitFor(m.t, 10*time.Second, "first process", func() bool {
		children, _ := os.ReadFile(fmt.Sprintf("/proc/%d/task/%[1]d/children", m.PID()))
		m.init, _ = strconv.Atoi(strings.TrimSpace(string(children)))
		return m.init > 0
	})
}

// run runs a command in the machine.
func (m *machine) run(args ...string) string {
	out, err := exec.Command("nsenter", append([]string{"-t", strconv.Itoa(m.init), "-a"}, args...)...).CombinedOutput()
	if err != nil {
		return fmt.Sprintf("%v: %s", err, out)
	}
	return strings.TrimSpace(string(out))
}

// runs waits until a unit is up, as its daemon has said, and has been restarted as often.
func (m *machine) runs(unit string, restarts int) {
	m.t.Helper()
	want := fmt.Sprintf("NRestarts=%d\nActiveState=active", restarts)
	dhcptest.WaitFor(m.t, 30*time.Second, unit, func() bool { return m.run("systemctl", "show", unit, "-p", "NRestarts,ActiveState") == want })
}

// journal is what a unit has said.
func (m *machine) journal(unit string) string {
	return m.run("journalctl", "--no-pager", "-o", "cat", "-u", unit)
}

// TestUnits: the daemons by their systemd units, as make install leaves them, with
// all that the units take away. The clients get their leases, by DHCPv4 on packet
// sockets, DHCPv6, and 4o6; each daemon is reloaded, killed, started again and goes on
// with what it knew; they end in order.
func TestUnits(t *testing.T) {
	s := unlinked(t)
	s.lab.Wire(s.client, "c0", s.server, "s0")
	s.server.IP("addr add " + serverV4 + "/24 dev s0")
	own := `"interfaces-config": {"interfaces": ["s0"]}, "dhcp4o6-port": 786,`
	servers := s.machine(t, s.server.Name(), map[string]string{
		"dhcp4.json": `{"Dhcp4": {` + own + `"subnet4": [{"id": 1, "subnet": "192.0.2.0/24", "4o6-interface": "s0", "pools": [{"pool": "192.0.2.100 - 192.0.2.199"}]}]}}`,
		"dhcp6.json": `{"Dhcp6": {` + own + `"subnet6": [{"id": 1, "subnet": "2001:db8:46::/64", "interface": "s0", "pools": [{"pool": "2001:db8:46::/112"}]}]}}`,
	}, "dhcp4d.service", "dhcp6d.service")
	servers.runs("dhcp4d", 0)
	servers.runs("dhcp6d", 0)
	over6 := s.dial(t, "ff02::1:2")
	lease4o6(t, over6, 8*time.Second)
	over6.Conn.Close() // dhcp6c wants the port
	clients := s.machine(t, s.client.Name(), nil, "dhcp4c@c0.service", "dhcp6c@c0.service")
	clients.runs("dhcp4c@c0", 0)
	clients.runs("dhcp6c@c0", 0)
	bound := func(addr string, times int) {
		t.Helper()
		dhcptest.WaitFor(t, 30*time.Second, "lease of "+addr, func() bool {
			return strings.Count(clients.journal("dhcp4c@c0")+clients.journal("dhcp6c@c0"), addr) >= times
		})
	}
	bound(`"addr": "192.0.2.101"`, 1)
	bound(`"prefix": "2001:db8:46::`, 1)

	for _, m := range []struct {
		*machine
		units []string
	}{{servers, []string{"dhcp4d", "dhcp6d"}}, {clients, []string{"dhcp4c@c0", "dhcp6c@c0"}}} {
		for _, unit := range m.units {
			if out := m.run("systemctl", "reload", unit); out != "" {
				t.Errorf("reload %s: %s", unit, out)
			}
			m.run("systemctl", "kill", "-s", "KILL", unit)
			m.runs(unit, 1)
		}
	}
	bound(`"addr": "192.0.2.101"`, 2) // the lease that it had
	bound(`"prefix": "2001:db8:46::`, 2)
	clients.run("systemctl", "stop", "dhcp6c@c0")
	lease4o6(t, s.dial(t, "ff02::1:2"), 8*time.Second)

	for _, unit := range []string{"dhcp4d", "dhcp6d"} {
		if user := servers.run("systemctl", "show", unit, "-p", "User", "--value"); user != "dhcp4o6" {
			t.Errorf("%s runs as %s", unit, user)
		}
		servers.run("systemctl", "stop", unit)
		if out := servers.run("systemctl", "show", unit, "-p", "ActiveState,Result"); out != "Result=success\nActiveState=inactive" {
			t.Errorf("%s has ended: %s", unit, out)
		}
		if said := servers.journal(unit); strings.Contains(said, "EPERM") || strings.Contains(said, "not permitted") || strings.Contains(said, "ERROR") {
			t.Errorf("%s lacks something:\n%s", unit, said)
		}
	}
}
