package probe

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/dhcp4o6/dhcp4o6/pkg/dhcp4"
	"github.com/dhcp4o6/dhcp4o6/pkg/dhcp6"
	"github.com/dhcp4o6/dhcp4o6/pkg/ipc"
	"github.com/dhcp4o6/dhcp4o6/pkg/metrics"
	"github.com/dhcp4o6/dhcp4o6/pkg/server6"
	"github.com/dhcp4o6/dhcp4o6/pkg/topology"
	"github.com/dhcp4o6/dhcp4o6/pkg/transport"
)

const s0 = 7 // the interface's number

// A link is an end of a Pipe under the name of the captured server's interface.
type link struct{ transport.Conn }

func (link) Socket() transport.Socket {
	return transport.Socket{Iface: "s0", IfIndex: s0, Addr: netip.MustParseAddr("ff02::1:2"), Multicast: true}
}

// A v6side is dhcp6d's engine between a network and the pair, both played by the test.
type v6side struct {
	t     *testing.T
	port  uint16
	wire  transport.Conn // what clients and relays see
	conn  *net.UDPConn   // the v4 side
	isc   bool           // it speaks ISC's dialect
	stats *metrics.Set
	gone  chan bool
	fence uint32
	in    [16]transport.Datagram
}

func newV6Side(t *testing.T, d ipc.Dialect) *v6side {
	t.Helper()
	v := &v6side{t: t, isc: d == ipc.ISC, stats: new(metrics.Set), gone: make(chan bool, 8)}
	v.port, v.conn = freePorts(t, 1, 0)
	pair, err := ipc.Dial(ipc.V6Side, v.port, ipc.Options{
		Dialect: d,
		OnPeer:  func(gone bool) { v.gone <- gone },
		OnRefused: func(f ipc.Fault) { // counted as package daemon does
			v.stats.Counter("4o6-bad-packet-" + f.Reason()).Inc()
		},
	})
	if err != nil {
		t.Fatal(err)
	}
	near, far := transport.Pipe()
	v.wire = far
	dns := topology.Option{Code: uint16(dhcp6.OptDNSServers), Value: netip.MustParseAddr("2001:db8::53").AsSlice()}
	front := &topology.Topology{Family: topology.V6, Options: topology.Options{dns}}
	front.Freeze()
	s := server6.New(server6.Options{Metrics: v.stats, Pair: pair, Topology: front, ServerID: dhcp6.NewDUIDEN(32473, []byte("probe"))})
	ctx, cancel := context.WithCancel(context.Background())
	var workers sync.WaitGroup
	workers.Go(func() { s.Serve(ctx, link{near}) })
	workers.Go(func() { s.Return(ctx, pair, near) })
	t.Cleanup(func() {
		cancel()
		workers.Wait()
		pair.Close()
		if n := v.stats.Counter("pkt6-drop-panic").Value(); n != 0 {
			t.Errorf("%d faults of ours", n)
		}
	})
	return v
}

// client and server are the parties of a fence.
var (
	client    = netip.MustParseAddrPort("[fe80::fe]:546")
	multicast = netip.MustParseAddr("ff02::1:2")
)

// query is a DHCPV4-QUERY that is surely handed over.
func query(xid uint32) []byte {
	var w dhcp4.Builder
	w.Header.XID, w.Header.HType = xid, 1
	w.Query(dhcp4.Discover, nil)
	w.SetCHAddr([]byte{2, 0, 0x5e, 0x46, 0xff, 0xff})
	return dhcp6.AppendOption([]byte{byte(dhcp6.DHCPv4Query), 0, 0, 0}, dhcp6.OptDHCPv4Message, w.Bytes())
}

// send puts a datagram on the wire.
func (v *v6side) send(data []byte, from netip.AddrPort, to netip.Addr) {
	v.wire.Write([]transport.Datagram{{Data: data, Peer: from, Local: to, IfIndex: s0}})
}

// message is the DHCPv6 message of a datagram of the pair.
func (v *v6side) message(b []byte) []byte {
	if v.isc {
		return b[min(len(b), iscHeader):]
	}
	return b
}

// header is ISC's.
func header(iface string, from netip.AddrPort) []byte {
	b := append(make([]byte, 0, iscHeader), iface...)
	b = append(b[:16], from.Addr().AsSlice()...)
	return append(be.AppendUint16(b, from.Port()), 0, 0)
}

// handed returns what is handed over until the query xid comes.
func (v *v6side) handed(xid uint32) (all [][]byte) {
	v.t.Helper()
	buf := make([]byte, 65536)
	for {
		v.conn.SetReadDeadline(time.Now().Add(10 * time.Second))
		n, err := v.conn.Read(buf)
		if errors.Is(err, syscall.ECONNREFUSED) {
			continue // of before the v6 side was there
		}
		if err != nil {
			v.t.Fatalf("nothing is handed over any more: %v", err)
		}
		if m, err := take(v.message(buf[:n])); err == nil && m.four.XID == xid {
			return all
		}
		all = append(all, bytes.Clone(buf[:n]))
	}
}

// ask puts a question on the wire, then one that is surely handed over, and returns
// what the v4 side gets of the first, and the reasons that were counted.
func (v *v6side) ask(p packet) (handed [][]byte, reasons string) {
	v.t.Helper()
	before := count(v.stats)
	v.fence++
	v.send(p.data, p.src, p.dst.Addr())
	v.send(query(fences+v.fence), client, multicast)
	handed = v.handed(fences + v.fence)
	return handed, count(v.stats).since(before)
}

// play has the v4 side say something, then give an answer that surely leaves. It
// returns what leaves before that, and the reasons that were counted.
func (v *v6side) play(data []byte) (sent []transport.Datagram, reasons string) {
	v.t.Helper()
	v.fence++
	v.send(query(fences+v.fence), client, multicast)
	v.handed(fences + v.fence)
	before := count(v.stats)
	fence := append([]byte{byte(dhcp6.DHCPv4Response), 0, 0, 0}, vendor("s0", client.Addr().AsSlice(), 546)...)
	if v.isc {
		fence = append(header("s0", client), byte(dhcp6.DHCPv4Response), 0, 0, 0)
	}
	fence = append(fence, query(fences + v.fence)[4:]...)
	for _, b := range [][]byte{data, fence} {
		if _, err := v.conn.Write(b); err != nil {
			v.t.Fatal(err)
		}
	}
	for {
		n, err := v.wire.Read(v.in[:])
		if err != nil {
			v.t.Fatal(err)
		}
		for _, d := range v.in[:n] {
			if m, err := take(d.Data); err == nil && m.four.XID == fences+v.fence {
				return sent, count(v.stats).since(before)
			}
			d.Data = bytes.Clone(d.Data)
			sent = append(sent, d)
		}
	}
}

// A wireRow is one question from the network.
type wireRow struct {
	what string
	kea  string // what the captured daemon handed over: the options of each level; "-" for nothing
	want string // what ours must, or the reason counted
	rule string
}

// levels says what a DHCPv6 message holds: the options of each level, a vendor option
// with its enterprise and suboptions.
func levels(b []byte) string {
	var e dhcp6.Envelope
	if err := e.Parse(b); err != nil {
		return err.Error()
	}
	var s []string
	for i := range e.Relays {
		s = append(s, contents(e.Relays[i].Options))
	}
	return strings.Join(append(s, contents(e.Message.Options)), " | ")
}

func contents(o dhcp6.Options) string {
	var s []string
	for c, v := range o.All {
		if c == dhcp6.OptVendorOpts {
			w, err := dhcp6.ParseVendorOpts(v)
			if err == nil {
				s = append(s, fmt.Sprintf("17/%d(%s)", w.Enterprise, codes(w.Options, 0)))
				continue
			}
		}
		s = append(s, fmt.Sprint(uint16(c)))
	}
	return strings.Join(s, " ")
}

// hands holds what was handed over to what must be true of all of it: the origin is the
// datagram's, and without our vendor option the message is what came, octet for octet,
// when it forged nothing.
func (v *v6side) hands(t *testing.T, q asked, handed []byte, forged bool) {
	t.Helper()
	if v.isc {
		if want := append(header("s0", q.src), q.data...); !forged && (!bytes.Equal(handed, want) || !bytes.Equal(handed, q.led.data)) {
			t.Errorf("handed over %x\nof the wire's   %x\ndhcpd did       %x", handed, want, q.led.data)
		}
		if !bytes.Equal(handed[:iscHeader], q.led.data[:iscHeader]) {
			t.Errorf("header %x\nwant   %x", handed[:iscHeader], q.led.data[:iscHeader])
		}
		return
	}
	var e dhcp6.Envelope
	if err := e.Parse(handed); err != nil {
		t.Fatal(err)
	}
	m, _ := take(handed)
	addr := q.src.Addr().As16()
	if string(m.origin[0]) != "s0" || !bytes.Equal(m.origin[1], addr[:]) || !bytes.Equal(m.origin[2], be.AppendUint16(nil, q.src.Port())) {
		t.Errorf("origin %q %x %x, the datagram came from %v", m.origin[0], m.origin[1], m.origin[2], q.src)
	}
	if forged {
		return
	}
	if was := cut(handed, vendor("s0", addr[:], q.src.Port())); !bytes.Equal(was, q.data) {
		t.Errorf("handed over %x\nof %x", handed, q.data)
	}
}

// cut takes an option out of the innermost message.
func cut(b, option []byte) []byte {
	var e dhcp6.Envelope
	if err := e.Parse(b); err != nil || !bytes.Contains(e.Message.Options, option) {
		return b
	}
	i := bytes.Index(e.Message.Options, option)
	e.Message.Options = slices.Concat(e.Message.Options[:i], e.Message.Options[i+len(option):])
	return e.Append(nil)
}

func (v *v6side) runWire(questions []asked, rows []wireRow, header int) {
	v.t.Helper()
	if len(questions) != len(rows) {
		v.t.Fatalf("%d questions in the capture, %d rows in the table", len(questions), len(rows))
	}
	for i, r := range rows {
		v.t.Run(fmt.Sprintf("%02d %s", i+1, r.what), func(t *testing.T) {
			q := questions[i]
			did := "-"
			if q.led != nil {
				did = levels(q.led.data[header:])
			}
			if did != r.kea {
				t.Errorf("the captured daemon handed over %q, the row says %q", did, r.kea)
			}
			handed, reasons := v.ask(q.packet)
			got := reasons
			for _, h := range handed {
				got = strings.TrimLeft(got+", "+levels(v.message(h)), ", ")
				v.hands(t, q, h, strings.Contains(levels(q.data), "60000"))
			}
			want := r.want
			if v.isc {
				want = strings.ReplaceAll(want, added, "")
			}
			if got != want {
				t.Errorf("%s, want %s (%s)", got, want, r.rule)
			}
		})
	}
}

// An answerRow is one message of the v4 side's.
type answerRow struct {
	what string
	kea  string // what the captured daemon sent: where to and what
	want string // what ours must send, when somebody had asked, or the reason counted
	rule string
}

// leaves says where a datagram goes and what it is.
func leaves(to netip.AddrPort, data []byte) string {
	var e dhcp6.Envelope
	if err := e.Parse(data); err != nil {
		return err.Error()
	}
	kind := fmt.Sprint(e.Message.Type)
	if len(e.Relays) > 0 && !e.Down {
		kind = "Relay-forward of " + kind
	}
	if e.Message.XID != [3]byte{} {
		kind += fmt.Sprintf(" flags %x", e.Message.XID)
	}
	return fmt.Sprintf("%v %s: %s", to, kind, levels(data))
}

// asks has somebody put the question to which data would be the answer: the same
// origin, relay levels and transaction. It reports false for what answers nothing.
func (v *v6side) asks(data []byte) bool {
	if v.isc {
		data = inKeas(data)
	}
	m, err := take(data)
	var e dhcp6.Envelope
	if err != nil || e.Parse(data) != nil || len(m.origin[1]) != 16 || len(m.origin[2]) != 2 || m.four.XID == 0 {
		return false
	}
	q := dhcp6.Envelope{Relays: slices.Clone(e.Relays)}
	var ask dhcp6.Envelope
	if err := ask.Parse(query(m.four.XID)); err != nil {
		v.t.Fatal(err)
	}
	q.Message = ask.Message
	from := netip.AddrPortFrom(netip.AddrFrom16([16]byte(m.origin[1])), be.Uint16(m.origin[2]))
	v.send(q.Append(nil), from, multicast)
	v.fence++
	v.send(query(fences+v.fence), client, multicast)
	return len(v.handed(fences+v.fence)) == 1
}

func (v *v6side) runAnswers(answers []asked, rows []answerRow, ours func([]byte) []byte) {
	v.t.Helper()
	if len(answers) != len(rows) {
		v.t.Fatalf("%d answers in the capture, %d rows in the table", len(answers), len(rows))
	}
	for i, r := range rows {
		v.t.Run(fmt.Sprintf("answer %02d %s", i+1, r.what), func(t *testing.T) {
			a := answers[i]
			did := "-"
			if a.led != nil {
				did = leaves(a.led.dst, a.led.data)
			}
			if did != r.kea {
				t.Errorf("the captured daemon sent %q, the row says %q", did, r.kea)
			}
			// a transaction of its own, so that no row uses up what was asked for another
			data := bytes.ReplaceAll(ours(a.data), []byte{0x11, 0x22, 0x33, 0x44}, []byte{0x11, 0x22, 0x33, byte(i)})
			if sent, reasons := v.play(data); len(sent) != 0 || reasons == "" {
				t.Errorf("%d datagrams leave although nobody asked (rule 20), counted: %s", len(sent), reasons)
			}
			v.asks(data)
			sent, reasons := v.play(data)
			got := reasons
			for _, d := range sent {
				got = strings.TrimLeft(got+", "+leaves(d.Peer, d.Data), ", ")
				if d.IfIndex != s0 {
					t.Errorf("it leaves through interface %d (rule 6)", d.IfIndex)
				}
			}
			if got != r.want {
				t.Errorf("%s\nwant %s (%s)", got, r.want, r.rule)
			}
			if again, _ := v.play(data); len(again) != 0 {
				t.Errorf("the same answer leaves twice (rule 20)")
			}
		})
	}
}

// goneAndBack asks with the v4 side gone, then with it back. What was asked meanwhile is
// lost; nothing else is.
func (v *v6side) goneAndBack(questions []asked) {
	v.t.Helper()
	if len(questions) != 4 {
		v.t.Fatalf("%d questions at the end of the capture", len(questions))
	}
	v.conn.Close()
	for _, q := range questions[:2] {
		v.send(q.data, q.src, q.dst.Addr())
	}
	select {
	case gone := <-v.gone:
		if !gone {
			v.t.Error("the v4 side is said to be back")
		}
	case <-time.After(10 * time.Second):
		v.t.Error("nobody noticed that the v4 side is gone (rule 5)")
	}
	v.send([]byte{byte(dhcp6.InformationRequest), 0, 0, 1}, client, multicast)
	if n, err := v.wire.Read(v.in[:]); n != 1 || err != nil || v.in[0].Data[0] != byte(dhcp6.Reply) {
		v.t.Error("plain DHCPv6 does not go on (rule 5)")
	}
	var err error
	if v.conn, err = end(v.t, v.port, 1, 0); err != nil {
		v.t.Fatal(err)
	}
	defer v.conn.Close()
	for i, q := range questions[2:] {
		handed, reasons := v.ask(q.packet)
		if len(handed) != 1 || reasons != "" {
			v.t.Errorf("query %d after the v4 side came back: %d handed over, %s (rule 5)", i+1, len(handed), reasons)
		}
	}
	want := "4o6-bad-packet-short"
	if v.isc {
		want = "4o6-bad-packet-dialect"
	}
	if _, reasons := v.play(nil); reasons != want {
		v.t.Errorf("after the v4 side came back: %s", reasons)
	}
	if gone := <-v.gone; gone {
		v.t.Error("the v4 side has answered, and is said to be gone")
	}
}
