package ipc_test

import (
	"bytes"
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"net"
	"net/netip"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/dhcp4o6/dhcp4o6/internal/dhcptest"
	"github.com/dhcp4o6/dhcp4o6/internal/dhcptest/need"
	"github.com/dhcp4o6/dhcp4o6/pkg/dhcp6"
	"github.com/dhcp4o6/dhcp4o6/pkg/ipc"
)

const port = 786

const keaConfig = `{ %q: {
	"interfaces-config": { "interfaces": [ "s0" ] },
	"lease-database": { "type": "memfile", "name": "%s/leases%s.csv" },
	"dhcp4o6-port": %d, %s
	"loggers": [ { "name": "kea-dhcp%s", "severity": "DEBUG", "debuglevel": 55, "output_options": [ { "output": "stdout" } ] } ]
} }`

// startKea runs one of Kea's daemons on a host with a client link s0 - c0.
func startKea(t *testing.T, family, subnets string) (server, client *dhcptest.Namespace) {
	t.Helper()
	lab := dhcptest.NewLab(t)
	need.Programs(t, "kea-dhcp"+family)
	server, client = lab.Namespace("server"), lab.Namespace("client")
	lab.Wire(server, "s0", client, "c0")
	server.IP("addr add 192.0.2.1/24 dev s0")
	server.IP("addr add 2001:db8:46::1/64 dev s0")
	file := lab.Write("kea.json", fmt.Sprintf(keaConfig, "Dhcp"+family, lab.Dir, family, port, subnets, family))
	env := []string{"KEA_PIDFILE_DIR=" + lab.Dir, "KEA_LOCKFILE_DIR=" + lab.Dir}
	server.Start(env, "kea-dhcp"+family, "-c", file).Said(10*time.Second, fmt.Sprintf("DHCP%s_STARTED", family))
	return server, client
}

// dialIn opens a side of the pair inside a namespace.
func dialIn(t *testing.T, n *dhcptest.Namespace, side ipc.Side) *ipc.Conn {
	t.Helper()
	var c *ipc.Conn
	if err := n.Do(func() (err error) { c, err = ipc.Dial(side, port, ipc.Options{Pad: true}); return err }); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	return c
}

// readOne reads one message, or reports that none came.
func readOne(c *ipc.Conn, in []ipc.Message, answers chan<- ipc.Message) {
	for {
		n, err := c.Read(in)
		if err != nil {
			close(answers)
			return
		}
		for _, m := range in[:n] {
			m.Data = bytes.Clone(m.Data)
			answers <- m
		}
	}
}

// discover is a DHCPDISCOVER of 300 octets.
func discover(xid uint32) []byte {
	b := make([]byte, 300)
	copy(b, []byte{1, 1, 6, 0})
	binary.BigEndian.PutUint32(b[4:], xid)
	copy(b[28:], []byte{2, 0, 0x5e, 0x46, byte(xid >> 8), byte(xid)})
	copy(b[236:], []byte{99, 130, 83, 99, 53, 1, 1, 255})
	return b
}

// bytesOf reads hex that is spaced by field.
func bytesOf(t *testing.T, s string) []byte {
	t.Helper()
	b, err := hex.DecodeString(strings.ReplaceAll(s, " ", ""))
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// kea-dhcp4 takes what we write, whatever vendor options the client and its
// relay have put in, and answers to our origin.
func TestKeaAsV4Side(t *testing.T) {
	server, _ := startKea(t, "4", `"subnet4": [ { "id": 1, "subnet": "192.0.2.0/24", "4o6-interface": "s0",
		"pools": [ { "pool": "192.0.2.100 - 192.0.2.199" } ] } ],`)
	c := dialIn(t, server, ipc.V6Side)
	answers := make(chan ipc.Message, 64)
	done := make(chan struct{})
	go func() { defer close(done); readOne(c, make([]ipc.Message, 8), answers) }()
	defer func() { c.Stop(); <-done }()

	const forged = `ea60 0004 6e6f7065 ea61 0010 20010db8000000000000000000000bad ea62 0002 03e7`
	tests := []struct{ name, options string }{
		{"nothing else", ""},
		{"another enterprise", "0011 0009 00000009 0001 0001 61"},
		{"another enterprise with our codes", "0011 0026 00000009" + forged},
		{"the client's own 2495", "0011 000d 000009bf 0001 0005 6d65646961"},
		{"both", "0011 0009 00000009 0001 0001 61 0011 000d 000009bf 0001 0005 6d65646961"},
		{"both, the other way", "0011 000d 000009bf 0001 0005 6d65646961 0011 0009 00000009 0001 0001 61"},
		{"two of 2495", "0011 0009 000009bf 0001 0001 61 0011 0009 000009bf 0002 0001 61"},
		{"forged", "0011 0026 000009bf" + forged},
		{"forged beside others", "0011 002b 000009bf 0001 0001 61" + forged},
		{"an empty 2495", "0011 0004 000009bf"},
	}
	receipts := ipc.NewReceipts()
	origin := ipc.Origin{Iface: "s0", Addr: netip.MustParseAddr("fe80::1234"), Port: 546}
	for i, tt := range tests {
		for _, relayed := range []bool{false, true} {
			xid := uint32(0x1000 + 2*i)
			b := append([]byte{20, 0, 0, 0}, bytesOf(t, tt.options)...)
			b = dhcp6.AppendOption(b, dhcp6.OptDHCPv4Message, discover(xid))
			if relayed {
				xid++
				binary.BigEndian.PutUint32(b[len(b)-296:], xid)
				out := append([]byte{12}, make([]byte, 33)...)
				out = append(out, bytesOf(t, tt.options)...)
				out = dhcp6.AppendOption(out, dhcp6.OptInterfaceID, []byte("port7"))
				b = dhcp6.AppendOption(out, dhcp6.OptRelayMessage, b)
			}
			var q, a dhcp6.Envelope
			if err := q.Parse(b); err != nil {
				t.Fatal(err)
			}
			receipts.Note(origin, &q)
			if n, err := c.Write([]ipc.Message{{Data: b, Origin: origin}}); n != 1 {
				t.Fatal(n, err)
			}
			select {
			case m := <-answers:
				if err := a.Parse(m.Data); err != nil || m.Origin != origin || !receipts.Take(m.Origin, &a) {
					t.Errorf("%s, relayed %v: answered to %v: %v\n%x", tt.name, relayed, m.Origin, err, m.Data)
				}
				if a.Message.Options.Has(dhcp6.OptVendorOpts) {
					t.Errorf("%s, relayed %v: a vendor option stays: %x", tt.name, relayed, a.Message.Options)
				}
			case <-time.After(2 * time.Second):
				t.Errorf("%s, relayed %v: no answer", tt.name, relayed)
			}
		}
	}
	var batch []ipc.Message // mixed lengths, padded to one, in one segmented send
	for i := range 16 {
		b := dhcp6.AppendOption([]byte{20, 0, 0, 0}, dhcp6.OptDHCPv4Message, discover(uint32(0x2000 + i))[:290+i%11])
		batch = append(batch, ipc.Message{Data: b, Origin: origin})
	}
	if n, err := c.Write(batch); n != len(batch) {
		t.Fatal(n, err)
	}
	for i := range batch {
		select {
		case <-answers:
		case <-time.After(2 * time.Second):
			t.Fatalf("%d of %d padded queries answered", i, len(batch))
		}
	}
	if n := c.Stats().Received.Load(); n != uint64(2*len(tests)+len(batch)) {
		t.Errorf("%d answers read", n)
	}
}

// kea-dhcp6 hands us its client's queries and sends our answers, with nothing
// of the pair left in them.
func TestKeaAsV6Side(t *testing.T) {
	server, host := startKea(t, "6", `"server-id": { "type": "LL", "persist": false },`)
	c := dialIn(t, server, ipc.V4Side)
	queries := make(chan ipc.Message, 64)
	done := make(chan struct{})
	go func() { defer close(done); readOne(c, make([]ipc.Message, 8), queries) }()
	defer func() { c.Stop(); <-done }()

	var u *net.UDPConn
	var local netip.Addr
	if err := host.Do(func() error {
		ifi, err := net.InterfaceByName("c0")
		if err != nil {
			return err
		}
		zone := strconv.Itoa(ifi.Index) // its name may mean another link in another namespace
		addrs, err := ifi.Addrs()
		for _, a := range addrs {
			if p := netip.MustParsePrefix(a.String()); p.Addr().IsLinkLocalUnicast() {
				local = p.Addr().WithZone("")
			}
		}
		if err != nil {
			return err
		}
		u, err = net.ListenUDP("udp6", &net.UDPAddr{IP: net.IP(local.AsSlice()), Zone: zone, Port: 546})
		if err != nil {
			return err
		}
		b := dhcp6.AppendOption([]byte{20, 0, 0, 0}, dhcp6.OptDHCPv4Message, discover(1))
		_, err = u.WriteToUDP(b, &net.UDPAddr{IP: net.ParseIP("ff02::1:2"), Zone: zone, Port: 547})
		return err
	}); err != nil {
		t.Fatal(err)
	}
	defer u.Close()
	want := ipc.Origin{Iface: "s0", Addr: local, Port: 546}
	var query ipc.Message
	select {
	case query = <-queries:
	case <-time.After(5 * time.Second):
		t.Fatal("no query")
	}
	if query.Origin != want {
		t.Errorf("query from %v, want %v", query.Origin, want)
	}
	if got := dhcp6.AppendOption([]byte{20, 0, 0, 0}, dhcp6.OptDHCPv4Message, discover(1)); !bytes.Equal(query.Data, got) {
		t.Errorf("query %x", query.Data)
	}
	answer := dhcp6.AppendOption([]byte{21, 0, 0, 0}, dhcp6.OptDHCPv4Message, discover(1)[:260])
	if n, err := c.Write([]ipc.Message{{Data: answer, Origin: query.Origin}}); n != 1 {
		t.Fatal(n, err)
	}
	buf := make([]byte, 2000)
	u.SetReadDeadline(time.Now().Add(5 * time.Second))
	n, _, err := u.ReadFromUDPAddrPort(buf)
	if err != nil || !bytes.Equal(buf[:n], answer) {
		t.Errorf("the client got %x, %v", buf[:n], err)
	}
}
