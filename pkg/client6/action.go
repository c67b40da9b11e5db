package client6

import (
	"net/netip"
	"time"

	"go.uber.org/zap"
	"go.uber.org/zap/zapcore"

	"github.com/dhcp4o6/dhcp4o6/pkg/hostconf"
)

// An Action is something to be done: one of the types of this file. Pointers and
// slices in it are whoever gets it's to keep.
type Action interface{ action() }

// Send is a message to the servers: to To, or to All_DHCP_Relay_Agents_and_Servers
// where To is zero (RFC 9915 §14).
type Send struct {
	Data []byte
	To   netip.AddrPort
}

// Arm sets the one timer; the zero time stops it.
type Arm struct{ At time.Time }

// Watch asks how duplicate address detection goes for addresses that the host was
// just given. A DAD tells of each.
type Watch struct{ Addrs []netip.Addr }

// Apply changes the host. PID is left to Run.
type Apply struct{ hostconf.Change }

// Save puts the leases on file; nil: they are forgotten.
type Save struct{ Record *Record }

// Servers4o6 is what the DHCP 4o6 Server Address option says from now on (RFC 7341
// §7.2). Not Known: there is no such option, and no 4o6. Known and empty: the
// servers are asked by multicast.
type Servers4o6 struct {
	Addrs []netip.Addr
	Known bool
}

// Note is for the log.
type Note struct {
	Level  zapcore.Level
	Text   string
	Fields []zap.Field
}

// write says it.
func (n Note) write(to *zap.Logger) {
	if ce := to.Check(n.Level, n.Text); ce != nil {
		ce.Write(n.Fields...)
	}
}

// Done says that the machine has stopped.
type Done struct{ Err error }

func (Send) action()       {}
func (Arm) action()        {}
func (Watch) action()      {}
func (Apply) action()      {}
func (Save) action()       {}
func (Servers4o6) action() {}
func (Note) action()       {}
func (Done) action()       {}
