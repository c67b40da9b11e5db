package daemon

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"net/netip"
	"os"
	"runtime"
	"runtime/debug"
	"slices"
	"strings"
	"time"

	"github.com/dhcp4o6/dhcp4o6/internal/program"
	"github.com/dhcp4o6/dhcp4o6/pkg/control"
	"github.com/dhcp4o6/dhcp4o6/pkg/leasecmd"
	"github.com/dhcp4o6/dhcp4o6/pkg/topology"
)

// commands registers what the daemon itself is asked.
func (d *daemon) commands(r *control.Registry) {
	r.Handle("build-report", d.buildReport)
	r.Handle("config-backend-pull", d.configBackendPull)
	r.Handle("config-get", d.configGet)
	r.Handle("config-hash-get", d.configHashGet)
	r.Handle("config-reload", d.configReload)
	r.Handle("config-set", d.configSet)
	r.Handle("config-test", d.configTest)
	r.Handle("config-write", d.configWrite)
	r.Handle("dhcp-disable", d.dhcpDisable)
	r.Handle("dhcp-enable", d.dhcpEnable)
	r.Handle("server-tag-get", d.serverTagGet)
	r.Handle("shutdown", d.shutdown)
	r.Handle("status-get", d.statusGet)
	r.Handle("version-get", d.versionGet)
	d.statisticCommands(r)
	leasecmd.New(leasecmd.Options{
		Family: d.family, Leases: d.leases.table, File: d.leases.file,
		Topology: func() *topology.Topology { return d.inForce.Load().Topology },
		Config:   d.inForce.Load,
		Change:   d.amend,
		TellDNS:  d.ddns.Tell,
		Local:    d.answersFrom,
	}).Register(r)
}

// answersFrom returns the IPv4 address that broadcasts on a link are answered from; the
// zero Addr where none are heard.
func (d *daemon) answersFrom(iface string) netip.Addr {
	for _, s := range d.group.Sockets() {
		if s.Iface == iface && s.Multicast && s.Addr.Is4() {
			return s.Addr
		}
	}
	return netip.Addr{}
}

func (d *daemon) versionGet(context.Context, json.RawMessage) control.Result {
	extended := []string{program.Version, "built with " + runtime.Version(), "linked with:"}
	if info, ok := debug.ReadBuildInfo(); ok {
		for _, m := range info.Deps {
			extended = append(extended, m.Path+" "+m.Version)
		}
	}
	extended = append(extended, "database:", "Memfile backend")
	return control.Result{Text: program.Version, Arguments: map[string]any{"extended": strings.Join(extended, "\n")}}
}

func (d *daemon) buildReport(context.Context, json.RawMessage) control.Result {
	var b strings.Builder
	fmt.Fprintf(&b, "%s %s\nbuilt with %s for %s/%s\n", d.name, program.Version, runtime.Version(), runtime.GOOS, runtime.GOARCH)
	if info, ok := debug.ReadBuildInfo(); ok {
		for _, s := range info.Settings {
			fmt.Fprintf(&b, "  %s=%s\n", s.Key, s.Value)
		}
		for _, m := range info.Deps {
			fmt.Fprintf(&b, "  %s %s\n", m.Path, m.Version)
		}
	}
	return control.Result{Text: b.String()}
}

func (d *daemon) serverTagGet(context.Context, json.RawMessage) control.Result {
	return control.Result{Arguments: map[string]any{"server-tag": d.inForce.Load().ServerTag}}
}

// configBackendPull has nothing to pull from.
func (d *daemon) configBackendPull(context.Context, json.RawMessage) control.Result {
	return control.Result{Code: control.Empty, Text: "No config backend."}
}

func (d *daemon) statusGet(ctx context.Context, _ json.RawMessage) control.Result {
	return d.asked.do(ctx, func() control.Result {
		now := time.Now()
		return control.Result{Arguments: map[string]any{
			"pid":    os.Getpid(),
			"uptime": int64(now.Sub(d.started).Seconds()),
			"reload": int64(now.Sub(d.configured).Seconds()),
			// each socket has a worker, and the socket's buffer is the queue
			"multi-threading-enabled": true,
			"thread-pool-size":        d.serving.workers(),
			"packet-queue-size":       0,
			"packet-queue-statistics": []float64{0, 0, 0},
			"sockets":                 d.serving.status(),
			"dhcp-state":              d.service.state(),
		}}
	})
}

// shutdown ends the daemon once its answer has been sent. Kea's "type" changes
// nothing, there either.
func (d *daemon) shutdown(_ context.Context, args json.RawMessage) control.Result {
	a, ok := arguments(args)
	if !ok {
		return failed("Argument must be a map")
	}
	code := int64(0)
	if raw, ok := a["exit-value"]; ok {
		if code, ok = integer(raw); !ok {
			return failed("parameter 'exit-value' is not an integer")
		}
	}
	select {
	case d.quit <- Exit(code & 0xff): // all that a process can say
	default: // somebody else was first
	}
	return control.Result{Text: "Shutting down."}
}

// An Exit is what DHCP4 and DHCP6 return when the command shutdown has asked for
// an exit code other than 0.
type Exit int

// Error implements error.
func (e Exit) Error() string { return fmt.Sprintf("shut down with exit value %d", int(e)) }

// texts joins what an interface lacks, for status-get.
func texts(problems map[string]string) []string {
	all := make([]string, 0, len(problems))
	for _, iface := range slices.Sorted(maps.Keys(problems)) {
		all = append(all, iface+": "+problems[iface])
	}
	return all
}
