//go:build interop

package interop

import (
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"os"
	"os/exec"
	"syscall"
	"testing"
	"time"

	"github.com/dhcp4o6/dhcp4o6/internal/dhcptest"
	"github.com/dhcp4o6/dhcp4o6/pkg/dhcp4"
	"github.com/dhcp4o6/dhcp4o6/pkg/dhcp6"
)

// A job is what a local user without any right does with a port of the pair.
type job struct {
	V6Seat  bool   // takes the port of dhcp6d, else that of dhcp4d
	Port    uint16 // of the pair
	Loose   bool   // does not connect the socket
	Snatch  bool   // takes the port for a moment, again and again, else holds it
	Seconds float64
	Prey    netip.Addr  // dhcp4d's seat: where forged answers shall go
	Leases  []takenFrom // dhcp6d's seat: leases of others
}

// takenFrom is a client's lease that the stranger would like to end.
type takenFrom struct {
	HWAddr [6]byte
	Lease  dhcptest.Lease4
}

// Loot is what came of a job.
type loot struct {
	UID      int
	Problem  string // the port cannot be had
	Taken    int    // times the port was had
	Sent     int    // forged messages, unasked
	Heard    int    // messages of the other daemon
	Answered int    // of those, with a forged answer
}

const strangerUID = 65534

// asStranger has the test binary do the job that it holds.
const asStranger = "DHCP4O6_TEST_STRANGER"

func TestMain(m *testing.M) {
	text := os.Getenv(asStranger)
	if text == "" {
		os.Exit(m.Run())
	}
	var j job
	if err := json.Unmarshal([]byte(text), &j); err != nil {
		panic(err)
	}
	if err := json.NewEncoder(os.Stdout).Encode(j.do()); err != nil {
		panic(err)
	}
}

// stranger starts the job in a process of the user 65534 on the server's host. The
// function returned waits for its end.
func (s *site) stranger(t *testing.T, j job) func() loot {
	t.Helper()
	text, err := json.Marshal(j)
	if err != nil {
		t.Fatal(err)
	}
	c := exec.Command("/proc/self/exe") // whose folder that user may not enter
	c.Env = []string{asStranger + "=" + string(text)}
	c.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: strangerUID, Gid: strangerUID}}
	c.Dir, c.Stderr = "/", os.Stderr
	out, err := c.StdoutPipe()
	if err == nil {
		err = s.server.Do(c.Start)
	}
	if err != nil {
		t.Fatal(err)
	}
	return func() (got loot) {
		t.Helper()
		if err := errors.Join(json.NewDecoder(out).Decode(&got), c.Wait()); err != nil {
			t.Fatal(err)
		}
		if got.UID != strangerUID {
			t.Fatalf("the stranger runs as user %d", got.UID)
		}
		return got
	}
}

// do is the life of the process.
func (j job) do() (got loot) {
	got.UID = os.Geteuid()
	end := time.Now().Add(time.Duration(j.Seconds * float64(time.Second)))
	for first := true; first || j.Snatch && time.Now().Before(end); first = false {
		c, err := j.take()
		if errors.Is(err, syscall.EADDRINUSE) && j.Snatch {
			continue
		}
		if err != nil {
			got.Problem = err.Error()
			return got
		}
		got.Taken++
		till := end
		if j.Snatch {
			till = time.Now().Add(200 * time.Microsecond)
		}
		j.use(c, &got, till)
		c.Close()
		if j.Snatch {
			time.Sleep(200 * time.Microsecond) // for the other to have it
		}
	}
	return got
}

// take has the port, connected to the daemon that lives.
func (j job) take() (*net.UDPConn, error) {
	local, peer := j.ports()
	if j.Loose {
		return net.ListenUDP("udp6", net.UDPAddrFromAddrPort(local))
	}
	return net.DialUDP("udp6", net.UDPAddrFromAddrPort(local), net.UDPAddrFromAddrPort(peer))
}

func (j job) ports() (local, peer netip.AddrPort) {
	six, four := netip.AddrPortFrom(netip.IPv6Loopback(), j.Port), netip.AddrPortFrom(netip.IPv6Loopback(), j.Port+1)
	if j.V6Seat {
		return six, four
	}
	return four, six
}

// use says all that the stranger has to say, then answers what it hears.
func (j job) use(c *net.UDPConn, got *loot, till time.Time) {
	_, peer := j.ports()
	say := func(b []byte) bool {
		var err error
		if j.Loose {
			_, err = c.WriteToUDPAddrPort(b, peer)
		} else {
			_, err = c.Write(b)
		}
		return err == nil
	}
	for i, b := range j.speech() {
		if say(b) {
			got.Sent++
		}
		if i%64 == 63 && !j.Snatch {
			time.Sleep(5 * time.Millisecond) // so that the queue holds everything
		}
	}
	c.SetReadDeadline(till)
	buf := make([]byte, 65536)
	for {
		n, err := c.Read(buf)
		if errors.Is(err, syscall.ECONNREFUSED) && time.Now().Before(till) {
			continue // of an earlier message
		}
		if err != nil {
			return
		}
		got.Heard++
		if a := j.answer(buf[:n]); a != nil && say(a) {
			got.Answered++
		}
	}
}

// speech is what is said unasked: answers of every type to the prey, or RELEASEs
// of others' leases.
func (j job) speech() (all [][]byte) {
	c := &dhcptest.Client4o6{HWAddr: [6]byte{2, 0, 0x5e, 0x66, 0, 1}}
	if !j.V6Seat {
		for kind := range 256 {
			b := originated(c.Query(dhcp4.Discover, false, nil), j.Prey)
			b[0] = byte(kind)
			all = append(all, b)
		}
		return all
	}
	for _, l := range j.Leases {
		c.HWAddr = l.HWAddr
		b := c.Query(dhcp4.Release, true, func(w *dhcp4.Builder) {
			w.Header.CIAddr = l.Lease.Addr
			w.Add(dhcp4.OptServerID, l.Lease.Server)
		})
		all = append(all, originated(b, netip.MustParseAddr(clientNet+"77")))
	}
	for i := range 64 {
		c.HWAddr[4], c.HWAddr[5] = 0x66, byte(i)
		all = append(all, originated(c.Query(dhcp4.Discover, false, nil), netip.MustParseAddr(clientNet+"77")))
	}
	return all
}

// originated puts the pair's vendor option into a message.
func originated(b []byte, from netip.Addr) []byte {
	v := binary.BigEndian.AppendUint32(nil, 2495)
	v = dhcp6.AppendOption(v, 60000, []byte("s0"))
	v = dhcp6.AppendOption(v, 60001, from.AsSlice())
	v = dhcp6.AppendOption(v, 60002, []byte{0x02, 0x22})
	out := dhcp6.AppendOption(append([]byte{}, b[:4]...), dhcp6.OptVendorOpts, v)
	return append(out, b[4:]...)
}

// answer turns a query into its answer, or an OFFER into the REQUEST of its address.
func (j job) answer(b []byte) []byte {
	var e dhcp6.Envelope
	if e.Parse(b) != nil {
		return nil
	}
	inner, ok := e.Message.Options.Option(dhcp6.OptDHCPv4Message)
	if !ok || len(inner) == 0 {
		return nil
	}
	if !j.V6Seat {
		b[0], inner[0] = byte(dhcp6.DHCPv4Response), 2
		return b
	}
	var m dhcp4.Message
	if m.Parse(inner) != nil || m.Type() != dhcp4.Offer {
		return nil
	}
	c := &dhcptest.Client4o6{HWAddr: [6]byte(m.CHAddr())}
	server, _ := m.Option(dhcp4.OptServerID)
	return originated(c.Query(dhcp4.Request, false, func(w *dhcp4.Builder) {
		w.Add(dhcp4.OptRequestedAddress, m.YIAddr.AsSlice())
		w.Add(dhcp4.OptServerID, server)
	}), netip.MustParseAddr(clientNet+"77"))
}

func (l loot) String() string {
	if l.Problem != "" {
		return "cannot have the port: " + l.Problem
	}
	return fmt.Sprintf("had the port %d times, said %d, heard %d, answered %d", l.Taken, l.Sent, l.Heard, l.Answered)
}
