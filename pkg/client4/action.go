package client4

import (
	"net/netip"
	"time"

	"go.uber.org/zap"
	"go.uber.org/zap/zapcore"

	"github.com/dhcp4o6/dhcp4o6/pkg/hostconf"
)

// An Action is something to be done: one of the types of this file. Pointers and
// slices in it stay as they are.
type Action interface{ action() }

// Send is a message to a server. Unicast says that DHCPv4 has it go to To alone,
// which is the unicast flag over 4o6 (RFC 7341 §6.3); else To is the broadcast address.
type Send struct {
	Data     []byte
	Unicast  bool
	To, From netip.Addr // From: 0.0.0.0 while the client has no address
}

// Arm sets the one timer; the zero time stops it.
type Arm struct{ At time.Time }

// Probe asks whether somebody on the link has an address already.
type Probe struct{ Addr netip.Addr }

// Apply changes the host. PID is left to Run.
type Apply struct{ hostconf.Change }

// Save puts the lease on file; nil: it is forgotten.
type Save struct{ Record *Record }

// Note is for the log.
type Note struct {
	Level  zapcore.Level
	Text   string
	Fields []zap.Field
}

func (n Note) write(to *zap.Logger) {
	if ce := to.Check(n.Level, n.Text); ce != nil {
		ce.Write(n.Fields...)
	}
}

// Done says that the machine has stopped.
type Done struct{ Err error }

func (Send) action()  {}
func (Arm) action()   {}
func (Probe) action() {}
func (Apply) action() {}
func (Save) action()  {}
func (Note) action()  {}
func (Done) action()  {}
