// Demo shows the main job of this project on one machine, without privileges:
// dhcp6c gets an IPv6 address, and dhcp4c beside it an IPv4 lease over IPv6 through
// dhcp6d and dhcp4d; dhcp6c gets both alone; then dhcp4d is killed and started
// again, and a client of dhcpload renews the same address. It ends by itself.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"net"
	"os"
	"os/signal"
	"path/filepath"
	"strings"
	"syscall"
	"time"
)

func main() {
	bin := flag.String("bin", "bin", "the folder with the built programs")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGINT, syscall.SIGTERM, syscall.SIGHUP)
	context.AfterFunc(ctx, stop) // a second Ctrl-C does not wait
	err := run(ctx, *bin)
	if ctx.Err() != nil {
		err = errors.New("interrupted; nothing is left running")
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "demo:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, bin string) error {
	if err := needLoopback(); err != nil {
		return err
	}
	dir, err := os.MkdirTemp("", "dhcp4o6-demo-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	s, err := newStage(ctx, bin, dir)
	if err != nil {
		return err
	}
	defer s.stop()
	return s.play()
}

// needLoopback says plainly what is missing on a host without IPv6.
func needLoopback() error {
	c, err := net.ListenPacket("udp6", "[::1]:0")
	if err != nil {
		return fmt.Errorf("this machine has no IPv6 loopback address ::1, which the two daemons talk over (%w); "+
			"as root: ip link set lo up && sysctl -w net.ipv6.conf.lo.disable_ipv6=0", err)
	}
	return c.Close()
}

// play is the demo, scene by scene.
func (s *stage) play() error {
	s.title("Both daemons start, as processes of an ordinary user, on ports that were free")
	if err := s.start("dhcp6d", "-p", fmt.Sprint(s.port), "-P", "0"); err != nil {
		return err
	}
	if err := s.start("dhcp4d"); err != nil {
		return err
	}

	if err := s.clients(); err != nil {
		return err
	}

	s.title("A client of dhcpload asks for an IPv4 address inside DHCPv6, message by message")
	if err := s.client(); err != nil {
		return err
	}
	addr, header, row, err := s.lease()
	if err != nil {
		return err
	}

	s.title("dhcp4d is killed (SIGKILL) and started again")
	s.kill("dhcp4d")
	if err := s.start("dhcp4d"); err != nil {
		return err
	}

	s.pause(time.Second) // lease files count in seconds: the renewal shall be seen to be a later one
	s.title("The client renews " + addr)
	if err := s.client("--renew-address", addr); err != nil {
		return err
	}
	again, _, renewed, err := s.lease()
	if err != nil {
		return err
	}
	if again != addr {
		return fmt.Errorf("the client had %s and now has %s", addr, again)
	}

	s.title("The lease file, before the kill and after the renewal")
	s.say("", header)
	s.say("", row)
	s.say("", renewed)
	s.title("Done: " + addr + " outlived the crash")
	return nil
}

// clients has the real clients get leases, which they print and do not carry out:
// that would take privileges.
func (s *stage) clients() error {
	s.title("dhcp6c gets an IPv6 address; dhcp4c sends through it, and gets an IPv4 address")
	six, err := s.begin("dhcp6c", s.dry("dhcp6c", "--server", fmt.Sprintf("[::1]:%d", s.port), "--4o6-port", fmt.Sprint(s.clientPair))...)
	if err != nil {
		return err
	}
	err = s.once("dhcp4c", s.dry("dhcp4c", "--once", "--4o6-port", fmt.Sprint(s.clientPair))...)
	s.end("dhcp6c", six)
	if err != nil {
		return err
	}
	s.title("dhcp6c has both sides in one process")
	return s.once("dhcp6c", s.dry("dhcp6c", "--once", "--server", fmt.Sprintf("[::1]:%d", s.port), "--4o6")...)
}

// dry are the flags of a client that only tells what it would do.
func (s *stage) dry(program string, more ...string) []string {
	return append([]string{"-i", "lo", "--dry-run", "--state-dir", filepath.Join(s.dir, program)}, more...)
}

// lease returns the address of the last lease in the file, the names of the
// columns, and the row.
func (s *stage) lease() (addr, header, row string, err error) {
	b, err := os.ReadFile(s.leases)
	if err != nil {
		return "", "", "", err
	}
	rows := strings.Split(strings.TrimSpace(string(b)), "\n")
	row = rows[len(rows)-1]
	addr, _, ok := strings.Cut(row, ",")
	if !ok || net.ParseIP(addr) == nil {
		return "", "", "", fmt.Errorf("no lease in %s", filepath.Base(s.leases))
	}
	return addr, rows[0], row, nil
}

// patience is how long a scene may take before something is wrong.
const patience = 10 * time.Second
