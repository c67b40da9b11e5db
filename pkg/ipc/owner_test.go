package ipc

import (
	"errors"
	"net"
	"net/netip"
	"os"
	"runtime"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/dhcp4o6/dhcp4o6/internal/dhcptest/need"
)

const strangerUID = 65534 // a user that is neither root, nor us, nor Kea's

// intruder takes the v4 side's port as another user of the host.
func intruder(t *testing.T, port uint16, connected bool) *net.UDPConn {
	t.Helper()
	return intruderAt(t, V4Side, port, connected)
}

func intruderAt(t *testing.T, side Side, port uint16, connected bool) *net.UDPConn {
	t.Helper()
	need.Root(t)
	var c *net.UDPConn
	done := make(chan error)
	go func() {
		runtime.LockOSThread() // never unlocked: the thread ends as the user that it became
		if err := unix.Setfsuid(strangerUID); err != nil {
			done <- err
			return
		}
		local := &net.UDPAddr{IP: net.IPv6loopback, Port: int(side.local(port))}
		var err error
		if connected {
			c, err = net.DialUDP("udp6", local, &net.UDPAddr{IP: net.IPv6loopback, Port: int(side.remote(port))})
		} else {
			c, err = net.ListenUDP("udp6", local)
		}
		done <- err
	}()
	if err := <-done; err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	return c
}

// Who takes the port of a daemon that is down gets no query and is not heard,
// connected or not; when the daemon is back the pair works again.
func TestStrangerAtThePort(t *testing.T) {
	for _, connected := range []bool{true, false} {
		port := freePair(t)
		v6 := open(t, V6Side, port, Options{Owners: Trusted()})
		ask := []Message{{Data: sized(20, 300), Origin: client}}
		v4 := open(t, V4Side, port, Options{})
		if n, err := v6.Write(ask); n != 1 || err != nil {
			t.Fatalf("to the true one: %d, %v", n, err)
		}
		v4.Close()

		c := intruder(t, port, connected)
		if n, err := v6.Write(ask); n != 0 || err != ErrOwner {
			t.Errorf("connected %v: to the stranger: %d, %v", connected, n, err)
		}
		forged, _ := written(V4Side, client, sized(21, 300))
		if _, err := c.WriteToUDPAddrPort(forged, netip.AddrPortFrom(netip.IPv6Loopback(), port)); err != nil && !connected {
			t.Fatal(err)
		}
		if connected {
			if _, err := c.Write(forged); err != nil {
				t.Fatal(err)
			}
		}
		stop := time.AfterFunc(200*time.Millisecond, func() { v6.socket.wake() })
		n, err := readOnce(v6)
		stop.Stop()
		if n != 0 {
			t.Errorf("connected %v: the stranger is heard, %v", connected, err)
		}
		if got := v6.Stats().Refused(ErrOwner); got != 2 {
			t.Errorf("connected %v: %d refused, want 2", connected, got)
		}
		c.Close()

		v4 = open(t, V4Side, port, Options{})
		v6.socket.batch.SetReadDeadline(time.Time{})
		v6.Write(ask)
		v4.Write([]Message{{Data: sized(21, 300), Origin: client}})
		readAll(t, v6, 1)
	}
}

// readOnce is Read up to the first datagrams, good or not; Read waits for a
// message to hand out.
func readOnce(c *Conn) (int, error) {
	s := c.socket
	c.readFrom(s)
	err := c.in.fill(s)
	for ; refused(err); err = c.in.fill(s) {
		c.missed(err)
	}
	if err != nil {
		return 0, err
	}
	return c.take(make([]Message, 4)), nil
}

// Nobody at the port is not a stranger: the host says so, and that is counted.
func TestNobodyAtThePort(t *testing.T) {
	v6 := open(t, V6Side, freePair(t), Options{Owners: func(uint32) bool { return false }})
	for range 2 {
		if _, err := v6.Write([]Message{{Data: sized(20, 300), Origin: client}}); err != nil && !errors.Is(err, syscall.ECONNREFUSED) {
			t.Error(err)
		}
	}
	if v6.Stats().PeerDown.Load() == 0 || v6.Stats().Refused(ErrOwner) != 0 {
		t.Errorf("%d times gone, %d of a stranger", v6.Stats().PeerDown.Load(), v6.Stats().Refused(ErrOwner))
	}
}

// The owner is asked for with every batch: who was right a moment ago is not
// taken at his word.
func TestOwnerIsLookedUpPerBatch(t *testing.T) {
	var asked atomic.Int32
	var right atomic.Bool
	allowed := func(uid uint32) bool {
		asked.Add(1)
		return right.Load() && int(uid) == os.Geteuid()
	}
	port := freePair(t)
	v6 := open(t, V6Side, port, Options{Owners: allowed})
	v4 := open(t, V4Side, port, Options{Owners: Trusted()})
	batch := []Message{{Data: sized(20, 300), Origin: client}, {Data: sized(20, 301), Origin: client}}
	for range 5 {
		for _, ok := range []bool{true, false} {
			right.Store(ok)
			n, err := v6.Write(batch)
			if ok && (n != 2 || err != nil) || !ok && err != ErrOwner {
				t.Errorf("right %v: %d, %v", ok, n, err)
			}
		}
		readAll(t, v4, 2)
	}
	if n := asked.Load(); n != 10 {
		t.Errorf("looked up %d times for 10 batches", n)
	}

	asked.Store(0)
	right.Store(true)
	for range 2 {
		v4.Write([]Message{{Data: sized(21, 300), Origin: client}, {Data: sized(21, 301), Origin: client}})
	}
	if readAll(t, v6, 4); asked.Load() > 2 {
		t.Errorf("looked up %d times for 2 batches read", asked.Load())
	}
	if !v6.Checked() || open(t, V4Side, freePair(t), Options{}).Checked() {
		t.Error("what is checked and what is not")
	}
	v6.SetOwners(func(uint32) bool { return false })
	if _, err := v6.Write(batch); err != ErrOwner {
		t.Errorf("after the list was changed: %v", err)
	}
}

// What the peer has sent before it went is dropped: who else may have sent it
// cannot be told any more.
func TestNobodyIsHeard(t *testing.T) {
	port := freePair(t)
	v6 := open(t, V6Side, port, Options{Owners: Trusted()})
	v4 := open(t, V4Side, port, Options{})
	if n, err := v4.Write([]Message{{Data: sized(21, 300), Origin: client}}); n != 1 {
		t.Fatal(err)
	}
	v4.Close()
	if n, err := readOnce(v6); n != 0 || v6.Stats().Refused(ErrNobody) != 1 {
		t.Errorf("%d read, %v, %d refused", n, err, v6.Stats().Refused(ErrNobody))
	}
}

// Where anybody can take the port, what came before the v4 side has seen the
// peer's socket is dropped: it may be that of who had the port before. The v6
// side makes itself seen before its first query.
func TestNewcomer(t *testing.T) {
	port := freePair(t)
	v4 := open(t, V4Side, port, Options{Owners: Trusted()})
	forged, _ := written(V6Side, client, sized(20, 300))
	away := intruderAt(t, V6Side, port, true)
	if _, err := away.Write(forged); err != nil {
		t.Fatal(err)
	}
	away.Close()
	v6 := open(t, V6Side, port, Options{Owners: Trusted()}) // before anybody has read
	if n, err := readOnce(v4); n != 0 || v4.Stats().Refused(ErrNewcomer) != 1 {
		t.Errorf("%d read, %v; %d refused", n, err, v4.Stats().Refused(ErrNewcomer))
	}
	ask := []Message{{Data: sized(20, 301), Origin: client}}
	for range 3 {
		v6.Write(ask)
		readAll(t, v4, 1)
	}
	v6.Close()
	for range 3 { // starts that nobody disturbs lose nothing
		v6 = open(t, V6Side, port, Options{Owners: Trusted()})
		if n, err := readOnce(v4); n != 0 || err != nil { // the greeting
			t.Errorf("%d read, %v", n, err)
		}
		v6.Write(ask)
		readAll(t, v4, 1)
		v6.Close()
	}
	if n := v4.Stats().Refused(ErrNewcomer); n != 1 {
		t.Errorf("%d refused", n)
	}

	v6 = open(t, V6Side, port, Options{}) // as any other peer does, it says nothing first
	v6.Write(ask)
	v6.Write(ask)
	if n, _ := readOnce(v4); n != 0 || v4.Stats().Refused(ErrNewcomer) < 2 {
		t.Errorf("%d read, %d refused", n, v4.Stats().Refused(ErrNewcomer))
	}
	v6.Write(ask)
	readAll(t, v4, 1)

	v4.Close()
	v4 = open(t, V4Side, port, Options{Owners: Trusted()}) // who is there at its start is no newcomer
	v6.Write(ask)
	readAll(t, v4, 1)
}

// What the two questions about the owner cost beside a batch of 16.
func BenchmarkOwnerPerBatch(b *testing.B) {
	for _, name := range []string{"unchecked", "checked"} {
		b.Run(name, func(b *testing.B) {
			var o Options
			if name == "checked" {
				o.Owners = Trusted()
			}
			port := freePair(b)
			v6, v4 := open(b, V6Side, port, o), open(b, V4Side, port, o)
			out, in := make([]Message, 16), make([]Message, 64)
			for i := range out {
				out[i] = Message{Data: sized(20, 300), Origin: client}
			}
			b.ReportAllocs()
			for b.Loop() {
				if _, err := v6.Write(out); err != nil {
					b.Fatal(err)
				}
				for n := 0; n < len(out); {
					k, err := v4.Read(in)
					if err != nil {
						b.Fatal(err)
					}
					n += k
				}
			}
		})
	}
}

func TestTrusted(t *testing.T) {
	trusted := Trusted("4711", "no-such-user-here")
	for uid, want := range map[uint32]bool{0: true, uint32(os.Geteuid()): true, 4711: true, 4712: false, strangerUID: false} {
		if trusted(uid) != want {
			t.Errorf("user %d: %v", uid, !want)
		}
	}
}
