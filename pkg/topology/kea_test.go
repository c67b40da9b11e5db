package topology

import (
	"bytes"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"net"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"

	"github.com/dhcp4o6/dhcp4o6/internal/dhcptest/need"
)

// Kea is asked which subnet it chooses: the daemons run on loopback as an
// ordinary user, each subnet always sends an option with its id, and queries
// come from everywhere. Where Kea chooses a subnet, so do we, and the same one;
// where it is silent we may know better.

// A keaCase is a query as it goes to Kea and as the ladder sees it.
type keaCase struct {
	tag   int // in the transaction id
	where Where
	wire  []byte
}

func TestSubnet4IsKeas(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 4))
	at := addrs("127.0.1.5", "127.0.1.200", "127.0.2.9", "127.1.1.7", "127.1.9.9", "127.3.0.1")
	prefixes := []string{"127.0.1.0/24", "127.0.2.0/24", "127.0.0.0/16", "127.1.0.0/16", "127.1.1.0/24", "127.0.1.0/25"}
	pools := []string{"127.0.1.128/26", "127.0.2.0/26", "127.0.200.0/24", "127.1.200.0/24", "127.1.1.0/24", "127.0.1.0/26"}
	for range 3 {
		top := &Topology{Family: V4}
		var config []any
		for i, n := range r.Perm(len(prefixes)) {
			s := &Subnet{ID: uint32(i + 1), Prefix: pfx(prefixes[n])}
			if r.IntN(2) == 0 {
				s.Relays = []netip.Addr{at[r.IntN(len(at))]}
			}
			top.Subnets = append(top.Subnets, s)
			config = append(config, map[string]any{
				"id": s.ID, "subnet": prefixes[n], "pools": []any{map[string]any{"pool": pools[n]}},
				"relay": map[string]any{"ip-addresses": texts(s.Relays)}, "option-data": tell("boot-size", s.ID),
			})
		}
		top.Freeze()
		var cases []keaCase
		for i := range 30 {
			w := Where{Unicast: true, Source: addr("127.0.0.1"), Iface: "lo"}
			switch pick := func() netip.Addr { return at[r.IntN(len(at))] }; r.IntN(4) {
			case 0:
				w.CIAddr = pick()
			case 1:
				w.GIAddr = pick()
			default:
				w.GIAddr, w.Selected = pick(), pick()
			}
			cases = append(cases, keaCase{i, w, discover(i, &w, i%2 == 0)})
		}
		k := startKea(t, "kea-dhcp4", map[string]any{"Dhcp4": map[string]any{
			"interfaces-config": map[string]any{"interfaces": []string{"lo"}, "dhcp-socket-type": "udp"},
			"lease-database":    map[string]any{"type": "memfile", "persist": false},
			"subnet4":           config,
		}}, "0.0.0.0", "127.0.0.1")
		k.compare(t, cases, boot4, func(w *Where) *Subnet { return top.Subnet4(w, nil) })
		k.stop()
	}
}

func TestSubnet4o6IsKeas(t *testing.T) {
	r := rand.New(rand.NewPCG(4, 6))
	prefixes := []string{"", "2001:db8::/32", "2001:db8:1::/48", "fe80::/10", "::/0"}
	ports := []string{"", "port1", "port2"}
	at := addrs("fe80::1", "2001:db8:1::1", "2001:db8:2::1", "2001:470::1")
	for range 4 {
		top := &Topology{Family: V4}
		var config []any
		for i := range 5 {
			s := &Subnet{ID: uint32(i + 1), Prefix: netip.PrefixFrom(netip.AddrFrom4([4]byte{10, byte(i)}), 16)}
			c := map[string]any{
				"id": s.ID, "subnet": s.Prefix.String(), "pools": []any{map[string]any{"pool": s.Prefix.String()}},
				"option-data": tell("boot-size", s.ID),
			}
			if r.IntN(4) == 0 {
				s.FourOSix.Iface, c["4o6-interface"] = "lo", "lo"
			}
			if p := prefixes[r.IntN(len(prefixes))]; p != "" {
				s.FourOSix.Prefix, c["4o6-subnet"] = pfx(p), p
			}
			if id := ports[r.IntN(len(ports))]; id != "" {
				s.FourOSix.InterfaceID, c["4o6-interface-id"] = []byte(id), id
			}
			top.Subnets, config = append(top.Subnets, s), append(config, c)
		}
		top.Freeze()
		var cases []keaCase
		for i := range 20 {
			w := Where{Iface: "lo", Source: at[r.IntN(len(at))], InterfaceID: []byte(ports[r.IntN(len(ports))]), In6: true}
			if r.IntN(2) == 0 {
				w.Link, w.GIAddr, w.Selected = at[1], addr("10.3.0.1"), addr("10.2.0.1")
			}
			cases = append(cases, keaCase{i, w, ipcQuery(i, &w)})
		}
		port := freePair(t)
		k := startKea(t, "kea-dhcp4", map[string]any{"Dhcp4": map[string]any{
			"dhcp4o6-port":      port,
			"interfaces-config": map[string]any{"interfaces": []string{"lo"}, "dhcp-socket-type": "udp"},
			"lease-database":    map[string]any{"type": "memfile", "persist": false},
			"subnet4":           config,
		}}, fmt.Sprintf("[::1]:%d", port), "")
		k.to = &net.UDPAddr{IP: net.IPv6loopback, Port: port + 1}
		k.compare(t, cases, bootIPC, func(w *Where) *Subnet { return top.Subnet4o6(w, nil) })
		k.stop()
	}
}

func TestSubnet6IsKeas(t *testing.T) {
	r := rand.New(rand.NewPCG(6, 6))
	prefixes := []string{"2001:db8:1::/48", "2001:db8:2::/48", "2001:db8::/32", "2001:db8:1:1::/64", "::1/128"}
	ports := []string{"", "port1", "port2"}
	at := addrs("::", "fe80::1", "2001:db8:1::1", "2001:db8:1:1::1", "2001:db8:2::1", "2001:470::1")
	for range 4 {
		top := &Topology{Family: V6}
		var config []any
		for i, n := range r.Perm(len(prefixes)) {
			s := &Subnet{ID: uint32(i + 1), Prefix: pfx(prefixes[n])}
			c := map[string]any{"id": s.ID, "subnet": prefixes[n], "option-data": tell("preference", s.ID)}
			switch r.IntN(4) {
			case 0:
				s.InterfaceID, c["interface-id"] = []byte(ports[1]), ports[1]
			case 1:
				s.InterfaceID, c["interface-id"] = []byte(ports[2]), ports[2]
			case 2:
				s.Iface, c["interface"] = "lo", "lo"
			}
			if r.IntN(3) == 0 {
				s.Relays = []netip.Addr{at[2+r.IntN(len(at)-2)]}
				c["relay"] = map[string]any{"ip-addresses": texts(s.Relays)}
			}
			top.Subnets, config = append(top.Subnets, s), append(config, c)
		}
		top.Freeze()
		var cases []keaCase
		for i := range 30 {
			link := at[r.IntN(len(at))]
			w := Where{Iface: "lo", Source: netip.IPv6Loopback(), InterfaceID: []byte(ports[r.IntN(len(ports))])}
			if given(link) && !link.IsLinkLocalUnicast() {
				w.Link = link
			}
			cases = append(cases, keaCase{i, w, relayed(link, w.InterfaceID, inform(i))})
		}
		k := startKea(t, "kea-dhcp6", map[string]any{"Dhcp6": map[string]any{
			"interfaces-config": map[string]any{"interfaces": []string{"lo/::1"}},
			"lease-database":    map[string]any{"type": "memfile", "persist": false},
			"server-id":         map[string]any{"type": "EN", "persist": false, "identifier": "01020304", "enterprise-id": 1},
			"subnet6":           config,
		}}, "[::1]:0", "::1")
		k.compare(t, cases, preference6, func(w *Where) *Subnet { return top.Subnet6(w, nil) })
		k.stop()
	}
}

func texts(list []netip.Addr) []string {
	out := []string{}
	for _, a := range list {
		out = append(out, a.String())
	}
	return out
}

// tell is option-data by which a subnet tells its id.
func tell(name string, id uint32) []any {
	return []any{map[string]any{"name": name, "data": fmt.Sprint(id), "always-send": true}}
}

// A kea is a running daemon and the socket that asks it.
type kea struct {
	cmd  *exec.Cmd
	conn net.PacketConn
	to   net.Addr
	log  *bytes.Buffer
}

// startKea runs the daemon on a free port of host; its answers come to own.
func startKea(t *testing.T, program string, config map[string]any, own, host string) *kea {
	t.Helper()
	need.Programs(t, program)
	if _, _, err := net.SplitHostPort(own); err != nil {
		own = net.JoinHostPort(own, "0")
	}
	k := &kea{log: &bytes.Buffer{}}
	var err error
	if k.conn, err = net.ListenPacket("udp", own); err != nil {
		need.Skip(t, "needs %s: %v", own, err)
	}
	probe, err := net.ListenPacket("udp", net.JoinHostPort(host, "0"))
	if err != nil {
		t.Fatal(err)
	}
	port := probe.LocalAddr().(*net.UDPAddr).Port
	probe.Close()
	k.to = &net.UDPAddr{IP: net.ParseIP(host), Port: port}
	text, err := json.Marshal(config)
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	file := filepath.Join(dir, "kea.json")
	if err := os.WriteFile(file, text, 0o600); err != nil {
		t.Fatal(err)
	}
	k.cmd = exec.Command(program, "-c", file, "-p", fmt.Sprint(port), "-P", fmt.Sprint(k.conn.LocalAddr().(*net.UDPAddr).Port))
	k.cmd.Env = append(os.Environ(), "KEA_PIDFILE_DIR="+dir, "KEA_LOCKFILE_DIR="+dir)
	k.cmd.Stdout, k.cmd.Stderr = k.log, k.log
	if err := k.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(k.stop)
	return k
}

func (k *kea) stop() {
	if k.cmd.ProcessState == nil {
		k.cmd.Process.Kill()
		k.cmd.Wait()
	}
	k.conn.Close()
}

// compare asks every case, the unanswered ones three times.
func (k *kea) compare(t *testing.T, cases []keaCase, read func([]byte) (tag int, subnet uint32), ours func(*Where) *Subnet) {
	t.Helper()
	up := false
	for i := 0; i < 20 && !up; i++ { // until it is up
		for _, c := range cases {
			up = up || k.ask(&c, read) != 0
		}
	}
	answered := 0
	for _, c := range cases {
		var theirs uint32
		for i := 0; i < 3 && theirs == 0; i++ {
			theirs = k.ask(&c, read)
		}
		if theirs == 0 {
			continue // unknown to Kea: there we may know better
		}
		answered++
		if got := id(ours(&c.where)); got != theirs {
			t.Errorf("%+v: subnet %d, Kea's %d", c.where, got, theirs)
		}
	}
	if answered < len(cases)/3 {
		k.stop()
		t.Fatalf("Kea answered %d of %d\n%s", answered, len(cases), k.log)
	}
	t.Logf("Kea chose a subnet in %d of %d cases", answered, len(cases))
}

func (k *kea) ask(c *keaCase, read func([]byte) (tag int, subnet uint32)) uint32 {
	var buf [4096]byte
	k.conn.WriteTo(c.wire, k.to)
	k.conn.SetReadDeadline(time.Now().Add(30 * time.Millisecond))
	for {
		n, _, err := k.conn.ReadFrom(buf[:])
		if err != nil {
			return 0
		}
		if tag, subnet := read(buf[:n]); tag == c.tag { // else a late answer to another
			return subnet
		}
	}
}

// freePair finds a port of ::1 that is free like the one after it.
func freePair(t *testing.T) int {
	t.Helper()
	for range 50 {
		port := 20000 + 2*rand.IntN(10000)
		a, err := net.ListenPacket("udp", fmt.Sprintf("[::1]:%d", port))
		if err != nil {
			continue
		}
		a.Close()
		b, err := net.ListenPacket("udp", fmt.Sprintf("[::1]:%d", port+1))
		if err != nil {
			continue
		}
		b.Close()
		return port
	}
	need.Skip(t, "needs two free ports on [::1]")
	return 0
}

// discover is a DHCPDISCOVER of the i-th client; the selection stands in option
// 82.5, which Kea reads behind relays only, or in option 118.
func discover(i int, w *Where, link bool) []byte {
	b := make([]byte, 240)
	copy(b, []byte{1, 1, 6, 0, 0, 0, 0, byte(i)})
	if w.CIAddr.Is4() {
		copy(b[12:], w.CIAddr.AsSlice())
	}
	if w.GIAddr.Is4() {
		copy(b[24:], w.GIAddr.AsSlice())
	}
	copy(b[28:], []byte{2, 0, 0, 0, 0, byte(i)})
	copy(b[236:], []byte{0x63, 0x82, 0x53, 0x63})
	b = append(b, 53, 1, 1)
	switch a := w.Selected; {
	case !a.IsValid():
	case link && w.GIAddr.IsValid():
		b = append(append(b, 82, 6, 5, 4), a.AsSlice()...)
	default:
		b = append(append(b, 118, 4), a.AsSlice()...)
	}
	return append(b, 255)
}

// boot4 returns the tag of a reply and what option 13 says.
func boot4(b []byte) (tag int, subnet uint32) {
	tag = int(b[7])
	for b = b[240:]; len(b) > 1 && b[0] != 255; b = b[2+int(b[1]):] {
		if b[0] == 13 {
			return tag, uint32(binary.BigEndian.Uint16(b[2:]))
		}
	}
	return tag, 0
}

// option appends an option of DHCPv6.
func option(b []byte, code uint16, v []byte) []byte {
	b = binary.BigEndian.AppendUint16(b, code)
	b = binary.BigEndian.AppendUint16(b, uint16(len(v)))
	return append(b, v...)
}

// find6 returns an option of DHCPv6.
func find6(b []byte, code uint16) []byte {
	for len(b) >= 4 {
		n := 4 + int(binary.BigEndian.Uint16(b[2:]))
		if binary.BigEndian.Uint16(b) == code {
			return b[4:n]
		}
		b = b[n:]
	}
	return nil
}

func relayed(link netip.Addr, interfaceID, message []byte) []byte {
	b := append([]byte{12, 0}, link.AsSlice()...)
	b = append(b, netip.MustParseAddr("fe80::99").AsSlice()...)
	if len(interfaceID) > 0 {
		b = option(b, 18, interfaceID)
	}
	return option(b, 9, message)
}

// ipcQuery is a DHCPV4-QUERY as a DHCPv6 server of Kea hands it over.
func ipcQuery(i int, w *Where) []byte {
	vendor := binary.BigEndian.AppendUint32(nil, 2495)
	vendor = option(vendor, 60000, []byte(w.Iface))
	vendor = option(vendor, 60001, w.Source.AsSlice())
	vendor = option(vendor, 60002, []byte{2, 34})
	b := option([]byte{20, 0, 0, 0}, 17, vendor)
	inner := *w
	b = option(b, 87, discover(i, &inner, false))
	if len(w.InterfaceID) == 0 && !w.Link.IsValid() {
		return b
	}
	link := netip.IPv6Unspecified()
	if w.Link.IsValid() {
		link = w.Link
	}
	return relayed(link, w.InterfaceID, b)
}

func bootIPC(b []byte) (tag int, subnet uint32) {
	if b[0] == 13 {
		b = find6(b[34:], 9)
	}
	v := find6(b[4:], 87)
	if len(v) < 240 {
		return -1, 0
	}
	return boot4(v)
}

// inform is an Information-request.
func inform(i int) []byte {
	return option([]byte{11, 0, 0, byte(i)}, 1, []byte{0, 3, 0, 1, 2, 0, 0, 0, 0, byte(i)})
}

func preference6(b []byte) (tag int, subnet uint32) {
	message := find6(b[34:], 9)
	if len(message) < 4 {
		return -1, 0
	}
	if v := find6(message[4:], 7); len(v) == 1 {
		subnet = uint32(v[0])
	}
	return int(message[3]), subnet
}
