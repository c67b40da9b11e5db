package ddns

import "math"

// Replace says when a client's name gives way to one made from its address:
// ddns-replace-client-name.
type Replace uint8

// The values of Replace.
const (
	Never Replace = iota
	Always
	WhenPresent    // when the client names itself
	WhenNotPresent // when it does not
)

// ReplaceNames are the words of the configuration, by value.
var ReplaceNames = [...]string{"never", "always", "when-present", "when-not-present"}

// generates reports whether a name is made for a client that names itself, or
// does not.
func (r Replace) generates(named bool) bool {
	if named {
		return r == Always || r == WhenPresent
	}
	return r == Always || r == WhenNotPresent
}

// A Mode is how kea-dhcp-ddns treats names that are in the DNS already:
// ddns-conflict-resolution-mode.
type Mode uint8

// The modes, the first of which is that of RFC 4703.
const (
	CheckWithDHCID Mode = iota
	NoCheckWithDHCID
	CheckExistsWithDHCID
	NoCheckWithoutDHCID
)

// ModeNames are the words of the configuration and of requests, by value.
var ModeNames = [...]string{"check-with-dhcid", "no-check-with-dhcid", "check-exists-with-dhcid", "no-check-without-dhcid"}

// String is the word of the configuration.
func (m Mode) String() string { return ModeNames[m] }

// checks reports whether the mode resolves conflicts, which is all that
// ddns-use-conflict-resolution, its elder, can say.
func (m Mode) checks() bool { return m == CheckWithDHCID || m == CheckExistsWithDHCID }

// Params are what the operator says of the names in one scope. They are not
// changed once in use.
type Params struct {
	Send                 bool // DNS updates are made: enable-updates and ddns-send-updates
	OverrideNoUpdate     bool // also for a client that wants none
	OverrideClientUpdate bool // of the address too, for a client that would do that itself
	UpdateOnRenew        bool // also when nothing has changed
	Replace              Replace
	Prefix               string   // of names made from addresses
	Suffix               string   // of names of one label
	Clean                *Cleaner // of the names of clients; nil: they are left as they are
	Mode                 Mode

	TTL            uint32  // of the records, in seconds; 0: a share of the lease
	TTLPercent     float64 // the share, 0..1; 0: a third
	TTLMin, TTLMax uint32  // bounds of the share; 0: 600 and none
}

// Default is Kea's defaults, without updates.
var Default = Params{Prefix: "myhost", Clean: standard}

// ttl returns how long the records of a lease of so many seconds may be kept by
// who asks for them (RFC 4702 §5).
func (p *Params) ttl(valid uint32) uint32 {
	if p.TTL > 0 {
		return p.TTL
	}
	t := valid / 3
	if p.TTLPercent > 0 {
		t = uint32(min(math.Round(p.TTLPercent*float64(valid)), math.MaxUint32))
	}
	least := p.TTLMin
	if least == 0 {
		least = 600
	}
	switch {
	case t < least:
		return least
	case p.TTLMax > 0 && t > p.TTLMax:
		return p.TTLMax
	}
	return t
}
