package hostconf

import (
	"context"
	"strings"
)

// A Reason is why the host is to be changed, in dhclient-script's words.
type Reason string

// The reasons of dhclient-script(8); those with a 6 are DHCPv6's.
const (
	Preinit Reason = "PREINIT" // the link is to be readied; there is no lease yet
	Bound   Reason = "BOUND"
	Renew   Reason = "RENEW"
	Rebind  Reason = "REBIND"
	Reboot  Reason = "REBOOT" // the lease of the file was confirmed
	Expire  Reason = "EXPIRE"
	Fail    Reason = "FAIL"
	Stop    Reason = "STOP"
	Release Reason = "RELEASE"
	Timeout Reason = "TIMEOUT" // no server answers, the lease of the file is tried
	NBI     Reason = "NBI"     // there is no interface to work on
	V6Only  Reason = "V6ONLY"  // IPv4 is not wanted on this link (RFC 8925)

	Preinit6 Reason = "PREINIT6"
	Bound6   Reason = "BOUND6"
	Renew6   Reason = "RENEW6" // also what an Information-request brought, as by dhclient
	Rebind6  Reason = "REBIND6"
	Depref6  Reason = "DEPREF6" // an address is not preferred any more
	Expire6  Reason = "EXPIRE6"
	Release6 Reason = "RELEASE6"
	Stop6    Reason = "STOP6"
)

// V6 reports whether r is DHCPv6's.
func (r Reason) V6() bool { return strings.HasSuffix(string(r), "6") }

// A Change is what was and what is to be on one interface, of one family.
type Change struct {
	Reason   Reason
	Iface    string
	Old, New *Settings // nil: nothing
	PID      int       // of the client, for scripts
}

// A System makes a host as a lease wants it. Apply waits until that is done, and
// is safe for concurrent use. What cannot be done is told as an error, and what
// can be is done all the same.
type System interface {
	Apply(ctx context.Context, c *Change) error
}
