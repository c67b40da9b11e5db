package client4

import (
	"bytes"
	"encoding/binary"
	"errors"
	"math/rand/v2"
	"net"
	"net/netip"
	"os"
	"path/filepath"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"github.com/dhcp4o6/dhcp4o6/pkg/ipc"
)

var over6Server = netip.MustParseAddr("2001:db8:46::1")

// A v6Seat is the DHCPv6 side of the pair, played by the test.
type v6Seat struct {
	t    *testing.T
	m    *ipc.Memory
	conn *ipc.ClientConn
	said chan ipc.ClientMessage // by the v4 side
	when []time.Time            // of each POLL
}

func newV6Seat(t *testing.T) *v6Seat {
	s := &v6Seat{t: t, m: new(ipc.Memory)}
	s.sit()
	t.Cleanup(func() { s.conn.Close() })
	return s
}

// sit takes the seat, again.
func (s *v6Seat) sit() {
	s.conn = s.m.DialClient(ipc.V6Side, ipc.ClientOptions{})
	said := make(chan ipc.ClientMessage, 2000)
	s.said = said
	go func(c *ipc.ClientConn) {
		defer close(said)
		for {
			m, err := c.Recv()
			if err != nil {
				return
			}
			if m.Word == ipc.Poll {
				s.when = append(s.when, time.Now())
			}
			m.Data = bytes.Clone(m.Data)
			said <- m
		}
	}(s.conn)
}

// hears fails the test unless the v4 side has said exactly that.
func (s *v6Seat) hears(what string, want ...ipc.Word) (last ipc.ClientMessage) {
	s.t.Helper()
	synctest.Wait()
	var got []ipc.Word
	for len(s.said) > 0 {
		last = <-s.said
		got = append(got, last.Word)
	}
	if len(got) != len(want) {
		s.t.Fatalf("%s: heard %v, want %v", what, got, want)
	}
	for i := range got {
		if got[i] != want[i] {
			s.t.Fatalf("%s: heard %v, want %v", what, got, want)
		}
	}
	return last
}

// carrier is the v4 side in memory, with its reader at work.
func (s *v6Seat) carrier() (v *Over6, answers chan []byte) {
	v = NewOver6(s.m.DialClient(ipc.V4Side, ipc.ClientOptions{}), Over6Options{Rand: rand.New(rand.NewPCG(4, 6))})
	s.t.Cleanup(func() { v.Close() })
	answers = make(chan []byte, 10)
	go func() {
		defer close(answers)
		buf := make([]byte, 1500)
		for {
			n, from, err := v.Recv(buf)
			if err != nil {
				if err != net.ErrClosed {
					s.t.Error(err)
				}
				return
			}
			if from != over6Server {
				s.t.Errorf("answer of %v", from)
			}
			answers <- bytes.Clone(buf[:n])
		}
	}()
	return v, answers
}

// turned fails the test unless Ready yields exactly that now.
func turned(t *testing.T, v *Over6, what string, want ...bool) {
	t.Helper()
	synctest.Wait()
	for _, up := range want {
		select {
		case got := <-v.Ready():
			if got != up {
				t.Fatalf("%s: ready %v", what, got)
			}
		default:
			t.Fatalf("%s: nothing said of %v", what, up)
		}
	}
	if len(v.Ready()) > 0 {
		t.Fatalf("%s: ready %v once more", what, <-v.Ready())
	}
}

func message4(op byte, n int) []byte { return append([]byte{op}, make([]byte, n-1)...) }

// POLL goes at start and every 60 to 61 seconds until START; after STOP at once, and
// so on.
func TestOver6Polls(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newV6Seat(t)
		v, _ := s.carrier()
		s.hears("at start", ipc.Poll)
		turned(t, v, "at start", false)

		time.Sleep(24 * time.Hour)
		synctest.Wait()
		for i := 1; i < len(s.when); i++ {
			if d := s.when[i].Sub(s.when[i-1]); d < time.Minute || d > 61*time.Second {
				t.Errorf("POLL %d after %v", i, d)
			}
		}
		if n := len(s.when); n < 24*60*60/61 || n > 24*60+1 {
			t.Errorf("%d POLLs in a day", n)
		}
		for len(s.said) > 0 {
			<-s.said
		}
		turned(t, v, "while asking")

		s.conn.Stopped()
		s.hears("STOP to who does not send")
		turned(t, v, "STOP to who does not send")

		s.conn.Started()
		turned(t, v, "START", true)
		time.Sleep(24 * time.Hour)
		s.hears("the day after START")
		s.conn.Started()
		turned(t, v, "START again")

		s.conn.Stopped()
		s.hears("STOP", ipc.Poll)
		turned(t, v, "STOP", false)
		s.conn.Stopped()
		s.hears("its answer")
		time.Sleep(61 * time.Second)
		s.hears("a minute after STOP", ipc.Poll)

		v.Close()
		time.Sleep(time.Hour)
		s.hears("after Close")
	})
}

// A word that nobody has taken gives way to a newer one.
func TestOver6ReadyIsTheNewest(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newV6Seat(t)
		v, _ := s.carrier()
		s.conn.Started()
		turned(t, v, "START before the first look", true)
		for range 5 {
			s.conn.Stopped()
			s.conn.Started()
		}
		turned(t, v, "to and fro", true)
	})
}

// What is sent is a DHCPV4-QUERY with option 87 alone; the flag follows Send.Unicast.
func TestOver6Sends(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newV6Seat(t)
		v, answers := s.carrier()
		s.hears("at start", ipc.Poll)
		query := message4(1, 300)
		if err := v.Send(&Send{Data: query}); err != ErrNotStarted {
			t.Errorf("before START: %v", err)
		}
		s.hears("before START")
		s.conn.Started()
		synctest.Wait()
		for _, unicast := range []bool{false, true} {
			if err := v.Send(&Send{Data: query, Unicast: unicast}); err != nil {
				t.Fatal(err)
			}
			head := []byte{20, 0, 0, 0, 0, 87, 1, 44}
			if unicast {
				head[1] = 0x80
			}
			if m := s.hears("query", ipc.Query); !bytes.Equal(m.Data, append(head, query...)) {
				t.Errorf("unicast %v: %x", unicast, m.Data)
			}
			answer := message4(2, 280)
			s.conn.Answer(answer, over6Server)
			if got := <-answers; !bytes.Equal(got, answer) {
				t.Errorf("answer arrives as %x", got)
			}
		}
		s.conn.Answer(message4(2, 1501), over6Server) // longer than the buffer
		s.conn.Answer(message4(2, 240), over6Server)
		if got := <-answers; len(got) != 240 {
			t.Errorf("%d octets", len(got))
		}
		v.Bound(netip.MustParsePrefix("192.0.2.7/24"))
		if taken, err := v.Probe(netip.MustParseAddr("192.0.2.7")); taken || err != nil {
			t.Errorf("probe: %v, %v", taken, err)
		}
		time.Sleep(time.Hour)
		s.hears("retransmissions")
	})
}

// A DHCPv6 side that has gone is noticed by the next query, asked for every minute,
// and heard when it is back, however it begins.
func TestOver6PeerRestarts(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newV6Seat(t)
		v, _ := s.carrier()
		s.conn.Started()
		s.hears("at start", ipc.Poll)
		turned(t, v, "START", true)
		for _, says := range []bool{true, false} {
			s.conn.Close()
			if err := v.Send(&Send{Data: message4(1, 300)}); !errors.Is(err, syscall.ECONNREFUSED) {
				t.Errorf("query to nobody: %v", err)
			}
			turned(t, v, "query to nobody", false)
			if err := v.Send(&Send{Data: message4(1, 300)}); err != ErrNotStarted {
				t.Errorf("the next: %v", err)
			}
			time.Sleep(10 * time.Minute)
			s.sit()
			if says {
				s.conn.Started()
			} else {
				time.Sleep(61 * time.Second)
				s.hears("POLL to the new one", ipc.Poll)
				s.conn.Started()
			}
			turned(t, v, "START of the new one", true)
		}
	})
}

// Close waits until what was sent last has been read, as long as somebody may read.
func TestOver6CloseWaits(t *testing.T) {
	for _, tt := range []struct {
		name   string
		answer time.Duration // 0: never
		gone   bool
		want   time.Duration
	}{
		{"POLL is answered", 20 * time.Millisecond, false, 20 * time.Millisecond},
		{"it is not", 0, false, farewell},
		{"nobody is there", 0, true, 0},
	} {
		synctest.Test(t, func(t *testing.T) {
			s := newV6Seat(t)
			v, _ := s.carrier()
			s.conn.Started()
			s.hears("at start", ipc.Poll)
			if err := v.Send(&Send{Data: message4(1, 300), Unicast: true}); err != nil {
				t.Fatal(err)
			}
			s.hears("release", ipc.Query)
			if tt.gone {
				s.conn.Close()
			}
			if tt.answer > 0 {
				time.AfterFunc(tt.answer, func() { s.conn.Started() })
			}
			began := time.Now()
			v.Close()
			if d := time.Since(began); d != tt.want {
				t.Errorf("%s: took %v, want %v", tt.name, d, tt.want)
			}
			if !tt.gone {
				s.hears(tt.name, ipc.Poll)
			}
			if err := v.Close(); err != nil {
				t.Error(err)
			}
		})
	}
}

// Nothing is waited for when the last was answered.
func TestOver6CloseAtOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newV6Seat(t)
		v, answers := s.carrier()
		s.conn.Started()
		synctest.Wait()
		v.Send(&Send{Data: message4(1, 300)})
		s.conn.Answer(message4(2, 300), over6Server)
		<-answers
		began := time.Now()
		v.Close()
		if d := time.Since(began); d != 0 {
			t.Errorf("took %v", d)
		}
		s.hears("to the end", ipc.Poll, ipc.Query)
	})
}

// dhclient's pair in the captures: the v6 side is on this port, the v4 side on the next.
const dhclientPair = 6777

// between returns what passed between the two processes of dhclient in a capture.
func between(t *testing.T, name string) (all []struct {
	up   bool
	data []byte
}) {
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
		if to := be.Uint16(f[56:]); to == dhclientPair || to == dhclientPair+1 {
			all = append(all, struct {
				up   bool
				data []byte
			}{to == dhclientPair, f[62 : 54+int(be.Uint16(f[58:]))]})
		}
	}
	return all
}

// TestOver6InTheSeatOfDhclient: told what dhclient -6 told its v4 side, we hand on
// the DHCPv4 messages that it had from servers; given the DHCPv4 messages of dhclient
// -4, we say what it said, octet for octet.
func TestOver6InTheSeatOfDhclient(t *testing.T) {
	names, err := filepath.Glob("../../testdata/captures/*-isc-dhclient*.pcap")
	if err != nil || len(names) < 15 {
		t.Fatalf("%d captures, %v", len(names), err)
	}
	queries, unicast, answers := 0, 0, 0
	for _, name := range names {
		synctest.Test(t, func(t *testing.T) {
			s := newV6Seat(t)
			v := NewOver6(s.m.DialClient(ipc.V4Side, ipc.ClientOptions{}), Over6Options{})
			t.Cleanup(func() { v.Close() })
			received := make(chan []byte, 100)
			go func() {
				buf := make([]byte, 1500)
				for {
					n, from, err := v.Recv(buf)
					if err != nil {
						return
					}
					b := from.As16()
					received <- append(bytes.Clone(buf[:n]), b[:]...)
				}
			}()
			s.hears("at start", ipc.Poll)
			for i, p := range between(t, name) {
				switch {
				case string(p.data) == "POLL": // dhclient -4 has begun anew: ours is in mid-life
				case p.up:
					err := v.Send(&Send{Data: p.data[8:], Unicast: p.data[1]&0x80 != 0})
					if err != nil {
						t.Fatalf("%s, datagram %d: %v", filepath.Base(name), i, err)
					}
					if m := s.hears("query", ipc.Query); !bytes.Equal(m.Data, p.data) {
						t.Errorf("%s, datagram %d: sent %x", filepath.Base(name), i, m.Data)
					}
					queries++
					unicast += int(p.data[1] >> 7)
				default:
					var m ipc.ClientMessage
					if err := m.Parse(ipc.V4Side, p.data); err != nil {
						t.Fatal(err)
					}
					if err := s.conn.Send(m); err != nil {
						t.Fatal(err)
					}
					synctest.Wait()
					if m.Word == ipc.Answer {
						if got := <-received; !bytes.Equal(got, p.data) {
							t.Errorf("%s, datagram %d: received %x", filepath.Base(name), i, got)
						}
						answers++
					}
				}
			}
		})
	}
	if queries < 30 || unicast < 2 || answers < 20 {
		t.Errorf("%d queries, %d with the flag, %d answers", queries, unicast, answers)
	}
}
