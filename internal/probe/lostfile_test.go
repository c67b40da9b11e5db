package probe

import (
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/dhcp4o6/dhcp4o6/pkg/dhcp4"
	"github.com/dhcp4o6/dhcp4o6/pkg/dhcp6"
)

// client4 is a DHCPv4 message of a client of its own, as it comes over the pair.
func client4(n byte, kind dhcp4.MessageType, xid uint32, asked netip.Addr) []byte {
	var w dhcp4.Builder
	w.Header.XID, w.Header.HType = xid, 1
	w.Query(kind, nil)
	w.SetCHAddr([]byte{2, 0, 0x5e, 0x46, 0x10, n})
	if asked.IsValid() {
		w.Add(dhcp4.OptRequestedAddress, asked.AsSlice())
		w.Add(dhcp4.OptServerID, []byte(serverID))
	}
	from := netip.AddrFrom16([16]byte{0: 0xfe, 1: 0x80, 15: n})
	b := append([]byte{byte(dhcp6.DHCPv4Query), 0, 0, 0}, vendor("s0", from.AsSlice(), 546)...)
	return dhcp6.AppendOption(b, dhcp6.OptDHCPv4Message, w.Bytes())
}

// answer4 asks and returns the DHCPv4 message of the only answer, nil for none.
func (v *v4side) answer4(question []byte) *dhcp4.Message {
	v.t.Helper()
	answers, _ := v.ask(question)
	switch len(answers) {
	case 0:
		return nil
	case 1:
		m, err := take(answers[0])
		if err != nil {
			v.t.Fatal(err)
		}
		return &m.four
	}
	v.t.Fatalf("%d answers", len(answers))
	return nil
}

// grant takes a client through DISCOVER and REQUEST and returns its address.
func (v *v4side) grant(n byte, xid uint32) netip.Addr {
	v.t.Helper()
	m := v.answer4(client4(n, dhcp4.Discover, xid, netip.Addr{}))
	if m == nil || m.Type() != dhcp4.Offer {
		v.t.Fatalf("client %d gets no offer", n)
	}
	m = v.answer4(client4(n, dhcp4.Request, xid, m.YIAddr))
	if m == nil || m.Type() != dhcp4.Ack {
		v.t.Fatalf("client %d gets no lease", n)
	}
	return m.YIAddr
}

// TestLostLeaseFile takes the lease file away under the daemon. What would be written
// could be read by nobody: no lease is acknowledged, it is said, and the daemon helps
// itself with a new file that has everything.
func TestLostLeaseFile(t *testing.T) {
	v := newV4Side(t, `"4o6-interface": "s0",`)
	v.upset = true
	file := filepath.Join(v.dir, "leases4.csv")
	first := v.grant(1, 1)
	offered := v.answer4(client4(2, dhcp4.Discover, 2, netip.Addr{})).YIAddr
	if err := os.Remove(file); err != nil {
		t.Fatal(err)
	}
	before := count(v.stats)
	if m := v.answer4(client4(2, dhcp4.Request, 2, offered)); m != nil {
		t.Errorf("%v leaves with the lease file gone", m.Type())
	}
	if why := count(v.stats).since(before); why != "pkt4-drop-unsynced" {
		t.Errorf("counted: %s", why)
	}
	if !strings.Contains(v.log(), "leases could not be made durable") {
		t.Errorf("nothing is said:\n%s", v.log())
	}
	var m *dhcp4.Message
	for end := time.Now().Add(20 * time.Second); m == nil && time.Now().Before(end); time.Sleep(20 * time.Millisecond) {
		m = v.answer4(client4(2, dhcp4.Request, 2, offered))
	}
	if m == nil || m.Type() != dhcp4.Ack || m.YIAddr != offered {
		t.Fatalf("the daemon does not recover:\n%s", v.log())
	}
	third := v.grant(3, 3)
	if !strings.Contains(v.log(), "leases are durable again") {
		t.Errorf("the end of it is not said:\n%s", v.log())
	}
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	there := make(map[string]bool)
	for row := range strings.Lines(string(text)) {
		addr, _, _ := strings.Cut(row, ",")
		there[addr] = true
	}
	for _, a := range []netip.Addr{first, offered, third} {
		if !there[a.String()] {
			t.Errorf("%v is not in the new lease file:\n%s", a, text)
		}
	}
}
