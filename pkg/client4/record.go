package client4

import (
	"bytes"
	"encoding/hex"
	"errors"
	"net/netip"
	"strings"
	"time"

	"github.com/dhcp4o6/dhcp4o6/pkg/dhcp4"
	"github.com/dhcp4o6/dhcp4o6/pkg/hostconf"
)

// recordVersion is the version of the record that this package writes and reads.
const recordVersion = 1

// A Record is a lease as it is kept on file, for the next life of the client
// (RFC 2131 §4.4.2). Times are of the wall clock as it was when it was written.
type Record struct {
	Version  int               `json:"version"`
	Iface    string            `json:"interface"`
	HWType   uint8             `json:"hardware-type"`
	HWAddr   Octets            `json:"hardware-address"`
	ClientID Octets            `json:"client-id,omitempty"`
	Address  netip.Prefix      `json:"address"`
	Server   netip.Addr        `json:"server,omitzero"`
	Over     netip.Addr        `json:"server-ipv6,omitzero"` // of 4o6
	Acquired time.Time         `json:"acquired"`
	Renew    time.Time         `json:"renew,omitzero"` // zero: never
	Rebind   time.Time         `json:"rebind,omitzero"`
	Expire   time.Time         `json:"expire,omitzero"`
	Options  map[string]string `json:"options,omitempty"` // for people
	Message  []byte            `json:"message"`           // the DHCPACK
}

// Octets are written as hexadecimal digits with colons.
type Octets []byte

// MarshalText implements encoding.TextMarshaler.
func (o Octets) MarshalText() ([]byte, error) {
	var b bytes.Buffer
	for i, c := range o {
		if i > 0 {
			b.WriteByte(':')
		}
		b.WriteString(hex.EncodeToString([]byte{c}))
	}
	return b.Bytes(), nil
}

// UnmarshalText implements encoding.TextUnmarshaler.
func (o *Octets) UnmarshalText(text []byte) (err error) {
	*o, err = hex.DecodeString(strings.ReplaceAll(string(text), ":", ""))
	return err
}

// What may be wrong with a record.
var (
	ErrVersion = errors.New("client4: record of another version")
	ErrRecord  = errors.New("client4: record that holds no lease")
)

// check reports whether r is a lease that this package could have written.
func (r *Record) check() (*dhcp4.Message, error) {
	if r.Version != recordVersion {
		return nil, ErrVersion
	}
	var in dhcp4.Message
	if in.Parse(r.Message) != nil || in.Type() != dhcp4.Ack || !r.Address.IsValid() || in.YIAddr != r.Address.Addr() ||
		!isHost(in.YIAddr, true) || r.Acquired.IsZero() || !r.Expire.IsZero() && !r.Expire.After(r.Acquired) ||
		r.Server.IsValid() && (!r.Server.Is4() || !isHost(r.Server, true)) {
		return nil, ErrRecord
	}
	return &in, nil
}

// Settings returns what the lease gives the host; nil when r holds no lease. All
// options count, since r does not tell which were asked for.
func (r *Record) Settings() *hostconf.Settings {
	in, err := r.check()
	if err != nil {
		return nil
	}
	l := &lease{addr: in.YIAddr, server: r.Server, end: r.Expire}
	return (&reader{all: true, over6: r.Over.IsValid(), loopback: true}).settings(in, l)
}

// Record returns the lease in force; nil when there is none, and when there is one
// that has not been confirmed yet. It is not changed afterwards.
func (m *Machine) Record() *Record { return m.record }

// write makes the record of the lease in force. Its times are those of the clock as it
// is now: now's wall reading, and how far off each time is by the other.
func (m *Machine) write(now time.Time) {
	l := m.lease
	wall := func(t time.Time) time.Time {
		if t.IsZero() {
			return t
		}
		return now.Round(0).Add(t.Sub(now)).Truncate(time.Second).UTC()
	}
	r := &Record{
		Version: recordVersion, Iface: m.o.Iface, HWType: m.o.HWType, HWAddr: m.o.HWAddr, ClientID: m.o.ClientID,
		Address: l.settings.Addresses[0].Prefix, Server: l.server, Over: l.over,
		Acquired: wall(l.got), Renew: wall(l.t1), Rebind: wall(l.t2), Expire: wall(l.end),
		Options: make(map[string]string), Message: l.message,
	}
	var in dhcp4.Message
	if in.Parse(l.message) == nil {
		for c := range in.All {
			if v, ok := in.Option(c); ok {
				r.Options[recordName(c)] = definitions().Text("", uint16(c), v)
			}
		}
	}
	m.record = r
}

func recordName(c dhcp4.Code) string {
	if d, ok := definitions().ByCode("", uint16(c)); ok {
		return d.Name
	}
	return strings.ReplaceAll(VarName(c), "_", "-")
}

func (m *Machine) save(now time.Time) {
	m.saved = now
	m.do(Save{Record: m.record})
}

// remember takes up the lease of the record, if it is this client's. One whose time
// is over is a hint at least (RFC 2131 §4.4.1). One of the future shows that the
// clock went back, or has not been set yet: nobody knows how old it is then, and
// a server has to say.
func (m *Machine) remember(now time.Time) {
	r := m.o.Record
	if m.remembered || r == nil || m.o.Inform.IsValid() {
		return
	}
	m.remembered = true
	in, err := r.check()
	if err != nil || r.HWType != m.o.HWType || !bytes.Equal(r.HWAddr, m.o.HWAddr) || !bytes.Equal(r.ClientID, m.o.ClientID) ||
		r.Over.IsValid() != m.o.FourOverSix {
		return
	}
	m.hint = in.YIAddr
	ago := now.Round(0).Sub(r.Acquired)
	l := &lease{addr: in.YIAddr, server: r.Server, over: r.Over, life: infinite, message: r.Message, doubtful: ago < 0 || r.Iface != m.o.Iface, got: now.Add(-max(ago, 0))}
	if !r.Expire.IsZero() {
		l.life = r.Expire.Sub(r.Acquired)
	}
	l.time(in, 0)
	if l.expired(now) {
		return
	}
	l.settings = m.reader().settings(in, l)
	m.lease = l
}
