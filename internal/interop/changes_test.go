//go:build interop

package interop

import (
	"encoding/json"
	"fmt"
	"net/netip"
	"testing"
	"time"

	"github.com/dhcp4o6/dhcp4o6/internal/dhcptest"
	"github.com/dhcp4o6/dhcp4o6/internal/dhcptest/need"
)

// TestChangesThroughKea has Debian's kea-shell, over HTTP and through kea-ctrl-agent,
// give a client another address, another subnet and a class, while it is served.
func TestChangesThroughKea(t *testing.T) {
	t.Parallel()
	need.Programs(t, "kea-ctrl-agent", "kea-shell", "curl")
	c := command(t)
	c.server.Start(c.env, "kea-ctrl-agent", "-c", c.lab.Write("agent.json", fmt.Sprintf(`{"Control-agent": {
		"http-host": "127.0.0.1", "http-port": 8080, "control-sockets": {"dhcp4": {"socket-type": "unix", "socket-name": %q}},
		"loggers": [{"name": "kea-ctrl-agent", "severity": "INFO", "output_options": [{"output": "stdout"}]}]}}`, c.socketOf(4))))
	dhcptest.WaitFor(t, 10*time.Second, "control agent", func() bool {
		_, err := c.server.Run("curl", "-s", "http://127.0.0.1:8080/")
		return err == nil
	})
	ways := map[string][]string{
		"shell": {"--port", httpOf(4), "--auth-user", "admin", "--auth-password", "1234", "--service", "dhcp4"},
		"agent": {"--port", "8080", "--service", "dhcp4"},
	}
	do := func(way, command, arguments string, want int, text string) answer {
		t.Helper()
		a := one(t, c.shell(t, arguments, append(ways[way], command)...))
		if a.Result != want || a.Text != text {
			t.Errorf("%s, %s: %+v, want %d %q", way, command, a, want, text)
		}
		return a
	}
	client := c.dial(t, clientNet+"1")
	hw := fmt.Sprintf("%x", client.HWAddr)
	for i, way := range []string{"shell", "agent"} {
		addr := fmt.Sprintf("10.2.0.%d", 7+i)
		host := fmt.Sprintf(`"reservation": {"subnet-id": 1, "hw-address": %q, "ip-address": %q, "hostname": "here"}`, hw, addr)
		do(way, "reservation-add", host, 0, "Host added.")
		if l := lease4o6(t, client, 5*time.Second); l.Addr != netip.MustParseAddr(addr) {
			t.Errorf("%s: the client was given %v", way, l.Addr)
		}
		a := do(way, "reservation-get", fmt.Sprintf(`"subnet-id": 1, "identifier-type": "hw-address", "identifier": %q`, hw), 0, "Host found.")
		var got map[string]any
		if err := json.Unmarshal(a.Arguments, &got); err != nil || got["ip-address"] != addr || got["subnet-id"] != 1.0 {
			t.Errorf("%s: %s", way, a.Arguments)
		}
		do(way, "reservation-del", fmt.Sprintf(`"subnet-id": 1, "ip-address": %q`, addr), 0, "Host deleted.")
		do(way, "reservation-del", fmt.Sprintf(`"subnet-id": 1, "ip-address": %q`, addr), 3, "Host not deleted (not found).")

		do(way, "class-add", `"client-classes": [{"name": "here", "test": "option[60].exists"}]`, 0, "Class 'here' added")
		do(way, "class-del", `"name": "here"`, 0, "Class 'here' deleted")

		do(way, "network4-add", `"shared-networks": [{"name": "floor"}]`, 0, "A new IPv4 shared network 'floor' added")
		do(way, "subnet4-add", `"subnet4": [{"id": 2, "subnet": "192.0.2.0/24", "4o6-interface": "s0", "pools": [{"pool": "192.0.2.0/25"}]}]`, 0, "IPv4 subnet added")
		do(way, "network4-subnet-add", `"name": "floor", "id": 2`, 0, "IPv4 subnet 192.0.2.0/24 (id 2) is now part of shared network 'floor'")
		do(way, "subnet4-del", `"id": 1`, 0, "IPv4 subnet 10.0.0.0/8 (id 1) deleted")
		if l := lease4o6(t, client, 5*time.Second); !netip.MustParsePrefix("192.0.2.0/24").Contains(l.Addr) {
			t.Errorf("%s: the client was given %v", way, l.Addr)
		}
		do(way, "subnet4-add", `"subnet4": [{"id": 1, "subnet": "10.0.0.0/8", "4o6-interface": "s0", "pools": [{"pool": "10.1.0.0/16"}]}]`, 0, "IPv4 subnet added")
		do(way, "network4-del", `"name": "floor", "subnets-action": "delete"`, 0, "IPv4 shared network 'floor' deleted")
		do(way, "subnet4-delta-add", `"subnet4": [{"id": 1, "subnet": "10.0.0.0/8", "valid-lifetime": 600}]`, 0, "IPv4 subnet updated")
	}
}
