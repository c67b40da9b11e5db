package daemon

import (
	"os/exec"
	"strings"
	"testing"
	"time"

	"github.com/dhcp4o6/dhcp4o6/internal/dhcptest/need"
	"github.com/dhcp4o6/dhcp4o6/internal/dhcptest/netns"
)

func ip(t *testing.T, args string) {
	t.Helper()
	if out, err := exec.Command("ip", strings.Fields(args)...).CombinedOutput(); err != nil {
		t.Fatalf("ip %s: %v\n%s", args, err, out)
	}
}

// A host without any IPv4 address hands out IPv4: its server identifier is the
// dummy address of RFC 7600, and it says so.
func TestHostWithoutIPv4(t *testing.T) {
	need.Programs(t, "ip")
	if !netns.Enter(t) {
		return
	}
	ip(t, "addr del 127.0.0.1/8 dev lo")
	h := newHost(t)
	v4, _ := h.both()
	talk, ok := h.ask(time.Second, 3)
	if !ok {
		t.Fatalf("no lease:\n%s", talk)
	}
	contains(t, talk, "dhcp-server-identifier 192.0.0.8")
	v4.wait("WARN ")
	contains(t, v4.lines(), "192.0.0.8")
}

// Daemons that start before their interface is up begin to serve when it comes
// up, the pair included, and again after it was away.
func TestInterfaceComesLater(t *testing.T) {
	need.Programs(t, "ip")
	if !netns.Enter(t) {
		return
	}
	h := newHost(t)
	ip(t, "link set lo down")
	v4, v6 := h.both()
	contains(t, v6.lines(), "WARN interface is not served in full", "interface is down")
	for range 2 {
		ip(t, "link set lo up")
		eventually(t, "a client gets a lease", func() bool {
			talk, ok := h.client()
			return ok && strings.Contains(talk, "yiaddr 192.0.2.10")
		})
		ip(t, "link set lo down")
	}
	if v4.said("ERROR server") || v6.said("ERROR server") {
		t.Error(v4.lines(), v6.lines())
	}
}

// A link alone leads subnet4-select-test where a broadcast on it would be led: by the
// address that is answered from, as in Kea 3.
func TestSelectByLink(t *testing.T) {
	if !netns.Enter(t) {
		return
	}
	netns.NewPeer(t).Veth("lan0", "far0", []string{"192.0.2.1/24"}, nil)
	h := newHost(t)
	h.with4(`"interfaces-config": { "interfaces": [ "lan0" ] },`)
	eventually(t, "the broadcast on lan0 is led to its subnet", func() bool {
		return ask(t, h.door(), `{"command": "subnet4-select-test", "arguments": {"interface": "lan0"}}`).Text == "selected subnet '192.0.2.0/24' id 1"
	})
	if got := ask(t, h.door(), `{"command": "subnet4-select-test", "arguments": {"interface": "lo"}}`).Text; got != "no subnet selected" {
		t.Error(got)
	}
}
