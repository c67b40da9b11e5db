//go:build interop

package interop

import (
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/dhcp4o6/dhcp4o6/internal/dhcptest/need"
	"github.com/dhcp4o6/dhcp4o6/pkg/dhcp4"
	"github.com/dhcp4o6/dhcp4o6/pkg/dhcp6"
)

// TestExamples runs the pair on the files of docs/examples as they are, on a
// host with an eth0 and no IPv4 address, and has Kea check the same files.
func TestExamples(t *testing.T) {
	t.Parallel()
	need.Programs(t, "kea-dhcp4", "kea-dhcp6")
	s := unlinked(t)
	s.lab.Wire(s.client, "c0", s.server, "eth0")
	s.server.IP("addr add 2001:db8:1::1/64 dev eth0 nodad")
	s.client.IP("-6 route add 2001:db8:1::/64 dev c0")
	state, sockets := filepath.Join(s.lab.Dir, "state"), "KEA_CONTROL_SOCKET_DIR="+filepath.Join(s.lab.Dir, "run")
	for v, file := range map[int]string{4: "dhcp4.json", 6: "dhcp6.json"} {
		file, err := filepath.Abs(filepath.Join("..", "..", "docs", "examples", file))
		if err != nil {
			t.Fatal(err)
		}
		s.server.Must(append(program(ours, v), "-t", file)...)
		s.server.Must(append(program(kea, v), "-t", file)...)
		s.server.Start([]string{"STATE_DIRECTORY=" + state, "KEA_PIDFILE_DIR=" + s.lab.Dir, sockets}, append(program(ours, v), "-c", file)...)
	}
	s.listening(t, "[::1]:786", "[::1]:787", ":547")
	c := s.dial(t, "ff02::1:2")
	l := lease4o6(t, c, 5*time.Second)
	if l.Addr != netip.MustParseAddr("192.0.2.5") { // reserved for the client's hardware address
		t.Errorf("lease of %v", l.Addr)
	}
	m, err := c.Ask(dhcp4.Inform, false, func(w *dhcp4.Builder) { w.Header.CIAddr = l.Addr })
	if err != nil || m.Type() != dhcp4.Ack {
		t.Errorf("INFORM: %v, %v", m, err)
	}
	plain := &client6{conn: c.Conn, to: c.To, duid: dhcp6.NewDUIDLL(1, c.HWAddr[:]), iaid: 1}
	if _, err := plain.lease(t); err != nil {
		t.Error(err)
	}
	if _, err := os.Stat(filepath.Join(state, "kea-leases4.csv")); err != nil {
		t.Error(err)
	}
	ctl := exec.Command(bin("dhcpctl"), "-c", filepath.Join("..", "..", "docs", "examples", "dhcp4.json"), "lease4-get", "ip-address=192.0.2.5")
	ctl.Env = append(os.Environ(), sockets)
	if out, err := ctl.CombinedOutput(); err != nil || !strings.Contains(string(out), "IPv4 lease found.") {
		t.Errorf("dhcpctl: %v\n%s", err, out)
	}
}
