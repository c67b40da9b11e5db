//go:build interop

package interop

import (
	"errors"
	"fmt"
	"net"
	"net/netip"
	"os"
	"testing"
	"time"

	"github.com/dhcp4o6/dhcp4o6/internal/dhcptest"
	"github.com/dhcp4o6/dhcp4o6/pkg/dhcp4"
	"github.com/dhcp4o6/dhcp4o6/pkg/dhcp6"
)

const (
	otherNet  = "2001:db8:99::" // /64, no link of ours; a relay says that its client is there
	onLink    = clientNet + "77"
	linkLocal = ""
)

// A road is how a query comes in.
type road struct {
	from        string // source of the datagram; linkLocal: the client's own
	relay       bool
	link, ident string // of the relay
}

func (r road) String() string {
	if !r.relay {
		return "direct from " + r.from
	}
	return fmt.Sprintf("relayed by %s, link %s, interface-id %q", r.from, r.link, r.ident)
}

var (
	near       = road{from: linkLocal}
	global     = road{from: onLink}
	byRelay    = road{onLink, true, clientNet + "fe", "port7"}
	otherPort  = road{onLink, true, clientNet + "fe", "port8"}
	noPort     = road{onLink, true, clientNet + "fe", ""}
	foreign    = road{onLink, true, otherNet + "fe", "port8"}
	noLink     = road{onLink, true, "::", "port7"}
	everywhere = []road{near, global, byRelay, otherPort, noPort, foreign, noLink}
)

// TestSelection: which queries each of the three 4o6 keys of a subnet admits,
// asked of Kea's DHCPv4 server and of ours in turn. The one rule that only ours
// has comes last: the link-address of the relay in 4o6-subnet.
func TestSelection(t *testing.T) {
	for _, test := range []struct {
		name, keys string
		admits     []road
		onlyOurs   []road
	}{
		{name: "4o6-subnet holds the source", keys: `"4o6-subnet": "` + clientNet + `/64"`,
			admits: []road{global, byRelay, otherPort, noPort, foreign, noLink}},
		{name: "4o6-interface-id", keys: `"4o6-interface-id": "port7"`, admits: []road{byRelay, noLink}},
		{name: "4o6-interface", keys: `"4o6-interface": "s0"`, admits: everywhere},
		{name: "4o6-interface of another name", keys: `"4o6-interface": "lo"`},
		{name: "none of them", keys: `"valid-lifetime": 600`},
		{name: "any of them suffices", keys: `"4o6-subnet": "2001:db8:98::/64", "4o6-interface-id": "port8", "4o6-interface": "lo"`,
			admits: []road{otherPort, foreign}},
		{name: "4o6-subnet holds the link-address", keys: `"4o6-subnet": "` + otherNet + `/64"`, onlyOurs: []road{foreign}},
	} {
		for _, who := range []seat{kea, ours} {
			t.Run(fmt.Sprintf("%s/v4=%s", test.name, who), func(t *testing.T) {
				t.Parallel()
				s := hosted(t)
				s.client.IP("addr add " + onLink + "/64 dev c0 nodad")
				s.run(t, ours, 6, unicast6(786))
				s.run(t, who, 4, `"interfaces-config": {"interfaces": ["s0"]}, "dhcp4o6-port": 786, "subnet4": [
					{"id": 1, "subnet": "192.0.2.0/24", "pools": [{"pool": "192.0.2.100 - 192.0.2.199"}], `+test.keys+`}]`)
				s.listening(t, "[::1]:786", "[::1]:787", ":547")
				want := make(map[road]bool)
				for _, r := range test.admits {
					want[r] = true
				}
				for _, r := range test.onlyOurs {
					want[r] = who == ours
				}
				s.judge(t, want)
			})
		}
	}
}

// judge sends a query by each road and compares who was answered.
func (s *site) judge(t *testing.T, want map[road]bool) {
	t.Helper()
	for i, r := range everywhere {
		limit := 300 * time.Millisecond
		if want[r] {
			limit = 3 * time.Second
		}
		if got := s.offered(t, r, byte(i), limit); got != want[r] {
			t.Errorf("%v: offered %t, want %t", r, got, want[r])
		}
	}
}

// offered reports whether a DISCOVER that goes by a road is answered.
func (s *site) offered(t *testing.T, r road, client byte, limit time.Duration) bool {
	t.Helper()
	c := &dhcptest.Client4o6{HWAddr: [6]byte{2, 0, 0x5e, 0x50, 0, client}}
	q := c.Query(dhcp4.Discover, false, nil)
	var conn net.PacketConn
	var to net.Addr = udp(clientNet+"1", 547)
	if r.from == linkLocal {
		d := s.dial(t, "ff02::1:2")
		conn, to = d.Conn, d.To
	} else {
		port := uint16(546)
		if r.relay {
			q, port = relayed(q, r.link, r.ident), 547
		}
		conn = s.listenAs(t, netip.MustParseAddr(r.from), port)
	}
	defer conn.Close()
	if _, err := conn.WriteTo(q, to); err != nil {
		t.Fatal(err)
	}
	conn.SetReadDeadline(time.Now().Add(limit))
	buf := make([]byte, 65536)
	n, _, err := conn.ReadFrom(buf)
	if errors.Is(err, os.ErrDeadlineExceeded) {
		return false
	}
	if err != nil {
		t.Fatal(err)
	}
	var e dhcp6.Envelope
	var m dhcp4.Message
	if err := e.Parse(buf[:n]); err != nil {
		t.Fatal(err)
	}
	v, _ := e.Message.Options.Option(dhcp6.OptDHCPv4Message)
	if err := m.Parse(v); err != nil || m.Type() != dhcp4.Offer || len(e.Relays) > 0 != r.relay {
		t.Fatalf("%v: %v, %v", r, e, err)
	}
	return true
}
