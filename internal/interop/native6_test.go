//go:build interop

package interop

import (
	"fmt"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/dhcp4o6/dhcp4o6/internal/dhcptest"
	"github.com/dhcp4o6/dhcp4o6/internal/dhcptest/need"
)

// TestClient6 is DHCPv6 with ISC's client: lease, renewal and release, on the
// link and through ISC's relay at one and two levels. The pool has one address,
// so a release that is lost is noticed.
func TestClient6(t *testing.T) {
	for relays, name := range []string{"direct", "one relay", "two relays"} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := bare(t, relays)
			link := `"interface": "s0",`
			if relays > 0 {
				link = ""
			}
			s.run(t, ours, 6, fmt.Sprintf(`"interfaces-config": {"interfaces": ["s0/%s"]},
				"renew-timer": 1, "rebind-timer": 20, "preferred-lifetime": 30, "valid-lifetime": 40,
				"subnet6": [{"id": 1, "subnet": "%s/64", %s "pools": [{"pool": "%s1000/128"}]}]`,
				s.serverAddr(relays), clientNet, link, clientNet))
			s.listening(t, ":547")
			first := s.dhclient(t, "first", "", "-6")
			first.saw(t, 10*time.Second, "BOUND6 "+clientNet+"1000")
			first.saw(t, 10*time.Second, "RENEW6 "+clientNet+"1000")
			first.Kill()
			first = s.dhclient(t, "first", "", "-6") // it remembers, and has the address confirmed
			first.Said(5*time.Second, "XMT: Confirm on c0")
			first.Said(5*time.Second, "RCV: Reply message")
			first.release(t)
			second := s.dhclient(t, "second", "", "-6", "-D", "LL")
			second.saw(t, 10*time.Second, "BOUND6 "+clientNet+"1000")
		})
	}
}

// serverAddr is the server's address on the link towards the clients.
func (s *site) serverAddr(relays int) string {
	if relays > 0 {
		return uplinkNet + "1"
	}
	return clientNet + "1"
}

// TestStateless6: ISC's client in its stateless mode is told where to send
// DHCPv4 (option 88), the empty list too.
func TestStateless6(t *testing.T) {
	const ask = "option dhcp6.the-pair code 88 = array of ip6-address;\nalso request dhcp6.the-pair;\n"
	for _, test := range []struct{ name, option, want string }{
		{"two servers", `{"code": 88, "data": "2001:db8:46::1, 2001:db8:46::2"}`, "pair=2001:db8:46::1 2001:db8:46::2"},
		{"none named", `{"code": 88, "csv-format": false, "data": ""}`, "pair="},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			s := bare(t, 0)
			s.run(t, ours, 6, `"interfaces-config": {"interfaces": ["s0"]}, "option-data": [`+test.option+`]`)
			s.listening(t, ":547")
			c := s.dhclient(t, "stateless", ask, "-6", "-S")
			c.saw(t, 10*time.Second, "RENEW6")
			c.saw(t, time.Second, test.want)
		})
	}
}

var perfLine = regexp.MustCompile(`(?m)^(sent packets|received packets|drops|rejected leases): (\d+)`)

// perfdhcp runs Kea's load generator and reports whether every message of both
// exchanges was answered.
func perfdhcp(t *testing.T, n *dhcptest.Namespace, args ...string) (whole bool, summary string) {
	t.Helper()
	out, err := n.Run(append([]string{"timeout", "30", "perfdhcp"}, args...)...)
	if err != nil {
		t.Logf("perfdhcp: %v\n%s", err, out)
	}
	for _, m := range perfLine.FindAllStringSubmatch(out, -1) {
		summary += m[0] + "; "
		whole = whole || m[1] == "received packets" && m[2] != "0"
	}
	for _, none := range []string{"drops: ", "rejected leases: "} {
		n := strings.Count(summary, none) // two, and one for each kind of message beside the four
		whole = whole && n >= 2 && strings.Count(summary, none+"0;") == n
	}
	return whole && err == nil, summary
}

// lossless runs perfdhcp, twice if need be: on a link that has just come up the
// kernel of the sending host loses a datagram now and then, before the wire.
func lossless(t *testing.T, n *dhcptest.Namespace, args ...string) {
	t.Helper()
	whole, summary := perfdhcp(t, n, args...)
	if !whole {
		t.Logf("once more after: %s", summary)
		whole, summary = perfdhcp(t, n, args...)
	}
	if !whole {
		t.Errorf("not everything was answered: %s", summary)
	}
}

// TestPerf6: Kea's load generator gets an answer to everything, at a rate that
// any machine can keep up with.
func TestPerf6(t *testing.T) {
	need.Programs(t, "perfdhcp")
	s := bare(t, 0)
	s.run(t, ours, 6, fmt.Sprintf(`"interfaces-config": {"interfaces": ["s0"]},
		"subnet6": [{"id": 1, "subnet": "%s/64", "interface": "s0", "pools": [{"pool": "%s1:0:0/96"}]}]`, clientNet, clientNet))
	s.listening(t, ":547")
	c := s.client6(t, "ff02::1:2")
	if !c.solicit(t, 3*time.Second) {
		t.Fatal("a Solicit is not answered")
	}
	c.conn.Close()
	lossless(t, s.client, "-6", "-r", "300", "-R", "1000", "-n", "600", "-W", "500000", "-l", "c0", "all")
}
