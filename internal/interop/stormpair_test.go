//go:build interop

package interop

import (
	"errors"
	"net"
	"net/netip"
	"os"
	"slices"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/dhcp4o6/dhcp4o6/internal/dhcptest"
	"github.com/dhcp4o6/dhcp4o6/internal/hostile"
	"github.com/dhcp4o6/dhcp4o6/pkg/dhcp4"
	"github.com/dhcp4o6/dhcp4o6/pkg/dhcp6"
)

// TestStormThroughARelay has ISC's relay between the attacker and the pair. What
// the relay lets through is the relay's affair; clients behind it are served.
func TestStormThroughARelay(t *testing.T) {
	s := newStorm(t, 1)
	for _, a := range []string{"66", "a", "b"} {
		s.client.IP("addr add " + clientNet + a + "/64 dev c0 nodad")
	}
	all := &net.UDPAddr{IP: net.ParseIP("ff02::1:2"), Port: 547, Zone: s.clientLink()}
	client := s.udp(s.client, "udp6", "["+clientNet+"66]:546", "")
	s.roads = []*attackRoad{
		{name: "to the group", weight: 2, family: 6, conn: client, to: all, make: (*hostile.Source).V6},
		{name: "to the relay", weight: 1, family: 6, conn: client, to: udp(clientNet+"fe", 547), make: (*hostile.Source).V6},
	}
	over6, err := s.client.DialFrom(netip.MustParseAddr(clientNet+"a"), netip.MustParseAddr(clientNet+"fe"))
	if err != nil {
		t.Fatal(err)
	}
	over6.HWAddr, over6.Timeout, over6.To = [6]byte{2, 0xaa, 0xaa, 0xaa, 0xaa, 1}, time.Second, all
	six := &client6{
		conn: s.udp(s.client, "udp6", "["+clientNet+"b]:546", ""), to: all,
		duid: dhcp6.NewDUIDLL(1, []byte{2, 0xaa, 0xaa, 0xaa, 0xaa, 2}), iaid: 7,
	}
	s.probes = []*liveness{
		{name: "4o6", ask: func() bool { return s.ask4o6(over6) }},
		{name: "DHCPv6", ask: func() bool { return s.ask6(six) }},
	}
	for _, p := range s.probes {
		dhcptest.WaitFor(t, 5*time.Second, "lease over "+p.name, p.ask)
	}
	s.src = hostile.NewSource(*stormSeed, newSeeds(t))
	begin := time.Now()
	s.blow(*stormSize / 10)
	s.sayLatency()
	c6, c4 := s.counters(s.v6d), s.counters(s.v4d)
	s.balance(c4, c6)
	for _, d := range []*dhcptest.Process{s.v4d, s.v6d} {
		s.quietLog(d, time.Since(begin).Minutes())
	}
	t.Logf("%d sent, %d came through the relay, %d were handed over", s.sent(6), c6["pkt6-received"], c6["4o6-forwarded"])
	if c6["pkt6-received"] < s.sent(6)/10 {
		t.Error("hardly anything has come through")
	}
}

// A seatTaken is a socket in the place of one of the two daemons, connected to the
// other as that one would be: dhcp4d and dhcp6d hear no other.
type seatTaken struct{ *net.UDPConn }

func (s seatTaken) WriteTo(b []byte, _ net.Addr) (int, error) { return s.Write(b) }

// An earPlugged seat hears what a client could: no answers for relays, none in
// ISC's dialect, and none that cannot be read.
type earPlugged struct{ seatTaken }

func (s earPlugged) ReadFrom(b []byte) (int, net.Addr, error) {
	for {
		n, from, err := s.UDPConn.ReadFrom(b)
		if err != nil || forClients(b[:n]) {
			return n, from, err
		}
	}
}

func forClients(b []byte) bool {
	var e dhcp6.Envelope
	var m dhcp4.Message
	if e.Parse(b) != nil || e.Message.Type != dhcp6.DHCPv4Response || len(e.Relays) > 0 || e.Message.Options.Count(dhcp6.OptDHCPv4Message) != 1 {
		return false
	}
	v, _ := e.Message.Options.Option(dhcp6.OptDHCPv4Message)
	return m.Parse(v) == nil
}

func (s *storm) sitDown(at, facing int) seatTaken {
	s.t.Helper()
	var conn *net.UDPConn
	err := s.server.Listen(func() (err error) {
		conn, err = net.DialUDP("udp6", udp("::1", at), udp("::1", facing))
		return err
	})
	if err != nil {
		s.t.Fatal(err)
	}
	s.t.Cleanup(func() { conn.Close() })
	raw, err := conn.SyscallConn()
	if err == nil { // room for every answer to what comes between two probes
		e := raw.Control(func(fd uintptr) { err = unix.SetsockoptInt(int(fd), unix.SOL_SOCKET, unix.SO_RCVBUFFORCE, 16<<20) })
		err = errors.Join(e, err)
	}
	if err != nil {
		s.t.Fatal(err)
	}
	return seatTaken{conn}
}

// TestStormFromTheV4Side puts a liar in the place of dhcp4d, one that may have the
// port. dhcp6d serves its clients, and of all that it is told only the answers to
// queries of clients leave for the wire.
func TestStormFromTheV4Side(t *testing.T) {
	s := newStorm(t, 0)
	s.v4d.Kill()
	s.attackFrom()
	liar, honest := s.sitDown(787, 786), 0
	go func() { // what is asked is answered, since the liar wants to be believed
		b := make([]byte, 65536)
		for {
			n, err := liar.Read(b)
			if errors.Is(err, net.ErrClosed) {
				return
			}
			if answer := agree(b[:n]); answer != nil {
				liar.Write(answer)
			}
		}
	}()
	over6, err := s.client.DialFrom(netip.MustParseAddr(clientNet+"a"), netip.MustParseAddr(clientNet+"1"))
	if err != nil {
		t.Fatal(err)
	}
	over6.Timeout = time.Second
	six := &client6{
		conn: s.udp(s.client, "udp6", "["+clientNet+"b]:546", ""), to: s.roads[0].to,
		duid: dhcp6.NewDUIDLL(1, []byte{2, 0xaa, 0xaa, 0xaa, 0xaa, 2}), iaid: 7,
	}
	s.probes = []*liveness{
		{name: "4o6", ask: func() bool {
			_, err := over6.Ask(dhcp4.Discover, false, nil)
			if err == nil {
				honest++
			}
			return err == nil
		}},
		{name: "DHCPv6", ask: func() bool { return s.ask6(six) }},
	}
	for _, p := range s.probes {
		dhcptest.WaitFor(t, 5*time.Second, "answer over "+p.name, p.ask)
	}
	s.src = hostile.NewSource(*stormSeed, newSeeds(t))
	s.roads = []*attackRoad{{name: "lies", weight: 1, conn: liar, make: (*hostile.Source).Pair}}
	begin := time.Now()
	s.blow(*stormSize / 10)
	s.sayLatency()
	c6 := s.counters(s.v6d)
	if n := c6["4o6-returned"]; n != honest || c6["pkt6-dhcpv4-response-sent"] != honest {
		t.Errorf("%d answers have left, clients got %d", n, honest)
	}
	told := sumOf(c6, "4o6-bad-packet-") + c6["4o6-bad-answer"] + c6["4o6-answer-no-link"] + c6["4o6-answer-too-long"] +
		c6["4o6-no-receipt"] + c6["4o6-receipt-expired"] + c6["4o6-returned"] + c6["4o6-receive-drop"]
	if want := s.roads[0].sent + honest; told != want {
		t.Errorf("%d messages of the liar, what became of %d is counted", want, told)
	}
	s.quietLog(s.v6d, time.Since(begin).Minutes())
}

// agree makes an answer of a query that came over the pair, nil of anything else:
// the same message with the types of an answer.
func agree(query []byte) []byte {
	var e dhcp6.Envelope
	if e.Parse(query) != nil || e.Message.Type != dhcp6.DHCPv4Query || len(e.Relays) > 0 {
		return nil
	}
	answer := slices.Clone(query)
	answer[0], answer[1] = byte(dhcp6.DHCPv4Response), 0
	if e.Parse(answer) != nil {
		return nil
	}
	if m, ok := e.Message.Options.Option(dhcp6.OptDHCPv4Message); ok {
		m[0] = byte(dhcp4.BootReply) // shares memory with the answer
	}
	return answer
}

// TestStormFromTheV6Side is the mirror case: dhcp4d is told lies by who sits in the
// place of dhcp6d, and answers proper queries all the while.
func TestStormFromTheV6Side(t *testing.T) {
	s := newStorm(t, 0)
	s.v6d.Kill()
	liar := s.sitDown(786, 787)
	asked := 0
	c := &dhcptest.Client4o6{Conn: tallied{earPlugged{liar}, &asked}, HWAddr: [6]byte{2, 0xaa, 0xaa, 0xaa, 0xaa, 1}, Timeout: time.Second, Extra: forged("s0")}
	s.probes = []*liveness{{name: "over the pair", ask: func() bool { return s.ask4o6(c) }}}
	dhcptest.WaitFor(t, 5*time.Second, "lease over the pair", s.probes[0].ask)
	s.src = hostile.NewSource(*stormSeed, newSeeds(t))
	s.roads = []*attackRoad{{name: "lies", weight: 1, conn: liar, make: (*hostile.Source).Pair}}
	begin := time.Now()
	s.blow(*stormSize / 10)
	s.sayLatency()
	c4 := s.counters(s.v4d)
	told := sumOf(c4, "4o6-bad-packet-") + c4["pkt4-received"] + c4["4o6-receive-drop"]
	if want := s.roads[0].sent + asked; told != want {
		t.Errorf("%d messages of the liar, what became of %d is counted", want, told)
	}
	if ended := c4["pkt4-sent"] + c4["pkt4-done"] + sumOf(c4, "pkt4-drop-"); ended != c4["pkt4-received"] {
		t.Errorf("%d received, what became of %d is counted", c4["pkt4-received"], ended)
	}
	s.quietLog(s.v4d, time.Since(begin).Minutes())
}

// TestStormWithTheLogAtDebug has both daemons log every packet, to files that
// rotate: the disk does not fill, and clients are served.
func TestStormWithTheLogAtDebug(t *testing.T) {
	dir := t.TempDir()
	s := newStorm(t, 0, `"severity": "DEBUG", "debuglevel": 99, "output_options": [
		{"output": "`+dir+`/%d.log", "maxsize": 1048576, "maxver": 2, "flush": false}]`)
	s.attackFrom()
	s.watch()
	s.blow(*stormSize / 5)
	s.sayLatency()
	s.v4d.Stop()
	s.v6d.Stop()
	files, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	var size int64
	for _, f := range files {
		i, err := f.Info()
		if err != nil {
			t.Fatal(err)
		}
		size += i.Size()
	}
	t.Logf("%d files, %d octets", len(files), size)
	if len(files) < 4 || size > 2*3*1<<20+1<<19 {
		t.Errorf("%d octets of log in %d files", size, len(files))
	}
}
