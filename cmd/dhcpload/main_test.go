package main

import (
	"bytes"
	"context"
	"encoding/json"
	"flag"
	"net"
	"net/netip"
	"os"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/dhcp4o6/dhcp4o6/internal/dhcptest/need"
	"github.com/dhcp4o6/dhcp4o6/pkg/dhcp4"
	"github.com/dhcp4o6/dhcp4o6/pkg/load"
	"github.com/dhcp4o6/dhcp4o6/pkg/pkt4o6"
)

// server answers on a free port of [::1] whatever is not of the client whose
// hardware address ends in silent.
func server(t *testing.T, silent byte) string {
	t.Helper()
	c, err := net.ListenUDP("udp6", &net.UDPAddr{IP: net.IPv6loopback})
	if err != nil {
		need.Skip(t, "needs [::1]: %v", err)
	}
	var wg sync.WaitGroup
	wg.Go(func() {
		buf := make([]byte, 65536)
		var p pkt4o6.Packet
		for {
			n, from, err := c.ReadFromUDPAddrPort(buf)
			if err != nil {
				return
			}
			if p.Parse(buf[:n]) != nil || p.Query.CHAddr()[5] == silent {
				continue
			}
			var w dhcp4.Builder
			kind := dhcp4.Ack
			switch p.Query.Type() {
			case dhcp4.Discover:
				kind = dhcp4.Offer
			case dhcp4.Release:
				continue
			}
			w.Reply(&p.Query, kind, nil)
			w.Header.YIAddr = netip.MustParseAddr("192.0.2.10")
			c.WriteToUDPAddrPort(p.Seal(nil, w.Bytes()), from)
		}
	})
	t.Cleanup(func() { c.Close(); wg.Wait() })
	return c.LocalAddr().String()
}

// runArgs runs the program and returns what it printed.
func runArgs(t *testing.T, args ...string) (code int, out, errs string) {
	t.Helper()
	var o, e bytes.Buffer
	code = run(t.Context(), args, &o, &e, false)
	return code, o.String(), e.String()
}

// What is wrong with a command line is said in one line that names it.
func TestUsage(t *testing.T) {
	tests := []struct{ args, want string }{
		{"", "name a scenario first"},
		{"--server ::1", "name a scenario first"},
		{"5o6 --server ::1", `no scenario "5o6"`},
		{"4o6", "--server is missing"},
		{"4o6 --server host", "--server host: not an address"},
		{"4o6 --server ::1 --local x", "--local x: not an address"},
		{"4o6 --server ::1 --bogus", "-bogus"},
		{"4o6 --server ::1 extra", `"extra"`},
		{"4o6 --server ::1 --clients many", "many"},
		{"4o6 --server ::1 --mac 1:2", "six octets"},
		{"4o6 --server ::1 --mac 02:00:5e:10:00:00:00:01", "six octets"},
		{"4o6 --server ::1 --cpu 1,x", `"x" is no process id`},
		{"4o6 --server ::1 --max-loss 101", "percentage"},
		{"4o6 --server ::1 --renew-address 2001:db8::1", "cannot be renewed"},
		{"4o6 --server ff02::1:2", "name the interface"},
		{"v4 --server ::1", "IPv4"},
		{"v6 --server 192.0.2.1", "IPv6"},
		{"v4 --server 192.0.2.1 --relays 17", "relay"},
		{"v4 --server 255.255.255.255", "name the interface"},
		{"mix --server ::1", "--mix is missing"},
		{"mix --server ::1 --mix v4/lease", "no DHCPv4 server"},
		{"mix --server ::1 --mix v4/lease --server4 ::1", "IPv4"},
		{"mix --server ::1 --mix dance", `no act "dance"`},
		{"mix --server ::1 --mix v5/lease", `no scenario "v5"`},
		{"mix --server ::1 --mix lease=x", `weight "x"`},
		{"mix --server ::1 --mix lease=0", "weight"},
		{"4o6 --server ::1 --patience none", "fast and standard"},
		{"4o6 --server ::1 --time-scale 0.1", "--patience standard"},
		{"4o6 --server ::1 --patience standard --time-scale 0", "time-scale 0"},
		{"4o6 --server ::1 --patience standard --time-scale NaN", "time scale NaN"},
		{"4o6 --server ::1 --patience standard --timeout 1s", "--patience fast"},
		{"4o6 --server ::1 --sources ::2-::1", "range"},
		{"4o6 --server ::1 --sources here", "range"},
		{"4o6 --server ::1 --storm 10 --clients 5", "storm"},
		{"4o6 --server ::1 --prepare 10 --clients 5", "10 leases to prepare"},
	}
	for _, tt := range tests {
		code, out, errs := runArgs(t, strings.Fields(tt.args)...)
		if code != exitUsage || out != "" || !strings.Contains(errs, tt.want) || !strings.HasSuffix(errs, "--help tells what there is.\n") {
			t.Errorf("%q: exit %d, %q, %q", tt.args, code, out, errs)
		}
	}
}

func TestHelp(t *testing.T) {
	for _, args := range [][]string{{"--help"}, {"-h"}, {"4o6", "--help"}} {
		if code, out, errs := runArgs(t, args...); code != 0 || out != usage || errs != "" {
			t.Errorf("%v: exit %d, %q", args, code, errs)
		}
	}
	if code, out, _ := runArgs(t, "--version"); code != 0 || strings.TrimSpace(out) == "" {
		t.Errorf("version: exit %d, %q", code, out)
	}
}

// The exit code tells whether everybody was answered, but for what --max-loss
// allows.
func TestExitCode(t *testing.T) {
	to := server(t, 3)
	base := []string{"4o6", "--server", to, "--timeout", "500ms", "--retries", "0"}
	for _, tt := range []struct {
		args string
		want int
	}{
		{"--clients 3", exitFine},
		{"--clients 4", exitLosses},
		{"--clients 4 --max-loss 25", exitFine},
		{"--clients 4 --max-loss 25%", exitFine},
		{"--clients 4 --max-loss 24.9", exitLosses},
		{"--clients 1 --iface nowhere0", exitLosses},
	} {
		if code, out, errs := runArgs(t, append(base, strings.Fields(tt.args)...)...); code != tt.want {
			t.Errorf("%s: exit %d, want %d\n%s%s", tt.args, code, tt.want, out, errs)
		}
	}
}

// A client gets an address in one run, and renews the same in another.
func TestLeaseAndRenewal(t *testing.T) {
	to := server(t, 255)
	base := []string{"4o6", "--server", to, "--clients", "1", "--mac", "02:00:5e:10:00:01", "-v"}
	code, out, errs := runArgs(t, base...)
	if code != 0 || !strings.Contains(out, "DHCPOFFER") || !strings.Contains(out, "DHCPACK") || !strings.Contains(out, "yiaddr 192.0.2.10") {
		t.Errorf("exit %d\n%s%s", code, out, errs)
	}
	code, out, errs = runArgs(t, append(base, "--renew-address", "192.0.2.10")...)
	if code != 0 || strings.Contains(out, "DHCPDISCOVER") || !strings.Contains(out, "ciaddr 192.0.2.10") || !strings.Contains(out, "DHCPACK") {
		t.Errorf("exit %d\n%s%s", code, out, errs)
	}
	if code, _, _ = runArgs(t, append(base, "--renew-address", "192.0.2.11")...); code != exitLosses {
		t.Errorf("another address than the one asked for: exit %d", code)
	}
}

func TestJSONAndQuiet(t *testing.T) {
	to := server(t, 255)
	code, out, _ := runArgs(t, "4o6", "--server", to, "--count", "20", "--json")
	var r load.Report
	if err := json.Unmarshal([]byte(out), &r); err != nil || code != 0 || r.Completed != 20 {
		t.Errorf("exit %d, %v, %s", code, err, out)
	}
	if code, out, errs := runArgs(t, "4o6", "--server", to, "--count", "20", "-q"); code != 0 || out+errs != "" {
		t.Errorf("exit %d, %q %q", code, out, errs)
	}
}

// On a terminal one line is written over and over, and ended.
func TestProgressLine(t *testing.T) {
	var b bytes.Buffer
	show := progressOn(&b)
	show(load.Progress{Elapsed: time.Second, Completed: 5})
	show(load.Progress{Elapsed: 2 * time.Second, Completed: 9, Done: true})
	if got := b.String(); strings.Count(got, "\r") != 2 || strings.Count(got, "\n") != 1 || !strings.HasSuffix(got, "\n") || !strings.Contains(got, "9 done") {
		t.Errorf("%q", got)
	}
}

// Every flag stands in the usage and in docs/load.md.
func TestFlagsAreDocumented(t *testing.T) {
	b, err := os.ReadFile("../../docs/load.md")
	if err != nil {
		t.Fatal(err)
	}
	define(new(command), new(texts)).VisitAll(func(f *flag.Flag) {
		name := "--" + f.Name
		if len(f.Name) == 1 {
			name = "-" + f.Name
		}
		if !strings.Contains(usage, "\n  "+name+" ") {
			t.Errorf("%s is not in the usage", name)
		}
		if doc := string(b); !strings.Contains(doc, "\n| `"+name+" ") && !strings.Contains(doc, "\n| `"+name+"` ") {
			t.Errorf("%s is not in docs/load.md", name)
		}
	})
}

// A storm by the command line: everybody is back, and the report says so.
func TestStormByCommandLine(t *testing.T) {
	to := server(t, 255)
	code, out, errs := runArgs(t, "4o6", "--server", to, "--storm", "6", "--patience", "standard", "--time-scale", "0.01", "--delay", "1s", "--seed", "4")
	if code != exitFine || !strings.Contains(out, "6 of 6 clients held a lease, 6 are back") || !strings.Contains(out, "seed 4") {
		t.Errorf("exit %d\n%s%s", code, out, errs)
	}
}

// A mix of acts, repeated by its seed.
func TestMixByCommandLine(t *testing.T) {
	to := server(t, 255)
	code, out, errs := runArgs(t, "mix", "--server", to, "--mix", "lease=2,renew=5,release,inform", "--count", "200", "--prepare", "10")
	for _, want := range []string{"10 leases taken", "INFORM", "RELEASE", "\nrenew ", "200 completed"} {
		if code != exitFine || !strings.Contains(out, want) {
			t.Errorf("exit %d, %q is missing\n%s%s", code, want, out, errs)
		}
	}
}

// Who gets no answer at all is told where to look.
func TestNobodyAnswers(t *testing.T) {
	to := server(t, 0) // the only client there is
	code, _, errs := runArgs(t, "4o6", "--server", to, "--clients", "1", "--timeout", "5ms")
	if code != exitLosses || !strings.Contains(errs, "nobody answered: is there a server at "+to) || strings.Contains(errs, "unicast") {
		t.Errorf("exit %d, %q", code, errs)
	}
	code, _, errs = runArgs(t, "v6", "--server", to, "--clients", "1", "--timeout", "5ms")
	if code != exitLosses || !strings.Contains(errs, "unicast") {
		t.Errorf("exit %d, %q", code, errs)
	}
}

// Ctrl-C ends a run at once, and the report tells how far it came.
func TestInterrupted(t *testing.T) {
	to := server(t, 255)
	ctx, cancel := context.WithTimeout(t.Context(), 200*time.Millisecond)
	defer cancel()
	var o, e bytes.Buffer
	if code := run(ctx, []string{"4o6", "--server", to, "--duration", "1h"}, &o, &e, false); code != exitLosses || !strings.Contains(o.String(), "\ninterrupted ") {
		t.Errorf("exit %d\n%s%s", code, o.String(), e.String())
	}
}
