//go:build interop

package interop

import (
	"testing"
	"time"
)

// TestPairOnAHighPort: where any user could take the ports, either of our daemons
// works with Kea's other half as well, which greets nobody, and goes on when the
// other was started again.
func TestPairOnAHighPort(t *testing.T) {
	for _, pair := range [][2]seat{{ours, ours}, {ours, kea}, {kea, ours}} {
		t.Run(string("v6="+pair[0]+"/v4="+pair[1]), func(t *testing.T) {
			s := exposed(t)
			d6, d4 := defence{who: pair[0], port: 6767, hmac: "off"}, defence{who: pair[1], port: 6767, hmac: "off"}
			v4, v6 := d4.start4(t, s), d6.start6(t, s)
			c := s.asker(t)
			first := lease4o6(t, c, 10*time.Second)
			for range 2 {
				v6.Stop()
				v6 = d6.start6(t, s)
				if l := lease4o6(t, c, 10*time.Second); l.Addr != first.Addr {
					t.Errorf("%v after a start of the DHCPv6 server, %v before", l.Addr, first.Addr)
				}
				v4.Stop()
				v4 = d4.start4(t, s)
				if l := lease4o6(t, c, 10*time.Second); l.Addr != first.Addr {
					t.Errorf("%v after a start of the DHCPv4 server, %v before", l.Addr, first.Addr)
				}
			}
			if pair[0] != ours || pair[1] != ours {
				return
			}
			four, six := lastCounters(t, v4), lastCounters(t, v6)
			n := four["4o6-bad-packet"] + six["4o6-bad-packet"]
			// a query that is read together with the greeting of a new peer is not taken
			if n -= four["4o6-bad-packet-newcomer"]; n != 0 {
				t.Errorf("%d messages refused", n)
			}
		})
	}
}
