//go:build interop

package interop

import (
	"fmt"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/dhcp4o6/dhcp4o6/internal/dhcptest"
	"github.com/dhcp4o6/dhcp4o6/internal/dhcptest/need"
)

// A seat is who sits on one side of the pair.
type seat string

const (
	ours seat = "ours"
	kea  seat = "kea"
)

// bin is where `make build` puts the programs, or the folder that BIN names.
func bin(name string) string {
	if dir := os.Getenv("BIN"); dir != "" {
		return filepath.Join(dir, name)
	}
	abs, err := filepath.Abs(filepath.Join("..", "..", "bin", name))
	if err != nil {
		panic(err)
	}
	return abs
}

func program(who seat, v int) []string {
	if who == kea {
		return []string{fmt.Sprintf("kea-dhcp%d", v)}
	}
	return []string{bin(fmt.Sprintf("dhcp%dd", v))}
}

// A site is a server host with the pair on it, a client host, and as many relay
// hosts between them as the test asks for.
//
//	client c0 --- s0 server                              no relay
//	client c0 --- r0 relay1 u1 --- s0 server             one
//	client c0 --- r0 relay2 u2 --- r0 relay1 u1 --- s0   two
type site struct {
	lab            *dhcptest.Lab
	client, server *dhcptest.Namespace
	v4, v6         *dhcptest.Process
	v4Start        func() *dhcptest.Process
	v6Start        func() *dhcptest.Process
	v4Args, env    []string
	leases4        string // in a folder of its own
}

const (
	clientNet = "2001:db8:46::" // /64, the client's link
	uplinkNet = "2001:db8:47::" // /64, the server's link behind relays
	middleNet = "2001:db8:48::"
	serverV4  = "192.0.2.1"
	pool4     = "192.0.2.100 - 192.0.2.100" // one address: a release that is lost is noticed
)

type plan struct {
	v6, v4   seat
	relays   int
	noIPv4   bool   // the server host has no IPv4 address
	subnet4  string // keys of the subnet4 besides id, subnet and pools
	lifetime int
	pool     string
	prefix   string // of the subnet4
	quiet    bool   // no line for each packet
	ours6    string // keys of ours of the DHCPv6 server
	ours4    string
}

func build(t *testing.T, p plan) *site {
	t.Helper()
	for _, server := range []struct {
		who seat
		v   int
	}{{p.v6, 6}, {p.v4, 4}} {
		need.Programs(t, program(server.who, server.v)[0])
	}
	lab := dhcptest.NewLab(t)
	s := &site{lab: lab, client: lab.Namespace("c"), server: lab.Namespace("s")}
	s.wire(t, p.relays)
	if !p.noIPv4 {
		s.server.IP("addr add " + serverV4 + "/24 dev s0")
	}
	s.startServers(t, p)
	return s
}

// wire lays the links and starts the relays.
func (s *site) wire(t *testing.T, relays int) {
	t.Helper()
	if relays == 0 {
		s.lab.Wire(s.client, "c0", s.server, "s0")
		s.server.IP("addr add " + clientNet + "1/64 dev s0 nodad")
		s.client.IP("-6 route add " + clientNet + "/64 dev c0")
		return
	}
	need.Programs(t, "dhcrelay")
	below, belowIface := s.client, "c0"
	s.client.IP("link set lo up")
	for i := relays; i >= 1; i-- {
		r := s.lab.Namespace(fmt.Sprintf("r%d", i))
		s.lab.Wire(below, belowIface, r, "r0")
		down := clientNet
		if i < relays {
			down = middleNet
			below.IP("addr add " + middleNet + "2/64 dev " + belowIface + " nodad")
		}
		r.IP("addr add " + down + "fe/64 dev r0 nodad")
		r.Must("sysctl", "-qw", "net.ipv6.conf.all.forwarding=1")
		if i < relays {
			s.relay(below, middleNet+"fe", belowIface, i+1)
			below.IP("-6 route add default via " + middleNet + "fe dev " + belowIface)
			r.IP("-6 route add " + clientNet + "/64 via " + middleNet + "2 dev r0")
		}
		below, belowIface = r, fmt.Sprintf("u%d", i)
	}
	s.lab.Wire(below, belowIface, s.server, "s0")
	below.IP("addr add " + uplinkNet + "2/64 dev " + belowIface + " nodad")
	s.server.IP("addr add " + uplinkNet + "1/64 dev s0 nodad")
	s.server.IP("-6 route add " + clientNet + "/64 via " + uplinkNet + "2 dev s0")
	s.server.IP("-6 route add " + middleNet + "/64 via " + uplinkNet + "2 dev s0")
	s.relay(below, uplinkNet+"1", belowIface, 1)
	s.client.IP("-6 route add " + clientNet + "/64 dev c0")
}

// relay starts Debian's dhcrelay, with Interface-Id.
func (s *site) relay(n *dhcptest.Namespace, up, upIface string, i int) {
	n.Start(nil, "dhcrelay", "-6", "-d", "-I", "-l", "r0", "-u", up+"%"+upIface,
		"-pf", filepath.Join(s.lab.Dir, fmt.Sprintf("relay%d.pid", i)))
}

func (s *site) startServers(t *testing.T, p plan) {
	s.env = []string{"KEA_PIDFILE_DIR=" + s.lab.Dir, "KEA_LOCKFILE_DIR=none"}
	if p.lifetime == 0 {
		p.lifetime = 600
	}
	if p.pool == "" {
		p.pool = pool4
	}
	if p.prefix == "" {
		p.prefix = "192.0.2.0/24"
	}
	if p.subnet4 == "" {
		p.subnet4 = `"4o6-interface": "s0",`
	}
	serverAddr := clientNet + "1"
	link := `"interface": "s0",`
	if p.relays > 0 {
		serverAddr, link = uplinkNet+"1", ""
	}
	logger := func(name string) string {
		severity := "DEBUG"
		if p.quiet {
			severity = "INFO"
		}
		return fmt.Sprintf(`"loggers": [{"name": %q, "severity": %q, "debuglevel": 55, "output_options": [{"output": "stdout"}]}]`, name, severity)
	}
	conf6 := s.lab.Write("dhcp6.json", fmt.Sprintf(`{"Dhcp6": {
		"interfaces-config": {"interfaces": ["s0/%s"]},
		"lease-database": {"type": "memfile", "name": "%s/leases6.csv"},
		"server-id": {"type": "LL", "persist": false},
		"option-data": [{"code": 88, "space": "dhcp6", "csv-format": true, "data": "%s"}],
		"subnet6": [{"id": 1, "subnet": "%s/64", %s "pools": [{"pool": "%s1000 - %s1fff"}]}],
		"user-context": {"dhcp4o6": {%s}},
		"dhcp4o6-port": 786, %s}}`, serverAddr, s.lab.Dir, serverAddr, clientNet, link, clientNet, clientNet, p.ours6, logger("kea-dhcp6")))
	state := filepath.Join(s.lab.Dir, "state")
	if err := os.Mkdir(state, 0o750); err != nil {
		t.Fatal(err)
	}
	s.leases4 = filepath.Join(state, "leases4.csv")
	conf4 := s.lab.Write("dhcp4.json", fmt.Sprintf(`{"Dhcp4": {
		"interfaces-config": {"interfaces": ["s0"]},
		"lease-database": {"type": "memfile", "name": "%s"},
		"valid-lifetime": %d, "calculate-tee-times": true,
		"subnet4": [{"id": 1, "subnet": "%s", %s "pools": [{"pool": "%s"}]}],
		"user-context": {"dhcp4o6": {%s}},
		"dhcp4o6-port": 786, %s}}`, s.leases4, p.lifetime, p.prefix, p.subnet4, p.pool, p.ours4, logger("kea-dhcp4")))
	s.v4Args = append(program(p.v4, 4), "-c", conf4)
	s.v6Start = func() *dhcptest.Process { return s.server.Start(s.env, append(program(p.v6, 6), "-c", conf6)...) }
	s.v4Start = func() *dhcptest.Process { return s.server.Start(s.env, s.v4Args...) }
	s.v6, s.v4 = s.v6Start(), s.v4Start()
}

// dial makes a client and waits until the pair answers it.
func (s *site) dial(t *testing.T, to string) *dhcptest.Client4o6 {
	t.Helper()
	c, err := s.client.Dial("c0", netip.MustParseAddr(to))
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// ready waits until both daemons serve: their own words, or the sockets.
func (s *site) ready(t *testing.T) {
	t.Helper()
	dhcptest.WaitFor(t, 15*time.Second, "sockets of both daemons", func() bool {
		return s.server.Bound("[::1]:786") && s.server.Bound("[::1]:787") && s.server.Bound(":547")
	})
	time.Sleep(100 * time.Millisecond) // a relay has no sign of readiness in its sockets alone
}

var paths = []struct {
	name   string
	relays int
	to     string
}{
	{"multicast", 0, "ff02::1:2"},
	{"unicast", 0, clientNet + "1"},
	{"one relay", 1, "ff02::1:2"},
	{"two relays", 2, "ff02::1:2"},
}

// TestPair is the table: each side ours or Kea's, each road from the client;
// lease, renewal and release in each.
func TestPair(t *testing.T) {
	var rows []string
	for _, v6 := range []seat{ours, kea} {
		for _, v4 := range []seat{ours, kea} {
			rows = append(rows, pairRow(t, plan{v6: v6, v4: v4}))
		}
	}
	printPairs(rows)
}

// TestPairWithoutIPv4 is what RFC 7341 is for, and what Kea cannot do: a server
// host with no IPv4 address at all.
func TestPairWithoutIPv4(t *testing.T) {
	printPairs([]string{pairRow(t, plan{v6: ours, v4: ours, noIPv4: true})})
}

// TestPairWithMAC: the same roads with a MAC in every message.
func TestPairWithMAC(t *testing.T) {
	keys := fmt.Sprintf(`"pair-hmac": "require", "pair-key-file": %q, "pad-ipc": true`, keyFile(t))
	printPairs([]string{pairRow(t, plan{v6: ours, v4: ours, ours6: keys, ours4: keys})})
}

// TestPairInISCsDialect: the same roads, as dhcp6d speaks to ISC's dhcpd.
func TestPairInISCsDialect(t *testing.T) {
	printPairs([]string{pairRow(t, plan{v6: ours, v4: ours, ours6: `"pair-dialect": "isc"`})})
}

// pairRow walks every road with the same two daemons and returns a row of the
// table.
func pairRow(t *testing.T, p plan) string {
	row := fmt.Sprintf("%-7s%-7s", p.v6, p.v4)
	for _, path := range paths {
		ok := t.Run(fmt.Sprintf("v6=%s/v4=%s/%s", p.v6, p.v4, path.name), func(t *testing.T) {
			p.relays = path.relays
			s := build(t, p)
			s.ready(t)
			leaseRenewRelease(t, s, path.to)
		})
		row += fmt.Sprintf("%-12s", map[bool]string{true: "PASS", false: "FAIL"}[ok])
	}
	if p.noIPv4 {
		row += "no IPv4 address on the server host"
	}
	return row
}

// printPairs prints the table: lease, renewal and release in each cell.
func printPairs(rows []string) {
	head := fmt.Sprintf("%-7s%-7s", "v6", "v4")
	for _, path := range paths {
		head += fmt.Sprintf("%-12s", path.name)
	}
	fmt.Printf("\n%s\n%s\n\n", head, strings.Join(rows, "\n"))
}

func leaseRenewRelease(t *testing.T, s *site, to string) {
	t.Helper()
	c := s.dial(t, to)
	var got dhcptest.Lease4
	dhcptest.WaitFor(t, 10*time.Second, "lease", func() bool {
		var err error
		if got, err = c.Lease(); err != nil {
			t.Logf("no lease yet: %v", err)
		}
		return err == nil
	})
	if want := netip.MustParseAddr("192.0.2.100"); got.Addr != want {
		t.Fatalf("lease of %v, want %v", got.Addr, want)
	}
	if got.Lifetime != 600 {
		t.Errorf("lifetime %d, want 600", got.Lifetime)
	}
	if _, err := c.Renew(got); err != nil {
		t.Fatal(err)
	}

	// the pool has one address: another client gets it when it was released,
	// and not before
	other := *c
	other.HWAddr = [6]byte{2, 0, 0x5e, 0x10, 0, 2}
	other.Timeout = 500 * time.Millisecond
	if l, err := other.Lease(); err == nil {
		t.Fatalf("a second client got %v, which the first one holds", l.Addr)
	}
	if err := c.Release(got); err != nil {
		t.Fatal(err)
	}
	dhcptest.WaitFor(t, 5*time.Second, "lease for the second client", func() bool {
		_, err := other.Lease()
		return err == nil
	})
	if b, err := os.ReadFile(s.leases4); err != nil || !strings.Contains(string(b), "192.0.2.100,02:00:5e:10:00:02") {
		t.Errorf("the lease file does not have the second client (%v):\n%s", err, b)
	}
}
