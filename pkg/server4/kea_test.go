package server4

import (
	"context"
	"fmt"
	"net"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/dhcp4o6/dhcp4o6/internal/dhcptest/netns"
	"github.com/dhcp4o6/dhcp4o6/pkg/dhcp4"
	"github.com/dhcp4o6/dhcp4o6/pkg/netif"
)

const keaConfig = `{"Dhcp4": {
  "interfaces-config": {"interfaces": ["s0"], "dhcp-socket-type": "udp"},
  "lease-database": {"type": "memfile", "persist": false},
  "valid-lifetime": 600, "authoritative": %v,
  "option-data": [{"name": "domain-name-servers", "data": "192.0.2.53"}, {"name": "routers", "data": "192.0.2.1"}],
  "subnet4": [{"id": 1, "subnet": "192.0.2.0/24", "pools": [{"pool": "192.0.2.100 - 192.0.2.199"}]}],
  "loggers": [{"name": "kea-dhcp4", "severity": "INFO", "output_options": [{"output": "stdout"}]}]
}}`

// gist is what must be equal between two servers: the type, whether there is an
// address, and the options but for text, by code.
func gist(m *dhcp4.Message) string {
	if m == nil {
		return "silence"
	}
	var opts []string
	for c, v := range m.All {
		if c != dhcp4.OptMessageType && c != dhcp4.OptMessage {
			opts = append(opts, fmt.Sprintf("%03d=%x", c, v))
		}
	}
	slices.Sort(opts)
	addr := ""
	if !m.YIAddr.IsUnspecified() {
		addr = " address"
	}
	return m.Type().String() + addr + fmt.Sprintf(" ciaddr=%v giaddr=%v ", m.CIAddr, m.GIAddr) + strings.Join(opts, " ")
}

// A keaServer is kea-dhcp4 in the namespace of the test, asked through a relay.
type keaServer struct {
	conn *net.UDPConn
	cmd  *exec.Cmd
}

func startKea(t *testing.T, p *netns.Peer, authoritative bool) *keaServer {
	dir := t.TempDir()
	conf := filepath.Join(dir, "kea.json")
	if err := os.WriteFile(conf, fmt.Appendf(nil, keaConfig, authoritative), 0o600); err != nil {
		t.Fatal(err)
	}
	k := new(keaServer)
	p.Do(func() {
		conn, err := net.ListenUDP("udp4", &net.UDPAddr{IP: net.IPv4(192, 0, 2, 9), Port: 67})
		if err != nil {
			t.Error(err)
			return
		}
		k.conn = conn
	})
	ctx, cancel := context.WithCancel(context.Background())
	k.cmd = exec.CommandContext(ctx, "kea-dhcp4", "-c", conf)
	k.cmd.Env = append(os.Environ(), "KEA_PIDFILE_DIR="+dir, "KEA_LOCKFILE_DIR="+dir)
	var log strings.Builder
	k.cmd.Stdout, k.cmd.Stderr = &log, &log
	if err := k.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		cancel()
		k.cmd.Wait()
		k.conn.Close()
	})
	for range 50 { // until it answers
		if k.ask(t, query{kind: dhcp4.Inform, xid: 1, hw: "02005e0000ff"}, 100*time.Millisecond) != nil {
			return k
		}
	}
	cancel()
	k.cmd.Wait()
	t.Fatalf("kea-dhcp4 does not answer:\n%s", log.String())
	return nil
}

func (k *keaServer) ask(t *testing.T, q query, patience time.Duration) *dhcp4.Message {
	q.giaddr = "192.0.2.9"
	if _, err := k.conn.WriteToUDPAddrPort(q.bytes(t), netip.MustParseAddrPort("192.0.2.1:67")); err != nil {
		t.Fatal(err)
	}
	buf := make([]byte, 2000)
	deadline := time.Now().Add(patience)
	for {
		k.conn.SetReadDeadline(deadline)
		n, err := k.conn.Read(buf)
		if err != nil {
			return nil
		}
		if m := read(t, buf[:n]); m.XID == q.xid {
			return m
		}
	}
}

// deviations are the turns of conversations in which kea-dhcp4 2.2.0 answers
// otherwise, with what it answers and why we do not.
var deviations = map[string]struct{ kea, why string }{
	"SELECTING an address of another net 0":                            {"silence", "the client chose us and is told (RFC 2131 §4.3.2)"},
	"SELECTING an address outside of all pools 0":                      {"silence", "likewise"},
	"REQUEST that names nothing 0":                                     {"DHCPACK", "RFC 2131 §4.3.6: an address MUST be there"},
	"REQUEST that names nothing 1":                                     {"DHCPACK", "likewise"},
	"REQUEST that names nothing 2":                                     {"DHCPACK", "likewise"},
	"INFORM, with address and without: options and no lease 0":         {"silence", "the answer goes to ciaddr, as does ours"},
	"INFORM, with address and without: options and no lease 1":         {"DHCPACK", "ours has the subnet mask that was asked for"},
	"REQUEST without server identifier that takes an offer 1":          {"silence", "our offers are kept: the client is known"},
	"RENEWING another address than the leased one, out of the pools 1": {"silence", "the address is wrong for sure: the client has another lease"},
	"REBINDING an address that is not ours, authoritative: NAK 0":      {"silence", "Kea stays silent about addresses outside of its pools, authoritative or not"},
}

// TestAgainstKea holds every conversation with kea-dhcp4 too.
func TestAgainstKea(t *testing.T) {
	need(t, "kea-dhcp4")
	if testing.Short() {
		t.Skip("starts kea-dhcp4 many times")
	}
	if !netns.Enter(t) {
		return
	}
	p := netns.NewPeer(t)
	p.Veth("s0", "c0", []string{"192.0.2.1/24"}, []string{"192.0.2.9/24"})
	running(t, "s0")
	xid := uint32(100)
	for _, c := range conversations() {
		t.Run(c.name, func(t *testing.T) {
			k := startKea(t, p, len(c.net) > 0)
			b := newBench(t, net1(c.net...))
			for i, turn := range c.turns {
				xid++
				turn.q.xid = xid
				b.now = b.now.Add(turn.after)
				kea, ours := gist(k.ask(t, turn.q, 300*time.Millisecond)), gist(ways[0].ask(b, turn.q))
				switch d, known := deviations[fmt.Sprintf("%s %d", c.name, i)]; {
				case known && !strings.HasPrefix(kea, d.kea):
					t.Errorf("turn %d: Kea answers %s, listed is %s", i, kea, d.kea)
				case !known && kea != ours:
					t.Errorf("turn %d, %v %s %s:\n got %s\n Kea %s", i, turn.q.kind, turn.q.ciaddr, turn.q.opts, ours, kea)
				}
			}
		})
	}
}

// running waits until a link runs, which Kea asks for.
func running(t *testing.T, name string) {
	for range 200 {
		links, err := netif.List()
		if err != nil {
			t.Fatal(err)
		}
		for i := range links {
			if links[i].Name == name && links[i].Running {
				return
			}
		}
		time.Sleep(10 * time.Millisecond)
	}
	t.Fatalf("%s does not come up", name)
}
