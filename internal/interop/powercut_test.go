//go:build interop

package interop

import (
	"bufio"
	"encoding/hex"
	"fmt"
	"maps"
	"math/rand/v2"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/dhcp4o6/dhcp4o6/internal/dhcptest/need"
)

// A disk is what a power cut would leave of a folder, by the trace of the
// system calls of the one process that writes there. The worst case that POSIX
// allows: of a file, what fsync or fdatasync had returned for; of a folder, the
// names it had when it was synced itself.
type disk struct {
	dir     string
	now     map[string]*inode // the folder as the process sees it
	durable map[string]*inode // the folder as it was last synced
}

type inode struct{ data, synced []byte }

func newDisk(dir string) (*disk, error) {
	d := &disk{dir: dir, now: make(map[string]*inode), durable: make(map[string]*inode)}
	names, err := filepath.Glob(filepath.Join(dir, "*"))
	if err != nil {
		return nil, err
	}
	for _, name := range names {
		b, err := os.ReadFile(name)
		if err != nil {
			return nil, err
		}
		i := &inode{data: b, synced: append([]byte{}, b...)}
		d.now[name], d.durable[name] = i, i
	}
	return d, nil
}

// restore makes the folder what the power cut left of it.
func (d *disk) restore() error {
	names, _ := filepath.Glob(filepath.Join(d.dir, "*"))
	for _, name := range names {
		if err := os.Remove(name); err != nil {
			return err
		}
	}
	for name, i := range d.durable {
		if err := os.WriteFile(name, i.synced, 0o640); err != nil {
			return err
		}
	}
	return nil
}

// A call is one system call of the trace, as it returned.
type call struct {
	name, args string
	ret        int
}

var (
	whole   = regexp.MustCompile(`^\d+ +(\d+\.\d+) (\w+)\((.*)\) += (-?\d+).*<(\d+\.\d+)>$`)
	begun   = regexp.MustCompile(`^(\d+) +\d+\.\d+ (\w+)\((.*) <unfinished \.\.\.>$`)
	resumed = regexp.MustCompile(`^(\d+) +(\d+\.\d+) <\.\.\. \w+ resumed>(.*)\) += (-?\d+).*<(\d+\.\d+)>$`)
	fdPath  = regexp.MustCompile(`^\d+<([^>]*)>`)
	quoted  = regexp.MustCompile(`"((?:\\x[0-9a-f]{2})*)"(\.\.\.)?`)
)

// replay applies the trace's calls that had returned at the moment of the cut.
func (d *disk) replay(trace string, cut time.Time) error {
	f, err := os.Open(trace)
	if err != nil {
		return err
	}
	defer f.Close()
	pending := make(map[string]call)
	lines := bufio.NewScanner(f)
	lines.Buffer(nil, 16<<20)
	for lines.Scan() {
		line := lines.Text()
		var c call
		var stamp, took, ret string
		if m := whole.FindStringSubmatch(line); m != nil {
			stamp, c.name, c.args, ret, took = m[1], m[2], m[3], m[4], m[5]
		} else if m := begun.FindStringSubmatch(line); m != nil {
			pending[m[1]] = call{name: m[2], args: m[3]}
			continue
		} else if m := resumed.FindStringSubmatch(line); m != nil {
			c, stamp, ret, took = pending[m[1]], m[2], m[4], "0"
			c.args += m[3]
		} else {
			continue
		}
		c.ret, _ = strconv.Atoi(ret)
		at, _ := strconv.ParseFloat(stamp, 64)
		lasted, _ := strconv.ParseFloat(took, 64)
		if at+lasted > float64(cut.UnixNano())/1e9 {
			continue // not back yet: as if it had never been made
		}
		if err := d.apply(c); err != nil {
			return fmt.Errorf("%w in %.200s", err, line)
		}
	}
	return lines.Err()
}

func (d *disk) apply(c call) error {
	if c.ret < 0 {
		return nil
	}
	switch c.name {
	case "openat":
		name := d.name(quotedArg(c.args, 0))
		if name == "" || !strings.Contains(c.args, "O_CREAT") && !strings.Contains(c.args, "O_TRUNC") {
			return nil
		}
		if i := d.now[name]; i == nil {
			d.now[name] = new(inode)
		} else if strings.Contains(c.args, "O_TRUNC") {
			i.data = nil
		}
	case "write", "pwrite64":
		return d.write(c)
	case "fsync", "fdatasync":
		d.sync(fd(c.args))
	case "ftruncate":
		if i := d.now[fd(c.args)]; i != nil {
			n, err := strconv.Atoi(strings.TrimSpace(c.args[strings.LastIndex(c.args, ",")+1:]))
			if err != nil {
				return err
			}
			i.data = i.data[:min(n, len(i.data))]
		}
	case "rename", "renameat", "renameat2":
		from, to := d.name(quotedArg(c.args, 0)), d.name(quotedArg(c.args, 1))
		if i := d.now[from]; i != nil {
			d.now[to] = i
			delete(d.now, from)
		}
	case "unlink", "unlinkat":
		delete(d.now, d.name(quotedArg(c.args, 0)))
	}
	return nil
}

func (d *disk) write(c call) error {
	i := d.now[fd(c.args)]
	if i == nil {
		return nil
	}
	m := quoted.FindStringSubmatch(c.args)
	if m == nil || m[2] != "" {
		return fmt.Errorf("the trace is cut short")
	}
	b, err := hex.DecodeString(strings.ReplaceAll(m[1], `\x`, ""))
	if err != nil {
		return err
	}
	at := len(i.data)
	if c.name == "pwrite64" {
		if at, err = strconv.Atoi(strings.TrimSpace(c.args[strings.LastIndex(c.args, ",")+1:])); err != nil {
			return err
		}
	}
	if grow := at + c.ret - len(i.data); grow > 0 {
		i.data = append(i.data, make([]byte, grow)...)
	}
	copy(i.data[at:], b[:c.ret])
	return nil
}

func (d *disk) sync(name string) {
	if name == d.dir {
		d.durable = maps.Clone(d.now)
		return
	}
	if i := d.now[name]; i != nil {
		i.synced = append(i.synced[:0:0], i.data...)
	}
}

// name returns the name if it is inside the folder.
func (d *disk) name(hexName string) string {
	b, _ := hex.DecodeString(strings.ReplaceAll(hexName, `\x`, ""))
	if filepath.Dir(string(b)) != d.dir {
		return ""
	}
	return string(b)
}

func fd(args string) string {
	if m := fdPath.FindStringSubmatch(args); m != nil {
		name, _ := strings.CutSuffix(m[1], " (deleted)")
		return name
	}
	return ""
}

func quotedArg(args string, n int) string {
	all := quoted.FindAllStringSubmatch(args, -1)
	if n >= len(all) {
		return ""
	}
	return all[n][1]
}

// TestPowerCut cuts the power of dhcp4d's host ten times under load: what is
// left of its folder is what had been synced by then, as seen from outside by
// strace. Every lease whose ACK had arrived is known afterwards.
func TestPowerCut(t *testing.T) {
	need.Programs(t, "strace")
	s := crashSite(t)
	s.v4.Stop()
	dir := filepath.Dir(s.leases4)
	acked := make(map[[6]byte]ack)
	for round := range 10 {
		c := &crowd{s: s, base: uint16(round), acked: make(map[[6]byte]ack)}
		d, err := newDisk(dir)
		if err != nil {
			t.Fatal(err)
		}
		trace := filepath.Join(s.lab.Dir, fmt.Sprintf("trace%d", round))
		s.v4 = s.server.Start(s.env, append([]string{"strace", "-f", "-ttt", "-T", "-y", "-xx", "-s", "1048576",
			"-e", "trace=openat,write,pwrite64,fsync,fdatasync,ftruncate,rename,renameat,renameat2,unlink,unlinkat",
			"-o", trace}, s.v4Args...)...)
		s.ready(t)
		stop := c.start(t, 16)
		time.Sleep(time.Duration(500+rand.IntN(500)) * time.Millisecond)
		cut := time.Now().Add(-time.Duration(rand.IntN(200)) * time.Millisecond)
		s.killV4(t)
		stop()

		if err := d.replay(trace, cut); err != nil {
			t.Fatal(err)
		}
		if err := d.restore(); err != nil {
			t.Fatal(err)
		}
		maps.DeleteFunc(c.acked, func(_ [6]byte, a ack) bool { return a.at.After(cut) })
		if len(c.acked) == 0 {
			t.Fatalf("round %d: no lease was acknowledged before the cut", round)
		}
		maps.Copy(acked, c.acked)
		s.v4 = s.v4Start()
		s.ready(t)
		c.distinct(t)
		c.known(t, c.acked)
		if t.Failed() {
			t.FailNow()
		}
		s.v4.Stop()
	}
	s.v4 = s.v4Start()
	s.ready(t)
	all := &crowd{s: s, acked: acked}
	all.distinct(t)
	all.known(t, acked)
	t.Logf("10 power cuts; %d acknowledged leases, all known", len(acked))
}

// killV4 kills the daemon that strace follows; strace writes its last lines and
// ends with it.
func (s *site) killV4(t *testing.T) {
	t.Helper()
	s.server.Run("pkill", "-KILL", "-P", strconv.Itoa(s.v4.PID()))
	s.v4.Wait(5 * time.Second)
}
