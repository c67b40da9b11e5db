//go:build interop

package interop

import (
	"fmt"
	"net"
	"net/netip"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/dhcp4o6/dhcp4o6/internal/dhcptest"
	"github.com/dhcp4o6/dhcp4o6/internal/dhcptest/need"
	"github.com/dhcp4o6/dhcp4o6/pkg/dhcp4"
	"github.com/dhcp4o6/dhcp4o6/pkg/dhcp6"
)

const (
	zone     = "example.org"
	reverse4 = "2.0.192.in-addr.arpa"
	reverse6 = "8.b.d.0.1.0.0.2.ip6.arpa"
)

// names runs Debian's named and kea-dhcp-ddns beside the server.
func (s *site) names(t *testing.T) (d2 *dhcptest.Process) {
	t.Helper()
	need.Programs(t, "named", "kea-dhcp-ddns", "dig")
	s.server.IP("link set lo up")
	conf := fmt.Sprintf(`options { directory %q; listen-on port 53 { 127.0.0.1; }; listen-on-v6 { none; }; pid-file none; session-keyfile none;
		recursion no; dnssec-validation no; allow-update { 127.0.0.1; }; managed-keys-directory %q; };
		controls { };
		`, s.lab.Dir, s.lab.Dir)
	for _, z := range []string{zone, reverse4, reverse6} {
		s.lab.Write(z+".zone", "$TTL 60\n@ SOA ns hostmaster 1 60 60 60 60\n@ NS ns."+zone+".\n"+map[bool]string{true: "ns A 127.0.0.1\n"}[z == zone])
		conf += fmt.Sprintf("zone %q { type master; file \"%s.zone\"; allow-update { 127.0.0.1; }; };\n", z, z)
	}
	if err := os.Chmod(s.lab.Dir, 0o777); err != nil {
		t.Fatal(err)
	}
	s.server.Start(nil, "named", "-g", "-c", s.lab.Write("named.conf", conf))
	dhcptest.WaitFor(t, 20*time.Second, "named", func() bool { return strings.Contains(s.dig("ns."+zone, "A"), "127.0.0.1") })
	return s.startD2(t)
}

// startD2 starts kea-dhcp-ddns.
func (s *site) startD2(t *testing.T) *dhcptest.Process {
	t.Helper()
	domain := func(names ...string) string {
		for i, n := range names {
			names[i] = fmt.Sprintf(`{"name": "%s.", "dns-servers": [{"ip-address": "127.0.0.1"}]}`, n)
		}
		return `{"ddns-domains": [` + strings.Join(names, ", ") + `]}`
	}
	p := s.server.Start(s.env, "kea-dhcp-ddns", "-c", s.lab.Write("ddns.json", fmt.Sprintf(`{"DhcpDdns": {"ip-address": "127.0.0.1", "port": 53001,
		"dns-server-timeout": 1000, "forward-ddns": %s, "reverse-ddns": %s, "tsig-keys": [],
		"loggers": [{"name": "kea-dhcp-ddns", "severity": "INFO", "output_options": [{"output": "stdout"}]}]}}`, domain(zone), domain(reverse4, reverse6))))
	dhcptest.WaitFor(t, 15*time.Second, "kea-dhcp-ddns", func() bool { return s.server.Bound("127.0.0.1:53001") })
	return p
}

// dig asks the name server.
func (s *site) dig(args ...string) string {
	out, _ := s.server.Run(append([]string{"dig", "+short", "+time=1", "+tries=1", "@127.0.0.1"}, args...)...)
	return strings.TrimSpace(out)
}

// stands waits until the DNS says of a name and an address all that belongs to it,
// or, with there false, nothing any more.
func (s *site) stands(t *testing.T, name string, a netip.Addr, there bool) {
	t.Helper()
	kind := "A"
	if a.Is6() {
		kind = "AAAA"
	}
	what := fmt.Sprintf("%s and %v in the DNS: %v", name, a, there)
	dhcptest.WaitFor(t, 20*time.Second, what, func() bool {
		forward := s.dig(name+"."+zone, kind) == a.String()
		back := s.dig("-x", a.String()) == name+"."+zone+"."
		dhcid := s.dig(name+"."+zone, "DHCID") != ""
		if there {
			return forward && back && dhcid
		}
		return !forward && !back && !dhcid
	})
}

// A caller is a DHCPv4 client, or a relay, that says what a test wants it to.
type caller struct {
	s    *site
	conn *net.UDPConn
	hw   byte
	xid  uint32
}

func (c *caller) ask(t *testing.T, kind dhcp4.MessageType, at netip.Addr, options func(*dhcp4.Builder)) *dhcp4.Message {
	t.Helper()
	c.xid++
	var w dhcp4.Builder
	w.Header.XID, w.Header.HType, w.Header.Hops = c.xid, 1, 1
	w.Query(kind, nil)
	w.Header.GIAddr = netip.MustParseAddr(relayUpV4)
	if at.IsValid() {
		w.Header.CIAddr = at
	}
	w.SetCHAddr([]byte{2, 0, 0x5e, 0x41, 0, c.hw})
	if options != nil {
		options(&w)
	}
	query, to := w.Bytes(), netip.MustParseAddrPort(serverV4+":67")
	buf := make([]byte, 2000)
	var last error
	for range 5 { // Kea's raw socket may open a moment after the other one
		if _, err := c.conn.WriteToUDPAddrPort(query, to); err != nil {
			t.Fatal(err)
		}
		c.conn.SetReadDeadline(time.Now().Add(time.Second))
		for hasAnswer(kind) {
			n, err := c.conn.Read(buf)
			if last = err; err != nil {
				break
			}
			m := new(dhcp4.Message)
			if err := m.Parse(buf[:n]); err != nil {
				t.Fatal(err)
			}
			if m.XID == c.xid {
				return m
			}
		}
		if !hasAnswer(kind) {
			return nil
		}
	}
	t.Fatalf("%v: %v", kind, last)
	return nil
}

// hasAnswer reports whether a message has an answer.
func hasAnswer(kind dhcp4.MessageType) bool { return kind != dhcp4.Release && kind != dhcp4.Decline }

// named says a name in the client FQDN option, asking for all updates.
func named(name string) func(*dhcp4.Builder) {
	return func(w *dhcp4.Builder) { w.Add(dhcp4.OptClientFQDN, append([]byte{1, 0, 0}, name...)) }
}

// lease has the client ask for an address under a name.
func (c *caller) lease(t *testing.T, options func(*dhcp4.Builder)) netip.Addr {
	t.Helper()
	offer := c.ask(t, dhcp4.Discover, netip.Addr{}, options)
	a := offer.YIAddr.As4()
	id, _ := offer.Option(dhcp4.OptServerID)
	ack := c.ask(t, dhcp4.Request, netip.Addr{}, func(w *dhcp4.Builder) {
		w.Add(dhcp4.OptRequestedAddress, a[:])
		w.Add(dhcp4.OptServerID, id)
		options(w)
	})
	if ack.Type() != dhcp4.Ack {
		t.Fatalf("%v", ack.Type())
	}
	return ack.YIAddr
}

// dnsKeys has names in the DNS for leases of six seconds.
const dnsKeys = `"valid-lifetime": 6, "ddns-qualifying-suffix": "` + zone + `", "dhcp-ddns": {"enable-updates": true},
	"expired-leases-processing": {"reclaim-timer-wait-time": 1},`

// TestNamesInDNS: Debian's kea-dhcp-ddns and named do what the leases of dhcp4d
// give rise to, as they do for kea-dhcp4: a name comes with a lease, gives way to
// another, and goes with it.
func TestNamesInDNS(t *testing.T) {
	for _, who := range []seat{ours, kea} {
		t.Run(string(who), func(t *testing.T) {
			t.Parallel()
			s := bare(t, 0)
			s.server.IP("addr add " + serverV4 + "/24 dev s0")
			s.client.IP("addr add " + relayUpV4 + "/24 dev c0")
			d2 := s.names(t)
			s.run(t, who, 4, dnsKeys+`"interfaces-config": {"interfaces": ["s0"]},
				"subnet4": [{"id": 1, "subnet": "192.0.2.0/24", "pools": [{"pool": "192.0.2.100 - 192.0.2.199"}]}]`)
			s.listening(t, ":67")
			c := &caller{s: s, hw: 1}
			if err := s.client.Listen(func() (err error) {
				c.conn, err = net.ListenUDP("udp4", net.UDPAddrFromAddrPort(netip.MustParseAddrPort(relayUpV4+":67")))
				return err
			}); err != nil {
				t.Fatal(err)
			}
			t.Cleanup(func() { c.conn.Close() })

			a := c.lease(t, named("alpha"))
			s.stands(t, "alpha", a, true)
			if m := c.ask(t, dhcp4.Request, a, named("beta")); m.Type() != dhcp4.Ack {
				t.Fatalf("renewal: %v", m.Type())
			}
			s.stands(t, "beta", a, true)
			if got := s.dig("alpha."+zone, "ANY"); strings.Contains(got, a.String()) {
				t.Errorf("alpha is there still: %s", got)
			}
			s.stands(t, "beta", a, false) // it ran out

			a = c.lease(t, func(w *dhcp4.Builder) { w.Add(dhcp4.OptHostName, []byte("gamma")) })
			s.stands(t, "gamma", a, true)
			c.ask(t, dhcp4.Release, a, nil)
			s.stands(t, "gamma", a, false)

			if who == kea {
				return // which gives updates up for good
			}
			d2.Stop()
			a = c.lease(t, named("delta"))
			time.Sleep(time.Second)
			s.startD2(t)
			s.stands(t, "delta", a, true)
		})
	}
}

// TestNamesInDNS6 is the same in DHCPv6.
func TestNamesInDNS6(t *testing.T) {
	for _, who := range []seat{ours, kea} {
		t.Run(string(who), func(t *testing.T) {
			t.Parallel()
			s := bare(t, 0)
			s.names(t)
			s.run(t, who, 6, `"ddns-qualifying-suffix": "`+zone+`", "dhcp-ddns": {"enable-updates": true}, "expired-leases-processing": {"reclaim-timer-wait-time": 1},`+
				strings.Replace(plain6(""), `"preferred-lifetime": 500, "valid-lifetime": 600`, `"preferred-lifetime": 4, "valid-lifetime": 6`, 1))
			s.listening(t, ":547")
			c := s.client6(t, "ff02::1:2")
			ask := func(mt dhcp6.MessageType, name string, l lease6) *dhcp6.Message {
				b := dhcp6.AppendOption(nil, dhcp6.OptClientFQDN, append([]byte{1, byte(len(name))}, name...))
				if l.server != nil {
					b = dhcp6.AppendOption(b, dhcp6.OptServerID, l.server)
				}
				b, mark := dhcp6.OpenIANA(b, c.iaid, 0, 0)
				if l.addr.IsValid() {
					b = dhcp6.IAAddr{Addr: l.addr}.Append(b)
				}
				m := c.ask(t, 2*time.Second, mt, dhcp6.Shut(b, mark))
				if m == nil {
					t.Fatalf("%v is not answered", mt)
				}
				return m
			}
			m := ask(dhcp6.Solicit, "alpha", lease6{})
			id, _ := m.Options.Option(dhcp6.OptServerID)
			l := lease6{server: append([]byte{}, id...)}
			m = ask(dhcp6.Request, "alpha", l)
			l.addr, _ = addressOf(m)
			if v, _ := m.Options.Option(dhcp6.OptClientFQDN); string(v) != "\x01\x05alpha\x07example\x03org\x00" {
				t.Errorf("the client is told %q", v)
			}
			s.stands(t, "alpha", l.addr, true)
			ask(dhcp6.Renew, "beta", l)
			s.stands(t, "beta", l.addr, true)
			s.stands(t, "beta", l.addr, false) // it ran out
		})
	}
}

// TestNameConflictsInDNS: of two clients that go by one name the first keeps it, as RFC
// 4703 has it, and the last has it where ddns-conflict-resolution-mode of the subnet
// says so. Who has it takes it along with a declined address.
func TestNameConflictsInDNS(t *testing.T) {
	for _, mode := range []string{"check-with-dhcid", "no-check-with-dhcid"} {
		t.Run(mode, func(t *testing.T) {
			t.Parallel()
			s := bare(t, 0)
			s.server.IP("addr add " + serverV4 + "/24 dev s0")
			s.client.IP("addr add " + relayUpV4 + "/24 dev c0")
			s.names(t)
			s.run(t, ours, 4, `"valid-lifetime": 600, "ddns-qualifying-suffix": "`+zone+`", "dhcp-ddns": {"enable-updates": true}, "interfaces-config": {"interfaces": ["s0"]},
				"subnet4": [{"id": 1, "subnet": "192.0.2.0/24", "ddns-conflict-resolution-mode": "`+mode+`", "pools": [{"pool": "192.0.2.100 - 192.0.2.199"}]}]`)
			s.listening(t, ":67")
			var conn *net.UDPConn
			if err := s.client.Listen(func() (err error) {
				conn, err = net.ListenUDP("udp4", net.UDPAddrFromAddrPort(netip.MustParseAddrPort(relayUpV4+":67")))
				return err
			}); err != nil {
				t.Fatal(err)
			}
			t.Cleanup(func() { conn.Close() })
			client := func(n byte) *caller { return &caller{s: s, conn: conn, hw: n, xid: 1000 * uint32(n)} }

			a := client(1).lease(t, named("same"))
			s.stands(t, "same", a, true)
			b := client(2).lease(t, named("same"))
			s.stands(t, "later", client(3).lease(t, named("later")), true) // the DNS has answered what was before
			has, who := a, client(1)
			if mode != "check-with-dhcid" {
				has, who = b, client(2)
			}
			if got := s.dig("same."+zone, "A"); got != has.String() {
				t.Errorf("same is %s, not %v", got, has)
			}
			who.xid += 500
			who.ask(t, dhcp4.Decline, netip.Addr{}, func(w *dhcp4.Builder) {
				v, id := has.As4(), netip.MustParseAddr(serverV4).As4()
				w.Add(dhcp4.OptRequestedAddress, v[:])
				w.Add(dhcp4.OptServerID, id[:])
			})
			s.stands(t, "same", has, false)
		})
	}
}
