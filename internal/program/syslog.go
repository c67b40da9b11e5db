package program

import (
	"fmt"
	"log/syslog"
	"strings"

	"go.uber.org/zap/zapcore"
)

// syslogAt is where the host's syslog listens, as syslog.Dial takes it; empty
// stands for the usual places.
var syslogAt struct{ network, addr string }

// facilities are those of syslog(3) that "syslog:" may name, as in Kea.
var facilities = map[string]syslog.Priority{
	"KERN": syslog.LOG_KERN, "USER": syslog.LOG_USER, "MAIL": syslog.LOG_MAIL, "DAEMON": syslog.LOG_DAEMON,
	"AUTH": syslog.LOG_AUTH, "SYSLOG": syslog.LOG_SYSLOG, "LPR": syslog.LOG_LPR, "NEWS": syslog.LOG_NEWS,
	"UUCP": syslog.LOG_UUCP, "CRON": syslog.LOG_CRON, "AUTHPRIV": syslog.LOG_AUTHPRIV, "FTP": syslog.LOG_FTP,
	"LOCAL0": syslog.LOG_LOCAL0, "LOCAL1": syslog.LOG_LOCAL1, "LOCAL2": syslog.LOG_LOCAL2, "LOCAL3": syslog.LOG_LOCAL3,
	"LOCAL4": syslog.LOG_LOCAL4, "LOCAL5": syslog.LOG_LOCAL5, "LOCAL6": syslog.LOG_LOCAL6, "LOCAL7": syslog.LOG_LOCAL7,
}

// syslog opens the connection to syslog. Kea's default facility is LOCAL0, and
// what follows the colon in its output is a facility, whatever its manual says;
// a word that is none is taken for what the manual calls it, the name.
func (s *Logs) syslog(level zapcore.LevelEnabler, word string) (zapcore.Core, error) {
	name := s.program
	facility, known := facilities[strings.ToUpper(word)]
	if !known {
		facility = syslog.LOG_LOCAL0
		if word != "" {
			name = word
		}
	}
	w, err := syslog.Dial(syslogAt.network, syslogAt.addr, facility, name)
	if err != nil {
		return nil, fmt.Errorf("no syslog on this host: %w", err)
	}
	s.closers = append(s.closers, w)
	return &syslogCore{LevelEnabler: level, enc: encoder(false), w: w}, nil
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
