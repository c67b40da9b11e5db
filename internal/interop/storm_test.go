//go:build interop

package interop

import (
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"net"
	"net/netip"
	"os"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/dhcp4o6/dhcp4o6/internal/dhcptest"
	"github.com/dhcp4o6/dhcp4o6/internal/hostile"
	"github.com/dhcp4o6/dhcp4o6/pkg/dhcp4"
	"github.com/dhcp4o6/dhcp4o6/pkg/dhcp6"
)

var (
	stormSize  = flag.Int("storm", 100000, "how many hostile packets the storm has")
	stormSeed  = flag.Uint64("storm-seed", 1, "the number that makes them")
	stormSeeds = flag.String("storm-seeds", "", "a folder of further packets to make them of, one a file")
)

const (
	stormPool4 = "192.0.2.100 - 192.0.2.163"
	stormPool6 = clientNet + "1000 - " + clientNet + "103f"

	// between is how many hostile packets there are between two probes. They fit
	// into every queue of ours, so that each is read before the probe is;
	// betweenRelayed into the one of ISC's relay.
	between        = 250
	betweenRelayed = 25
)

// A storm is a site whose pair is under attack, and a client of each kind that
// wants to be served all the while.
type storm struct {
	*site
	t   *testing.T
	src *hostile.Source

	v4d, v6d *dhcptest.Process
	roads    []*attackRoad
	probes   []*liveness
	probed4  int // messages that probes have sent to port 67, and to port 547
	probed6  int
	between  int
}

// A tallied socket counts what is sent through it.
type tallied struct {
	net.PacketConn
	sent *int
}

func (c tallied) WriteTo(b []byte, to net.Addr) (int, error) {
	*c.sent++
	return c.PacketConn.WriteTo(b, to)
}

// An attackRoad is one way to send hostile packets.
type attackRoad struct {
	name   string
	weight int
	family int // 4, 6, or 0 for the pair's own ports
	conn   net.PacketConn
	to     net.Addr
	make   func(*hostile.Source) []byte
	sent   int
}

// A liveness is a client that must be served.
type liveness struct {
	name string
	ask  func() bool // one whole exchange; each answer is timed by the storm
	took []time.Duration
	lost int // first tries without an answer within a second
}

func newSeeds(t *testing.T) *hostile.Seeds {
	t.Helper()
	seeds, err := hostile.Captured("../../testdata/captures")
	if err != nil {
		t.Fatal(err)
	}
	if *stormSeeds != "" {
		if err := seeds.AddFolder(*stormSeeds); err != nil {
			t.Fatal(err)
		}
	}
	return seeds
}

// newStorm starts our pair with small pools; loggers, if given, is what both log.
func newStorm(t *testing.T, relays int, loggers ...string) *storm {
	t.Helper()
	s := &storm{site: bare(t, relays), t: t, between: between}
	s.server.IP("addr add " + serverV4 + "/24 dev s0")
	link, over, addr := `"interface": "s0",`, `"4o6-interface": "s0",`, clientNet+"1"
	if relays == 0 {
		// so that nothing is cut into fragments, which queues count otherwise
		s.server.IP("link set s0 mtu 65535")
		s.client.IP("link set c0 mtu 65535")
	} else {
		link, addr = "", uplinkNet+"1"
		s.between = betweenRelayed
	}
	run := func(v int, keys string) *dhcptest.Process {
		file := s.configure(v, keys)
		for _, l := range loggers {
			s.relog(file, fmt.Sprintf(l, v))
		}
		return s.server.Start(s.env, append(program(ours, v), "-c", file)...)
	}
	s.v6d = run(6, fmt.Sprintf(`"interfaces-config": {"interfaces": ["s0", "s0/%s"]},
		"server-id": {"type": "LL", "persist": false}, "preferred-lifetime": 5000, "valid-lifetime": 6000, "decline-probation-period": 2, "dhcp4o6-port": 786,
		"option-data": [{"code": 88, "space": "dhcp6", "csv-format": true, "data": "%s"}],
		"subnet6": [{"id": 1, "subnet": "%s/64", %s "rapid-commit": true, "pools": [{"pool": "%s"}]}]`, addr, addr, clientNet, link, stormPool6))
	s.v4d = run(4, fmt.Sprintf(`"interfaces-config": {"interfaces": ["s0"]}, "valid-lifetime": 6000, "decline-probation-period": 2, "dhcp4o6-port": 786,
		"subnet4": [{"id": 1, "subnet": "192.0.2.0/24", "interface": "s0", %s "pools": [{"pool": "%s"}]}]`, over, stormPool4))
	s.listening(t, ":547", ":67", "[::1]:786", "[::1]:787")
	return s
}

// relog gives a configuration another logger than tests have otherwise.
func (s *storm) relog(file, logger string) {
	s.t.Helper()
	text, err := os.ReadFile(file)
	if err == nil {
		text = regexp.MustCompile(`"severity": "INFO".*`).ReplaceAllLiteral(text, []byte(logger+"}],"))
		err = os.WriteFile(file, text, 0o644)
	}
	if err != nil {
		s.t.Fatal(err)
	}
}

// udp opens a socket in a namespace.
func (s *storm) udp(n *dhcptest.Namespace, network, addr, device string) *net.UDPConn {
	s.t.Helper()
	lc := net.ListenConfig{Control: func(_, _ string, raw syscall.RawConn) (err error) {
		e := raw.Control(func(fd uintptr) {
			err = unix.SetsockoptInt(int(fd), unix.SOL_SOCKET, unix.SO_BROADCAST, 1)
			if err == nil && device != "" {
				err = unix.SetsockoptString(int(fd), unix.SOL_SOCKET, unix.SO_BINDTODEVICE, device)
			}
		})
		return errors.Join(e, err)
	}}
	var conn net.PacketConn
	err := n.Listen(func() (err error) {
		conn, err = lc.ListenPacket(s.t.Context(), network, addr)
		return err
	})
	if err != nil {
		s.t.Fatal(err)
	}
	s.t.Cleanup(func() { conn.Close() })
	return conn.(*net.UDPConn)
}

// attackFrom opens every road from the client's link, and those of a user of the
// server's host who sends to the pair's ports.
func (s *storm) attackFrom() {
	for _, a := range []string{"66", "67", "a", "b"} {
		s.client.IP("addr add " + clientNet + a + "/64 dev c0 nodad")
	}
	s.client.IP("addr add 192.0.2.66/24 dev c0")
	s.client.IP("addr add 192.0.2.67/24 dev c0")
	all := &net.UDPAddr{IP: net.ParseIP("ff02::1:2"), Port: 547, Zone: s.clientLink()}
	client, relay := s.udp(s.client, "udp6", "["+clientNet+"66]:546", ""), s.udp(s.client, "udp6", "["+clientNet+"67]:547", "")
	local := s.udp(s.server, "udp6", "[::1]:0", "")
	s.roads = []*attackRoad{
		{name: "v6 multicast", weight: 30, family: 6, conn: client, to: all, make: (*hostile.Source).V6},
		{name: "v6 unicast", weight: 15, family: 6, conn: client, to: udp(clientNet+"1", 547), make: (*hostile.Source).V6},
		{name: "v6 as a relay", weight: 15, family: 6, conn: relay, to: udp(clientNet+"1", 547), make: (*hostile.Source).V6},
		{name: "v4 as a relay", weight: 20, family: 4, conn: s.udp(s.client, "udp4", "192.0.2.66:67", ""), to: udp(serverV4, 67), make: (*hostile.Source).V4},
		{name: "v4 broadcast", weight: 14, family: 4, conn: s.udp(s.client, "udp4", "0.0.0.0:68", "c0"), to: udp("255.255.255.255", 67), make: (*hostile.Source).V4},
		{name: "port of the v6 side", weight: 3, conn: local, to: udp("::1", 786), make: (*hostile.Source).Pair},
		{name: "port of the v4 side", weight: 3, conn: local, to: udp("::1", 787), make: (*hostile.Source).Pair},
	}
}

// clientLink is the index of the client's interface, as its zone.
func (s *storm) clientLink() (zone string) {
	s.t.Helper()
	err := s.client.Do(func() error {
		i, err := net.InterfaceByName("c0")
		if err == nil {
			zone = strconv.Itoa(i.Index)
		}
		return err
	})
	if err != nil {
		s.t.Fatal(err)
	}
	return zone
}

// watch makes the clients that must be served, and has each get its lease first.
func (s *storm) watch() {
	s.t.Helper()
	over6, err := s.client.DialFrom(netip.MustParseAddr(clientNet+"a"), netip.MustParseAddr(clientNet+"1"))
	if err != nil {
		s.t.Fatal(err)
	}
	over6.HWAddr, over6.Timeout = [6]byte{2, 0xaa, 0xaa, 0xaa, 0xaa, 1}, time.Second
	over6.Conn = tallied{over6.Conn, &s.probed6}
	six := &client6{
		conn: s.udp(s.client, "udp6", "["+clientNet+"b]:546", ""), to: s.roads[0].to,
		duid: dhcp6.NewDUIDLL(1, []byte{2, 0xaa, 0xaa, 0xaa, 0xaa, 2}), iaid: 7,
	}
	four := s.relay4(s.t, netip.MustParseAddr("192.0.2.67"))
	s.probes = []*liveness{
		{name: "4o6", ask: func() bool { return s.ask4o6(over6) }},
		{name: "DHCPv6", ask: func() bool { return s.ask6(six) }},
		{name: "DHCPv4", ask: func() bool { return s.ask4(four) }},
	}
	for _, p := range s.probes {
		dhcptest.WaitFor(s.t, 5*time.Second, "lease over "+p.name, p.ask)
	}
	server := s.serverID(six)
	seeds := newSeeds(s.t)
	for i := range byte(16) {
		v4 := netip.MustParseAddr(serverV4)
		giaddr := [...]netip.Addr{{}, netip.MustParseAddr("192.0.2.66")}[i%2]
		seeds.AddClient4(v4, [6]byte{2, 0, 0x5e, 0x47, 1, i}, netip.AddrFrom4([4]byte{192, 0, 2, 100 + 3*i}), giaddr)
		addr := netip.MustParseAddr(clientNet + "1000").As16()
		addr[15] = i
		seeds.AddClient6(server, dhcp6.NewDUIDLL(1, []byte{2, 0, 0x5e, 0x47, 0, i}), netip.AddrFrom16(addr))
	}
	s.src = hostile.NewSource(*stormSeed, seeds)
}

func (s *storm) serverID(c *client6) dhcp6.DUID {
	s.t.Helper()
	s.probed6++
	m := c.ask(s.t, time.Second, dhcp6.InformationRequest, nil)
	if m == nil {
		s.t.Fatal("an Information-request is not answered")
	}
	v, _ := m.Options.Option(dhcp6.OptServerID)
	return slices.Clone(dhcp6.DUID(v))
}

// ask4o6, ask6 and ask4 are a whole exchange each; the client has its lease, so it
// gets the same again.
func (s *storm) ask4o6(c *dhcptest.Client4o6) bool {
	_, err := c.Lease()
	if err != nil {
		s.t.Logf("4o6: %v", err)
	}
	return err == nil
}

func (s *storm) ask6(c *client6) bool {
	ia := dhcp6.IANA{IAID: c.iaid}.Append(nil)
	s.probed6++
	m := c.ask(s.t, time.Second, dhcp6.Solicit, ia)
	if m == nil || m.Type != dhcp6.Advertise {
		return false
	}
	id, _ := m.Options.Option(dhcp6.OptServerID)
	s.probed6++
	m = c.ask(s.t, time.Second, dhcp6.Request, append(dhcp6.AppendOption(nil, dhcp6.OptServerID, slices.Clone(id)), ia...))
	if m == nil {
		return false
	}
	_, valid := addressOf(m)
	return valid > 0
}

func (s *storm) ask4(r *relay4) bool {
	s.probed4++
	r.send(s.t, 0xaaaa, r.giaddr, nil)
	m := r.answer(s.t, time.Second)
	if m == nil || m.Type() != dhcp4.Offer {
		return false
	}
	addr, id := m.YIAddr, serverIDOf(m)
	s.probed4++
	r.send(s.t, 0xaaaa, r.giaddr, func(w *dhcp4.Builder) {
		w.Query(dhcp4.Request, nil)
		w.Header.GIAddr = r.giaddr
		w.SetCHAddr([]byte{2, 0, 0x5e, 0x40, 0xaa, 0xaa})
		w.Add(dhcp4.OptRequestedAddress, addr.AsSlice())
		w.Add(dhcp4.OptServerID, id)
	})
	m = r.answer(s.t, time.Second)
	return m != nil && m.Type() == dhcp4.Ack && m.YIAddr == addr
}

func serverIDOf(m *dhcp4.Message) []byte {
	v, _ := m.Option(dhcp4.OptServerID)
	return slices.Clone(v)
}

// probe has every client go through one exchange. One that is lost twice fails the
// test: on a busy machine a second may pass, two are ours.
func (s *storm) probe() {
	s.t.Helper()
	for _, p := range s.probes {
		begin := time.Now()
		if !p.ask() {
			p.lost++
			if !p.ask() {
				s.t.Fatalf("%s: a client is not served, twice", p.name)
			}
		}
		p.took = append(p.took, time.Since(begin))
	}
}

// blow sends n hostile packets on all roads, with probes between.
func (s *storm) blow(n int) {
	s.t.Helper()
	total := 0
	for _, r := range s.roads {
		total += r.weight
	}
	for i := range n {
		k, r := s.src.IntN(total), s.roads[0]
		for _, r = range s.roads {
			if k -= r.weight; k < 0 {
				break
			}
		}
		s.send(r)
		if i%s.between == s.between-1 {
			s.probe()
		}
	}
}

// send sends one packet of a road. The host may refuse one, as for an error that
// came back for those before; it is then sent again.
func (s *storm) send(r *attackRoad) {
	s.t.Helper()
	b := r.make(s.src)
	for tries := 0; ; tries++ {
		_, err := r.conn.WriteTo(b, r.to)
		if err == nil {
			r.sent++
			return
		}
		if tries == 100 {
			s.t.Fatalf("%s: %v", r.name, err)
		}
		time.Sleep(time.Millisecond)
	}
}

func (s *storm) sent(family int) (n int) {
	for _, r := range s.roads {
		if r.family == family {
			n += r.sent
		}
	}
	return n
}

// memory is the resident size of both daemons in KiB.
func (s *storm) memory() (kib [2]int) {
	s.t.Helper()
	for i, d := range []*dhcptest.Process{s.v4d, s.v6d} {
		b, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", d.PID()))
		if err != nil {
			s.t.Fatal(err)
		}
		m := regexp.MustCompile(`VmRSS:\s+(\d+) kB`).FindSubmatch(b)
		kib[i], _ = strconv.Atoi(string(m[1]))
	}
	return kib
}

// counters stops a daemon and reads what it has counted out of its last words.
func (s *storm) counters(d *dhcptest.Process) map[string]int {
	s.t.Helper()
	d.Stop()
	if code := d.Wait(time.Second); code != 0 {
		s.t.Errorf("exit code %d", code)
	}
	all := make(map[string]int)
	for line := range strings.Lines(d.Log()) {
		if _, fields, ok := strings.Cut(line, "server stops "); ok {
			if err := json.Unmarshal([]byte(fields), &all); err != nil {
				s.t.Fatal(err)
			}
		}
	}
	if len(all) == 0 {
		s.t.Fatal("no counters")
	}
	return all
}

func sumOf(all map[string]int, prefix string) (n int) {
	for name, v := range all {
		if strings.HasPrefix(name, prefix) {
			n += v
		}
	}
	return n
}

// quietLog: no fault was met, and the log has not grown with the packets.
func (s *storm) quietLog(d *dhcptest.Process, minutes float64) {
	s.t.Helper()
	log := d.Log()
	for _, never := range []string{"fault in", "fault on", "panic", "goroutine ", "DATA RACE"} {
		if strings.Contains(log, never) {
			s.t.Errorf("%q in the log", never)
		}
	}
	lines := strings.Count(log, "\n")
	s.t.Logf("%d lines, %d octets in the log", lines, len(log))
	if limit := 60 + int(minutes*100); lines > limit {
		s.t.Errorf("%d lines in the log, more than %d", lines, limit)
	}
}

// account: what was sent was received or lost in a queue that counts, and what was
// received was answered, dropped for a reason, or needs no answer.
func (s *storm) account(c4, c6 map[string]int) {
	s.t.Helper()
	in6, in4 := s.sent(6)+s.probed6, s.sent(4)+s.probed4
	lost6, lost4 := c6["socket-receive-drop"], c4["socket-receive-drop"]
	if c6["pkt6-received"]+lost6 != in6 {
		s.t.Errorf("DHCPv6: %d sent, %d received, %d lost in queues", in6, c6["pkt6-received"], lost6)
	}
	crossed := c6["4o6-forwarded"] - c4["4o6-receive-drop"] - sumOf(c4, "4o6-bad-packet-")
	if c4["pkt4-received"]-crossed+lost4 != in4 {
		s.t.Errorf("DHCPv4: %d sent, %d received, %d of them over the pair, %d lost in queues", in4, c4["pkt4-received"], crossed, lost4)
	}
	s.balance(c4, c6)
	s.t.Logf("DHCPv6: %d sent, %d lost in queues, %d answered, %d handed over, %d dropped", in6, lost6,
		c6["pkt6-sent"]-c6["pkt6-dhcpv4-response-sent"], c6["4o6-forwarded"], c6["pkt6-receive-drop"])
	s.t.Logf("DHCPv4: %d sent, %d lost in queues, %d over the pair; %d answered, %d need no answer, %d dropped", in4, lost4,
		crossed, c4["pkt4-sent"], c4["pkt4-done"], c4["pkt4-receive-drop"])
}

func (s *storm) balance(c4, c6 map[string]int) {
	s.t.Helper()
	dropped6, dropped4 := sumOf(c6, "pkt6-drop-"), sumOf(c4, "pkt4-drop-")
	ended6 := c6["pkt6-sent"] - c6["pkt6-dhcpv4-response-sent"] + dropped6 + c6["4o6-forwarded"] + c6["4o6-not-forwarded"]
	if ended6 != c6["pkt6-received"] {
		s.t.Errorf("DHCPv6: %d received, what became of %d is counted: %v", c6["pkt6-received"], ended6, c6)
	}
	if ended4 := c4["pkt4-sent"] + c4["pkt4-done"] + dropped4; ended4 != c4["pkt4-received"] {
		s.t.Errorf("DHCPv4: %d received, what became of %d is counted: %v", c4["pkt4-received"], ended4, c4)
	}
	if n := c4["pkt4-drop-panic"] + c6["pkt6-drop-panic"]; n != 0 {
		s.t.Errorf("%d faults", n)
	}
}

// leases checks what has been given away: within the pool, and no more than the
// answers that were sent can have told.
func (s *storm) leases(v int, pool string, told int) {
	s.t.Helper()
	file, err := os.ReadFile(s.leaseFile(v))
	if err != nil {
		s.t.Fatal(err)
	}
	from, to, _ := strings.Cut(pool, " - ")
	first, last := netip.MustParseAddr(from), netip.MustParseAddr(to)
	held := make(map[netip.Addr]bool)
	_, rows, _ := strings.Cut(string(file), "\n")
	for row := range strings.Lines(rows) {
		addr, _, _ := strings.Cut(row, ",")
		a, err := netip.ParseAddr(addr)
		if err != nil || a.Less(first) || last.Less(a) {
			s.t.Errorf("lease of %q", row)
			continue
		}
		held[a] = true
	}
	s.t.Logf("DHCPv%d: %d addresses were given, answers had room for %d", v, len(held), told)
	if len(held) > told {
		s.t.Errorf("DHCPv%d: %d addresses were given, answers had room for %d", v, len(held), told)
	}
}

// sayLatency prints how long probes took, an exchange each. A second is a
// failure; what is over 100 ms is told.
func (s *storm) sayLatency() {
	s.t.Helper()
	for _, p := range s.probes {
		slices.Sort(p.took)
		n := len(p.took)
		long, _ := slices.BinarySearch(p.took, 100*time.Millisecond)
		s.t.Logf("%s: %d exchanges, median %v, 99 in 100 within %v, longest %v; %d over 100ms, %d first tries lost", p.name, n,
			p.took[n/2].Round(time.Microsecond), p.took[n*99/100].Round(time.Microsecond), p.took[n-1].Round(time.Microsecond), n-long, p.lost)
		if p.lost > 1+n/1000 {
			s.t.Errorf("%s: %d of %d first tries lost", p.name, p.lost, n)
		}
	}
}

// TestStormAtTheDaemons throws hostile packets at a running pair, at every port
// that it has open: clients are served all the while, memory stays what it was,
// every packet is accounted for, and the log stays short.
//
//	go test -tags interop -run TestStormAtTheDaemons -storm 1000000 -v ./internal/interop
func TestStormAtTheDaemons(t *testing.T) {
	s := newStorm(t, 0)
	s.attackFrom()
	s.watch()
	begin := time.Now()
	var size [3][2]int
	for i, part := range []int{10, 40, 50} {
		s.blow(*stormSize * part / 100)
		size[i] = s.memory()
	}
	took := time.Since(begin)
	s.sayLatency()
	t.Logf("%d packets in %v; resident KiB of dhcp4d and dhcp6d after a tenth, half, all: %v", *stormSize, took.Round(time.Millisecond), size)
	for i := range 2 {
		if size[2][i] > size[0][i]+10<<10 {
			t.Errorf("resident size has grown from %d to %d KiB", size[0][i], size[2][i])
		}
	}
	c6, c4 := s.counters(s.v6d), s.counters(s.v4d)
	s.account(c4, c6)
	s.quietLog(s.v4d, took.Minutes())
	s.quietLog(s.v6d, took.Minutes())
	s.leases(4, stormPool4, c4["pkt4-ack-sent"])
	s.leases(6, stormPool6, c6["pkt6-reply-sent"]*64) // IAs in a message, at most
}
