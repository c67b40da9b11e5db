package server4

import (
	"bytes"
	"fmt"
	"io"
	"net/netip"
	"strings"
	"testing"
	"time"

	"go.uber.org/zap"
	"go.uber.org/zap/zapcore"

	"github.com/dhcp4o6/dhcp4o6/pkg/dhcp4"
	"github.com/dhcp4o6/dhcp4o6/pkg/dhcp6"
	"github.com/dhcp4o6/dhcp4o6/pkg/ipc"
	"github.com/dhcp4o6/dhcp4o6/pkg/topology"
	"github.com/dhcp4o6/dhcp4o6/pkg/transport"
)

// loud logs everything to nowhere: what only a log line would trip over is found
// too.
func loud() *zap.Logger {
	return zap.New(zapcore.NewCore(zapcore.NewJSONEncoder(zap.NewProductionEncoderConfig()), zapcore.AddSync(io.Discard), zapcore.DebugLevel))
}

func hostileNet() *topology.Topology {
	return net1(func(n *topology.Topology) {
		n.Subnets[0].Iface = "eth0"
		n.Subnets[0].Policy.Valid = topology.Lifetime{Min: 60, Default: 600, Max: 1<<32 - 1}
		n.Subnets[0].Policy.T1.Percent, n.Subnets[0].Policy.T2.Percent = 0.5, 0.875
		reserve(n.Subnets[0], topology.HWAddress, "\x02\x00\x5e\x00\x00\x0a", "192.0.2.77", "reserved")
	})
}

// checkReply holds what every reply to a query must be, whatever was asked.
func checkReply(t *testing.T, q, r []byte) {
	t.Helper()
	var query, reply dhcp4.Message
	if err := query.Parse(q); err != nil {
		t.Fatalf("answered what does not parse: %v", err)
	}
	if err := reply.Parse(r); err != nil {
		t.Fatalf("the reply does not parse: %v", err)
	}
	if reply.Op != dhcp4.BootReply || reply.XID != query.XID || reply.GIAddr != query.GIAddr || !bytes.Equal(reply.CHAddr(), query.CHAddr()) {
		t.Errorf("not a reply to this query: %+v", reply)
	}
	switch reply.Type() {
	case dhcp4.Offer, dhcp4.Ack, dhcp4.Nak:
	default:
		t.Errorf("reply of type %v", reply.Type())
	}
	if a := reply.YIAddr; !a.IsUnspecified() && !netip.MustParsePrefix("192.0.2.0/24").Contains(a) {
		t.Errorf("gave away %v", a)
	}
	if _, ok := reply.Addr(dhcp4.OptServerID); !ok {
		t.Error("no server identifier")
	}
	if len(r) > ethernet && !query.Has(dhcp4.OptMaxMessageSize) {
		t.Errorf("%d octets unasked", len(r))
	}
}

// feed gives raw bytes to the server in both ways and checks what comes back.
func (b *bench) feed(t *testing.T, raw []byte) {
	t.Helper()
	d := transport.Datagram{Data: raw, IfIndex: 2, Local: broadcast, Peer: netip.AddrPortFrom(ip("192.0.2.9"), 67)}
	for _, out := range b.native(d) {
		checkReply(t, raw, out.Data)
		if !out.Peer.IsValid() || out.Peer.Addr().IsUnspecified() {
			t.Errorf("reply to %v", out.Peer)
		}
	}
	var wrapped = dhcp6.AppendOption([]byte{20, 0, 0, 0}, dhcp6.OptDHCPv4Message, raw)
	m := ipc.Message{Data: wrapped, Origin: ipc.Origin{Iface: "eth0", Addr: ip("fe80::2"), Port: 546}}
	for _, out := range b.over6(m) {
		if !bytes.HasPrefix(out.Data, []byte{21, 0, 0, 0, 0, 87}) {
			t.Fatalf("not a DHCPV4-RESPONSE: % x", out.Data)
		}
		checkReply(t, raw, out.Data[8:])
	}
	if n := b.count("pkt4-drop-panic"); n != 0 {
		t.Fatalf("%d faults", n)
	}
}

// TestOptionLengths gives every option that the server reads every length around
// the right one, in every message type; afterwards an ordinary client is served.
func TestOptionLengths(t *testing.T) {
	right := map[dhcp4.Code]int{
		dhcp4.OptHostName: 4, dhcp4.OptRequestedAddress: 4, dhcp4.OptLeaseTime: 4, dhcp4.OptOverload: 1, dhcp4.OptMessageType: 1,
		dhcp4.OptServerID: 4, dhcp4.OptParameterRequestList: 4, dhcp4.OptMaxMessageSize: 2, dhcp4.OptClientID: 7,
		dhcp4.OptClientFQDN: 7, dhcp4.OptRelayAgentInfo: 6, dhcp4.OptSubnetSelection: 4,
	}
	b := newBenchWith(t, hostileNet(), Options{Interfaces: eth0(), Log: loud()})
	asked := 0
	for code, n := range right {
		for _, size := range []int{0, 1, n - 1, n, n + 1, 255} {
			for _, fill := range []byte{0, 1, 4, 192, 255} {
				for kind := dhcp4.MessageType(0); kind <= 19; kind++ {
					q := query{kind: kind, giaddr: "192.0.2.9", xid: uint32(asked)}
					if code == dhcp4.OptMessageType {
						q.kind = 0
					}
					if kind%2 == 1 {
						q.ciaddr = "192.0.2.120"
					}
					q.opts = fmt.Sprintf("%d=%s", code, strings.Repeat(fmt.Sprintf("%02x", fill), max(size, 0)))
					b.feed(t, q.bytes(t))
					b.now = b.now.Add(time.Second)
					asked++
				}
			}
		}
	}
	if asked < 5000 {
		t.Fatalf("only %d questions", asked)
	}
	b.now = b.now.Add(time.Hour)
	if m := ways[1].ask(b, query{kind: dhcp4.Discover, hw: hwA}); m == nil || m.Type() != dhcp4.Offer {
		t.Errorf("afterwards: %s", say(m))
	}
}

// TestSubOptionLengths does the same with what stands inside option 82, where that
// goes into identifiers, classes and options.
func TestSubOptionLengths(t *testing.T) {
	b := newBenchWith(t, loadedNet(t), Options{Interfaces: eth0(), Log: loud()})
	for _, sub := range []dhcp4.Code{dhcp4.SubCircuitID, dhcp4.SubLinkSelection, dhcp4.SubServerIDOverride, dhcp4.SubRelaySourcePort} {
		for _, size := range []int{0, 1, 3, 4, 5, 200} {
			for _, says := range []int{0, 1, 3, 4, 5, 200, 255} { // the length octet, whatever is there
				q := query{kind: dhcp4.Discover, giaddr: "192.0.2.9"}
				q.opts = fmt.Sprintf("82=%02x%02x%s", byte(sub), says, strings.Repeat("0a", size))
				b.feed(t, q.bytes(t))
				q.kind, q.opts = dhcp4.Request, q.opts+" 50=c0000264 54=0a0a0a0a"
				b.feed(t, q.bytes(t))
			}
		}
	}
}

// TestHugeRequests: lists of thousands of codes and options in hundreds of parts
// cost what their length says: twice as many cost no more than three times as much.
func TestHugeRequests(t *testing.T) {
	b := newBenchWith(t, hostileNet(), Options{Interfaces: eth0(), Log: loud()})
	all := make([]byte, 255)
	for i := range all {
		all[i] = byte(i)
	}
	huge := func(lists int) []byte {
		var w dhcp4.Builder
		w.Header.HType = 1
		w.SetCHAddr(unhex(t, hwA))
		w.Query(dhcp4.Discover, nil)
		for range lists {
			w.Add(dhcp4.OptParameterRequestList, all)
		}
		for range lists / 4 {
			w.Add(dhcp4.OptClientID, all[:20])
			w.Add(dhcp4.OptRelayAgentInfo, all[:20])
		}
		return bytes.Clone(w.Bytes())
	}
	half, whole := huge(100), huge(200)
	least := func(query []byte) time.Duration {
		took := time.Hour
		for range 20 { // the least is not another process's time
			begin := time.Now()
			b.feed(t, query)
			took = min(took, time.Since(begin))
		}
		return took
	}
	if h, w := least(half), least(whole); w > 3*h {
		t.Errorf("%v for %d octets, %v for %d", h, len(half), w, len(whole))
	}
}

// TestHugeVendorLists: enterprises by the thousand, and the option asked for as
// often, are looked through once.
func TestHugeVendorLists(t *testing.T) {
	b := newBenchWith(t, net1(with(always(sub(9, 1, "a")), topology.Option{Code: 125, Vendor: 10}, topology.Option{Code: 124, Vendor: 10})),
		Options{Interfaces: eth0(), Log: loud()})
	var w dhcp4.Builder
	w.Header.HType = 1
	w.SetCHAddr(unhex(t, hwA))
	w.Query(dhcp4.Discover, nil)
	asked := bytes.Repeat([]byte{124, 125}, 127)
	var parts []byte
	for i := range 50 {
		parts = append(parts, 0, 0, 1, byte(i), 0)
	}
	for range 80 {
		w.Add(dhcp4.OptParameterRequestList, asked)
		w.Add(dhcp4.OptVIVendorClass, parts)
		w.Add(dhcp4.OptVIVendorInfo, parts)
	}
	query := bytes.Clone(w.Bytes())
	took := time.Hour
	for range 5 {
		begin := time.Now()
		b.feed(t, query)
		took = min(took, time.Since(begin))
	}
	if took > 50*time.Millisecond { // a few, and tens of seconds if each list were gone through for each of the others
		t.Errorf("%v for %d octets", took, len(query))
	}
}

// FuzzServer: whatever comes, there is no fault, and what is answered is answered
// properly, with a log that takes down everything.
func FuzzServer(f *testing.F) {
	for _, k := range []dhcp4.MessageType{dhcp4.Discover, dhcp4.Request, dhcp4.Decline, dhcp4.Release, dhcp4.Inform} {
		f.Add(query{kind: k, ciaddr: "192.0.2.100", giaddr: "192.0.2.9", opts: busy}.bytes(f))
		f.Add(query{kind: k, opts: busy + " 50=c0000264 54=c0000201 81=040000046162636400 51=00000e10 118=c0000200"}.bytes(f))
	}
	f.Add(query{kind: dhcp4.Request, hw: hwA, ciaddr: "192.0.2.100", opts: "82=" + agent}.bytes(f))
	f.Add(query{kind: dhcp4.Request, hw: hwA, ciaddr: "192.0.2.100", opts: "82=01ff00 125=0000118b030101ff 60=3139322e302e322e37"}.bytes(f))
	var all []*bench
	for _, n := range []*topology.Topology{hostileNet(), loadedNet(f)} {
		all = append(all, newBenchWith(f, n, Options{Interfaces: eth0(), Log: loud()}))
	}
	f.Fuzz(func(t *testing.T, raw []byte) {
		if len(raw) > 60000 {
			return
		}
		for _, b := range all {
			b.now = b.now.Add(10 * time.Millisecond)
			b.feed(t, raw)
		}
	})
}

// FuzzServer6 varies the envelope too.
func FuzzServer6(f *testing.F) {
	m := query{kind: dhcp4.Discover, opts: busy}.message(f).Data
	f.Add(m)
	relayed := append(append([]byte{12, 0}, make([]byte, 32)...), 0, 18, 0, 1, 'a', 0, 43, 0, 2, 0, 18)
	f.Add(dhcp6.AppendOption(relayed, dhcp6.OptRelayMessage, m))
	b := newBenchWith(f, hostileNet(), Options{Interfaces: eth0(), Log: loud()})
	f.Fuzz(func(t *testing.T, raw []byte) {
		b.now = b.now.Add(10 * time.Millisecond)
		out := b.over6(ipc.Message{Data: raw, Origin: ipc.Origin{Iface: "eth0", Addr: ip("fe80::2"), Port: 546}})
		for _, a := range out {
			var e dhcp6.Envelope
			if err := e.Parse(a.Data); err != nil || e.Message.Type != dhcp6.DHCPv4Response || len(a.Data) > 65000+500 {
				t.Fatalf("answer: %v %v", err, e.Message.Type)
			}
		}
		if n := b.count("pkt4-drop-panic"); n != 0 {
			t.Fatalf("%d faults", n)
		}
	})
}

// loadedNet is a configuration in which as much as may be depends on what clients say.
func loadedNet(t testing.TB) *topology.Topology {
	return compiled(t, `{"Dhcp4": {"dhcp4o6-port": 6767, "lease-database": {"type": "memfile", "persist": false},
		"stash-agent-options": true, "store-extended-info": true, "early-global-reservations-lookup": true,
		"host-reservation-identifiers": ["flex-id", "circuit-id", "duid", "client-id", "hw-address"], "reservations-global": true,
		"dhcp-ddns": {"enable-updates": true}, "ddns-send-updates": true, "ddns-qualifying-suffix": "example.org",
		"hooks-libraries": [
			{"library": "/usr/lib/kea/hooks/libdhcp_flex_id.so", "parameters": {"identifier-expression": "concat(relay4[1].hex, substring(option[61].hex, 1, all))", "replace-client-id": true}},
			{"library": "/usr/lib/kea/hooks/libdhcp_ddns_tuning.so", "parameters": {"hostname-expr": "ifelse(option[60].exists, option[60].text, '')"}},
			{"library": "/usr/lib/kea/hooks/libdhcp_flex_option.so", "parameters": {"options": [
				{"code": 15, "supersede": "substring(option[12].hex, 0, -3)", "source": "response"},
				{"code": 4, "csv-format": true, "supersede": "option[60].text"}, {"code": 66, "add": "option[61].hex"}, {"code": 67, "add": "relay4[2].hex"},
				{"code": 125, "sub-options": [{"space": "vendor-4491", "code": 1, "supersede": "option[125].hex"}]}]}}],
		"client-classes": [{"name": "relayed", "test": "relay4[1].exists and substring(relay4[1].hex, 0, 2) == 'po'", "option-data": [{"name": "root-path", "data": "x"}]},
			{"name": "spawn", "template-test": "substring(option[60].hex, 0, 8)"}, {"name": "vendor", "test": "vendor[4491].option[1].exists or vendor-class[*].exists"}],
		"option-data": [{"name": "vivso-suboptions", "data": "4491", "always-send": true}, {"name": "routers", "data": "192.0.2.1"}, {"name": "v6-only-preferred", "data": "300"}],
		"reservations": [{"hw-address": "02:00:5e:00:00:0a", "hostname": "reserved", "client-classes": ["relayed"]}],
		"subnet4": [{"id": 1, "subnet": "192.0.2.0/24", "interface": "eth0", "4o6-interface": "eth0", "valid-lifetime": 600, "offer-lifetime": 60, "cache-threshold": 0.25,
			"pools": [{"pool": "192.0.2.100 - 192.0.2.199"}]}]}}`)
}
