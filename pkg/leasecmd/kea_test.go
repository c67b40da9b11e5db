//go:build interop

package leasecmd_test

import (
	"cmp"
	"context"
	"encoding/json"
	"flag"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"go.uber.org/zap"

	"github.com/dhcp4o6/dhcp4o6/internal/dhcptest/need"
	"github.com/dhcp4o6/dhcp4o6/pkg/daemon"
	"github.com/dhcp4o6/dhcp4o6/pkg/topology"
)

var record = flag.Bool("update", false, "record Kea's answers in testdata")

// TestAgainstKea asks Kea's server and ours, each on its UNIX socket, the same and compares:
// the answers that were recorded are those of the Kea of this machine too.
func TestAgainstKea(t *testing.T) {
	for _, f := range []topology.Family{topology.V4, topology.V6} {
		t.Run(fmt.Sprintf("dhcp%d", f), func(t *testing.T) {
			kea, ours := startKea(t, f), startOurs(t, f)
			name := fmt.Sprintf("dhcp%d.txt", f)
			turns := readTurns(t, name)
			for i := range turns {
				turn := &turns[i]
				answer := kea(t, turn.ask)
				if *record {
					turn.answer = answer
					continue
				}
				if plain(t, turn.ask, answer) != plain(t, turn.ask, turn.answer) {
					t.Errorf("%s:%d: Kea answers %s\nrecorded was %s", name, turn.line, answer, turn.answer)
				}
				if got := ours(t, turn.ask); plain(t, turn.ask, got) != plain(t, turn.ask, cmp.Or(turn.ours, answer)) {
					t.Errorf("%s:%d: %s\nours: %s\nKea's: %s", name, turn.line, turn.ask, got, answer)
				}
			}
			if *record {
				writeTurns(t, name, turns)
			}
		})
	}
}

func writeTurns(t *testing.T, name string, turns []turn) {
	t.Helper()
	var b strings.Builder
	for _, turn := range turns {
		for _, why := range turn.why {
			fmt.Fprintln(&b, why)
		}
		fmt.Fprintf(&b, "> %s\n< %s\n", turn.ask, turn.answer)
		if turn.ours != "" {
			fmt.Fprintln(&b, "=", turn.ours)
		}
	}
	if err := os.WriteFile(filepath.Join("testdata", name), []byte(b.String()), 0o644); err != nil {
		t.Fatal(err)
	}
}

// startKea starts the server of a family without any interface and returns how to ask it.
func startKea(t *testing.T, f topology.Family) func(*testing.T, string) string {
	t.Helper()
	server := fmt.Sprintf("kea-dhcp%d", f)
	need.Programs(t, server)
	folder := t.TempDir()
	file := filepath.Join(folder, "kea.json")
	if err := os.WriteFile(file, []byte(configuration(t, f, folder)), 0o600); err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(server, "-c", file, "-p", fmt.Sprint(20000+os.Getpid()%20000+int(f)))
	cmd.Env = append(os.Environ(), "KEA_PIDFILE_DIR="+folder, "KEA_LOCKFILE_DIR="+folder, "TZ=UTC")
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	var said strings.Builder
	cmd.Stdout, cmd.Stderr = &said, &said
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		cmd.Process.Signal(syscall.SIGTERM)
		cmd.Wait()
		if t.Failed() {
			t.Log(said.String())
		}
	})
	return asker(t, folder)
}

// startOurs runs our daemon in this process.
func startOurs(t *testing.T, f topology.Family) func(*testing.T, string) string {
	t.Helper()
	folder := t.TempDir()
	if err := os.Chmod(folder, 0o750); err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(folder, "ours.json")
	if err := os.WriteFile(file, []byte(configuration(t, f, folder)), 0o600); err != nil {
		t.Fatal(err)
	}
	run := daemon.DHCP4
	if f == topology.V6 {
		run = daemon.DHCP6
	}
	ctx, stop := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- run(ctx, daemon.Setup{ConfigFile: file, Log: zap.NewNop()}) }()
	t.Cleanup(func() {
		stop()
		if err := <-ended; err != nil {
			t.Error(err)
		}
	})
	return asker(t, folder)
}

// asker waits for the control socket of a server and returns how to ask it.
func asker(t *testing.T, folder string) func(*testing.T, string) string {
	t.Helper()
	socket := filepath.Join(folder, "socket")
	for begin := time.Now(); ; time.Sleep(20 * time.Millisecond) {
		if c, err := net.Dial("unix", socket); err == nil {
			c.Close()
			break
		}
		if time.Since(begin) > 10*time.Second {
			t.Fatal("no control socket is opened")
		}
	}
	return func(t *testing.T, request string) string { return askSocket(t, socket, request) }
}

func askSocket(t *testing.T, socket, request string) string {
	t.Helper()
	c, err := net.Dial("unix", socket)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	c.SetDeadline(time.Now().Add(10 * time.Second))
	if _, err := c.Write([]byte(request)); err != nil {
		t.Fatal(err)
	}
	answer, err := io.ReadAll(c)
	if err != nil || len(answer) == 0 {
		t.Fatalf("%s: %q, %v", request, answer, err)
	}
	return strings.TrimSpace(string(answer))
}

// TestStatisticsAgainstKea: what an operator does to leases counts with ours as with
// Kea's.
func TestStatisticsAgainstKea(t *testing.T) {
	kea, ours := startKea(t, topology.V4), startOurs(t, topology.V4)
	const lease = `{"command":"lease4-%s","arguments":{"ip-address":"192.0.2.%d","hw-address":"01:02:03:04:05:06","state":%d,"force-create":true,"valid-lft":1000,"expire":%d}}`
	later := time.Now().Unix() + 5000
	commands := []string{
		fmt.Sprintf(lease, "add", 1, 0, later),
		fmt.Sprintf(lease, "add", 2, 1, later),
		fmt.Sprintf(lease, "add", 3, 2, later),
		fmt.Sprintf(lease, "update", 1, 1, later),
		fmt.Sprintf(lease, "update", 2, 0, later), // but not to 2: Kea would count it as assigned for ever
		`{"command":"lease4-del","arguments":{"ip-address":"192.0.2.2"}}`,
		fmt.Sprintf(lease, "update", 3, 0, later),
		fmt.Sprintf(lease, "update", 4, 0, 2000),
		fmt.Sprintf(lease, "update", 5, 1, 2000),
		`{"command":"leases-reclaim","arguments":{"remove":true}}`,
		`{"command":"lease4-del","arguments":{"ip-address":"192.0.2.1"}}`,
		fmt.Sprintf(lease, "update", 6, 0, 2000),
		`{"command":"leases-reclaim","arguments":{"remove":false}}`,
		`{"command":"lease4-wipe","arguments":{"subnet-id":44}}`,
	}
	names := []string{"total-addresses", "assigned-addresses", "declined-addresses", "cumulative-assigned-addresses", "reclaimed-leases", "reclaimed-declined-addresses"}
	for _, command := range commands {
		if a, b := kea(t, command), ours(t, command); !strings.Contains(a, `"result": 0`) || !strings.Contains(b, `"result":0`) {
			t.Fatalf("%s: Kea %s, ours %s", command, a, b)
		}
		for _, name := range names {
			for _, scope := range []string{"subnet[44].", ""} {
				if scope == "" && (name == "total-addresses" || name == "assigned-addresses") {
					continue // of Kea 3
				}
				ask := `{"command":"statistic-get","arguments":{"name":"` + scope + name + `"}}`
				if a, b := value(t, kea(t, ask)), value(t, ours(t, ask)); a != b {
					t.Errorf("after %s: %s%s is %s, Kea's %s", command, scope, name, b, a)
				}
			}
		}
	}
}

// value is the newest sample of a statistic.
func value(t *testing.T, answer string) string {
	t.Helper()
	var got struct {
		Arguments map[string][][]json.RawMessage
	}
	if err := json.Unmarshal([]byte(answer), &got); err != nil {
		t.Fatalf("%s: %v", answer, err)
	}
	for _, samples := range got.Arguments {
		if len(samples) > 0 && len(samples[0]) > 0 {
			return string(samples[0][0])
		}
	}
	return "nothing"
}
