package classify

import (
	"bufio"
	"encoding/json"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/dhcp4o6/dhcp4o6/internal/dhcptest/need"
)

// What Kea makes of the same conditions: the daemon runs on loopback as an
// ordinary user, with one class for each condition, gets the packet of the tables,
// and writes to its log what each condition came to.

func TestKea4(t *testing.T) {
	for name, tt := range map[string]struct {
		packet string
		rows   []row
	}{"all": {query4, rows4}, "NUL": {queryNUL, rowsNUL}} {
		t.Run(name, func(t *testing.T) {
			config := map[string]any{"Dhcp4": map[string]any{
				"interfaces-config": map[string]any{"interfaces": []string{"lo"}, "dhcp-socket-type": "udp"},
				"lease-database":    map[string]any{"type": "memfile", "persist": false},
				"client-classes":    keaClasses(tt.rows),
				"loggers":           keaLogger("kea-dhcp4"),
			}}
			compareWithKea(t, "kea-dhcp4", config, "127.0.0.1", unhex(t, tt.packet), tt.rows)
		})
	}
}

func TestKea6(t *testing.T) {
	config := map[string]any{"Dhcp6": map[string]any{
		"interfaces-config": map[string]any{"interfaces": []string{"lo/::1"}},
		"lease-database":    map[string]any{"type": "memfile", "persist": false},
		"server-id":         map[string]any{"type": "EN", "persist": false, "identifier": "01020304", "enterprise-id": 1},
		"client-classes":    keaClasses(rows6),
		"loggers":           keaLogger("kea-dhcp6"),
	}}
	compareWithKea(t, "kea-dhcp6", config, "::1", unhex(t, solicit), rows6)
}

func keaClasses(rows []row) (classes []any) {
	for i, r := range rows {
		if r.kea == "" {
			classes = append(classes, map[string]any{"name": fmt.Sprintf("row%d", i), "test": r.expr})
		}
	}
	return append(classes, map[string]any{"name": "last", "test": "'a' == 'a'"})
}

func keaLogger(name string) []any {
	return []any{map[string]any{
		"name": name, "severity": "DEBUG", "debuglevel": 99, "output_options": []any{map[string]any{"output": "stdout"}},
	}}
}

var (
	evaluated = regexp.MustCompile(`EVAL_RESULT .*[Ee]xpression (\w+) evaluated to (\w+)`)
	failed    = regexp.MustCompile(`EVAL_ERROR .*[Ee]xpression (\w+)`)
)

// compareWithKea runs the daemon, sends it the packet until it answers in its log,
// and compares what it says of each row.
func compareWithKea(t *testing.T, program string, config map[string]any, host string, packet []byte, rows []row) {
	lines := runKea(t, program, config, host, packet)
	asked := make(map[string]bool)
	var said []string
	for line := range lines {
		if said = append(said, line); len(said) > 40 {
			said = said[1:]
		}
		name, holds := "", false
		if m := evaluated.FindStringSubmatch(line); m != nil {
			name, holds = m[1], m[2] == "1" || m[2] == "true"
		} else if m := failed.FindStringSubmatch(line); m != nil {
			name = m[1]
		}
		if name == "last" {
			said = nil
			break
		}
		if i, err := strconv.Atoi(trimRow(name)); err == nil {
			asked[name] = true
			if holds != rows[i].want {
				t.Errorf("%s: Kea says %v", rows[i].expr, holds)
			}
		}
	}
	if said != nil {
		t.Fatalf("Kea evaluates nothing:\n%s", strings.Join(said, "\n"))
	}
	for i, r := range rows {
		if name := fmt.Sprintf("row%d", i); r.kea == "" && !asked[name] {
			t.Errorf("%s: Kea says nothing", r.expr)
		}
	}
}

func trimRow(name string) string {
	if len(name) > 3 && name[:3] == "row" {
		return name[3:]
	}
	return ""
}

// runKea starts the daemon and returns the lines of its log. It sends the packet
// again and again until the log's reader is done or ten seconds are over.
func runKea(t *testing.T, program string, config map[string]any, host string, packet []byte) <-chan string {
	t.Helper()
	need.Programs(t, program)
	dir := t.TempDir()
	port := freePort(t, host)
	cmd := exec.Command(program, "-c", keaFile(t, dir, config), "-p", port, "-P", "9")
	cmd.Env = append(os.Environ(), "KEA_PIDFILE_DIR="+dir, "KEA_LOCKFILE_DIR="+dir)
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	cmd.Stderr = cmd.Stdout
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	conn, err := net.Dial("udp", net.JoinHostPort(host, port))
	if err != nil {
		t.Fatal(err)
	}
	stop, lines := make(chan struct{}), make(chan string)
	sent, read := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(sent)
		for range 100 {
			conn.Write(packet)
			select {
			case <-stop:
				return
			case <-time.After(100 * time.Millisecond):
			}
		}
		cmd.Process.Kill() // ends the reader below
	}()
	go func() {
		defer close(read)
		defer close(lines)
		for s := bufio.NewScanner(out); s.Scan(); {
			select {
			case lines <- s.Text():
			case <-stop:
			}
		}
	}()
	t.Cleanup(func() {
		close(stop)
		cmd.Process.Kill()
		<-sent
		<-read
		conn.Close()
		cmd.Wait()
	})
	return lines
}

func keaFile(t *testing.T, dir string, config map[string]any) string {
	t.Helper()
	text, err := json.Marshal(config)
	if err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(dir, "kea.json")
	if err := os.WriteFile(file, text, 0o600); err != nil {
		t.Fatal(err)
	}
	return file
}

func freePort(t *testing.T, host string) string {
	t.Helper()
	c, err := net.ListenUDP("udp", &net.UDPAddr{IP: net.ParseIP(host)})
	if err != nil {
		need.Skip(t, "needs %s: %v", host, err)
	}
	defer c.Close()
	_, port, _ := net.SplitHostPort(c.LocalAddr().String())
	return port
}

// TestKeaAccepts compares which expressions load.
func TestKeaAccepts(t *testing.T) {
	need.Programs(t, "kea-dhcp4")
	dir := t.TempDir()
	for _, tt := range refused4 {
		if tt.kea != "" {
			continue
		}
		config := map[string]any{"Dhcp4": map[string]any{
			"lease-database": map[string]any{"type": "memfile", "persist": false},
			"client-classes": []any{map[string]any{"name": "x", "test": tt.expr}},
		}}
		cmd := exec.Command("kea-dhcp4", "-t", keaFile(t, dir, config))
		cmd.Env = append(os.Environ(), "KEA_PIDFILE_DIR="+dir, "KEA_LOCKFILE_DIR="+dir)
		if out, err := cmd.CombinedOutput(); err == nil {
			t.Errorf("%s: Kea takes it\n%s", tt.expr, out)
		}
	}
}
