package load

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"strconv"
	"syscall"
	"time"
)

// clockTick is the unit of /proc/PID/stat: USER_HZ, 100 on every Linux.
const clockTick = time.Second / 100

var errStat = errors.New("load: /proc/PID/stat is not what proc(5) says")

// cpuOf returns the name of a process and the CPU time that it has used, user
// and system, all of its threads.
func cpuOf(pid int) (name string, used time.Duration, err error) {
	b, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return "", 0, fmt.Errorf("load: cpu time of a process: %w", err)
	}
	return parseStat(b)
}

// parseStat reads /proc/PID/stat (proc(5)). The name may hold anything, so the
// fields are counted from the last parenthesis.
func parseStat(b []byte) (name string, used time.Duration, err error) {
	from, to := bytes.IndexByte(b, '('), bytes.LastIndexByte(b, ')')
	if from < 0 || to < from {
		return "", 0, errStat
	}
	fields := bytes.Fields(b[to+1:])
	const utime, stime = 14 - 3, 15 - 3 // the field after the name is the third
	if len(fields) <= stime {
		return "", 0, errStat
	}
	for _, f := range [][]byte{fields[utime], fields[stime]} {
		n, err := strconv.ParseInt(string(f), 10, 64)
		if err != nil {
			return "", 0, errStat
		}
		used += time.Duration(n) * clockTick
	}
	return string(b[from+1 : to]), used, nil
}

// ownCPU returns the CPU time of this process.
func ownCPU() time.Duration {
	var u syscall.Rusage
	if syscall.Getrusage(syscall.RUSAGE_SELF, &u) != nil {
		return 0
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

// A meter measures the CPU time of processes between two moments.
type meter struct {
	pids  []int
	names []string
	start []time.Duration
	own   time.Duration
}

func newMeter(pids []int) (*meter, error) {
	m := &meter{pids: pids}
	for _, pid := range pids {
		name, used, err := cpuOf(pid)
		if err != nil {
			return nil, err
		}
		m.names, m.start = append(m.names, name), append(m.start, used)
	}
	m.own = ownCPU()
	return m, nil
}

// read returns what was used since newMeter, also for n conversations. A
// process that has gone is left out.
func (m *meter) read(n int) (all []CPU, own CPU) {
	for i, pid := range m.pids {
		if _, used, err := cpuOf(pid); err == nil {
			all = append(all, newCPU(pid, m.names[i], used-m.start[i], n))
		}
	}
	return all, newCPU(os.Getpid(), "dhcpload", ownCPU()-m.own, n)
}

func newCPU(pid int, name string, used time.Duration, n int) CPU {
	c := CPU{PID: pid, Name: name, Seconds: used.Seconds()}
	if n > 0 {
		c.PerMile = c.Seconds / float64(n) * 1000
	}
	return c
}
