package hostile

import (
	"bytes"
	"context"
	"net/netip"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"go.uber.org/zap/zapcore"

	"github.com/dhcp4o6/dhcp4o6/pkg/dhcp4"
	"github.com/dhcp4o6/dhcp4o6/pkg/dhcp6"
	"github.com/dhcp4o6/dhcp4o6/pkg/lease"
	"github.com/dhcp4o6/dhcp4o6/pkg/lease/leasefile"
	"github.com/dhcp4o6/dhcp4o6/pkg/lease/leasetest"
)

// stillServes: an ordinary client of each kind gets its lease.
func (h *host) stillServes(t *testing.T) {
	t.Helper()
	for _, road := range []string{"v4 broadcast", "v4 over the pair"} {
		if _, ok := (client4{hw: [6]byte{2, 0, 0, 0, 9, 9}}).lease(h, road); !ok {
			t.Errorf("%s: an ordinary client is not served", road)
		}
	}
	d := dhcp6.NewDUIDLL(1, []byte{2, 0, 0, 0, 9, 9})
	if _, ok := given6(h.ask("v6 multicast", solicit(d, dhcp6.Request, dhcp6.IANA{IAID: 1}))); !ok {
		t.Error("v6: an ordinary client is not served")
	}
	if n := h.v4.count("pkt4-drop-panic") + h.v6.count("pkt6-drop-panic"); n != 0 {
		t.Errorf("%d faults: %s", n, h.lines.last)
	}
}

// all sends every packet by a road.
func (h *host) all(road string, packets [][]byte) (answers int) {
	return h.flood4(road, len(packets), func(i int) []byte { return packets[i] })
}

// TestEveryOptionLength: every option code with every length around those that
// options have, in every type of message, native and over the pair.
func TestEveryOptionLength(t *testing.T) {
	h := newHost(t, zapcore.DebugLevel)
	h.now = start
	var plain, wrapped [][]byte
	for code := 1; code < 255; code++ {
		for i, size := range []int{0, 1, 2, 3, 4, 5, 7, 8, 9, 255, 256, 510} {
			kind := dhcp4.MessageType(1 + (code+i)%8)
			fill := bytes.Repeat([]byte{byte(size)}, size)
			m := only(kind, dhcp4.Code(code), fill)
			plain = append(plain, m)
			wrapped = append(wrapped, dhcp6.AppendOption([]byte{byte(dhcp6.DHCPv4Query), 0, 0, 0}, dhcp6.OptDHCPv4Message, m))
		}
	}
	for road, packets := range map[string][][]byte{"v4 broadcast": plain, "v4 by relay": plain, "v4 over the pair": wrapped} {
		if n := h.all(road, packets); n < 100 {
			t.Errorf("%s: only %d of %d answered", road, n, len(packets))
		}
	}
	h.now = start.Add(time.Hour)
	h.stillServes(t)
}

// only is a message with one option besides its type, and another type where that
// is the option.
func only(kind dhcp4.MessageType, c dhcp4.Code, v []byte) []byte {
	var w dhcp4.Builder
	w.Header.XID, w.Header.HType, w.Header.Flags = 77, 1, dhcp4.FlagBroadcast
	if c == dhcp4.OptMessageType {
		kind = 0
	}
	w.Query(kind, nil)
	w.SetCHAddr([]byte{6, byte(kind), 0, 0, 0, byte(c)})
	w.Add(c, v)
	return slices.Clone(w.Bytes())
}

// TestEveryOptionLength6 is the same for DHCPv6, whose options may be longer than
// a datagram has room for, beside what else there is and in the relay level.
func TestEveryOptionLength6(t *testing.T) {
	h := newHost(t, zapcore.DebugLevel)
	h.now = start
	var packets [][]byte
	for code := range 150 {
		for i, size := range []int{0, 1, 2, 3, 4, 11, 12, 13, 16, 17, 24, 25, 26, 128, 130, 131, 255, 256, 20000} {
			kind := dhcp6.MessageType(1 + (code+i)%11)
			if size == 20000 && code%10 != 0 {
				continue
			}
			o := dhcp6.AppendOption(nil, dhcp6.Code(code), bytes.Repeat([]byte{byte(size)}, size))
			m := append(solicit(dhcp6.NewDUIDLL(1, []byte{6, 0, 0, 0, byte(code), byte(i)}), kind, dhcp6.IANA{IAID: 1}), o...)
			inIA := solicit(duid, kind, dhcp6.IANA{IAID: 1, Options: o})
			level := append(append([]byte{byte(dhcp6.RelayForw), 0}, sender.AsSlice()...), sender.AsSlice()...)
			level = dhcp6.AppendOption(append(level, o...), dhcp6.OptRelayMessage, solicit(duid, kind, dhcp6.IANA{IAID: 1}))
			packets = append(packets, m, inIA, level)
		}
	}
	if n := h.all("v6 multicast", packets); n < 100 {
		t.Errorf("only %d of %d answered", n, len(packets))
	}
	h.now = start.Add(time.Hour)
	h.stillServes(t)
}

// TestForeignLinks: a link that no subnet is for is nothing out of the ordinary:
// no message of any type is answered from there, whatever it has in it; but who
// chose this server is told that he gets nothing.
func TestForeignLinks(t *testing.T) {
	h := newHost(t, zapcore.DebugLevel)
	busy := func(w *dhcp4.Builder) {
		w.Add(dhcp4.OptParameterRequestList, []byte{1, 3, 6, 12, 15, 28, 42, 51, 54, 58, 59, 81, 82, 119, 121})
		w.Add(dhcp4.OptHostName, []byte("host"))
		w.Add(dhcp4.OptClientFQDN, []byte{4, 0, 0, 1, 'a', 0})
		w.Add(dhcp4.OptRelayAgentInfo, []byte{1, 1, 'x', 5, 4, 203, 0, 113, 1})
		w.Add(dhcp4.OptSubnetSelection, []byte{203, 0, 113, 0})
	}
	far := netip.MustParseAddr("203.0.113.7")
	for kind := range dhcp4.MessageType(19) {
		for _, ciaddr := range []netip.Addr{noAddr, far, netip.MustParseAddr("192.0.2.150")} {
			m := client4{hw: stranger(1), giaddr: far, more: busy}.say(kind, ciaddr, netip.MustParseAddr("192.0.2.150"))
			for _, r := range roads4 {
				selecting := kind == dhcp4.Request && !ciaddr.IsValid()
				if a := h.ask(r.road, m); a != nil && !(selecting && reply4(a).Type() == dhcp4.Nak) {
					t.Errorf("%s, %v, ciaddr %v: answered with %v", r.road, kind, ciaddr, reply4(a).Type())
				}
			}
		}
	}
	for kind := range dhcp6.MessageType(40) {
		if kind == dhcp6.RelayForw || kind == dhcp6.RelayRepl {
			continue
		}
		m := solicit(duid, kind, dhcp6.IANA{IAID: 1, Options: dhcp6.IAAddr{Addr: server6a, Valid: 9}.Append(nil)})
		m = dhcp6.AppendOption(m, dhcp6.OptClientFQDN, []byte{0, 1, 'a', 0})
		level := append(append([]byte{byte(dhcp6.RelayForw), 0}, netip.MustParseAddr("2001:db8:ffff::1").AsSlice()...), sender.AsSlice()...)
		for _, road := range []string{"v6 multicast", "v6 unicast"} {
			if a := h.ask(road, dhcp6.AppendOption(level, dhcp6.OptRelayMessage, m)); a != nil {
				t.Errorf("%s, %v: answered", road, kind)
			}
		}
	}
	if h.v4.count("pkt4-drop-no-subnet") < 10 || h.v6.count("pkt6-drop-no-subnet") < 4 {
		t.Errorf("no-subnet is counted %d and %d times", h.v4.count("pkt4-drop-no-subnet"), h.v6.count("pkt6-drop-no-subnet"))
	}
	h.stillServes(t)
}

// TestNoLeaseQuery: who asks about the leases of others learns nothing, native or
// over the pair, in DHCPv4 or DHCPv6.
func TestNoLeaseQuery(t *testing.T) {
	h := newHost(t, zapcore.InfoLevel)
	addr, ok := client4{hw: stranger(1)}.lease(h, "v4 broadcast")
	if !ok {
		t.Fatal("no lease")
	}
	for kind := dhcp4.MessageType(9); kind <= 18; kind++ { // FORCERENEW, LEASEQUERY (RFC 4388), bulk and active (RFC 6926, RFC 7724)
		m := client4{hw: stranger(1), giaddr: relay}.say(kind, addr, noAddr)
		for _, road := range []string{"v4 by relay", "v4 over the pair"} {
			q := m
			if road == "v4 over the pair" {
				q = dhcp6.AppendOption([]byte{byte(dhcp6.DHCPv4Query), 0, 0, 0}, dhcp6.OptDHCPv4Message, m)
			}
			reason := "pkt4-drop-message-type"
			if kind == dhcp4.LeaseQuery && road == "v4 over the pair" {
				reason = "pkt4-drop-lease-query-4o6"
			}
			before := h.v4.count(reason)
			if a := h.ask(road, q); a != nil || h.v4.count(reason) != before+1 {
				t.Errorf("%s, type %d: answer %x, %s counted %d times", road, kind, a, reason, h.v4.count(reason)-before)
			}
		}
	}
	query := append([]byte{1}, server6a.AsSlice()...) // by address (RFC 5007 §4.1.2.1)
	for _, kind := range []dhcp6.MessageType{dhcp6.LeaseQuery, dhcp6.ActiveLeaseQuery, dhcp6.Reconfigure, dhcp6.BndUpd} {
		m := dhcp6.AppendOption(solicit(duid, kind), 44, query)
		for _, road := range []string{"v6 multicast", "v6 unicast"} {
			before := h.v6.count("pkt6-drop-message-type")
			if a := h.ask(road, m); a != nil || h.v6.count("pkt6-drop-message-type") != before+1 {
				t.Errorf("%s, %v: answer %x", road, kind, a)
			}
		}
	}
}

// TestOddIdentifiersAndNames: identifiers of odd lengths, and names that mean harm to who
// writes or reads them, are taken or refused; what was given is there after a
// restart, row by row, and no row is damaged.
func TestOddIdentifiersAndNames(t *testing.T) {
	h, reopen := newHostWithFiles(t)
	names := []string{"", "a\nb", "a,b", `"`, "}'", "$(reboot)", "a\x00b", "&#x2c", "ä", "aaa..bbb", ".", "\r\n", "\\", "0", "<script>"}
	for i, size := range []int{0, 1, 2, 7, 127, 128, 129, 130, 131, 255, 256, 1000, 60000} {
		id := bytes.Repeat([]byte{0, ',', '\n', '"', 255}, size/5+1)[:size]
		c := client4{hw: stranger(i), id: id, more: func(w *dhcp4.Builder) { w.Add(dhcp4.OptHostName, []byte(names[i])) }}
		if _, ok := c.lease(h, "v4 broadcast"); !ok {
			t.Errorf("client identifier of %d octets: no lease", size)
		}
		m := solicit(dhcp6.DUID(id), dhcp6.Request, dhcp6.IANA{IAID: 1})
		_, ok := given6(h.ask("v6 multicast", m))
		if want := size >= 3 && size <= 130; ok != want {
			t.Errorf("DUID of %d octets: served %v", size, ok)
		}
	}
	for i, name := range names {
		c := client4{hw: stranger(100 + i), more: func(w *dhcp4.Builder) {
			w.Add(dhcp4.OptClientFQDN, append([]byte{0, 0, 0}, name...))
		}}
		if _, ok := c.lease(h, "v4 by relay"); !ok {
			t.Errorf("name %q: no lease", name)
		}
	}
	reopen()
}

// TestRestartAfterAStorm: what a storm leaves in the lease files is read again,
// octet for octet.
func TestRestartAfterAStorm(t *testing.T) {
	h, reopen := newHostWithFiles(t)
	for _, r := range roads {
		src := NewSource(5, captured(t))
		r.drive(h, limited(5000, func() []byte { return r.make(src) }), func([]byte) {})
	}
	reopen()
}

// newHostWithFiles is newHost on real lease files; reopen closes them, reads them
// again and compares.
func newHostWithFiles(t *testing.T) (h *host, reopen func()) {
	t.Helper()
	dir := t.TempDir()
	files := []struct {
		name   string
		family leasefile.Family
		engine func() *engine
	}{
		{filepath.Join(dir, "4.csv"), leasefile.V4, func() *engine { return h.v4 }},
		{filepath.Join(dir, "6.csv"), leasefile.V6, func() *engine { return h.v6 }},
	}
	open := func(i int) *leasefile.File {
		f, err := leasefile.Open(files[i].name, leasefile.Options{Family: files[i].family})
		if err != nil {
			t.Fatal(err)
		}
		return f
	}
	h = newHostOn(t, zapcore.InfoLevel, open(0), open(1))
	return h, func() {
		t.Helper()
		for i := range files {
			before := everyLease(files[i].engine().table)
			if err := files[i].engine().table.Close(); err != nil {
				t.Fatal(err)
			}
			f := open(i)
			again := lease.NewTable(f, lease.TableOptions{})
			if _, err := again.Load(context.Background()); err != nil {
				t.Fatal(err)
			}
			if r := f.Report(); r.Damaged != 0 || r.Torn != 0 {
				t.Errorf("%s: %+v", files[i].name, r)
			}
			after := everyLease(again)
			if err := again.Close(); err != nil {
				t.Error(err)
			}
			if len(before) == 0 || !slices.Equal(before, after) {
				t.Errorf("%s: %d leases before, %d after", files[i].name, len(before), len(after))
				for _, l := range before {
					if !slices.Contains(after, l) {
						t.Errorf("lost or changed: %s", l)
					}
				}
			}
		}
	}
}

// everyLease is what a table knows, in order.
func everyLease(tab *lease.Table) (all []string) {
	for l := range tab.All() {
		if l.State != lease.Offered {
			all = append(all, leasetest.Text(l))
		}
	}
	slices.Sort(all)
	return all
}
