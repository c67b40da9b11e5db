//go:build interop

package interop

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/dhcp4o6/dhcp4o6/internal/dhcptest"
	"github.com/dhcp4o6/dhcp4o6/pkg/dhcp4"
	"github.com/dhcp4o6/dhcp4o6/pkg/dhcp6"
)

// A tenant holds one lease of each family and renews both at whoever serves.
type tenant struct {
	v4     *dhcptest.Client4o6
	v6     *client6
	lease4 dhcptest.Lease4
	lease6 lease6
}

// tenants get their leases.
func (s *site) tenants(t *testing.T, n int) []*tenant {
	t.Helper()
	c := s.dial(t, "ff02::1:2")
	lease4o6(t, c, 10*time.Second)
	all := make([]*tenant, n)
	for i := range all {
		own := *c
		own.Timeout = 2 * time.Second
		own.HWAddr = [6]byte{2, 0, 0x5e, 0x33, 0, byte(i)}
		k := &tenant{v4: &own, v6: &client6{conn: c.Conn, to: c.To, duid: dhcp6.NewDUIDLL(1, own.HWAddr[:]), iaid: 7}}
		var err error
		if k.lease4, err = k.v4.Lease(); err != nil {
			t.Fatal(err)
		}
		if k.lease6, err = k.v6.lease(t); err != nil {
			t.Fatal(err)
		}
		all[i] = k
	}
	return all
}

// stay renews everybody's leases. The first may have to wait for the pair.
func stay(t *testing.T, who string, all []*tenant) {
	t.Helper()
	dhcptest.WaitFor(t, 5*time.Second, "renewal at "+who, func() bool { _, err := all[0].v4.Renew(all[0].lease4); return err == nil })
	for i, k := range all {
		covet(t, who, k)
		var err error
		if k.lease4, err = k.v4.Renew(k.lease4); err != nil {
			t.Errorf("client %d at %s: %v", i, who, err)
		}
		if k.lease6, err = k.v6.renew(t, k.lease6); err != nil {
			t.Errorf("client %d at %s: %v", i, who, err)
		}
	}
}

// covet has a stranger ask for what a tenant has: a server that had lost the
// lease would give it away, and give it to the tenant as new just as well.
func covet(t *testing.T, who string, k *tenant) {
	t.Helper()
	stranger := *k.v4
	stranger.HWAddr[4]++
	m, err := stranger.Ask(dhcp4.Discover, false, func(w *dhcp4.Builder) { w.Add(dhcp4.OptRequestedAddress, k.lease4.Addr.AsSlice()) })
	if err != nil || m.YIAddr == k.lease4.Addr {
		t.Errorf("%s offers %v to a stranger: %v, %v", who, k.lease4.Addr, m, err)
	}
	own := *k.v6
	own.duid = dhcp6.NewDUIDLL(1, stranger.HWAddr[:])
	b, mark := dhcp6.OpenIANA(nil, own.iaid, 0, 0)
	reply := own.ask(t, 2*time.Second, dhcp6.Solicit, dhcp6.Shut(dhcp6.IAAddr{Addr: k.lease6.addr}.Append(b), mark))
	if reply == nil {
		t.Errorf("%s has no answer for a stranger", who)
	} else if addr, _ := addressOf(reply); addr == k.lease6.addr {
		t.Errorf("%s offers %v to a stranger", who, addr)
	}
}

// seats starts a pair on the lease files that are there.
func (s *site) seats(t *testing.T, who seat) (stop func()) {
	t.Helper()
	// a DUID that each makes for itself when there is no file with one
	own := strings.Replace(whole6(786), `"type": "LL", "persist": false`, `"type": "LLT"`, 1)
	v6 := s.run(t, who, 6, own+fmt.Sprintf(`, "data-directory": %q`, filepath.Join(s.lab.Dir, "state")))
	v4 := s.run(t, who, 4, whole4(786))
	s.listening(t, "[::1]:786", "[::1]:787", ":547")
	return func() {
		v6.Stop()
		v4.Stop()
	}
}

// TestTakeover hands clients with leases from Kea's pair to ours and back, by
// nothing but the lease files.
func TestTakeover(t *testing.T) {
	for _, test := range []struct {
		name  string
		split func(t *testing.T, file string) // what Kea's clean-up left behind
	}{
		{"clean", func(*testing.T, string) {}},
		{"clean-up had not begun", func(t *testing.T, file string) {
			divide(t, file, ".1", "")
		}},
		{"clean-up died halfway", func(t *testing.T, file string) {
			divide(t, file, ".1", ".2")
			leave(t, file+".output", firstLine(t, file)+"\n192.0.2.")
		}},
		{"clean-up was complete and not in place", func(t *testing.T, file string) {
			divide(t, file, ".completed", "")
			leave(t, file+".2", firstLine(t, file)+"\n")
		}},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			s := hosted(t)
			stop := s.seats(t, kea)
			all := s.tenants(t, 12)
			stop()
			for _, v := range []int{4, 6} {
				test.split(t, s.leaseFile(v))
			}
			stop = s.seats(t, ours)
			stay(t, "ours", all)
			for _, v := range []int{4, 6} {
				for _, side := range []string{".1", ".2", ".completed", ".output"} {
					if _, err := os.Stat(s.leaseFile(v) + side); err == nil {
						t.Errorf("%s%s is still there", filepath.Base(s.leaseFile(v)), side)
					}
				}
			}
			stop()
			stop = s.seats(t, kea)
			stay(t, "Kea again", all)
			stop()
			s.seats(t, ours)
			stay(t, "ours again", all)
		})
	}
}

// divide leaves the last rows of a lease file in it, and puts those before into
// side files, the oldest into older if that is named.
func divide(t *testing.T, file, side, older string) {
	t.Helper()
	b, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	lines := strings.SplitAfter(string(b), "\n")
	head, rows := lines[0], lines[1:]
	third := len(rows) / 3
	if third < 3 {
		t.Fatalf("%s has %d rows", file, len(rows))
	}
	if older != "" {
		leave(t, file+older, head+strings.Join(rows[:third], ""))
		rows = rows[third:]
	}
	leave(t, file+side, head+strings.Join(rows[:third], ""))
	leave(t, file, head+strings.Join(rows[third:], ""))
}

func leave(t *testing.T, file, text string) {
	t.Helper()
	if err := os.WriteFile(file, []byte(text), 0o640); err != nil {
		t.Fatal(err)
	}
}

func firstLine(t *testing.T, file string) string {
	t.Helper()
	b, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	line, _, _ := strings.Cut(string(b), "\n")
	return line
}

// TestKeaRuns: while Kea serves from a lease file, ours does not start on it.
func TestKeaRuns(t *testing.T) {
	t.Parallel()
	s := hosted(t)
	s.run(t, kea, 4, whole4(786))
	s.listening(t, "[::1]:787", ":67")
	dhcptest.WaitFor(t, 5*time.Second, "pid file of Kea", func() bool {
		_, err := os.Stat(filepath.Join(s.lab.Dir, "dhcp4.kea-dhcp4.pid"))
		return err == nil
	})
	d := s.server.Start(s.env, append(program(ours, 4), "-c", filepath.Join(s.lab.Dir, "dhcp4.json"))...)
	if code := d.Wait(5 * time.Second); code == 0 || !strings.Contains(d.Log(), "kea-dhcp4") {
		t.Errorf("exit code %d:\n%s", code, d.Log())
	}
}
