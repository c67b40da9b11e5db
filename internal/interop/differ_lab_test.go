//go:build interop

package interop

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/dhcp4o6/dhcp4o6/internal/dhcptest"
)

// A bed is one of the two servers under comparison, in a host of its own, with
// the wires to it in the test's hands: it writes and reads frames, so it sees
// where an answer goes and how. Both beds have the same names and addresses.
//
//	wire 0 --- s0 server s1 --- wire 1
type bed struct {
	who    seat
	server *dhcptest.Namespace
	dir    string
	wires  [2]int // packet sockets
	buf    [65536]byte

	conf, sock string
	v6         *dhcptest.Process
	v4         *exec.Cmd
	log        *os.File
}

// The addresses of a bed. All that the server's kernel sends goes by a router
// whose hardware address it knows, so that nothing waits for ARP.
const (
	bedS0, bedS1 = "192.0.2.1", "198.51.100.1"
	bedMAC       = "02:00:00:00:5e:0" // and the number of the link
	bedRouter    = "02:00:00:00:5e:99"
	bedPort      = 786
)

func newBed(t *testing.T, lab *dhcptest.Lab, who seat) *bed {
	t.Helper()
	b := &bed{who: who, server: lab.Namespace(string(who) + "s"), dir: filepath.Join(lab.Dir, string(who))}
	for _, dir := range []string{b.dir, filepath.Join(b.dir, "run")} {
		if err := os.MkdirAll(dir, 0o750); err != nil {
			t.Fatal(err)
		}
	}
	b.conf, b.sock = filepath.Join(b.dir, "dhcp4.json"), filepath.Join(b.dir, "run", "sock")
	wires := lab.Namespace(string(who) + "w")
	for i, addr := range []string{bedS0, bedS1} {
		s, c := fmt.Sprintf("s%d", i), fmt.Sprintf("c%d", i)
		lab.Wire(wires, c, b.server, s)
		b.server.IP("link set " + s + " address " + bedMAC + fmt.Sprint(i))
		b.server.IP("addr add " + addr + "/24 dev " + s + " noprefixroute")
		router := strings.TrimSuffix(addr, ".1") + ".9"
		b.server.IP("neigh replace " + router + " lladdr " + bedRouter + " dev " + s + " nud permanent")
		for _, to := range [][]string{{"default"}, {"198.51.100.0/24", "203.0.113.128/25"}}[i] {
			b.server.IP("route add " + to + " via " + router + " dev " + s + " onlink")
		}
		b.wires[i] = packetSocket(t, wires, c)
	}
	b.server.Must("sysctl", "-qw", "net.ipv4.conf.all.rp_filter=0", "net.ipv4.conf.default.rp_filter=0", "net.ipv4.conf.s0.rp_filter=0", "net.ipv4.conf.s1.rp_filter=0")
	for _, gone := range []string{"fe80::/64"} {
		b.server.IP("-6 route del " + gone + " dev s0")
	}
	b.server.IP("-6 neigh replace fe80::99 lladdr " + bedRouter + " dev s0 nud permanent")
	for _, to := range []string{"2001:db8::/32", "fe80::/64"} {
		b.server.IP("-6 route add " + to + " via fe80::99 dev s0 onlink")
	}
	b.takeUpdates(t)
	b.startV6(t, lab)
	t.Cleanup(b.stop)
	return b
}

// takeUpdates opens the port that requests for the DNS go to, so that Kea does not
// stop making them.
func (b *bed) takeUpdates(t *testing.T) {
	t.Helper()
	err := b.server.Do(func() error {
		c, err := net.ListenPacket("udp4", "127.0.0.1:53001")
		if err == nil {
			t.Cleanup(func() { c.Close() })
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
}

// packetSocket opens a socket for whole frames of a link.
func packetSocket(t *testing.T, n *dhcptest.Namespace, iface string) (fd int) {
	t.Helper()
	err := n.Do(func() error {
		link, err := net.InterfaceByName(iface)
		if err != nil {
			return err
		}
		const all = unix.ETH_P_ALL<<8&0xff00 | unix.ETH_P_ALL>>8
		if fd, err = unix.Socket(unix.AF_PACKET, unix.SOCK_RAW|unix.SOCK_CLOEXEC|unix.SOCK_NONBLOCK, all); err != nil {
			return err
		}
		return unix.Bind(fd, &unix.SockaddrLinklayer{Protocol: all, Ifindex: link.Index})
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { unix.Close(fd) })
	return fd
}

// startV6 runs the DHCPv6 half of the pair, which stays the same for all cases.
func (b *bed) startV6(t *testing.T, lab *dhcptest.Lab) {
	t.Helper()
	conf := lab.Write(string(b.who)+"6.json", fmt.Sprintf(`{"Dhcp6": {
		"interfaces-config": {"interfaces": ["s0"]}, "dhcp4o6-port": %d,
		"lease-database": {"type": "memfile", "persist": false}, "server-id": {"type": "LL", "persist": false},
		"subnet6": [{"id": 1, "subnet": "2001:db8::/32", "interface": "s0"}],
		"loggers": [{"name": "kea-dhcp6", "severity": "WARN", "output_options": [{"output": "stdout"}]}]}}`, bedPort))
	b.v6 = b.server.Start(b.env(), append(program(b.who, 6), "-c", conf)...)
	dhcptest.WaitFor(t, 15*time.Second, "DHCPv6 side of "+string(b.who), func() bool { return b.server.Bound(fmt.Sprintf("[::1]:%d", bedPort)) })
}

func (b *bed) env() []string {
	return []string{"KEA_PIDFILE_DIR=" + b.dir, "KEA_LOCKFILE_DIR=none"}
}

// serve brings a configuration into force, with no leases. Kea takes it by a
// command, which empties its lease table; ours starts anew.
func (b *bed) serve(config string) error {
	if b.who == kea && b.alive() {
		return b.command(fmt.Sprintf(`{"command": "config-set", "arguments": %s}`, b.own(config)))
	}
	b.stop()
	if err := os.WriteFile(b.conf, []byte(b.own(config)), 0o600); err != nil {
		return err
	}
	var err error
	if b.log, err = os.Create(filepath.Join(b.dir, "log")); err != nil {
		return err
	}
	b.v4 = b.server.Command(append(program(b.who, 4), "-c", b.conf)...)
	b.v4.Env = append(os.Environ(), b.env()...)
	b.v4.Stdout, b.v4.Stderr = b.log, b.log
	if err := b.v4.Start(); err != nil {
		return err
	}
	ended := make(chan struct{})
	cmd := b.v4
	go func() { cmd.Wait(); close(ended) }()
	for end := time.Now().Add(20 * time.Second); time.Now().Before(end); time.Sleep(2 * time.Millisecond) {
		select {
		case <-ended:
			b.v4 = nil
			return fmt.Errorf("%s does not start:\n%s", b.who, b.said())
		default:
		}
		if c, err := net.Dial("unix", b.sock); err == nil {
			c.Close()
			return nil
		}
	}
	return fmt.Errorf("%s opens no control socket:\n%s", b.who, b.said())
}

// own puts the bed's own folder into a configuration.
func (b *bed) own(config string) string { return strings.ReplaceAll(config, "DIR", b.dir) }

func (b *bed) said() string {
	text, _ := os.ReadFile(filepath.Join(b.dir, "log"))
	return string(text)
}

func (b *bed) alive() bool { return b.v4 != nil && b.v4.Process.Signal(syscall.Signal(0)) == nil }

// stop ends the DHCPv4 server.
func (b *bed) stop() {
	if b.v4 == nil {
		return
	}
	b.v4.Process.Kill()
	for end := time.Now().Add(5 * time.Second); b.alive() && time.Now().Before(end); time.Sleep(time.Millisecond) {
	}
	b.v4 = nil
	b.log.Close()
	os.Remove(b.sock)
	os.Remove(b.sock + ".lock")
}

// command sends a command to the control socket.
func (b *bed) command(request string) error {
	c, err := net.Dial("unix", b.sock)
	if err != nil {
		return err
	}
	defer c.Close()
	c.SetDeadline(time.Now().Add(20 * time.Second))
	if _, err := io.WriteString(c, request); err != nil {
		return err
	}
	text, err := io.ReadAll(c)
	if err != nil {
		return err
	}
	var a twinAnswer
	if err := json.Unmarshal(text, &a); err != nil {
		return err
	}
	if a.Result != 0 {
		return errRefused{a.Text}
	}
	return nil
}

// errRefused says that a server does not take a configuration.
type errRefused struct{ text string }

func (e errRefused) Error() string { return "refused: " + e.text }

// write puts a frame onto a wire.
func (b *bed) write(wire int, frame []byte) error {
	_, err := unix.Write(b.wires[wire], frame)
	return err
}

// read waits for the next frame from the server that holds a UDP datagram of
// a DHCP server.
func (b *bed) read(until time.Time) (*heard, error) {
	for {
		polls := []unix.PollFd{{Fd: int32(b.wires[0]), Events: unix.POLLIN}, {Fd: int32(b.wires[1]), Events: unix.POLLIN}}
		left := time.Until(until)
		if left <= 0 {
			return nil, os.ErrDeadlineExceeded
		}
		if _, err := unix.Poll(polls, int(left/time.Millisecond)+1); err != nil && !errors.Is(err, unix.EINTR) {
			return nil, err
		}
		for i := range polls {
			if polls[i].Revents&unix.POLLIN == 0 {
				continue
			}
			n, from, err := unix.Recvfrom(b.wires[i], b.buf[:], 0)
			if err != nil {
				if errors.Is(err, unix.EAGAIN) {
					continue
				}
				return nil, err
			}
			if sll, ok := from.(*unix.SockaddrLinklayer); !ok || sll.Pkttype == unix.PACKET_OUTGOING {
				continue
			}
			if h := hear(i, b.buf[:n]); h != nil {
				return h, nil
			}
		}
	}
}
