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

	"github.com/dhcp4o6/dhcp4o6/internal/dhcptest/need"
	"github.com/dhcp4o6/dhcp4o6/internal/dhcptest/netns"
	"github.com/dhcp4o6/dhcp4o6/pkg/dhcp4"
	"github.com/dhcp4o6/dhcp4o6/pkg/dhcp6"
	"github.com/dhcp4o6/dhcp4o6/pkg/ipc"
	"github.com/dhcp4o6/dhcp4o6/pkg/netif"
	"github.com/dhcp4o6/dhcp4o6/pkg/topology"
)

const keaConfig = `{"Dhcp4": {
  "interfaces-config": {"interfaces": ["s0"], "dhcp-socket-type": "udp"},
  "lease-database": {"type": "memfile", "persist": false},
  "dhcp4o6-port": 6767,
  "valid-lifetime": 600, %s,
  "option-data": [{"name": "domain-name-servers", "data": "192.0.2.53"}, {"name": "routers", "data": "192.0.2.1"} %s],
  "subnet4": [{"id": 1, "subnet": "192.0.2.0/24", "4o6-interface": "s0", "pools": [{"pool": "192.0.2.100 - 192.0.2.199"}] %s}],
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

// A road is a way to kea-dhcp4 that runs in the namespace of the test.
type road struct {
	name string
	open func(*testing.T, *netns.Peer) *net.UDPConn
	wrap func(*testing.T, query) []byte
	read func(*testing.T, []byte) *dhcp4.Message
	ours int // of ways
}

var kea = netip.MustParseAddrPort("192.0.2.1:67")

var roads = []road{
	{"relayed", func(t *testing.T, p *netns.Peer) (conn *net.UDPConn) {
		var err error
		p.Do(func() {
			conn, err = net.DialUDP("udp4", &net.UDPAddr{IP: net.IPv4(192, 0, 2, 9), Port: 67}, net.UDPAddrFromAddrPort(kea))
		})
		if err != nil {
			t.Fatal(err)
		}
		return conn
	}, func(t *testing.T, q query) []byte {
		q.giaddr = "192.0.2.9"
		return q.bytes(t)
	}, func(t *testing.T, b []byte) *dhcp4.Message { return read(t, b) }, 0},
	{"4o6", func(t *testing.T, _ *netns.Peer) *net.UDPConn {
		conn, err := net.DialUDP("udp6", &net.UDPAddr{IP: net.IPv6loopback, Port: 6767}, &net.UDPAddr{IP: net.IPv6loopback, Port: 6768})
		if err != nil {
			t.Fatal(err)
		}
		return conn
	}, func(t *testing.T, q query) []byte { return framed(q.message(t), "s0") }, func(t *testing.T, b []byte) *dhcp4.Message {
		var e dhcp6.Envelope
		if err := e.Parse(b); err != nil {
			t.Fatal(err)
		}
		v, _ := e.Message.Options.Option(dhcp6.OptDHCPv4Message)
		return read(t, v)
	}, 1},
}

// fence is a query that Kea surely answers.
func fence(xid uint32) query { return query{kind: dhcp4.Inform, xid: xid, hw: "02005e0000ff"} }

// ask puts a query to Kea and then a fence, and waits for the fence: Kea answers
// in order, so that what has not come by then will not come.
func (r *road) ask(t *testing.T, conn *net.UDPConn, q query) (answer *dhcp4.Message) {
	if _, err := conn.Write(r.wrap(t, q)); err != nil {
		t.Fatal(err)
	}
	if !r.await(t, conn, q.xid|1<<31, 10*time.Second, func(m *dhcp4.Message) {
		if m.XID == q.xid {
			answer = m
		}
	}) {
		t.Fatal("kea-dhcp4 does not answer any more")
	}
	return answer
}

// await sends a fence and hands over what comes before its answer, which it
// waits for as long as patience lasts.
func (r *road) await(t *testing.T, conn *net.UDPConn, xid uint32, patience time.Duration, each func(*dhcp4.Message)) bool {
	conn.Write(r.wrap(t, fence(xid))) // refused as long as Kea is not there
	buf := make([]byte, 2000)
	conn.SetReadDeadline(time.Now().Add(patience))
	for {
		n, err := conn.Read(buf)
		if err != nil {
			return false
		}
		m := r.read(t, buf[:n])
		if m.XID == xid {
			return true
		}
		each(m)
	}
}

// startKea runs kea-dhcp4 until the test ends and returns when it answers.
func startKea(t *testing.T, r *road, p *netns.Peer, config string) *net.UDPConn {
	dir := t.TempDir()
	conf := filepath.Join(dir, "kea.json")
	if err := os.WriteFile(conf, []byte(config), 0o600); err != nil {
		t.Fatal(err)
	}
	conn := r.open(t, p)
	ctx, cancel := context.WithCancel(context.Background())
	cmd := exec.CommandContext(ctx, "kea-dhcp4", "-c", conf)
	cmd.Env = append(os.Environ(), "KEA_PIDFILE_DIR="+dir, "KEA_LOCKFILE_DIR="+dir)
	var log strings.Builder
	cmd.Stdout, cmd.Stderr = &log, &log
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		cancel()
		cmd.Wait()
		conn.Close()
		if t.Failed() {
			t.Logf("kea-dhcp4 says:\n%s", log.String())
		}
	})
	for begin := time.Now(); time.Since(begin) < 20*time.Second; time.Sleep(10 * time.Millisecond) {
		if r.await(t, conn, 1, 100*time.Millisecond, func(*dhcp4.Message) {}) {
			return conn
		}
	}
	t.Fatal("kea-dhcp4 does not answer")
	return nil
}

// deviations are the turns of conversations in which kea-dhcp4 2.2.0 answers
// otherwise, with what it answers and why we do not.
var deviations = map[string]struct{ kea, why, road string }{
	"SELECTING an address of another net 0":                            {"silence", "the client chose us and is told (RFC 2131 §4.3.2)", ""},
	"SELECTING an address outside of all pools 0":                      {"silence", "likewise", ""},
	"REQUEST that names nothing 0":                                     {"DHCPACK", "RFC 2131 §4.3.6: an address MUST be there", ""},
	"REQUEST that names nothing 1":                                     {"DHCPACK", "likewise", ""},
	"REQUEST that names nothing 2":                                     {"DHCPACK", "likewise", ""},
	"INFORM, with address and without: options and no lease 0":         {"silence", "the answer goes to ciaddr, as does ours", "relayed"},
	"INFORM, with address and without: options and no lease 1":         {"DHCPACK", "ours has the subnet mask that was asked for", ""},
	"REQUEST without server identifier that takes an offer 1":          {"silence", "our offers are kept: the client is known", ""},
	"RENEWING another address than the leased one, out of the pools 1": {"silence", "the address is wrong for sure: the client has another lease", ""},
	"REBINDING an address that is not ours, authoritative: NAK 0":      {"silence", "Kea stays silent about addresses outside of its pools, authoritative or not", ""},
}

// TestAgainstKea holds every conversation with kea-dhcp4 too.
func TestAgainstKea(t *testing.T) {
	p := besideKea(t)
	if p == nil {
		return
	}
	xid := uint32(100)
	for _, r := range roads {
		for _, c := range conversations() {
			t.Run(c.name+", "+r.name, func(t *testing.T) {
				conn := startKea(t, &r, p, fmt.Sprintf(keaConfig, fmt.Sprintf(`"authoritative": %v`, len(c.net) > 0), "", ""))
				b := newBench(t, net1(c.net...))
				for i, turn := range c.turns {
					xid++
					turn.q.xid = xid
					b.now = b.now.Add(turn.after)
					theirs, ours := gist(r.ask(t, conn, turn.q)), gist(ways[r.ours].ask(b, turn.q))
					d, known := deviations[fmt.Sprintf("%s %d", c.name, i)]
					known = known && (d.road == "" || d.road == r.name)
					switch {
					case known && !strings.HasPrefix(theirs, d.kea):
						t.Errorf("turn %d: Kea answers %s, listed is %s", i, theirs, d.kea)
					case !known && theirs != ours:
						t.Errorf("turn %d, %v %s %s:\n got %s\n Kea %s", i, turn.q.kind, turn.q.ciaddr, turn.q.opts, ours, theirs)
					}
				}
			})
		}
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

// alike takes out of two gists what we do otherwise on purpose: both rcodes of
// option 81 are 255 (RFC 4702 §2.2), a subnet mask is in the answer to an INFORM that asks for it, and an option 82 comes back
// as it is, even when it is malformed (RFC 3046 §2.2).
func alike(q query, ours, theirs string) bool {
	if q.kind == dhcp4.Inform {
		ours = strings.Replace(ours, "001=ffffff00 ", "", 1)
	}
	if at := strings.Index(ours, " 081="); at >= 0 {
		ours = ours[:at+7] + strings.Replace(ours[at+7:], "ffff", "0000", 1)
	}
	if q.opts == "82=" || q.opts == "82=010470" {
		ours, _, _ = strings.Cut(ours, " 082=")
	}
	return ours == theirs
}

// TestOptionsAgainstKea compares which options are in replies, and what is in
// them.
func TestOptionsAgainstKea(t *testing.T) {
	p := besideKea(t)
	if p == nil {
		return
	}
	config := fmt.Sprintf(keaConfig, `"min-valid-lifetime": 300, "max-valid-lifetime": 900, "calculate-tee-times": true,
		"next-server": "192.0.2.3", "server-hostname": "boot", "boot-file-name": "boot.img"`,
		`, {"name": "domain-name", "data": "example.org"}, {"name": "ntp-servers", "data": "192.0.2.4", "always-send": true},
		{"name": "time-servers", "data": "192.0.2.5"}`,
		`, "reservations": [{"hw-address": "02:00:5e:00:00:0a", "ip-address": "192.0.2.77", "hostname": "reserved",
			"option-data": [{"name": "time-servers", "data": "192.0.2.6"}], "boot-file-name": "host.img"}]`)
	net := net1(func(n *topology.Topology) {
		s := n.Subnets[0]
		s.Policy.Valid = topology.Lifetime{Min: 300, Default: 600, Max: 900}
		s.Policy.T1.Percent, s.Policy.T2.Percent = 0.5, 0.875
		s.Policy.NextServer, s.Policy.ServerHostname, s.Policy.BootFileName = ip("192.0.2.3"), "boot", "boot.img"
		setOption(s, topology.Option{Code: 15, Value: []byte("example.org")})
		setOption(s, topology.Option{Code: 42, Value: []byte{192, 0, 2, 4}, Always: true})
		setOption(s, topology.Option{Code: 4, Value: []byte{192, 0, 2, 5}})
		reserve(s, topology.HWAddress, string(unhex(t, hwA)), "192.0.2.77", "reserved")
		for _, r := range s.Reservations {
			r.Options, r.BootFileName = topology.Options{{Code: 4, Value: []byte{192, 0, 2, 6}}}, "host.img"
		}
	})
	var queries []query
	for i, opts := range []string{
		"", "55=01", "55=0103060f042a", "55=0c", "51=00000064", "51=00000320", "51=ffffffff",
		"61=01020005e0000b", "61=ff000000010003000102005e460001", "82=0104706f7274", "82=010470", "82=", "57=0240 55=2a",
		"12=486f7374", "12=486f7374 55=0c", "12=686f73742e6578616d706c652e636f6d", "81=010000686f7374", "81=000000686f7374",
		"81=04000004686f737400", "81=04000004686f7374076578616d706c6503636f6d00", "81=08000004686f7374", "60=50584545436c69656e74 55=42433c",
	} {
		for _, hw := range []string{hwA, fmt.Sprintf("02005e0001%02x", i)} {
			queries = append(queries, query{kind: dhcp4.Discover, hw: hw, opts: opts}, query{kind: dhcp4.Inform, hw: hw, opts: opts})
		}
	}
	for _, r := range roads {
		t.Run(r.name, func(t *testing.T) {
			conn := startKea(t, &r, p, config)
			b := newBench(t, net)
			for i, q := range queries {
				q.xid = uint32(1000 + i)
				theirs, ours := r.ask(t, conn, q), ways[r.ours].ask(b, q)
				if !alike(q, gist(ours), gist(theirs)) {
					t.Errorf("%v of %s, %s:\n got %s\n Kea %s", q.kind, q.hw, q.opts, gist(ours), gist(theirs))
				}
				if theirs != nil && ours != nil && (theirs.SIAddr != ours.SIAddr || string(theirs.SName()) != string(ours.SName()) || string(theirs.File()) != string(ours.File())) {
					t.Errorf("%v of %s: boot fields %v %q %q, Kea %v %q %q", q.kind, q.hw, ours.SIAddr, ours.SName()[:8], ours.File()[:10], theirs.SIAddr, theirs.SName()[:8], theirs.File()[:10])
				}
			}
		})
	}
}

// framed is a query as the v6 side hands it over, with where it came from.
func framed(m ipc.Message, iface string) []byte {
	o := dhcp6.AppendOption(nil, 60000, []byte(iface))
	a := m.Origin.Addr.As16()
	o = dhcp6.AppendOption(o, 60001, a[:])
	o = dhcp6.AppendOption(o, 60002, []byte{2, 34})
	return dhcp6.AppendOption(m.Data, 17, append([]byte{0, 0, 9, 191}, o...))
}

// besideKea enters a namespace with a link on which kea-dhcp4 can be asked as by a
// relay; nil outside of it, where another process of the test does the work.
func besideKea(t *testing.T) *netns.Peer {
	t.Helper()
	need.Programs(t, "kea-dhcp4")
	if !netns.Enter(t) {
		return nil
	}
	p := netns.NewPeer(t)
	p.Veth("s0", "c0", []string{"192.0.2.1/24"}, []string{"192.0.2.9/24"})
	running(t, "s0")
	return p
}
