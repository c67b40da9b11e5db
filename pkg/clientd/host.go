package clientd

import (
	"crypto/rand"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"io/fs"
	mathrand "math/rand/v2"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"go.uber.org/zap"

	"github.com/dhcp4o6/dhcp4o6/internal/program"
	"github.com/dhcp4o6/dhcp4o6/pkg/config"
	"github.com/dhcp4o6/dhcp4o6/pkg/dhcp6"
	"github.com/dhcp4o6/dhcp4o6/pkg/duid"
	"github.com/dhcp4o6/dhcp4o6/pkg/hostconf"
	"github.com/dhcp4o6/dhcp4o6/pkg/netif"
)

// A host is what the seats of one process share.
type host struct {
	k    *kind
	c    *command
	cfg  *config.Client
	cfg4 *config.Client // what the same file says of dhcp4c; in dhcp6c alone
	log  *zap.Logger
	logs *program.Outlet
	out  io.Writer

	links []netif.Interface // as they were at the start, or the last reload
	duid  dhcp6.DUID

	fronts *fronts // of dhcp6c; the same after a reload
}

// newHost makes ready what all seats need.
func (k *kind) newHost(c *command, out, errs io.Writer) (*host, error) {
	h := &host{k: k, c: c, out: &turns{w: out}, fronts: new(fronts)}
	if err := h.configure(errs); err != nil {
		return nil, err
	}
	set, err := h.openLogs()
	if err != nil {
		return nil, err
	}
	h.log, h.logs = program.NewOutlet(set)
	if err := h.prepare(); err != nil {
		return nil, h.closed(err)
	}
	return h, nil
}

// turns lets one seat write after the other.
type turns struct {
	mu sync.Mutex
	w  io.Writer
}

func (t *turns) Write(b []byte) (int, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.w.Write(b)
}

// closed closes the loggers on the way out.
func (h *host) closed(err error) error {
	if fault := h.logs.Close(); err == nil {
		return fault
	}
	return err
}

// configure reads the file, which dhcp6c with its v4 side inside reads for both.
func (h *host) configure(errs io.Writer) error {
	cfg, err := h.k.load(h.c.configFile, errs)
	if err != nil {
		return err
	}
	var cfg4 *config.Client
	if h.k.family == 6 {
		four := *h.k
		four.family = 4
		if cfg4, err = four.load(h.c.configFile, io.Discard); err != nil {
			return err
		}
	}
	h.cfg, h.cfg4 = cfg, cfg4
	return nil
}

// openLogs opens the configured loggers. Without any, and with -v, lines go to
// stderr, so that stdout is left to what was asked for.
func (h *host) openLogs() (*program.Logs, error) {
	loggers := h.cfg.Loggers
	if len(loggers) == 0 || h.c.verbose {
		l := config.Logger{Severity: "INFO", Outputs: []config.Output{{Output: "stderr", Flush: true}}}
		if h.c.verbose {
			l.Severity, l.DebugLevel = "DEBUG", 99
		}
		loggers = []config.Logger{l}
	}
	return program.OpenLogs(h.k.name, h.k.name, loggers)
}

// prepare looks at the links, and at who this host is.
func (h *host) prepare() (err error) {
	if h.links, err = netif.List(); err != nil {
		return err
	}
	if !h.c.dryRun {
		if err := os.MkdirAll(h.c.stateDir, 0o750); err != nil {
			return err
		}
	}
	h.duid, err = h.loadDUID()
	return err
}

// loadDUID returns the identifier that both clients share (RFC 4361). A dry run
// makes one and does not keep it.
func (h *host) loadDUID() (dhcp6.DUID, error) {
	name := filepath.Join(h.c.stateDir, "client-duid")
	spec := duid.Spec{Kind: duid.Kind(h.cfg.DUIDType)}
	if !h.c.dryRun {
		return duid.Load(name, spec, h.links, time.Now())
	}
	old, err := duid.Read(name)
	if err != nil && !errors.Is(err, fs.ErrPermission) {
		return nil, err
	}
	return duid.Make(old, spec, h.links, time.Now())
}

// wanted are the interfaces to serve and what to do on each: those of the command
// line, else those of the file. What the command line says goes before the file.
func (h *host) wanted() ([]config.ClientLink, error) {
	all := h.cfg.Interfaces
	if len(h.c.interfaces) > 0 {
		all = nil
		for _, name := range h.c.interfaces {
			all = append(all, h.cfg.Link(name))
		}
	}
	if len(all) == 0 {
		return nil, fail(exitUsage, "no interface: name one with -i, or in the file of -c")
	}
	if h.c.leaseFile != "" && len(all) > 1 {
		return nil, fail(exitUsage, "--lease-file is for one interface; several have files in --state-dir")
	}
	out := slices.Clone(all)
	for i := range out {
		h.override(&out[i])
	}
	return out, nil
}

// override puts what the command line says in the place of what the file says.
func (h *host) override(l *config.ClientLink) {
	if h.c.server.IsValid() {
		l.Server = h.c.server
	}
	if h.c.script != "" {
		l.Script = h.c.script
	}
	if h.c.over6 || h.c.over6Port > 0 {
		l.Over6 = true
	}
	if h.c.over6Port > 0 {
		l.Over6Port = uint16(h.c.over6Port)
	}
	if h.c.inform && h.k.family == 6 {
		l.IAs = []config.ClientIA{}
	}
	if h.c.once || h.c.dryRun { // the lease is to be used, or was never put on the host
		l.Stay = h.c.once
	}
}

// link returns the interface of a name.
func (h *host) link(name string) (*netif.Interface, error) {
	i := slices.IndexFunc(h.links, func(l netif.Interface) bool { return l.Name == name })
	if i < 0 {
		return nil, fail(exitNoInterface, "%s: there is no such interface", name)
	}
	l := &h.links[i]
	if h.k.family == 6 || h.c.over6 {
		if err := haveIPv6(name); err != nil {
			return nil, err
		}
	}
	return l, nil
}

// The capabilities that a client may need (capabilities(7)), by number.
var capabilities = map[string]uint{"CAP_NET_BIND_SERVICE": 10, "CAP_NET_ADMIN": 12, "CAP_NET_RAW": 13}

// mayServe says before anything is opened which privileges are missing: some of
// what needs them is done only when the link is up, or a lease has come.
func (h *host) mayServe(l *config.ClientLink) error {
	var need []string
	if !l.Server.IsValid() && (h.k.family == 6 || !l.Over6) {
		need = append(need, "CAP_NET_BIND_SERVICE")
		if h.k.family == 4 {
			need = append(need, "CAP_NET_RAW")
		}
	}
	if !h.c.dryRun && l.Script == "" {
		need = append(need, "CAP_NET_ADMIN")
	}
	has, ok := effective()
	need = slices.DeleteFunc(need, func(name string) bool { return !ok || has>>capabilities[name]&1 == 1 })
	if len(need) > 0 {
		return fail(exitPermission, "%s: this user lacks %s; run it as root, or by its systemd unit", l.Name, strings.Join(need, ", "))
	}
	return nil
}

// effective returns the effective capabilities of this process.
func effective() (set uint64, ok bool) {
	text, err := os.ReadFile("/proc/self/status")
	if err != nil {
		return 0, false
	}
	_, rest, ok := strings.Cut(string(text), "\nCapEff:")
	line, _, _ := strings.Cut(rest, "\n")
	set, err = strconv.ParseUint(strings.TrimSpace(line), 16, 64)
	return set, ok && err == nil
}

// haveIPv6 says what is missing on a host, or a link, without IPv6.
func haveIPv6(name string) error {
	off, err := os.ReadFile(filepath.Join("/proc/sys/net/ipv6/conf", name, "disable_ipv6"))
	switch {
	case os.IsNotExist(err):
		return fail(exitFailed, "%s: this host has no IPv6", name)
	case err == nil && len(off) > 0 && off[0] == '1':
		return fail(exitFailed, "%s: IPv6 is switched off; sysctl net.ipv6.conf.%s.disable_ipv6=0 switches it on", name, name)
	}
	return nil
}

// leaseFile is where the lease of a client is kept.
func (h *host) leaseFile(program, iface string) string {
	if h.c.leaseFile != "" && program == h.k.name {
		return h.c.leaseFile
	}
	return filepath.Join(h.c.stateDir, program+"."+iface+".json")
}

// kept loads the record of a seat. One that makes no sense does not keep the host off
// the network: it is replaced by the next. What the system refuses is an error, and so
// is all that cannot be read when it is to be released; a dry run does without.
func kept[R any](h *host, s *seat, load func() (*R, error)) (*R, error) {
	r, err := load()
	if h.c.dryRun && errors.Is(err, fs.ErrPermission) {
		return nil, nil
	}
	var refused *fs.PathError
	if err == nil || h.c.do == release || errors.As(err, &refused) {
		return r, say(s.iface, err)
	}
	log := h.logOf(s)
	log.Warn("lease file makes no sense, it is not used", zap.Error(err))
	return nil, nil
}

// system is what carries leases out on the host. Both clients tell the resolver
// together, by what stands in the run folder.
func (h *host) system(l *config.ClientLink, requested []string) (hostconf.System, error) {
	switch {
	case h.c.dryRun && h.c.json:
		return hostconf.NewPrintJSON(h.out), nil
	case h.c.dryRun:
		return hostconf.NewPrint(h.out), nil
	case l.Script != "":
		if err := hostconf.CheckScript(l.Script); err != nil {
			return nil, &failure{exitUsage, err}
		}
		return hostconf.NewScript(l.Script, hostconf.ScriptOptions{Requested: requested, Output: func(line string) {
			h.log.Info("script says", zap.String("iface", l.Name), zap.String("output", line))
		}}), nil
	}
	resolver, err := hostconf.ParseResolver(l.Resolver)
	if err != nil {
		return nil, err
	}
	if err := os.MkdirAll(h.c.runDir, 0o750); err != nil {
		return nil, err
	}
	return hostconf.NewNetlink(hostconf.NetlinkOptions{Metric: l.Metric, MinMTU: l.MinMTU, Unreachable: l.Unreachable,
		HostName: l.SetHostName, Shared: l.Shared, Resolver: resolver, StateDir: h.c.runDir})
}

// chance is where a machine has its random numbers from: no two hosts that start
// in the same moment have the same.
func chance() *mathrand.Rand {
	var seed [16]byte
	rand.Read(seed[:])
	return mathrand.New(mathrand.NewPCG(binary.NativeEndian.Uint64(seed[:8]), binary.NativeEndian.Uint64(seed[8:])))
}

// iaid identifies an interface among those of a host (RFC 9915 §12, RFC 4361
// §6.1): the end of its hardware address, which outlives its number.
func iaid(l *netif.Interface) uint32 {
	if n := len(l.HWAddr); n >= 4 && !l.Loopback {
		return binary.BigEndian.Uint32(l.HWAddr[n-4:])
	}
	return uint32(l.Index)
}

// addressOf is the IPv4 address that a link has, for --inform.
func addressOf(l *netif.Interface) (netip.Prefix, error) {
	a := l.IPv4()
	for _, p := range l.Addrs {
		if p.Addr() == a {
			return p, nil
		}
	}
	return netip.Prefix{}, fail(exitFailed, "%s: --inform wants an IPv4 address on the interface, and there is none", l.Name)
}

// logOf is where a seat logs. Where both clients are in one process, the lines of
// dhcp4c have its name.
func (h *host) logOf(s *seat) *zap.Logger {
	log := h.log
	if s.program != h.k.name {
		log = log.Named(s.program)
	}
	return log.With(zap.String("iface", s.iface))
}

// say names the seat in what goes wrong with it.
func say(iface string, err error) error {
	if err == nil {
		return nil
	}
	return fmt.Errorf("%s: %w", iface, err)
}
