package probe

import (
	"bytes"
	"context"
	"fmt"
	"net"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/dhcp4o6/dhcp4o6/pkg/daemon"
	"github.com/dhcp4o6/dhcp4o6/pkg/dhcp4"
	"github.com/dhcp4o6/dhcp4o6/pkg/dhcp6"
	"github.com/dhcp4o6/dhcp4o6/pkg/metrics"
)

// config4 is what kea-dhcp4 had when it was asked, with the server's address as option
// 54, since the host of this test has another one.
const config4 = `{ "Dhcp4": {
	"interfaces-config": { "interfaces": [ ] },
	"dhcp4o6-port": %d,
	"lease-database": { "type": "memfile", "name": %q },
	"valid-lifetime": 600,
	"option-data": [ { "name": "dhcp-server-identifier", "data": "192.0.2.1" } ],
	"subnet4": [ {
		"id": 1, "subnet": "192.0.2.0/24", %s
		"pools": [ { "pool": "192.0.2.100 - 192.0.2.199" } ],
		"option-data": [ { "name": "domain-name-servers", "data": "192.0.2.1" } ]
	} ],
	"loggers": [ { "name": "kea-dhcp4", "severity": "INFO", "output_options": [ { "output": %q } ] } ]
} }`

// A v4side is dhcp4d in this process, asked by a v6 side that says what it likes.
type v4side struct {
	t     *testing.T
	conn  *net.UDPConn
	stats *metrics.Set
	fence uint32
	dir   string // of the daemon's files
	upset bool   // the test gives the daemon reason to complain
}

// newV4Side starts dhcp4d with a subnet for 4o6 selected by what keys say.
func newV4Side(t *testing.T, keys string) *v4side {
	t.Helper()
	port, conn := freePorts(t, 0, 1)
	dir := t.TempDir()
	file := filepath.Join(dir, "dhcp4.json")
	text := fmt.Sprintf(config4, port, filepath.Join(dir, "leases4.csv"), keys, filepath.Join(dir, "log"))
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	v := &v4side{t: t, conn: conn, stats: new(metrics.Set), dir: dir}
	ctx, cancel := context.WithCancel(context.Background())
	ready, ended := make(chan struct{}), make(chan error, 1)
	go func() {
		ended <- daemon.DHCP4(ctx, daemon.Setup{ConfigFile: file, Metrics: v.stats, Ready: func() { close(ready) }})
	}()
	select {
	case <-ready:
	case err := <-ended:
		t.Fatal(err)
	}
	t.Cleanup(func() {
		cancel()
		if err := <-ended; err != nil {
			t.Error(err)
		}
		if log := v.log(); strings.Contains(log, "fault in a step") || strings.Contains(log, "ERROR") && !v.upset {
			t.Errorf("the daemon is in trouble:\n%s", log)
		}
	})
	return v
}

// log is what the daemon has logged so far.
func (v *v4side) log() string {
	v.t.Helper()
	b, err := os.ReadFile(filepath.Join(v.dir, "log"))
	if err != nil {
		v.t.Error(err)
	}
	return string(b)
}

// ask sends a question, then one that is surely answered. It returns what came before
// that answer, and the reasons that were counted meanwhile.
func (v *v4side) ask(question []byte) (answers [][]byte, reasons string) {
	v.t.Helper()
	before := count(v.stats)
	v.fence++
	for _, b := range [][]byte{question, v.certain()} {
		if _, err := v.conn.Write(b); err != nil {
			v.t.Fatal(err)
		}
	}
	buf := make([]byte, 65536)
	for {
		v.conn.SetReadDeadline(time.Now().Add(10 * time.Second))
		n, err := v.conn.Read(buf)
		if err != nil {
			v.t.Fatalf("after %x nothing is answered any more: %v", question, err)
		}
		if m, err := take(buf[:n]); err == nil && m.four.XID == fences+v.fence {
			return answers, count(v.stats).since(before)
		}
		answers = append(answers, bytes.Clone(buf[:n]))
	}
}

// fences begins the xids of fences.
const fences = 0xfe000000

// certain is an INFORM of a client of its own, which leaves no lease behind. It comes
// from where every configuration here knows the subnet.
func (v *v4side) certain() []byte {
	var w dhcp4.Builder
	w.Header.XID, w.Header.HType = fences+v.fence, 1
	w.Query(dhcp4.Inform, nil)
	w.SetCHAddr([]byte{2, 0, 0x5e, 0x46, 0xff, 0xff})
	from := netip.MustParseAddr("2001:db8:46::ff")
	o := vendor("s0", from.AsSlice(), 546)
	return dhcp6.AppendOption(append([]byte{byte(dhcp6.DHCPv4Query), 0, 0, 0}, o...), dhcp6.OptDHCPv4Message, w.Bytes())
}

// vendor is the vendor option of the pair.
func vendor(iface string, addr []byte, port uint16) []byte {
	b, mark := dhcp6.OpenVendorOpts(nil, enterprise)
	b = dhcp6.AppendOption(b, 60000, []byte(iface))
	b = dhcp6.AppendOption(b, 60001, addr)
	b = dhcp6.AppendOption(b, 60002, be.AppendUint16(nil, port))
	return dhcp6.Shut(b, mark)
}

// A row is one question to the v4 side.
type row struct {
	what string
	kea  string // what the captured server did: as say says, "-" for no answer
	want string // what ours must do: the same with the address given, else the reason counted
	rule string
}

// run asks every question of a table and compares.
func (v *v4side) run(questions []asked, rows []row) {
	v.t.Helper()
	if len(questions) != len(rows) {
		v.t.Fatalf("%d questions in the capture, %d rows in the table", len(questions), len(rows))
	}
	for i, r := range rows {
		v.t.Run(fmt.Sprintf("%02d %s", i+1, r.what), func(t *testing.T) {
			if got := did(t, questions[i]); got != r.kea {
				t.Errorf("the captured server did %q, the row says %q", got, r.kea)
			}
			q := questions[i].data
			answers, reasons := v.ask(q)
			got := reasons
			for _, a := range answers {
				if inISC(q) {
					mirrorsISC(t, q, a)
					q, a = inKeas(q), inKeas(a)
				}
				got = strings.TrimLeft(got+", "+whole(t, a), ", ")
				mirrors(t, q, a)
			}
			if got == "" {
				got = "silence"
			}
			if got != r.want {
				t.Errorf("%s, want %s (%s)", got, r.want, r.rule)
			}
		})
	}
}

// did says what a captured server answered.
func did(t *testing.T, q asked) string {
	if q.led == nil {
		return "-"
	}
	data := q.led.data
	if inISC(q.data) {
		data = data[iscHeader:]
	}
	m, err := take(data)
	if err != nil {
		t.Fatal(err)
	}
	return m.say()
}

// whole says what an answer is, with the address that it gives.
func whole(t *testing.T, b []byte) string {
	m, err := take(b)
	if err != nil {
		t.Fatalf("%x: %v", b, err)
	}
	if m.four.YIAddr.IsUnspecified() {
		return m.say()
	}
	return m.say() + " " + m.four.YIAddr.String()
}

// TestV4Side asks what was asked of kea-dhcp4.
func TestV4Side(t *testing.T) {
	v := newV4Side(t, `"4o6-interface": "s0", "4o6-subnet": "2001:db8:46::/64",`)
	v.run(pairUp(capture(t, "probe-kea4.pcap"), toPort(v4Port), toPort(v6Port)), []row{
		{"normal DISCOVER", "OFFER", "OFFER 192.0.2.100", "RFC 7341 §11"},
		{"option 17 after 87", "OFFER", "OFFER 192.0.2.100", "rule 2: any order; the same client, so the same offer"},
		{"suboptions in reverse order", "OFFER", "OFFER 192.0.2.100", "rule 2: any order"},
		{"name with NUL at its end", "OFFER", "OFFER 192.0.2.100", "rule 2: NULs are trimmed"},
		{"no option 17", "-", "4o6-bad-packet-no-origin", "rule 2: exactly one"},
		{"no 60000", "-", "4o6-bad-packet-interface", "rule 2: each exactly once"},
		{"no 60001", "-", "4o6-bad-packet-address", "rule 2: each exactly once"},
		{"no 60002", "-", "4o6-bad-packet-port", "rule 2: each exactly once"},
		{"60002 of 1 octet", "-", "4o6-bad-packet-port", "rule 2: 2 octets"},
		{"60001 of 32 octets", "OFFER", "4o6-bad-packet-address", "rule 2: 16 octets"},
		{"each suboption twice", "OFFER", "4o6-bad-packet-interface", "rule 2: each exactly once"},
		{"unknown interface", "-", "pkt4-drop-no-subnet", "rule 8: no rule leads to a subnet"},
		{"empty name", "-", "4o6-bad-packet-interface", "rule 2: 1-15 octets"},
		{"interface without an IPv4 address", "-", "OFFER 192.0.2.100", "rule 9: a host without IPv4 serves"},
		{"lo, address outside", "-", "pkt4-drop-no-subnet", "rule 8"},
		{"option 17 of enterprise 9, then of 2495", "OFFER", "OFFER 192.0.2.100", "rule 2: that of 2495, not the first"},
		{"two options 87", "-", "4o6-bad-packet-dhcpv4-message", "rule 4, RFC 7341 §11"},
		{"no option 87", "-", "4o6-bad-packet-dhcpv4-message", "rule 4"},
		{"type 21", "OFFER", "4o6-bad-packet-type", "rule 3: 20 innermost"},
		{"type 1", "OFFER", "4o6-bad-packet-type", "rule 3: 20 innermost"},
		{"flags ffffff", "flags ffffff OFFER", "OFFER 192.0.2.100", "rule 11: flags are zero in the answer"},
		{"three octets trailing", "OFFER", "OFFER 192.0.2.100", "as Kea"},
		{"option 87 longer than the datagram", "-", "4o6-bad-packet-option-length", "as Kea"},
		{"option 87 of 100 octets", "-", "pkt4-drop-envelope", "rule 4: 240 octets"},
		{"bad magic cookie", "-", "pkt4-drop-envelope", "rule 4: the cookie in its place"},
		{"no option 53", "-", "pkt4-drop-bootp", "rule 4: the message type is the v4 side's check; no BOOTP, as Kea"},
		{"client identifier", "OFFER", "OFFER 192.0.2.100", "rule 14, RFC 6842 §3: given back"},
		{"broadcast flag", "OFFER", "OFFER 192.0.2.100", "rule 13: delivery does not depend on it"},
		{"giaddr and hops 1", "OFFER", "OFFER 192.0.2.100", "rule 13: delivery does not depend on them"},
		{"giaddr, hops 0", "OFFER", "OFFER 192.0.2.100", "rule 13: delivery does not depend on them"},
		{"hops 1, no giaddr", "OFFER", "OFFER 192.0.2.100", "rule 13: delivery does not depend on them"},
		{"REQUEST for a wrong net", "-", "pkt4-drop-unknown-client", "RFC 2131 §4.3.2: we have no record of it; as Kea"},
		{"REQUEST naming another server", "-", "pkt4-drop-other-server", "RFC 2131 §4.3.2"},
		{"REQUEST without server identifier", "-", "ACK 192.0.2.100", "rule 9: from who holds our offer; Kea 2.2 keeps no offers"},
		{"INFORM with ciaddr", "ACK", "ACK", "RFC 2131 §4.3.5"},
		{"INFORM without ciaddr", "ACK", "ACK", "rule 15: answer both"},
		{"DECLINE", "-", "silence", "rule 16, RFC 2131 §4.3.3"},
		{"RELEASE of another address", "-", "pkt4-drop-not-holder", "rule 16: no answer; it holds no such lease"},
		{"LEASEQUERY", "-", "pkt4-drop-lease-query-4o6", "rule 19"},
		{"relayed with options 18, 37, 66", "relay(18) OFFER", "relay(18) OFFER 192.0.2.101", "rule 10; .100 was declined"},
		{"relayed, option 18 after 9", "relay(18) OFFER", "relay(18) OFFER 192.0.2.101", "rule 10: option 9 anywhere"},
		{"two relays", "relay(18 135) relay(18) OFFER", "relay(18 135) relay(18) OFFER 192.0.2.101", "rule 10: each level its own"},
		{"relayed, option 17 only outside", "-", "4o6-bad-packet-no-origin", "docs/4o6.md: it stands in the innermost message"},
		{"relayed from port 1547 with option 135", "relay(135) OFFER", "relay(135) OFFER 192.0.2.101", "RFC 8357 §5.2"},
		{"relayed with an Echo Request", "relay() OFFER", "relay(37) OFFER 192.0.2.101", "rule 10, RFC 4994 §5; Kea does not"},
		{"datagram of 1 octet", "-", "4o6-bad-packet-short", "as Kea"},
		{"datagram of 0 octets", "-", "4o6-bad-packet-short", "as Kea"},
		{"normal", "OFFER", "OFFER 192.0.2.101", "nothing of the above did harm"},
		{"empty option 87", "-", "pkt4-drop-envelope", "rule 4"},
		{"normal", "OFFER", "OFFER 192.0.2.101", "nothing of the above did harm"},
	})
}

// TestV4SideSubnetOnly asks with 4o6-subnet as the only rule.
func TestV4SideSubnetOnly(t *testing.T) {
	v := newV4Side(t, `"4o6-subnet": "2001:db8:46::/64",`)
	v.run(pairUp(capture(t, "probe-kea4-subnet-only.pcap"), toPort(v4Port), toPort(v6Port)), []row{
		{"link-local source", "-", "pkt4-drop-no-subnet", "rule 7: the datagram's source is compared"},
		{"global source", "OFFER", "OFFER 192.0.2.100", "rule 7"},
		{"relay outside, link-address inside", "-", "relay() OFFER 192.0.2.100", "rule 7: by link-address when nothing else matched"},
		{"relay inside", "relay() OFFER", "relay() OFFER 192.0.2.100", "rule 7"},
	})
}
