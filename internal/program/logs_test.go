package program

import (
	"fmt"
	"net"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"go.uber.org/zap"

	"github.com/dhcp4o6/dhcp4o6/pkg/config"
)

// logTo returns a logger that goes where loggers say, and its outlet.
func logTo(t *testing.T, loggers ...config.Logger) (*zap.Logger, *Outlet) {
	t.Helper()
	set, err := OpenLogs("kea-dhcp4", "dhcp4d", loggers)
	if err != nil {
		t.Fatal(err)
	}
	log, o := NewOutlet(set)
	t.Cleanup(func() { o.Close() })
	return log, o
}

func logger(name, severity string, outputs ...string) config.Logger {
	l := config.Logger{Name: name, Severity: severity, DebugLevel: 99}
	for _, o := range outputs {
		l.Outputs = append(l.Outputs, config.Output{Output: o, Flush: true, MaxVer: 1})
	}
	return l
}

func read(t *testing.T, file string) string {
	t.Helper()
	b, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

// eventually waits a moment for what a goroutine does.
func eventually(t *testing.T, what string, is func() bool) {
	t.Helper()
	for deadline := time.Now().Add(10 * time.Second); !is(); time.Sleep(5 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("not so: %s", what)
		}
	}
}

func contains(t *testing.T, text string, parts ...string) {
	t.Helper()
	for _, p := range parts {
		if !strings.Contains(text, p) {
			t.Errorf("%q is not in\n%s", p, text)
		}
	}
}

// capture returns what f writes to one of the process's own files.
func capture(t *testing.T, std **os.File, f func()) string {
	t.Helper()
	out, err := os.Create(filepath.Join(t.TempDir(), "captured"))
	if err != nil {
		t.Fatal(err)
	}
	defer out.Close()
	saved := *std
	*std = out
	defer func() { *std = saved }()
	f()
	return read(t, out.Name())
}

// Kea's severities, and from which debuglevel packets are logged.
func TestSeverity(t *testing.T) {
	tests := []struct {
		severity string
		debug    int
		want     string // the levels that come through
	}{
		{"DEBUG", 99, "DIWE"}, {"DEBUG", 40, "DIWE"}, {"DEBUG", 39, "IWE"}, {"INFO", 99, "IWE"},
		{"WARN", 0, "WE"}, {"ERROR", 0, "E"}, {"FATAL", 0, ""}, {"NONE", 0, ""},
	}
	for _, test := range tests {
		t.Run(fmt.Sprint(test.severity, test.debug), func(t *testing.T) {
			file := filepath.Join(t.TempDir(), "log")
			l := logger("kea-dhcp4", test.severity, file)
			l.DebugLevel = test.debug
			log, _ := logTo(t, l)
			log.Debug("D")
			log.Info("I")
			log.Warn("W")
			log.Error("E")
			got := ""
			for line := range strings.Lines(read(t, file)) {
				got += strings.TrimSpace(line[len(line)-2:])
			}
			if got != test.want {
				t.Errorf("got %q, want %q", got, test.want)
			}
		})
	}
}

// A line has a time, a level, the message and its fields.
func TestLine(t *testing.T) {
	file := filepath.Join(t.TempDir(), "log")
	log, _ := logTo(t, logger("kea-dhcp4", "INFO", file))
	log.With(zap.String("iface", "eth0")).Warn("look here", zap.Int("count", 3))
	want := regexp.MustCompile(`^\d{4}-\d\d-\d\d \d\d:\d\d:\d\d\.\d{3} WARN look here \{"iface": "eth0", "count": 3\}\n$`)
	if got := read(t, file); !want.MatchString(got) {
		t.Errorf("line %q", got)
	}
}

// Every logger has outputs and a severity of its own; the longest name that
// fits gets the line, whether it begins with Kea's program or ours.
func TestChildLoggers(t *testing.T) {
	dir := t.TempDir()
	root, child, deep := filepath.Join(dir, "root"), filepath.Join(dir, "child"), filepath.Join(dir, "deep")
	log, _ := logTo(t, logger("kea-dhcp4", "WARN", root), logger("dhcp4d.leases", "DEBUG", child), logger("kea-dhcp4.leases.file", "ERROR", deep))
	log.Info("info to root")
	log.Warn("warning to root")
	log.Named("packets").Warn("warning of a child without a logger")
	log.Named("leases").Debug("debug to child")
	log.Named("leasesX").Debug("debug to a name that only begins so")
	log.Named("leases.file").Info("info to deep")
	log.Named("leases.file").Error("error to deep")
	want := map[string][]string{
		root:  {"WARN warning to root", "WARN [packets] warning of a child without a logger"},
		child: {"DEBUG [leases] debug to child"},
		deep:  {"ERROR [leases.file] error to deep"},
	}
	for file, lines := range want {
		got := strings.Split(strings.TrimSpace(read(t, file)), "\n")
		if len(got) != len(lines) {
			t.Errorf("%s has %q", filepath.Base(file), got)
			continue
		}
		for i := range got {
			if !strings.HasSuffix(got[i], lines[i]) {
				t.Errorf("%s has %q, want %q", filepath.Base(file), got[i], lines[i])
			}
		}
	}
}

func TestBelow(t *testing.T) {
	for name, want := range map[string]string{
		"kea-dhcp4": "", "dhcp4d": "", "*": "", "kea-dhcp4.leases": "leases", "dhcp4d.leases": "leases", "kea-dhcp6": "kea-dhcp6",
		"kea-dhcp4-x": "kea-dhcp4-x",
	} {
		if got := below(name, "kea-dhcp4", "dhcp4d"); got != want {
			t.Errorf("%s: %q, want %q", name, got, want)
		}
	}
}

func TestStandardOutputs(t *testing.T) {
	for output, std := range map[string]**os.File{"stdout": &os.Stdout, "stderr": &os.Stderr} {
		got := capture(t, std, func() {
			log, _ := logTo(t, logger("kea-dhcp4", "INFO", output))
			log.Info("hello")
		})
		contains(t, got, "INFO hello\n")
	}
}

// No loggers, none for the root, and one without outputs: all of them log INFO
// to stdout, as Kea does.
func TestDefaultOutput(t *testing.T) {
	for name, loggers := range map[string][]config.Logger{
		"none":       nil,
		"of another": {logger("kea-dhcp6", "ERROR", "stderr")},
		"no outputs": {logger("kea-dhcp4", "INFO")},
	} {
		t.Run(name, func(t *testing.T) {
			t.Setenv("KEA_LOGGER_DESTINATION", "")
			got := capture(t, &os.Stdout, func() {
				log, _ := logTo(t, loggers...)
				log.Debug("quiet")
				log.Info("hello")
			})
			contains(t, got, "INFO hello\n")
			if strings.Contains(got, "quiet") && name != "no outputs" {
				t.Error("debug lines by default")
			}
		})
	}
}

func TestLoggerDestination(t *testing.T) {
	file := filepath.Join(t.TempDir(), "elsewhere")
	t.Setenv("KEA_LOGGER_DESTINATION", file)
	log, _ := logTo(t)
	log.Info("hello")
	contains(t, read(t, file), "INFO hello\n")
}

// A file is rotated at its size, and maxver of them are kept.
func TestRotation(t *testing.T) {
	dir := t.TempDir()
	l := logger("kea-dhcp4", "INFO")
	l.Outputs = []config.Output{{Output: filepath.Join(dir, "log"), MaxSize: 1 << 20, MaxVer: 2, Flush: true}}
	log, o := logTo(t, l)
	long := zap.String("text", strings.Repeat("x", 100<<10))
	for range 50 { // five megabytes
		log.Info("line", long)
	}
	o.Close()
	eventually(t, "the file and two older ones are left", func() bool {
		files, _ := filepath.Glob(filepath.Join(dir, "*"))
		return len(files) == 3
	})
	files, _ := filepath.Glob(filepath.Join(dir, "*"))
	for _, f := range files {
		if i, err := os.Stat(f); err != nil || i.Size() > 1<<20 || i.Mode().Perm() != 0o640 {
			t.Errorf("%s: %v %v", f, i.Mode(), i.Size())
		}
	}
}

// Without flush lines are gathered, and none is lost at the end.
func TestUnflushedLinesAreWritten(t *testing.T) {
	file := filepath.Join(t.TempDir(), "log")
	l := logger("kea-dhcp4", "INFO", file)
	l.Outputs[0].Flush = false
	log, o := logTo(t, l)
	log.Info("one")
	if got := read(t, file); got != "" {
		t.Errorf("written at once: %q", got)
	}
	if err := o.Close(); err != nil {
		t.Error(err)
	}
	contains(t, read(t, file), "INFO one\n")
	log.Info("after the end") // is lost, and harmless
}

// Two loggers may share a file.
func TestSharedFile(t *testing.T) {
	file := filepath.Join(t.TempDir(), "log")
	log, o := logTo(t, logger("kea-dhcp4", "INFO", file), logger("kea-dhcp4.leases", "INFO", file))
	if n := len(o.set.Load().files); n != 1 {
		t.Errorf("opened %d times", n)
	}
	log.Info("one")
	log.Named("leases").Info("two")
	contains(t, read(t, file), "INFO one\n", "INFO [leases] two\n")
}

// Syslog gets the priority of each line, Kea's facility and the program's name.
func TestSyslog(t *testing.T) {
	addr := filepath.Join(t.TempDir(), "log")
	c, err := net.ListenPacket("unixgram", addr)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	syslogAt.network, syslogAt.addr = "unixgram", addr
	defer func() { syslogAt.network, syslogAt.addr = "", "" }()

	const local0, local3 = 16 << 3, 19 << 3
	for output, want := range map[string]struct {
		facility int
		name     string
	}{
		"syslog":           {local0, "dhcp4d"},
		"syslog:local3":    {local3, "dhcp4d"},
		"syslog:my-server": {local0, "my-server"},
	} {
		log, o := logTo(t, logger("kea-dhcp4", "DEBUG", output))
		for _, line := range []struct {
			write func(string, ...zap.Field)
			level int
		}{{log.Error, 3}, {log.Warn, 4}, {log.Info, 6}, {log.Debug, 7}} {
			line.write("hello", zap.Int("count", 1))
			b := make([]byte, 1000)
			n, _, err := c.ReadFrom(b)
			if err != nil {
				t.Fatal(err)
			}
			got := string(b[:n])
			contains(t, got, want.name+"[", `hello {"count": 1}`)
			if !strings.HasPrefix(got, fmt.Sprintf("<%d>", want.facility|line.level)) {
				t.Errorf("%s: %q has not facility %d and level %d", output, got, want.facility, line.level)
			}
		}
		o.Close()
	}
}

func TestNoSyslog(t *testing.T) {
	syslogAt.network, syslogAt.addr = "unixgram", filepath.Join(t.TempDir(), "log")
	defer func() { syslogAt.network, syslogAt.addr = "", "" }()
	_, err := OpenLogs("kea-dhcp4", "dhcp4d", []config.Logger{logger("kea-dhcp4", "INFO", "syslog")})
	if err == nil {
		t.Fatal("opened")
	}
	contains(t, err.Error(), `logger "kea-dhcp4": no syslog on this host`)
}

// A change of loggers reaches those that were made before it, and loses no line
// of whoever logs meanwhile.
func TestSwapLosesNothing(t *testing.T) {
	dir := t.TempDir()
	log, o := logTo(t, logger("kea-dhcp4", "INFO", filepath.Join(dir, "0")))
	log = log.With(zap.String("part", "engine"))
	const lines = 2000
	done := make(chan struct{})
	go func() {
		defer close(done)
		for range lines {
			log.Info("line")
		}
	}()
	for i := 1; i < 20; i++ {
		l := logger("kea-dhcp4", "INFO", filepath.Join(dir, fmt.Sprint(i)))
		l.Outputs[0].Flush = i%2 == 0
		set, err := OpenLogs("kea-dhcp4", "dhcp4d", []config.Logger{l})
		if err != nil {
			t.Fatal(err)
		}
		if err := o.Swap(set); err != nil {
			t.Fatal(err)
		}
	}
	<-done
	o.Close()
	n := 0
	for i := range 20 {
		n += strings.Count(read(t, filepath.Join(dir, fmt.Sprint(i))), "line")
	}
	if n != lines {
		t.Errorf("%d of %d lines", n, lines)
	}
}
