package server4

import (
	"context"
	"encoding/csv"
	"encoding/json"
	"fmt"
	"net"
	"net/netip"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/dhcp4o6/dhcp4o6/internal/dhcptest/need"
	"github.com/dhcp4o6/dhcp4o6/internal/dhcptest/netns"
	"github.com/dhcp4o6/dhcp4o6/pkg/config"
	"github.com/dhcp4o6/dhcp4o6/pkg/ddns"
	"github.com/dhcp4o6/dhcp4o6/pkg/dhcp4"
	"github.com/dhcp4o6/dhcp4o6/pkg/lease"
	"github.com/dhcp4o6/dhcp4o6/pkg/topology"
	"github.com/dhcp4o6/dhcp4o6/pkg/transport"
)

// namesConfig is read by both servers. Without hold-reclaimed-time Kea, too, has the
// name out of the DNS when a lease is released.
const namesConfig = `{"Dhcp4": {
  "interfaces-config": {"interfaces": ["s0"], "dhcp-socket-type": "udp"},
  "lease-database": {"type": "memfile", "name": %q, "lfc-interval": 0},
  "expired-leases-processing": {"hold-reclaimed-time": 0, "flush-reclaimed-timer-wait-time": 0},
  "dhcp4o6-port": 6767, "valid-lifetime": 7200,
  "dhcp-ddns": {"enable-updates": true, "server-ip": "127.0.0.1", "server-port": 53001},
  %s
  "subnet4": [{"id": 1, "subnet": "192.0.2.0/24", %s "4o6-interface": "s0", "pools": [{"pool": "192.0.2.100 - 192.0.2.199"}],
    "reservations": [{"hw-address": "02:00:5e:00:02:01", "hostname": "Kept"}, {"hw-address": "02:00:5e:00:02:02", "hostname": "kept.example.org"}]}],
  "loggers": [{"name": "kea-dhcp4", "severity": "INFO", "output_options": [{"output": "stdout"}]}]
}}`

// namesSettings are the ddns- keys of a run, globally and of the subnet, which goes
// first.
var namesSettings = []struct{ name, keys, subnet string }{
	{"defaults", ``, ``},
	{"suffix", `"ddns-qualifying-suffix": "example.org", `, ``},
	{"suffix with a dot, overrides", `"ddns-qualifying-suffix": "example.org.", "ddns-override-no-update": true, "ddns-override-client-update": true,`, ``},
	{"always", `"ddns-replace-client-name": "always", "ddns-qualifying-suffix": "example.org", "ddns-generated-prefix": "h",`, ``},
	{"when present", `"ddns-replace-client-name": "when-present",`, ``},
	{"when not present", `"ddns-replace-client-name": "when-not-present", "ddns-qualifying-suffix": "example.org",`, ``},
	{"no updates", `"ddns-send-updates": false, "ddns-qualifying-suffix": "example.org",`, ``},
	{"each renewal, no conflict resolution", `"ddns-update-on-renew": true, "ddns-use-conflict-resolution": false,`, ``},
	{"characters", `"hostname-char-set": "[^A-Za-z0-9-]", "hostname-char-replacement": "x",`, ``},
	{"no cleaning", `"hostname-char-set": "",`, ``},
	{"of the subnet", `"ddns-qualifying-suffix": "example.net", "ddns-generated-prefix": "g", "ddns-send-updates": false, "hostname-char-set": "",`,
		`"ddns-qualifying-suffix": "example.org", "ddns-generated-prefix": "s", "ddns-send-updates": true, "ddns-replace-client-name": "when-present",
		"ddns-override-no-update": true, "ddns-override-client-update": true, "ddns-update-on-renew": true, "ddns-use-conflict-resolution": false,
		"hostname-char-set": "[^a-z]", "hostname-char-replacement": "z",`},
	{"none in the subnet", `"ddns-qualifying-suffix": "example.net", "ddns-override-client-update": true,`, `"ddns-send-updates": false, "ddns-qualifying-suffix": "",`},
}

// namesAsked are what clients say of themselves.
var namesAsked = []string{
	"", "12=" + text("Host"), "12=" + text("host.lab"), "12=" + text("a.example.org"), "12=" + text("host_1.lab"), "12=" + text("a..b"), "12=" + text("."),
	"12=" + text("host.lab."), "12=" + text("host\x00"), "12=" + text(" host "), "12=" + strings.Repeat("61", 64),
	"81=000000" + text("Host"), "81=010000" + text("host"), "81=080000" + text("host"), "81=010000" + text("host.lab."), "81=010000" + text("host.lab"),
	"81=f10000" + text("host"), "81=010000", "81=05000004" + text("Host"), "81=05000004" + text("host") + "00", "81=04000004" + text("host") + "036c616200", "81=0c000004" + text("host"),
	"81=010000" + text("ho_st.lab."), "81=010000" + text("a.___.b."), "81=01000f" + text("host"), "12=" + text("other") + " 81=010000" + text("host"),
	"12=" + text("host") + " 61=0102005e000001", "12=" + text("host") + " 61=ff0000000100010006412df166010203040506", "12=" + text("host") + " 61=ff00000001",
}

func text(s string) string { return fmt.Sprintf("%x", s) }

// A registrar takes name change requests, Kea's or ours, by address.
type registrar struct {
	mu  sync.Mutex
	got []map[string]any
}

func (r *registrar) take(t *testing.T, b []byte) {
	if _, err := ddns.Parse(b); err != nil {
		t.Errorf("%q: %v", b, err)
		return
	}
	var m map[string]any
	if err := json.Unmarshal(b[2:], &m); err != nil {
		t.Error(err)
	}
	delete(m, "lease-expires-on") // the clocks differ
	delete(m, "conflict-resolution-mode")
	r.mu.Lock()
	defer r.mu.Unlock()
	r.got = append(r.got, m)
}

// await returns what came, as soon as there is as much as is expected, or late.
func (r *registrar) await(n int) []map[string]any {
	for range 200 {
		r.mu.Lock()
		enough := len(r.got) >= n
		r.mu.Unlock()
		if enough {
			break
		}
		time.Sleep(5 * time.Millisecond)
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	got := r.got
	r.got = nil
	return got
}

// listen has a registrar at the port of kea-dhcp-ddns.
func listen(t *testing.T) *registrar {
	c, err := net.ListenUDP("udp4", &net.UDPAddr{IP: net.IPv4(127, 0, 0, 1), Port: 53001})
	if err != nil {
		t.Fatal(err)
	}
	r := new(registrar)
	done := make(chan struct{})
	go func() {
		defer close(done)
		buf := make([]byte, 4000)
		for {
			n, err := c.Read(buf)
			if err != nil {
				return
			}
			r.take(t, buf[:n])
		}
	}()
	t.Cleanup(func() { c.Close(); <-done })
	return r
}

// A pen is a connection to a registrar.
type pen struct {
	net.Conn
	t *testing.T
	r *registrar
}

func (p pen) Write(b []byte) (int, error) { p.r.take(p.t, b); return len(b), nil }
func (p pen) Close() error                { return nil }

// names is everything about names in a turn.
type names struct {
	reply    string
	requests []map[string]any
	lease    string
}

// TestNamesAgainstKea: what clients are told about their names, what is asked of
// kea-dhcp-ddns and what the lease file says, each way of naming oneself under each
// set of ddns- keys, from DISCOVER to release, is what it is with kea-dhcp4.
func TestNamesAgainstKea(t *testing.T) {
	need.Programs(t, "kea-dhcp4")
	if !netns.Enter(t) {
		return
	}
	p := netns.NewPeer(t)
	p.Veth("s0", "c0", []string{"192.0.2.1/24"}, []string{"192.0.2.9/24"})
	netns.Up(t, "lo")
	running(t, "s0")
	theirs := listen(t)
	xid := uint32(1000)
	for _, set := range namesSettings {
		for i := range roads {
			if i > 0 && set.keys != "" && set.name != "suffix" {
				continue // 4o6 walks the same steps
			}
			r := &roads[i]
			t.Run(set.name+", "+r.name, func(t *testing.T) {
				file := filepath.Join(t.TempDir(), "leases.csv")
				text := fmt.Sprintf(namesConfig, file, set.keys, set.subnet)
				conn := startKea(t, r, p, text)
				ours := new(registrar)
				b := namesBench(t, text, ours)
				for n, opts := range namesAsked {
					hw := fmt.Sprintf("02005e0001%02x", n)
					addr := netip.AddrFrom4([4]byte{192, 0, 2, byte(100 + n)})
					for _, q := range life(hw, addr, opts) {
						xid++
						q.xid = xid
						b.now = b.now.Add(time.Second)
						mine := b.turn(ways[r.ours].ask(b.bench, q), addr, ours)
						kea := names{reply: told(r.ask(t, conn, q)), requests: theirs.await(len(mine.requests)), lease: row(t, file, addr)}
						if !reflect.DeepEqual(mine, kea) {
							t.Errorf("%v %s:\n got %s %v %s\n Kea %s %v %s", q.kind, q.opts, mine.reply, mine.requests, mine.lease, kea.reply, kea.requests, kea.lease)
						}
					}
				}
			})
		}
	}
}

// namesRefused are options for which kea-dhcp4 drops the message. Here they count as
// absent, or, with N and S, as S alone (RFC 4702 §2.1).
var namesRefused = []string{"81=090000" + text("host"), "81=04000009" + text("host"), "81=0100", "81=010000" + text("a..b")}

// TestNamesThatKeaRefuses keeps the list of differences true.
func TestNamesThatKeaRefuses(t *testing.T) {
	need.Programs(t, "kea-dhcp4")
	if !netns.Enter(t) {
		return
	}
	p := netns.NewPeer(t)
	p.Veth("s0", "c0", []string{"192.0.2.1/24"}, []string{"192.0.2.9/24"})
	netns.Up(t, "lo")
	running(t, "s0")
	config := fmt.Sprintf(namesConfig, filepath.Join(t.TempDir(), "leases.csv"), "", "")
	conn := startKea(t, &roads[0], p, config)
	b := namesBench(t, config, new(registrar))
	for i, opts := range namesRefused {
		q := query{kind: dhcp4.Discover, xid: uint32(100 + i), hw: hwA, opts: opts}
		if got := told(roads[0].ask(t, conn, q)); got != "silence" {
			t.Errorf("%s: Kea answers %s", opts, got)
		}
		want := "DHCPOFFER"
		if i == 0 {
			want = `DHCPOFFER 81=01 "host."`
		}
		if got := told(ways[0].ask(b.bench, q)); got != want {
			t.Errorf("%s: %s, want %s", opts, got, want)
		}
	}
}

// TestNamesAllocateNothing: a client that renews under a name in the DNS costs no
// memory, whatever it says, native and over 4o6.
func TestNamesAllocateNothing(t *testing.T) {
	p := ddns.Default
	p.Send, p.Suffix = true, "example.org"
	for _, opts := range []string{"12=" + text("Host_1"), "81=010000" + text("Host"), "81=05000004" + text("host") + "00", "81=010000", ""} {
		b := newNowhere(t, net1(func(n *topology.Topology) { n.Subnets[0].Naming = &p }))
		u := ddns.New(ddns.Options{})
		u.Configure(ddns.Config{Enable: true, Queue: 10}, b.s.net.Load().NamesOf)
		b.table.WatchNames(u.Changed)
		ways[0].ask(b, query{kind: dhcp4.Request, opts: "50=c0000264 54=c0000201 " + opts})
		d := []transport.Datagram{query{kind: dhcp4.Request, giaddr: "192.0.2.9", ciaddr: "192.0.2.100", opts: opts}.datagram(t)}
		m := query{kind: dhcp4.Request, ciaddr: "192.0.2.100", opts: opts}.message(t)
		l, ok := b.table.ByResource(resource(ip("192.0.2.100")))
		if !ok || (opts != "") != l.RevDNS {
			t.Fatalf("%s: lease %v %+v", opts, ok, l)
		}
		for way, f := range map[string]func(){"native": func() { b.native(d...) }, "4o6": func() { b.over6(m) }} {
			if n := testing.AllocsPerRun(100, func() {
				b.now = b.now.Add(time.Second)
				f()
			}); n != 0 {
				t.Errorf("%s, %s: %v allocations", opts, way, n)
			}
		}
	}
}

// life is what a client asks: an address, to keep it under its name and under
// another, to be rid of it, and to have it once more, until it finds somebody else there.
func life(hw string, a netip.Addr, opts string) []query {
	b := a.As4()
	want := fmt.Sprintf("50=%x ", b)
	other := strings.ReplaceAll(opts, text("ost"), text("ome"))
	return []query{
		{kind: dhcp4.Discover, hw: hw, opts: want + opts},
		{kind: dhcp4.Request, hw: hw, opts: want + "54=c0000201 " + opts},
		{kind: dhcp4.Request, hw: hw, ciaddr: a.String(), opts: opts},
		{kind: dhcp4.Request, hw: hw, ciaddr: a.String(), opts: other},
		{kind: dhcp4.Release, hw: hw, ciaddr: a.String(), opts: "54=c0000201 " + identity(opts)},
		{kind: dhcp4.Request, hw: hw, opts: want + "54=c0000201 " + opts},
		{kind: dhcp4.Decline, hw: hw, opts: want + "54=c0000201 " + identity(opts)},
	}
}

// identity leaves of the options of a query what tells who asks.
func identity(opts string) string {
	return strings.Join(slices.DeleteFunc(strings.Fields(opts), func(o string) bool { return !strings.HasPrefix(o, "61=") }), " ")
}

// told is the options about names of a reply.
func told(m *dhcp4.Message) string {
	if m == nil {
		return "silence"
	}
	s := m.Type().String()
	if v, ok := m.Option(dhcp4.OptHostName); ok {
		s += fmt.Sprintf(" 12=%q", v)
	}
	if v, ok := m.Option(dhcp4.OptClientFQDN); ok && len(v) >= 3 {
		s += fmt.Sprintf(" 81=%02x %q", v[0], v[3:]) // the rcodes differ on purpose
	}
	return s
}

// row is what Kea's lease file says last of the names of an address.
func row(t *testing.T, file string, a netip.Addr) (last string) {
	f, err := os.Open(file)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	all, err := csv.NewReader(f).ReadAll()
	if err != nil || len(all) == 0 {
		t.Fatal(err)
	}
	col := func(name string) int { return slices.Index(all[0], name) }
	for _, r := range all[1:] {
		if r[0] != a.String() {
			continue
		}
		if last = ""; r[col("valid_lifetime")] != "0" && r[col("state")] == "0" {
			last = r[col("fqdn_fwd")] + r[col("fqdn_rev")] + " " + r[col("hostname")]
		}
	}
	return last
}

// A namer is a bench whose name change requests are taken.
type namer struct {
	*bench
	flush func()
}

func namesBench(t *testing.T, text string, r *registrar) *namer {
	cfg, problems := config.Load("names.json", topology.V4, config.Options{ReadFile: func(string) ([]byte, error) { return []byte(text), nil }})
	if cfg == nil {
		t.Fatal(problems)
	}
	for _, s := range cfg.Topology.Subnets {
		s.FourOSix.Iface = "eth0" // of the bench
	}
	cfg.Topology.Freeze()
	b := newBench(t, cfg.Topology)
	u := ddns.New(ddns.Options{Durable: b.table.Durable, Commit: b.table.Commit, Dial: func(_, _ netip.AddrPort) (net.Conn, error) { return pen{t: t, r: r}, nil }})
	b.table.WatchNames(u.Changed)
	u.Configure(ddns.Config{Enable: cfg.DDNS.Enable, Server: cfg.DDNS.Server, Queue: cfg.DDNS.Queue}, cfg.Topology.NamesOf)
	ended, cancel := context.WithCancel(context.Background())
	cancel()
	return &namer{b, func() { u.Run(ended) }}
}

// turn is what there is to say after a query was answered.
func (b *namer) turn(m *dhcp4.Message, a netip.Addr, r *registrar) names {
	b.flush()
	n := names{reply: told(m), requests: r.await(0)}
	if l, ok := b.table.ByResource(resource(a)); ok && l.State == lease.Leased {
		flag := map[bool]string{false: "0", true: "1"}
		n.lease = flag[l.FwdDNS] + flag[l.RevDNS] + " " + l.Hostname
	}
	return n
}
