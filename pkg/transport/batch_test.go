package transport

import (
	"bytes"
	"errors"
	"fmt"
	"math/rand/v2"
	"net"
	"net/netip"
	"os"
	"testing"
	"time"

	"golang.org/x/net/ipv4"
	"golang.org/x/net/ipv6"
	"golang.org/x/sys/unix"

	"github.com/dhcp4o6/dhcp4o6/internal/dhcptest/need"
)

// loopbacks are the addresses that tests run over, as far as the host has them.
var loopbacks = []string{"127.0.0.1", "::1"}

// listen returns a socket on a free port, with packet information.
func listenUDP(t testing.TB, addr string) *net.UDPConn {
	t.Helper()
	c, err := net.ListenUDP("udp", &net.UDPAddr{IP: net.ParseIP(addr)})
	if err != nil {
		need.Skip(t, "needs %s: %v", addr, err)
	}
	t.Cleanup(func() { c.Close() })
	if netip.MustParseAddr(addr).Is4() {
		err = ipv4.NewPacketConn(c).SetControlMessage(ipv4.FlagDst|ipv4.FlagInterface, true)
	} else {
		err = ipv6.NewPacketConn(c).SetControlMessage(ipv6.FlagDst|ipv6.FlagInterface, true)
	}
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// connected returns two sockets on loopback that are connected to each other.
func connected(t testing.TB, addr string) (a, b *net.UDPConn) {
	t.Helper()
	x, y := listenUDP(t, addr), listenUDP(t, addr)
	ax, ay := x.LocalAddr().(*net.UDPAddr), y.LocalAddr().(*net.UDPAddr)
	x.Close()
	y.Close()
	a, err := net.DialUDP("udp", ax, ay)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { a.Close() })
	b, err = net.DialUDP("udp", ay, ax)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { b.Close() })
	return a, b
}

func newBatch(t testing.TB, c *net.UDPConn, o BatchOptions) *Batch {
	t.Helper()
	b, err := NewBatch(c, o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { b.Close() })
	return b
}

func addrPort(c *net.UDPConn) netip.AddrPort { return c.LocalAddr().(*net.UDPAddr).AddrPort() }

// readAll reads until n datagrams are there and returns copies of their data.
func readAll(t testing.TB, b *Batch, n, slots int) [][]byte {
	t.Helper()
	if err := b.SetReadDeadline(time.Now().Add(5 * time.Second)); err != nil {
		t.Fatal(err)
	}
	var all [][]byte
	in := make([]Datagram, slots)
	for len(all) < n {
		k, err := b.Read(in)
		if err != nil {
			t.Fatalf("after %d of %d datagrams: %v", len(all), n, err)
		}
		for _, d := range in[:k] {
			all = append(all, bytes.Clone(d.Data))
		}
	}
	return all
}

func TestBatchTellsSourceDestinationAndLink(t *testing.T) {
	for _, addr := range loopbacks {
		t.Run(addr, func(t *testing.T) {
			x, y := listenUDP(t, addr), listenUDP(t, addr)
			bx, by := newBatch(t, x, BatchOptions{}), newBatch(t, y, BatchOptions{})
			out := []Datagram{
				{Data: []byte("one"), Peer: addrPort(y)},
				{Data: nil, Peer: addrPort(y)},
				{Data: []byte("three"), Peer: addrPort(y), Local: netip.MustParseAddr(addr)},
			}
			if n, err := bx.Write(out); n != 3 || err != nil {
				t.Fatalf("Write = %d, %v", n, err)
			}
			in := make([]Datagram, 8)
			before := time.Now().Add(-time.Second)
			n, err := by.Read(in)
			if n != 3 || err != nil {
				t.Fatalf("Read = %d, %v", n, err)
			}
			for i, d := range in[:n] {
				if !bytes.Equal(d.Data, out[i].Data) || d.Peer != addrPort(x) ||
					d.Local != netip.MustParseAddr(addr) || d.IfIndex != 1 || d.At.Before(before) {
					t.Errorf("datagram %d: %+v", i, d)
				}
			}
		})
	}
}

func TestBatchCarriesTheLongestDatagrams(t *testing.T) {
	for addr, longest := range map[string]int{"127.0.0.1": 65507, "::1": 65527} {
		t.Run(addr, func(t *testing.T) {
			x, y := listenUDP(t, addr), listenUDP(t, addr)
			bx, by := newBatch(t, x, BatchOptions{}), newBatch(t, y, BatchOptions{})
			data := make([]byte, longest)
			for i := range data {
				data[i] = byte(i * 7)
			}
			if _, err := bx.Write([]Datagram{{Data: data, Peer: addrPort(y)}}); err != nil {
				t.Fatal(err)
			}
			if got := readAll(t, by, 1, 1); !bytes.Equal(got[0], data) {
				t.Errorf("%d octets came, not what was sent", len(got[0]))
			}
		})
	}
}

func TestBatchLeavesOutWhatASlotCannotHold(t *testing.T) {
	x, y := listenUDP(t, "127.0.0.1"), listenUDP(t, "127.0.0.1")
	bx, by := newBatch(t, x, BatchOptions{}), newBatch(t, y, BatchOptions{SlotSize: 100})
	for _, n := range []int{101, 100} {
		if _, err := bx.Write([]Datagram{{Data: make([]byte, n), Peer: addrPort(y)}}); err != nil {
			t.Fatal(err)
		}
	}
	if got := readAll(t, by, 1, 4); len(got) != 1 || len(got[0]) != 100 {
		t.Errorf("read %d datagrams", len(got))
	}
	if by.Truncated() != 1 {
		t.Errorf("Truncated() = %d", by.Truncated())
	}
}

// One datagram that is refused for itself costs the others nothing.
func TestBatchGoesOnAfterABadDatagram(t *testing.T) {
	x, y := listenUDP(t, "127.0.0.1"), listenUDP(t, "127.0.0.1")
	bx, by := newBatch(t, x, BatchOptions{}), newBatch(t, y, BatchOptions{})
	to := addrPort(y)
	for name, bad := range map[string]Datagram{
		"too long":       {Data: make([]byte, 66000), Peer: to},
		"other family":   {Data: []byte("x"), Peer: netip.MustParseAddrPort("[::1]:9")},
		"no destination": {Data: []byte("x")},
		"foreign source": {Data: []byte("x"), Peer: to, Local: netip.MustParseAddr("192.0.2.77")},
		"no such link":   {Data: []byte("x"), Peer: to, IfIndex: 9999},
		"no port":        {Data: []byte("x"), Peer: netip.AddrPortFrom(to.Addr(), 0)},
	} {
		good := Datagram{Data: []byte("good"), Peer: to}
		for at, out := range [][]Datagram{{bad, good, good}, {good, bad, good}, {good, good, bad}} {
			n, err := bx.Write(out)
			if n != 2 || err == nil {
				t.Errorf("%s at %d: Write = %d, %v", name, at, n, err)
			}
			readAll(t, by, 2, 8)
		}
	}
}

// However datagrams are segmented and coalesced on the way, what is read is
// what was written, in order.
func TestBatchSegmentsAreInvisible(t *testing.T) {
	for _, addr := range loopbacks {
		for _, slots := range []int{1, 3, 32, 64} {
			t.Run(addr, func(t *testing.T) {
				x, y := connected(t, addr)
				if err := setReceiveBuffer(y); err != nil {
					t.Fatal(err)
				}
				bx := newBatch(t, x, BatchOptions{GSO: true})
				by := newBatch(t, y, BatchOptions{Slots: 32, GRO: true})
				var out []Datagram
				for range 40 {
					size := 1 + rand.IntN(1200)
					if rand.IntN(4) == 0 {
						size = rand.IntN(30000)
					}
					for range 1 + rand.IntN(8) {
						b := make([]byte, size)
						for i := range b {
							b[i] = byte(rand.Uint32())
						}
						out = append(out, Datagram{Data: b})
					}
				}
				for at := 0; at < len(out); {
					part := out[at:min(at+1+rand.IntN(70), len(out))]
					if n, err := bx.Write(part); n != len(part) || err != nil {
						t.Fatalf("Write of %d = %d, %v", len(part), n, err)
					}
					at += len(part)
					for i, got := range readAll(t, by, len(part), slots) {
						if !bytes.Equal(got, part[i].Data) {
							t.Fatalf("datagram %d of %d: %d octets, want %d", i, len(part), len(got), len(part[i].Data))
						}
					}
				}
			})
		}
	}
}

func setReceiveBuffer(c *net.UDPConn) error {
	raw, err := c.SyscallConn()
	if err != nil {
		return err
	}
	return raw.Control(func(fd uintptr) {
		_ = setBuffer(int(fd), unix.SO_RCVBUFFORCE, unix.SO_RCVBUF, 8<<20)
	})
}

// The other process of a pair may be away: that passes.
func TestBatchOnAConnectedSocketOutlivesItsPeer(t *testing.T) {
	for _, addr := range loopbacks {
		t.Run(addr, func(t *testing.T) {
			x, y := connected(t, addr)
			bx := newBatch(t, x, BatchOptions{})
			there := addrPort(y)
			y.Close()
			out := []Datagram{{Data: []byte("a")}, {Data: []byte("b")}, {Data: []byte("c")}, {Data: []byte("d")}}
			if _, err := bx.Write(out); err != nil && !errors.Is(err, unix.ECONNREFUSED) {
				t.Errorf("Write to nobody: %v", err)
			}
			if _, err := bx.Write(out[:1]); !errors.Is(err, unix.ECONNREFUSED) {
				t.Errorf("the next Write: %v", err)
			}
			if err := bx.SetReadDeadline(time.Now().Add(5 * time.Second)); err != nil {
				t.Fatal(err)
			}
			if _, err := bx.Read(make([]Datagram, 1)); !errors.Is(err, unix.ECONNREFUSED) {
				t.Errorf("Read: %v", err)
			}
			y, err := net.DialUDP("udp", net.UDPAddrFromAddrPort(there), net.UDPAddrFromAddrPort(addrPort(x)))
			if err != nil {
				t.Fatal(err)
			}
			defer y.Close()
			if n, _ := bx.Write(out); n != len(out) {
				t.Errorf("%d of %d sent after the peer came back", n, len(out))
			}
			by := newBatch(t, y, BatchOptions{})
			readAll(t, by, len(out), 4)
		})
	}
}

func TestBatchReadEnds(t *testing.T) {
	c := listenUDP(t, "127.0.0.1")
	b := newBatch(t, c, BatchOptions{})
	ended := make(chan error)
	read := func() {
		_, err := b.Read(make([]Datagram, 1))
		ended <- err
	}
	go read()
	if err := b.SetReadDeadline(time.Unix(1, 0)); err != nil {
		t.Fatal(err)
	}
	if err := <-ended; !errors.Is(err, os.ErrDeadlineExceeded) {
		t.Errorf("deadline passed: %v", err)
	}
	if err := b.SetReadDeadline(time.Time{}); err != nil {
		t.Fatal(err)
	}
	go read()
	time.Sleep(10 * time.Millisecond)
	if err := b.Close(); err != nil {
		t.Error(err)
	}
	if err := <-ended; !errors.Is(err, net.ErrClosed) {
		t.Errorf("closed: %v", err)
	}
	if _, err := b.Write([]Datagram{{Data: []byte("x"), Peer: netip.MustParseAddrPort("127.0.0.1:9")}}); !errors.Is(err, net.ErrClosed) {
		t.Errorf("Write when closed: %v", err)
	}
	if err := b.SetReadDeadline(time.Time{}); !errors.Is(err, net.ErrClosed) {
		t.Errorf("SetReadDeadline when closed: %v", err)
	}
}

func TestBatchDoesNotAllocate(t *testing.T) {
	for _, addr := range loopbacks {
		for name, o := range map[string]BatchOptions{"plain": {}, "segmented": {GSO: true, GRO: true}} {
			t.Run(addr+" "+name, func(t *testing.T) {
				x, y := listenUDP(t, addr), listenUDP(t, addr)
				bx, by := newBatch(t, x, o), newBatch(t, y, o)
				out, in := make([]Datagram, 16), make([]Datagram, 16)
				for i := range out {
					out[i] = Datagram{Data: make([]byte, 300), Peer: addrPort(y), Local: netip.MustParseAddr(addr), IfIndex: 1}
				}
				if n := testing.AllocsPerRun(200, func() {
					if n, err := bx.Write(out); n != len(out) || err != nil {
						t.Fatal(n, err)
					}
					for n := 0; n < len(out); {
						k, err := by.Read(in)
						if err != nil {
							t.Fatal(err)
						}
						n += k
					}
				}); n != 0 {
					t.Errorf("%v allocations for a Write and a Read of 16", n)
				}
			})
		}
	}
}

// An idle daemon has many sockets with large buffers: they must cost nothing
// until they are used.
func TestBatchBuffersCostNothingUntouched(t *testing.T) {
	before := resident(t)
	var kept []*Batch
	for range 32 {
		b := newBatch(t, listenUDP(t, "127.0.0.1"), BatchOptions{})
		kept = append(kept, b)
	}
	if grown := resident(t) - before; grown > 4<<20 {
		t.Errorf("32 sockets with 4 MiB of buffers each: %d KiB resident", grown>>10)
	}
	for _, b := range kept {
		b.Release()
	}
}

func TestBatchBuffersAreUsedAgain(t *testing.T) {
	c := listenUDP(t, "127.0.0.1")
	b := newBatch(t, c, BatchOptions{Slots: 3})
	mem := &b.r.mem[0]
	b.Release()
	b.Release()
	if _, err := b.Read(make([]Datagram, 1)); !errors.Is(err, net.ErrClosed) {
		t.Errorf("Read after Release: %v", err)
	}
	if again := newBatch(t, listenUDP(t, "127.0.0.1"), BatchOptions{Slots: 3}); &again.r.mem[0] != mem {
		t.Error("other memory was mapped")
	}
}

// resident returns the octets of memory that the process has.
func resident(t *testing.T) int {
	t.Helper()
	text, err := os.ReadFile("/proc/self/statm")
	if err != nil {
		t.Fatal(err)
	}
	pages := 0
	for _, c := range bytes.Fields(text)[1] {
		pages = pages*10 + int(c-'0')
	}
	return pages * os.Getpagesize()
}

func FuzzControl(f *testing.F) {
	b := make([]byte, 128)
	f.Add(b[:putPacketInfo(b, netip.MustParseAddr("fe80::1"), 7, false)])
	f.Add(b[:putPacketInfo(b, netip.MustParseAddr("192.0.2.1"), 7, true)])
	f.Add(b[:putSegment(b, 512)])
	f.Fuzz(func(t *testing.T, b []byte) {
		aligned := new(controlBuf)
		n := copy(aligned.b[:], b)
		c := parseControl(aligned.b[:n])
		if !c.local.Is6() {
			return // on sending, the IPv4 address stands in another field than on receipt
		}
		again := new(controlBuf)
		n = putPacketInfo(again.b[:], c.local, c.ifIndex, false)
		if d := parseControl(again.b[:n]); d.local != c.local || d.ifIndex != c.ifIndex {
			t.Errorf("%v %d became %v %d", c.local, c.ifIndex, d.local, d.ifIndex)
		}
	})
}

func BenchmarkBatch(b *testing.B) {
	for name, o := range map[string]BatchOptions{"plain": {}, "segmented": {GSO: true, GRO: true}} {
		for _, size := range []int{1, 16, 64} {
			b.Run(fmt.Sprintf("%s/%d", name, size), func(b *testing.B) {
				x, y := connected(b, "::1")
				bx, by := newBatch(b, x, o), newBatch(b, y, o)
				out, in := make([]Datagram, size), make([]Datagram, 64)
				for i := range out {
					out[i].Data = make([]byte, 348)
				}
				b.ReportAllocs()
				for b.Loop() {
					if n, err := bx.Write(out); n != size {
						b.Fatal(n, err)
					}
					for n := 0; n < size; {
						k, err := by.Read(in)
						if err != nil {
							b.Fatal(err)
						}
						n += k
					}
				}
				b.ReportMetric(float64(size)*float64(b.N)/b.Elapsed().Seconds(), "datagrams/s")
			})
		}
	}
}

// What comes after a Read is taken without waiting, and what was read before
// stays as it is, up to the slots that there are.
func TestMore(t *testing.T) {
	for _, addr := range loopbacks {
		x, y := connected(t, addr)
		b := newBatch(t, x, BatchOptions{Slots: 3})
		in := make([]Datagram, 8)
		if n := b.More(in); n != 0 {
			t.Errorf("%s: %d datagrams before the first Read", addr, n)
		}
		send := func(text string) {
			t.Helper()
			if _, err := y.Write([]byte(text)); err != nil {
				t.Fatal(err)
			}
		}
		for range 2 { // the slots are used again
			send("one")
			n, err := b.Read(in)
			if n != 1 || err != nil {
				t.Fatalf("%s: %d, %v", addr, n, err)
			}
			n += b.More(in[n:])
			send("two, which is longer")
			send("three")
			send("four")
			n += b.More(in[n:])
			if m := b.More(in[n:]); n != 3 || m != 0 || b.Drained() {
				t.Fatalf("%s: %d datagrams and %d with 3 slots; drained: %v", addr, n, m, b.Drained())
			}
			for i, want := range []string{"one", "two, which is longer", "three"} {
				if string(in[i].Data) != want || in[i].Peer != addrPort(y) || in[i].At.Before(in[0].At) {
					t.Errorf("%s: %q from %v, want %q", addr, in[i].Data, in[i].Peer, want)
				}
			}
			if n, err := b.Read(in); n != 1 || err != nil || string(in[0].Data) != "four" {
				t.Fatalf("%s: %d, %v, %q", addr, n, err, in[0].Data)
			}
			if n := b.More(in[1:]); n != 0 || !b.Drained() {
				t.Fatalf("%s: %d datagrams of none; drained: %v", addr, n, b.Drained())
			}
		}
	}
}
