package daemon_test

import (
	"bufio"
	"bytes"
	"context"
	"fmt"
	"log"
	"net"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"sync"

	"go.uber.org/zap"

	"github.com/dhcp4o6/dhcp4o6/pkg/daemon"
	"github.com/dhcp4o6/dhcp4o6/pkg/load"
)

// The IPv4 side: no interface, since everything comes over the pair. The
// configuration is Kea's JSON; a test has its files in a folder of its own.
const dhcp4conf = `{ "Dhcp4": {
  "interfaces-config": { "interfaces": [ ] },
  "lease-database": { "type": "memfile", "name": "%s/leases4.csv" },
  "valid-lifetime": 3600,
  "subnet4": [ { "id": 1, "subnet": "192.0.2.0/24", "4o6-interface": "lo",
                 "pools": [ { "pool": "192.0.2.10 - 192.0.2.99" } ],
                 "option-data": [ { "name": "routers", "data": "192.0.2.1" },
                                  { "name": "dhcp-server-identifier", "data": "192.0.0.8" } ] } ],
  "dhcp4o6-port": %d
} }`

// The IPv6 side: a front without subnets on ::1.
const dhcp6conf = `{ "Dhcp6": {
  "interfaces-config": { "interfaces": [ "lo/::1" ] },
  "lease-database": { "type": "memfile", "name": "%s/leases6.csv" },
  "dhcp4o6-port": %d
} }`

// Both daemons run inside this process, over loopback and without privileges. A
// client gets an IPv4 lease through them; then everything ends.
func Example() {
	dir, err := os.MkdirTemp("", "dhcp4o6-")
	if err != nil {
		log.Fatal(err)
	}
	defer os.RemoveAll(dir)
	pair, port := freePorts()
	write(dir+"/dhcp4.json", dhcp4conf, dir, pair)
	write(dir+"/dhcp6.json", dhcp6conf, dir, pair)

	ctx, stop := context.WithCancel(context.Background())
	var daemons, ready sync.WaitGroup
	ready.Add(2)
	setup4 := daemon.Setup{ConfigFile: dir + "/dhcp4.json", Log: zap.NewNop(), Ready: ready.Done}
	setup6 := daemon.Setup{ConfigFile: dir + "/dhcp6.json", Log: zap.NewNop(), Ready: ready.Done, Port: port, FromSource: true}
	daemons.Go(func() { check(daemon.DHCP4(ctx, setup4)) })
	daemons.Go(func() { check(daemon.DHCP6(ctx, setup6)) })
	ready.Wait()

	var talk bytes.Buffer
	_, err = load.Run(ctx, load.Scenario{
		Server:       netip.AddrPortFrom(netip.IPv6Loopback(), uint16(port)),
		Clients:      1,
		Conversation: &talk,
	})
	check(err)
	printLease(&talk)

	stop()
	daemons.Wait()
	fmt.Println(strings.Count(readFile(filepath.Join(dir, "leases4.csv")), "\n")-1, "row in the lease file")
	// Output:
	// DHCPACK for 192.0.2.10
	// routers 192.0.2.1
	// dhcp-lease-time 3600
	// dhcp-server-identifier 192.0.0.8
	// 1 row in the lease file
}

// printLease prints what the last answer says.
func printLease(talk *bytes.Buffer) {
	said := map[string]string{}
	for lines := bufio.NewScanner(talk); lines.Scan(); {
		if name, value, ok := strings.Cut(strings.TrimSpace(lines.Text()), " "); ok {
			said[name] = value
		}
	}
	_, addr, _ := strings.Cut(said["DHCPACK"], "yiaddr ")
	fmt.Println("DHCPACK for", addr)
	for _, option := range []string{"routers", "dhcp-lease-time", "dhcp-server-identifier"} {
		fmt.Println(option, said[option])
	}
}

// freePorts returns a port for the pair, which takes the next one too, and one to serve
// on.
func freePorts() (pair, port int) {
	for {
		var ports [3]int
		var held []net.PacketConn
		for i := range ports {
			addr := "[::1]:0"
			if i == 1 {
				addr = fmt.Sprintf("[::1]:%d", ports[0]+1)
			}
			c, err := net.ListenPacket("udp6", addr)
			if err != nil {
				break
			}
			held = append(held, c)
			ports[i] = c.LocalAddr().(*net.UDPAddr).Port
		}
		for _, c := range held {
			c.Close()
		}
		if len(held) == len(ports) {
			return ports[0], ports[2]
		}
	}
}

func write(name, format string, a ...any) {
	check(os.WriteFile(name, fmt.Appendf(nil, format, a...), 0o600))
}

func readFile(name string) string {
	b, err := os.ReadFile(name)
	check(err)
	return string(b)
}

func check(err error) {
	if err != nil {
		log.Fatal(err)
	}
}
