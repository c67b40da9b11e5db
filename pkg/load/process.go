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
		return "", 0, fmt.Errorf("load: process %d: %w", pid, err)
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

// fineCPUOf is cpuOf to the nanosecond, but of the threads that live now; 0 where
// the kernel does not tell (CONFIG_SCHED_INFO).
func fineCPUOf(pid int) (used time.Duration) {
	threads, err := os.ReadDir(fmt.Sprintf("/proc/%d/task", pid))
	if err != nil {
		return 0
	}
	for _, t := range threads {
		b, err := os.ReadFile(fmt.Sprintf("/proc/%d/task/%s/schedstat", pid, t.Name()))
		if err != nil {
			continue // it has just ended
		}
		first, _, _ := bytes.Cut(b, []byte{' '})
		n, err := strconv.ParseInt(string(first), 10, 64)
		if err != nil {
			return 0
		}
		used += time.Duration(n)
	}
	return used
}

// finer returns fine, a time of the living threads, where it can be the time
// that ticks tell of all: they are cut off, user and system apart. Else a
// thread has ended, or nobody tells.
func finer(ticks, fine time.Duration) time.Duration {
	if off := fine - ticks; off > -clockTick && off < 3*clockTick {
		return fine
	}
	return ticks
}

// memoryOf returns what a process has in memory now, and the most it ever had,
// in octets; zero when nobody tells.
func memoryOf(pid int) (now, peak int64) {
	b, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
	if err != nil {
		return 0, 0
	}
	return parseStatus(b)
}

// parseStatus reads VmRSS and VmHWM of /proc/PID/status (proc(5)), in kB.
func parseStatus(b []byte) (now, peak int64) {
	for line := range bytes.Lines(b) {
		f := bytes.Fields(line)
		if len(f) < 2 {
			continue
		}
		n, err := strconv.ParseInt(string(f[1]), 10, 64)
		if err != nil {
			continue
		}
		switch string(f[0]) {
		case "VmRSS:":
			now = n << 10
		case "VmHWM:":
			peak = n << 10
		}
	}
	return now, peak
}

// ownCPU returns the CPU time of this process.
func ownCPU() time.Duration {
	var u syscall.Rusage
	if syscall.Getrusage(syscall.RUSAGE_SELF, &u) != nil {
		return 0
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

// A meter measures processes between two moments.
type meter struct {
	all []metered
	own metered
}

type metered struct {
	pid    int
	name   string
	cpu    time.Duration
	fine   time.Duration
	memory int64
}

// newMeter fails when one of the processes is not there.
func newMeter(pids []int) (*meter, error) {
	m := new(meter)
	for _, pid := range pids {
		name, _, err := cpuOf(pid)
		if err != nil {
			return nil, err
		}
		m.all = append(m.all, metered{pid: pid, name: name})
	}
	m.restart()
	return m, nil
}

// restart begins to count anew.
func (m *meter) restart() {
	for i := range m.all {
		p := &m.all[i]
		_, p.cpu, _ = cpuOf(p.pid)
		p.fine = fineCPUOf(p.pid)
		p.memory, _ = memoryOf(p.pid)
	}
	m.own.cpu = ownCPU()
	m.own.memory, _ = memoryOf(os.Getpid())
}

// read returns what was used since restart, also for n conversations. A process
// that has gone is left out.
func (m *meter) read(n int) (all []Process, own Process) {
	for i := range m.all {
		p := &m.all[i]
		if _, used, err := cpuOf(p.pid); err == nil {
			used = finer(used-p.cpu, fineCPUOf(p.pid)-p.fine)
			all = append(all, newProcess(p.pid, p.name, used, p.memory, n))
		}
	}
	return all, newProcess(os.Getpid(), "dhcpload", ownCPU()-m.own.cpu, m.own.memory, n)
}

func newProcess(pid int, name string, used time.Duration, before int64, n int) Process {
	p := Process{PID: pid, Name: name, CPU: used.Seconds(), Memory: Memory{Before: before}}
	p.Memory.After, p.Memory.Peak = memoryOf(pid)
	if n > 0 {
		p.PerMille = p.CPU / float64(n) * 1000
	}
	return p
}
