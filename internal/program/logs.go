package program

import (
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"go.uber.org/zap"
	"go.uber.org/zap/zapcore"
	"gopkg.in/natefinch/lumberjack.v2"

	"github.com/dhcp4o6/dhcp4o6/pkg/config"
)

// perPacket is the debuglevel from which Kea logs single packets. Below it, a
// severity of DEBUG tells no more than INFO does: here, only packets are logged
// at debug level.
const perPacket = 40

// Logs are the open loggers of one configuration: one core for each, chosen by
// the longest name that fits. The zero value logs nothing.
type Logs struct {
	program string // what syslog knows the daemon by
	cores   []namedCore
	files   map[string]zapcore.WriteSyncer // each is opened once, whichever loggers share it
	closers []io.Closer
}

type namedCore struct {
	name string // without the program's own; "" is the root
	core zapcore.Core
}

// OpenLogs opens loggers. A name is that of Kea's program or of ours, and what
// follows it after a dot. Where none is for the root, it gets what Kea gives it:
// INFO to stdout, or to where KEA_LOGGER_DESTINATION says.
func OpenLogs(kea, ours string, loggers []config.Logger) (*Logs, error) {
	set := &Logs{program: ours, files: make(map[string]zapcore.WriteSyncer)}
	var problems []error
	for _, l := range loggers {
		if len(l.Outputs) == 0 {
			l.Outputs = defaultOutputs()
		}
		core, err := set.core(l)
		if err != nil {
			problems = append(problems, err)
			continue
		}
		set.cores = append(set.cores, namedCore{below(l.Name, kea, ours), core})
	}
	if len(problems) == 0 && !set.hasRoot() {
		core, err := set.core(config.Logger{Severity: "INFO", Outputs: defaultOutputs()})
		problems = append(problems, err)
		set.cores = append(set.cores, namedCore{"", core})
	}
	if err := errors.Join(problems...); err != nil {
		return nil, errors.Join(err, set.Close())
	}
	return set, nil
}

// below returns what a logger's name says after the program's; "*" is every
// logger's.
func below(name string, programs ...string) string {
	for _, p := range programs {
		if name == "*" || name == p {
			return ""
		}
		if rest, ok := strings.CutPrefix(name, p+"."); ok {
			return rest
		}
	}
	return name
}

// An Outlet is where a logger's lines go now; a reload puts other loggers there.
type Outlet struct {
	writing sync.RWMutex // held while a line is written, so that no file closes under it
	set     atomic.Pointer[Logs]
}

// NewOutlet returns a logger that goes where set says, and its outlet.
func NewOutlet(set *Logs) (*zap.Logger, *Outlet) {
	o := new(Outlet)
	o.set.Store(set)
	return zap.New(&router{out: o}, zap.ErrorOutput(zapcore.Lock(os.Stderr))), o
}

// Swap changes over to other loggers and closes those so far. A nil Outlet
// belongs to a logger from outside and stays.
func (o *Outlet) Swap(set *Logs) error {
	if o == nil {
		return nil
	}
	o.writing.Lock()
	defer o.writing.Unlock()
	return o.set.Swap(set).Close()
}

// Close flushes and closes the loggers. What is logged afterwards is lost.
func (o *Outlet) Close() error { return o.Swap(new(Logs)) }

// defaultOutputs is where a logger writes that has no outputs of its own, as
// KEA_LOGGER_DESTINATION says.
func defaultOutputs() []config.Output {
	o := config.Output{Output: "stdout", MaxSize: 10240000, MaxVer: 1, Flush: true}
	if d := os.Getenv("KEA_LOGGER_DESTINATION"); d != "" {
		o.Output = d
	}
	return []config.Output{o}
}

func (s *Logs) hasRoot() bool {
	for _, c := range s.cores {
		if c.name == "" {
			return true
		}
	}
	return false
}

// core makes one logger's core: all its outputs at its severity.
func (s *Logs) core(l config.Logger) (zapcore.Core, error) {
	level := severity(l.Severity, l.DebugLevel)
	var cores []zapcore.Core
	for _, o := range l.Outputs {
		if facility, ok := strings.CutPrefix(o.Output, "syslog"); ok && (facility == "" || facility[0] == ':') {
			core, err := s.syslog(level, strings.TrimPrefix(facility, ":"))
			if err != nil {
				return nil, fmt.Errorf("program: logger %q: %w", l.Name, err)
			}
			cores = append(cores, core)
			continue
		}
		w, err := s.writer(o)
		if err != nil {
			return nil, fmt.Errorf("program: logger %q: %w", l.Name, err)
		}
		cores = append(cores, zapcore.NewCore(encoder(true), w, level))
	}
	return zapcore.NewTee(cores...), nil
}

// writer opens one output that is not syslog.
func (s *Logs) writer(o config.Output) (zapcore.WriteSyncer, error) {
	switch o.Output {
	case "stdout":
		return zapcore.Lock(os.Stdout), nil
	case "stderr":
		return zapcore.Lock(os.Stderr), nil
	}
	if w, ok := s.files[o.Output]; ok {
		return w, nil
	}
	w, err := s.file(o)
	if err == nil {
		s.files[o.Output] = w
	}
	return w, err
}

// file opens a log file, with rotation when its size is limited.
func (s *Logs) file(o config.Output) (zapcore.WriteSyncer, error) {
	// fail now and not at the first line
	f, err := os.OpenFile(o.Output, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o640)
	if err != nil {
		return nil, err
	}
	f.Close()
	rotated := rotator(o)
	s.closers = append(s.closers, rotated)
	if o.Flush {
		return zapcore.Lock(zapcore.AddSync(rotated)), nil
	}
	b := &zapcore.BufferedWriteSyncer{WS: zapcore.AddSync(rotated), FlushInterval: time.Second}
	s.closers = append(s.closers, stopper{b})
	return b, nil
}

// rotators are the rotating files by their options. They last as long as the
// process: a lumberjack.Logger never ends its goroutine, so that one for every
// reload would be a leak, while a closed one opens its file again when asked.
var rotators sync.Map

func rotator(o config.Output) *lumberjack.Logger {
	const mib = 1 << 20
	l := &lumberjack.Logger{Filename: o.Output, MaxSize: int((o.MaxSize + mib - 1) / mib), MaxBackups: max(1, o.MaxVer)}
	if o.MaxSize == 0 {
		l.MaxSize = mib // a terabyte: never
	}
	r, _ := rotators.LoadOrStore(o, l)
	return r.(*lumberjack.Logger)
}

type stopper struct{ b *zapcore.BufferedWriteSyncer }

func (s stopper) Close() error { return s.b.Stop() }

// Close flushes and closes every output.
func (s *Logs) Close() error {
	var errs []error
	for i := len(s.closers) - 1; i >= 0; i-- { // buffers before what is under them
		errs = append(errs, s.closers[i].Close())
	}
	return errors.Join(errs...)
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
		EncodeName:       func(name string, to zapcore.PrimitiveArrayEncoder) { to.AppendString("[" + name + "]") },
		ConsoleSeparator: " ",
	}
	if withTime {
		c.TimeKey = "time"
	}
	return zapcore.NewConsoleEncoder(c)
}

// A router sends each entry to the core whose name fits best.
type router struct {
	out    *Outlet
	fields []zapcore.Field
}

// pick returns nil when the loggers are closed.
func (r *router) pick(name string) (best zapcore.Core) {
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
	if core := r.pick(e.LoggerName); core != nil && core.Enabled(e.Level) {
		return ce.AddCore(e, r)
	}
	return ce
}

// Write implements zapcore.Core. The core is picked again, since a reload may
// have come between.
func (r *router) Write(e zapcore.Entry, fields []zapcore.Field) error {
	r.out.writing.RLock()
	defer r.out.writing.RUnlock()
	core := r.pick(e.LoggerName)
	if core == nil || !core.Enabled(e.Level) {
		return nil
	}
	if len(r.fields) > 0 {
		fields = append(r.fields[:len(r.fields):len(r.fields)], fields...)
	}
	return core.Write(e, fields)
}

// Sync implements zapcore.Core.
func (r *router) Sync() error {
	r.out.writing.RLock()
	defer r.out.writing.RUnlock()
	var errs []error
	for _, c := range r.out.set.Load().cores {
		errs = append(errs, c.core.Sync())
	}
	return errors.Join(errs...)
}
