package control

import (
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"syscall"
	"testing"

	"github.com/dhcp4o6/dhcp4o6/internal/dhcptest/need"
)

// TestKea asks kea-dhcp4 what TestRunAsKea expects of us.
func TestKea(t *testing.T) {
	need.Programs(t, "kea-dhcp4")
	dir := folder(t)
	path := filepath.Join(dir, "c")
	file := filepath.Join(dir, "kea.json")
	conf := fmt.Sprintf(`{"Dhcp4": {"interfaces-config": {"interfaces": []}, "lease-database": {"type": "memfile", "persist": false},
		"control-socket": {"socket-type": "unix", "socket-name": %q},
		"loggers": [{"name": "kea-dhcp4", "severity": "ERROR", "output_options": [{"output": "stderr"}]}]}}`, path)
	if err := os.WriteFile(file, []byte(conf), 0o600); err != nil {
		t.Fatal(err)
	}
	kea := exec.Command("kea-dhcp4", "-p", "10067", "-c", file)
	kea.Env = append(os.Environ(), "KEA_PIDFILE_DIR="+dir, "KEA_LOCKFILE_DIR=none")
	kea.Stderr = os.Stderr
	if err := kea.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		kea.Process.Signal(syscall.SIGTERM)
		kea.Wait()
	})
	eventually(t, "socket of Kea", func() bool {
		c, err := net.Dial("unix", path) // it is there a moment before it listens
		if err == nil {
			c.Close()
		}
		return err == nil
	})
	version := ask(t, path, `{"command":"version-get"}`)
	if !strings.Contains(version, `"2.2.0"`) {
		need.Skip(t, "needs Kea 2.2.0: %s", version)
	}
	listed := regexp.MustCompile(`"arguments": \[[^]]*"list-commands"[^]]*\]`)
	for _, tt := range same {
		t.Run(tt.name, func(t *testing.T) {
			want := tt.answer
			if want == "" {
				want = `{"result":0,"arguments":["list-commands"]}`
			}
			c := dial(t, path)
			if _, err := io.WriteString(c, tt.request); err != nil {
				t.Fatal(err)
			}
			check(t, []byte(listed.ReplaceAllString(rest(t, c), `"arguments":["list-commands"]`)), want)
		})
	}
}
