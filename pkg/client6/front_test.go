package client6

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/dhcp4o6/dhcp4o6/pkg/ipc"
)

// A v4Seat is a Front with the DHCPv4 side of its pair played by the test.
type v4Seat struct {
	t     *testing.T
	m     ipc.Memory
	front *Front
	conn  *ipc.ClientConn
	heard chan ipc.ClientMessage
	stop  context.CancelFunc
}

func newV4Seat(t *testing.T, o FrontOptions) *v4Seat {
	s := &v4Seat{t: t}
	s.sit()
	s.begin(o)
	return s
}

// begin starts a Front, the first or another one.
func (s *v4Seat) begin(o FrontOptions) {
	s.front = NewFront(s.m.DialClient(ipc.V6Side, ipc.ClientOptions{}), o)
	var ctx context.Context
	ctx, s.stop = context.WithCancel(context.Background())
	var run sync.WaitGroup
	run.Go(func() { s.front.Run(ctx) })
	s.t.Cleanup(func() {
		s.stop()
		run.Wait()
	})
}

// sit takes the seat, again.
func (s *v4Seat) sit() {
	c, heard := s.m.DialClient(ipc.V4Side, ipc.ClientOptions{}), make(chan ipc.ClientMessage, 100)
	s.conn, s.heard = c, heard
	go func() {
		defer close(heard)
		for {
			m, err := c.Recv()
			if err != nil {
				return
			}
			m.Data = bytes.Clone(m.Data)
			heard <- m
		}
	}()
	s.t.Cleanup(func() { c.Close() })
}

// hears fails the test unless the Front has said exactly that.
func (s *v4Seat) hears(what string, want ...ipc.Word) (last ipc.ClientMessage) {
	s.t.Helper()
	synctest.Wait()
	var got []ipc.Word
	for len(s.heard) > 0 {
		last = <-s.heard
		got = append(got, last.Word)
	}
	if !slices.Equal(got, want) {
		s.t.Errorf("%s: heard %v, want %v", what, got, want)
	}
	return last
}

// A fakeNet notes what leaves and where to.
type fakeNet struct {
	mu   sync.Mutex
	sent []string
	last []byte
	err  error
}

func (n *fakeNet) Send(msg []byte, to netip.AddrPort) error {
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.err != nil {
		return n.err
	}
	where := "group"
	if to.IsValid() {
		where = to.String()
	}
	n.sent, n.last = append(n.sent, where), bytes.Clone(msg)
	return nil
}

// went fails the test unless datagrams have left for exactly these destinations.
func (n *fakeNet) went(t *testing.T, what string, want ...string) {
	t.Helper()
	synctest.Wait()
	n.mu.Lock()
	defer n.mu.Unlock()
	if !slices.Equal(n.sent, want) {
		t.Errorf("%s: went to %v, want %v", what, n.sent, want)
	}
	n.sent = nil
}

// wrapped is a DHCPv6 message with a DHCPv4 message of n octets in option 87.
func wrapped(kind byte, op byte, n int) []byte {
	b := binary.BigEndian.AppendUint16([]byte{kind, 0, 0, 0, 0, 87}, uint16(n))
	return append(append(b, op), make([]byte, n-1)...)
}

func addrs(s ...string) (all []netip.Addr) {
	for _, a := range s {
		all = append(all, netip.MustParseAddr(a))
	}
	return all
}

var responder = netip.MustParseAddrPort("[fe80::2%eth0]:547")

// TestFrontFollowsOption88: START with it, STOP without, at once; and a query goes to
// every address of it, or to the group when it has none (RFC 7341 §7.2, §9).
func TestFrontFollowsOption88(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newV4Seat(t, FrontOptions{})
		s.hears("at start", ipc.Stop)
		net := new(fakeNet)
		w := s.front.Way(net)
		many := make([]netip.Addr, 40)
		for i := range many {
			many[i] = netip.AddrFrom16([16]byte{0: 0x20, 1: 0x01, 15: byte(i + 1)})
		}
		for _, tt := range []struct {
			name  string
			addrs []netip.Addr
			known bool
			says  []ipc.Word
			to    []string
		}{
			{"still none", nil, false, nil, nil},
			{"empty", nil, true, []ipc.Word{ipc.Start}, []string{"group"}},
			{"empty again", []netip.Addr{}, true, nil, []string{"group"}},
			{"one address", addrs("2001:db8::1"), true, nil, []string{"[2001:db8::1]:547"}},
			{"two", addrs("2001:db8::1", "2001:db8::2"), true, nil, []string{"[2001:db8::1]:547", "[2001:db8::2]:547"}},
			{"one of them twice", addrs("2001:db8::2", "2001:db8::2"), true, nil, []string{"[2001:db8::2]:547"}},
			{"link-local", addrs("fe80::1"), true, nil, []string{"[fe80::1]:547"}},
			{"withdrawn", nil, false, []ipc.Word{ipc.Stop}, nil},
			{"addresses of an option that is not there", addrs("2001:db8::1"), false, nil, nil},
			{"given back", addrs("2001:db8::3"), true, []ipc.Word{ipc.Start}, []string{"[2001:db8::3]:547"}},
			{"none that can be asked", addrs("::", "ff02::1:2"), true, []ipc.Word{ipc.Stop}, nil},
			{"one of them can", addrs("::", "ff02::1:2", "2001:db8::4"), true, []ipc.Word{ipc.Start}, []string{"[2001:db8::4]:547"}},
		} {
			w.Set(tt.addrs, tt.known)
			s.hears(tt.name, tt.says...)
			if s.front.Up() != (len(tt.to) > 0) {
				t.Errorf("%s: up is %v", tt.name, s.front.Up())
			}
			s.conn.Query(wrapped(20, 1, 300))
			net.went(t, tt.name, tt.to...)
			if len(tt.to) == 0 {
				s.hears(tt.name+": query all the same", ipc.Stop)
			} else if !bytes.Equal(net.last, wrapped(20, 1, 300)) {
				t.Errorf("%s: %x", tt.name, net.last)
			}
		}
		w.Set(many, true)
		s.conn.Query(wrapped(20, 1, 300))
		synctest.Wait()
		if len(net.sent) != maxServers {
			t.Errorf("of %d servers %d are asked", len(many), len(net.sent))
		}
		if n := s.front.Stats().Queries.Load(); n != 13 {
			t.Errorf("%d queries", n)
		}
		if n := s.front.Stats().Dropped(DropStopped); n != 4 {
			t.Errorf("%d dropped", n)
		}
	})
}

// POLL is answered by how things stand, every time.
func TestFrontAnswersPoll(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newV4Seat(t, FrontOptions{})
		s.hears("at start", ipc.Stop)
		w := s.front.Way(new(fakeNet))
		for _, known := range []bool{false, true, false} {
			w.Set(nil, known)
			synctest.Wait()
			for len(s.heard) > 0 {
				<-s.heard
			}
			for range 2 {
				s.conn.Poll()
				s.hears("POLL", map[bool]ipc.Word{true: ipc.Start, false: ipc.Stop}[known])
			}
		}
		if n := s.front.Stats().Polls.Load(); n != 6 {
			t.Errorf("%d POLLs", n)
		}
		time.Sleep(24 * time.Hour)
		s.hears("a day later")
	})
}

// A DHCPv4 side that begins anew hears how things stand when it asks; a Front that
// begins anew says so itself, and one that ends says STOP.
func TestFrontRestarts(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newV4Seat(t, FrontOptions{})
		s.hears("at start", ipc.Stop)
		s.front.Way(new(fakeNet)).Set(nil, true)
		s.hears("option 88", ipc.Start)
		s.conn.Close()
		s.sit()
		s.hears("the new one before it asks")
		s.conn.Poll()
		s.hears("the new one", ipc.Start)

		s.stop()
		s.hears("the end", ipc.Stop)
		s.begin(FrontOptions{})
		s.hears("the next", ipc.Stop)
		s.front.Way(new(fakeNet)).Set(nil, true)
		s.hears("the next", ipc.Start)
	})
}

// TestFrontSeveralInterfaces: a query leaves by each that knows servers, and STOP
// waits for the last of them.
func TestFrontSeveralInterfaces(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newV4Seat(t, FrontOptions{})
		s.hears("at start", ipc.Stop)
		a, b := new(fakeNet), new(fakeNet)
		wa, wb := s.front.Way(a), s.front.Way(b)
		wa.Set(addrs("2001:db8:a::1"), true)
		wb.Set(nil, true)
		s.hears("both", ipc.Start)
		s.conn.Query(wrapped(20, 1, 300))
		a.went(t, "first", "[2001:db8:a::1]:547")
		b.went(t, "second", "group")

		wa.Set(nil, false)
		s.hears("one left")
		s.conn.Query(wrapped(20, 1, 300))
		a.went(t, "first, without option 88")
		b.went(t, "second", "group")
		wa.Answer(wrapped(21, 2, 300), responder)
		s.hears("answer where none was asked for")

		wb.Close()
		s.hears("the last one closed", ipc.Stop)
		wb.Set(nil, true)
		wb.Answer(wrapped(21, 2, 300), responder)
		s.hears("after Close")
		wa.Set(nil, true)
		s.hears("the other again", ipc.Start)
	})
}

// With a server set, everything goes there; but only when option 88 has it so.
func TestFrontServer(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newV4Seat(t, FrontOptions{Server: netip.MustParseAddrPort("[::1]:10547")})
		net := new(fakeNet)
		w := s.front.Way(net)
		for _, servers := range [][]netip.Addr{nil, addrs("2001:db8::1", "2001:db8::2")} {
			w.Set(servers, true)
			s.conn.Query(wrapped(20, 1, 300))
			net.went(t, "query", "[::1]:10547")
		}
		w.Set(nil, false)
		s.conn.Query(wrapped(20, 1, 300))
		net.went(t, "without option 88")
	})
}

// TestFrontAnswers: the DHCPv4 message of a DHCPV4-RESPONSE goes on, with its server's
// address; nothing else does.
func TestFrontAnswers(t *testing.T) {
	good := wrapped(21, 2, 280)
	with := func(flag byte, extra ...byte) []byte {
		return slices.Concat([]byte{21, flag, 0xff, 0xff}, extra, good[4:])
	}
	synctest.Test(t, func(t *testing.T) {
		var told []FrontDrop
		s := newV4Seat(t, FrontOptions{OnDrop: func(d FrontDrop) { told = append(told, d) }})
		w := s.front.Way(new(fakeNet))
		w.Answer(good, responder)
		s.hears("before option 88", ipc.Stop)
		w.Set(nil, true)
		s.hears("option 88", ipc.Start)
		for _, tt := range []struct {
			name string
			msg  []byte
			drop FrontDrop
		}{
			{"response", good, 0},
			{"flags set", with(0xff), 0},
			{"with other options", with(0, 0, 2, 0, 2, 1, 2, 0, 17, 0, 4, 0, 0, 9, 0xbf), 0},
			{"the shortest", wrapped(21, 2, 236), 0},
			{"query", wrapped(20, 2, 300), DropType},
			{"Reply", wrapped(7, 2, 300), DropType},
			{"relayed", append([]byte{13}, make([]byte, 300)...), DropType},
			{"cut in the header", good[:3], DropType},
			{"nothing", nil, DropType},
			{"cut in the option", good[:200], DropOptions},
			{"no option 87", []byte{21, 0, 0, 0, 0, 13, 0, 2, 0, 1}, DropMessage4},
			{"no option", good[:4], DropMessage4},
			{"two", slices.Concat(good, good[4:]), DropMessage4},
			{"an empty one", []byte{21, 0, 0, 0, 0, 87, 0, 0}, DropMessage4},
			{"a short one", wrapped(21, 2, 235), DropMessage4},
			{"a client's", wrapped(21, 1, 300), DropMessage4},
		} {
			told = told[:0]
			w.Answer(tt.msg, responder)
			if tt.drop != 0 {
				s.hears(tt.name)
				if !slices.Equal(told, []FrontDrop{tt.drop}) {
					t.Errorf("%s: dropped for %v", tt.name, told)
				}
				continue
			}
			m := s.hears(tt.name, ipc.Answer)
			if m.Server != responder.Addr().WithZone("") || !bytes.HasSuffix(tt.msg, m.Data) || len(told) != 0 {
				t.Errorf("%s: from %v, %d octets, dropped for %v", tt.name, m.Server, len(m.Data), told)
			}
		}
		s.conn.Close()
		w.Answer(good, responder)
		st := s.front.Stats()
		for d, want := range map[FrontDrop]uint64{DropStopped: 1, DropType: 5, DropOptions: 1, DropMessage4: 6, DropNoPeer: 1} {
			if got := st.Dropped(d); got != want {
				t.Errorf("%s: %d, want %d", d.Reason(), got, want)
			}
		}
		if st.Answers.Load() != 4 {
			t.Errorf("%d answers", st.Answers.Load())
		}
	})
}

// What the network refuses is counted; the DHCPv4 side sends again.
func TestFrontSendFails(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newV4Seat(t, FrontOptions{})
		s.hears("at start", ipc.Stop)
		net := &fakeNet{err: errors.New("no route")}
		w := s.front.Way(net)
		w.Set(addrs("2001:db8::1", "2001:db8::2"), true)
		s.hears("option 88", ipc.Start)
		s.conn.Query(wrapped(20, 1, 300))
		s.hears("query")
		if st := s.front.Stats(); st.Refused.Load() != 2 || st.Sent.Load() != 0 {
			t.Errorf("%d refused, %d sent", st.Refused.Load(), st.Sent.Load())
		}
	})
}

func TestFrontDropsHaveNames(t *testing.T) {
	seen := make(map[string]bool)
	for d := range FrontDrops {
		if r := d.Reason(); r == "" || seen[r] {
			t.Errorf("%d is %q", d, r)
		}
		seen[d.Reason()] = true
	}
	if len(seen) != 5 || FrontDrop(99).Reason() != "unknown" {
		t.Errorf("%v", seen)
	}
}

// FuzzFront: what goes on is the one option 87 of a DHCPV4-RESPONSE, to the octet.
func FuzzFront(f *testing.F) {
	f.Add(wrapped(21, 2, 300))
	f.Add(slices.Concat(wrapped(21, 2, 236), wrapped(21, 2, 236)[4:]))
	f.Fuzz(func(t *testing.T, msg []byte) {
		inner, drop := response(msg)
		if (inner == nil) == (drop == 0) && len(inner) > 0 {
			t.Fatalf("%d octets, dropped for %v", len(inner), drop)
		}
		if drop != 0 {
			return
		}
		if msg[0] != 21 || strings.Count(string(msg[4:]), string(inner)) == 0 {
			t.Errorf("%x of %x", inner, msg)
		}
	})
}

// A datagram of a capture.
type datagram struct {
	src, dst netip.AddrPort
	data     []byte
}

func capture(t *testing.T, name string) (all []datagram) {
	t.Helper()
	b, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	be := binary.BigEndian
	for b = b[24:]; len(b) >= 16; {
		n := int(binary.LittleEndian.Uint32(b[8:]))
		f := b[16 : 16+n]
		b = b[16+n:]
		if len(f) < 62 || be.Uint16(f[12:]) != 0x86dd || f[20] != 17 {
			continue
		}
		all = append(all, datagram{
			netip.AddrPortFrom(netip.AddrFrom16([16]byte(f[22:])), be.Uint16(f[54:])),
			netip.AddrPortFrom(netip.AddrFrom16([16]byte(f[38:])), be.Uint16(f[56:])),
			f[62 : 54+int(be.Uint16(f[58:]))],
		})
	}
	return all
}

// TestFrontInTheSeatOfDhclient: asked what dhclient -4 asked, and answered by the
// network as dhclient -6 was, our v6 side says to both what that said, octet for octet
// and to the same places.
func TestFrontInTheSeatOfDhclient(t *testing.T) {
	names, err := filepath.Glob("../../testdata/captures/*-isc-dhclient*.pcap")
	if err != nil || len(names) < 15 {
		t.Fatalf("%d captures, %v", len(names), err)
	}
	for _, name := range names {
		synctest.Test(t, func(t *testing.T) { seatOfDhclient6(t, name) })
	}
}

// seatOfDhclient6 plays one capture. The DHCPv6 machine is not part of it: option 88
// is set when dhclient says START.
func seatOfDhclient6(t *testing.T, name string) {
	const q = 6777
	s := newV4Seat(t, FrontOptions{})
	s.hears("at start", ipc.Stop)
	net := new(fakeNet)
	w := s.front.Way(net)
	packets, name := capture(t, name), filepath.Base(name)
	client := netip.MustParseAddr("fe80::5eff:fe46:1")
	for i, p := range packets {
		switch {
		case p.dst.Port() == q: // dhclient -4 speaks
			var m ipc.ClientMessage
			if err := m.Parse(ipc.V6Side, p.data); err != nil {
				t.Fatal(err)
			}
			s.conn.Send(m)
		case p.dst.Port() == q+1: // and is spoken to
			var m ipc.ClientMessage
			if err := m.Parse(ipc.V4Side, p.data); err != nil {
				t.Fatal(err)
			}
			if m.Word == ipc.Start && !s.front.Up() {
				w.Set(servers88(packets), true)
			}
			got := s.hears(name, m.Word)
			if again, _ := got.Append(nil); !bytes.Equal(again, p.data) {
				t.Errorf("%s, datagram %d: %x", name, i, again)
			}
		case p.src.Addr() == client && p.data[0] == 20:
			to := p.dst.String()
			if p.dst.Addr().IsMulticast() {
				to = "group"
			}
			net.went(t, name, to)
			if !bytes.Equal(net.last, p.data) {
				t.Errorf("%s, datagram %d: %x", name, i, net.last)
			}
		case p.dst.Addr() == client && p.data[0] == 21:
			w.Answer(p.data, p.src)
		}
	}
}

// servers88 returns the addresses of option 88 in a capture's Replies.
func servers88(packets []datagram) (all []netip.Addr) {
	for _, p := range packets {
		if i := bytes.Index(p.data, []byte{0, 88, 0, 16}); i > 0 && p.data[0] == 7 {
			return []netip.Addr{netip.AddrFrom16([16]byte(p.data[i+4:]))}
		}
	}
	return nil
}
