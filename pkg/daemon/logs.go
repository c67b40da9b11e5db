package daemon

import (
	"errors"
	"fmt"
	"io"
	"log/syslog"
	"os"
	"strings"
	"sync/atomic"
	"time"

	"go.uber.org/zap"
	"go.uber.org/zap/zapcore"
	"gopkg.in/natefinch/lumberjack.v2"

	"github.com/dhcp4o6/dhcp4o6/pkg/config"
)

// Logger is the logger that every part gets from its maker.
type Logger = *zap.Logger

// perPacket is the debuglevel from which Kea logs single packets. Below it, a
// severity of DEBUG tells no more than INFO does: here, only packets are logged
// at debug level.
const perPacket = 40

// A logSet is the loggers of one configuration: one core for each, chosen by
// the longest name that fits.
type logSet struct {
	cores   []namedCore
	closers []io.Closer
}

type namedCore struct {
	name string // without the program's own; "" is the root
	core zapcore.Core
}

// newLog makes the daemon's logger: the one it was given, or one that goes where
// the configuration's loggers say.
func (d *daemon) newLog(cfg *config.Config) (*zap.Logger, *outlet, error) {
	if d.setup.Log != nil {
		return d.setup.Log, nil, nil
	}
	set, err := d.newCores(cfg)
	if err != nil {
		return nil, nil, err
	}
	o := new(outlet)
	o.set.Store(set)
	return zap.New(&router{out: o}, zap.ErrorOutput(zapcore.Lock(os.Stderr))), o, nil
}

// newCores opens what a configuration's loggers ask for. One without loggers
// gets what Kea gives it: INFO to stdout, or to where KEA_LOGGER_DESTINATION
// says.
func (d *daemon) newCores(cfg *config.Config) (*logSet, error) {
	loggers := cfg.Loggers
	switch {
	case d.setup.Log != nil:
		return new(logSet), nil
	case d.setup.Debug:
		stdout := config.Output{Output: "stdout", Flush: true}
		loggers = []config.Logger{{Severity: "DEBUG", DebugLevel: 99, Outputs: []config.Output{stdout}}}
	}
	return openLogs(d.kea, d.name, loggers)
}

// openLogs opens loggers. A name is that of Kea's program or of ours, and what
// follows it after a dot.
func openLogs(kea, ours string, loggers []config.Logger) (*logSet, error) {
	set := new(logSet)
	var problems []error
	for _, l := range loggers {
		core, err := set.core(l)
		if err != nil {
			problems = append(problems, err)
			continue
		}
		name := strings.TrimPrefix(strings.TrimPrefix(l.Name, kea), ours)
		set.cores = append(set.cores, namedCore{strings.TrimPrefix(name, "."), core})
	}
	if len(problems) == 0 && !set.hasRoot() {
		core, err := set.core(config.Logger{Severity: "INFO", Outputs: []config.Output{{Output: firstOutput(), Flush: true}}})
		problems = append(problems, err)
		set.cores = append(set.cores, namedCore{"", core})
	}
	if err := errors.Join(problems...); err != nil {
		return nil, errors.Join(err, set.Close())
	}
	return set, nil
}

// An outlet is where a logger's lines go now; a reload puts other loggers there.
type outlet struct{ set atomic.Pointer[logSet] }

// swap changes over to other loggers and closes those so far. A nil outlet
// belongs to a logger from outside and stays.
func (o *outlet) swap(set *logSet) {
	if o != nil {
		o.set.Swap(set).Close()
	}
}

// Close flushes and closes the loggers.
func (o *outlet) Close() error {
	if o == nil {
		return nil
	}
	return o.set.Load().Close()
}

// firstOutput is where to log before any configuration has been read, and when
// it has no loggers.
func firstOutput() string {
	if d := os.Getenv("KEA_LOGGER_DESTINATION"); d != "" {
		return d
	}
	return "stdout"
}

func (s *logSet) hasRoot() bool {
	for _, c := range s.cores {
		if c.name == "" {
			return true
		}
	}
	return false
}

// core makes one logger's core: all its outputs at its severity.
func (s *logSet) core(l config.Logger) (zapcore.Core, error) {
	level := severity(l.Severity, l.DebugLevel)
	var cores []zapcore.Core
	for _, o := range l.Outputs {
		if name, ok := syslogName(o.Output); ok {
			w, err := syslog.New(syslog.LOG_DAEMON, name)
			if err != nil {
				return nil, fmt.Errorf("daemon: logger %q: syslog: %w", l.Name, err)
			}
			s.closers = append(s.closers, w)
			cores = append(cores, &syslogCore{LevelEnabler: level, enc: encoder(false), w: w})
			continue
		}
		w, err := s.writer(o)
		if err != nil {
			return nil, fmt.Errorf("daemon: logger %q: %w", l.Name, err)
		}
		cores = append(cores, zapcore.NewCore(encoder(true), w, level))
	}
	return zapcore.NewTee(cores...), nil
}

// writer opens one output that is not syslog.
func (s *logSet) writer(o config.Output) (zapcore.WriteSyncer, error) {
	switch o.Output {
	case "stdout":
		return zapcore.Lock(os.Stdout), nil
	case "stderr":
		return zapcore.Lock(os.Stderr), nil
	}
	// fail now and not at the first line
	f, err := os.OpenFile(o.Output, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o640)
	if err != nil {
		return nil, err
	}
	f.Close()
	const mib = 1 << 20
	rotated := &lumberjack.Logger{Filename: o.Output, MaxSize: int((o.MaxSize + mib - 1) / mib), MaxBackups: o.MaxVer}
	if o.MaxSize == 0 {
		rotated.MaxSize = 1 << 20 // a terabyte: never
	}
	s.closers = append(s.closers, rotated)
	if o.Flush {
		return zapcore.Lock(zapcore.AddSync(rotated)), nil
	}
	b := &zapcore.BufferedWriteSyncer{WS: zapcore.AddSync(rotated), FlushInterval: time.Second}
	s.closers = append(s.closers, stopper{b})
	return b, nil
}

type stopper struct{ b *zapcore.BufferedWriteSyncer }

func (s stopper) Close() error { return s.b.Stop() }

// Close flushes and closes every output.
func (s *logSet) Close() error {
	var errs []error
	for i := len(s.closers) - 1; i >= 0; i-- { // buffers before what is under them
		errs = append(errs, s.closers[i].Close())
	}
	return errors.Join(errs...)
}

func syslogName(output string) (name string, ok bool) {
	rest, ok := strings.CutPrefix(output, "syslog")
	if !ok || rest != "" && rest[0] != ':' {
		return "", false
	}
	return strings.TrimPrefix(rest, ":"), true
}

func severity(name string, debugLevel int) zapcore.LevelEnabler {
	switch strings.ToUpper(name) {
	case "DEBUG":
		if debugLevel >= perPacket {
			return zapcore.DebugLevel
		}
		return zapcore.InfoLevel
	case "WARN":
		return zapcore.WarnLevel
	case "ERROR":
		return zapcore.ErrorLevel
	case "FATAL":
		return zapcore.FatalLevel
	case "NONE":
		return zapcore.InvalidLevel
	default:
		return zapcore.InfoLevel
	}
}

// encoder writes a line as an operator reads it; syslog brings its own time.
func encoder(withTime bool) zapcore.Encoder {
	c := zapcore.EncoderConfig{
		LevelKey: "level", NameKey: "logger", MessageKey: "msg",
		EncodeLevel:      zapcore.CapitalLevelEncoder,
		EncodeDuration:   zapcore.StringDurationEncoder,
		EncodeTime:       zapcore.TimeEncoderOfLayout("2006-01-02 15:04:05.000"),
		EncodeName:       zapcore.FullNameEncoder,
		ConsoleSeparator: " ",
	}
	if withTime {
		c.TimeKey = "time"
	}
	return zapcore.NewConsoleEncoder(c)
}

// A router sends each entry to the core whose name fits best.
type router struct {
	out    *outlet
	fields []zapcore.Field
}

func (r *router) pick(name string) zapcore.Core {
	var best zapcore.Core
	longest := -1
	for _, c := range r.out.set.Load().cores {
		fits := c.name == "" || name == c.name || strings.HasPrefix(name, c.name+".")
		if fits && len(c.name) > longest {
			best, longest = c.core, len(c.name)
		}
	}
	return best
}

// Enabled implements zapcore.Core: whether any logger wants the level. Check
// asks the one that the entry belongs to.
func (r *router) Enabled(l zapcore.Level) bool {
	for _, c := range r.out.set.Load().cores {
		if c.core.Enabled(l) {
			return true
		}
	}
	return false
}

// With implements zapcore.Core.
func (r *router) With(fields []zapcore.Field) zapcore.Core {
	return &router{out: r.out, fields: append(r.fields[:len(r.fields):len(r.fields)], fields...)}
}

// Check implements zapcore.Core.
func (r *router) Check(e zapcore.Entry, ce *zapcore.CheckedEntry) *zapcore.CheckedEntry {
	core := r.pick(e.LoggerName)
	if len(r.fields) > 0 && core.Enabled(e.Level) {
		core = core.With(r.fields)
	}
	return core.Check(e, ce)
}

// Write implements zapcore.Core; Check never adds the router itself.
func (r *router) Write(e zapcore.Entry, fields []zapcore.Field) error {
	return r.pick(e.LoggerName).With(r.fields).Write(e, fields)
}

// Sync implements zapcore.Core.
func (r *router) Sync() error {
	var errs []error
	for _, c := range r.out.set.Load().cores {
		errs = append(errs, c.core.Sync())
	}
	return errors.Join(errs...)
}

// A syslogCore gives each line the priority of its level.
type syslogCore struct {
	zapcore.LevelEnabler
	enc zapcore.Encoder
	w   *syslog.Writer
}

// With implements zapcore.Core.
func (c *syslogCore) With(fields []zapcore.Field) zapcore.Core {
	enc := c.enc.Clone()
	for _, f := range fields {
		f.AddTo(enc)
	}
	return &syslogCore{c.LevelEnabler, enc, c.w}
}

// Check implements zapcore.Core.
func (c *syslogCore) Check(e zapcore.Entry, ce *zapcore.CheckedEntry) *zapcore.CheckedEntry {
	if c.Enabled(e.Level) {
		return ce.AddCore(e, c)
	}
	return ce
}

// Write implements zapcore.Core.
func (c *syslogCore) Write(e zapcore.Entry, fields []zapcore.Field) error {
	buf, err := c.enc.EncodeEntry(e, fields)
	if err != nil {
		return err
	}
	defer buf.Free()
	line := buf.String()
	switch {
	case e.Level >= zapcore.FatalLevel:
		return c.w.Crit(line)
	case e.Level >= zapcore.ErrorLevel:
		return c.w.Err(line)
	case e.Level == zapcore.WarnLevel:
		return c.w.Warning(line)
	case e.Level == zapcore.InfoLevel:
		return c.w.Info(line)
	default:
		return c.w.Debug(line)
	}
}

// Sync implements zapcore.Core: syslog keeps nothing back.
func (c *syslogCore) Sync() error { return nil }
