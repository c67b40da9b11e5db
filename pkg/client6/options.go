package client6

import (
	"math/rand/v2"
	"net/netip"
	"slices"
	"time"

	"github.com/dhcp4o6/dhcp4o6/pkg/dhcp6"
)

// Options say who the client is and what it wants. What they refer to is not
// changed by the machine, and must not be by others.
type Options struct {
	Iface string
	DUID  []byte // option 1 (RFC 9915 §11)

	IAs      []IA // what is to be leased; none: configuration alone
	InfoOnly bool // the same, whatever the IAs are

	FourOverSix bool           // option 88 is asked for (RFC 7341 §7.2)
	RapidCommit bool           // a Solicit may be answered by a Reply (RFC 9915 §18.2.1)
	Reconfigure bool           // servers may have the client ask anew (RFC 9915 §18.2.11)
	Server      netip.AddrPort // everything goes there, for loopback and tests; zero: ff02::1:2

	Request     []dhcp6.Code  // codes of the wanted options (option 6), in order; nil: DefaultRequest
	FQDN        string        // option 39 (RFC 4704)
	NoDNS       bool          // asks the server to leave the DNS alone (RFC 4704 §4.1, N)
	UserClass   []string      // option 15
	VendorClass []VendorClass // option 16
	MaxRefresh  time.Duration // the longest time between two Information-requests (RFC 9915 §21.23); 0: as the server says
	Stay        bool          // what was set on the host stays when the machine is stopped

	Record *Record // the leases of the last life; nil: none
	Rand   *rand.Rand
}

// An IA is an identity association that the client wants (RFC 9915 §12).
type IA struct {
	Kind IAKind
	IAID uint32       // unique among those of its kind
	Hint netip.Prefix // an address (/128), a prefix, or the length of one (::/56); zero: whichever
}

// An IAKind is a kind of identity association.
type IAKind uint8

// The kinds. TA is obsolete since RFC 9915 §21.5; few servers answer it.
const (
	NA IAKind = iota // non-temporary addresses
	TA               // temporary addresses
	PD               // delegated prefixes
)

var kindNames = [...]string{"na", "ta", "pd"}

// String returns na, ta or pd.
func (k IAKind) String() string { return kindNames[k] }

// A VendorClass is one Vendor Class option (RFC 9915 §21.16).
type VendorClass struct {
	Enterprise uint32
	Classes    []string
}

// DefaultRequest are the codes that are asked for when Options name none. Those
// that an exchange demands are asked for besides.
var DefaultRequest = []dhcp6.Code{dhcp6.OptDNSServers, dhcp6.OptDomainList, dhcp6.OptSNTPServers, dhcp6.OptNTPServer}

// unasked are the codes that an Option Request option must not have (RFC 9915
// §21.7), and the one that only an Information-request may ask for (§21.23).
var unasked = []dhcp6.Code{
	dhcp6.OptClientID, dhcp6.OptServerID, dhcp6.OptIANA, dhcp6.OptIATA, dhcp6.OptIAPD, dhcp6.OptIAAddr, dhcp6.OptIAPrefix,
	dhcp6.OptORO, dhcp6.OptElapsedTime, dhcp6.OptPreference, dhcp6.OptRelayMessage, dhcp6.OptAuth, dhcp6.OptUnicast,
	dhcp6.OptStatusCode, dhcp6.OptRapidCommit, dhcp6.OptUserClass, dhcp6.OptVendorClass, dhcp6.OptInterfaceID,
	dhcp6.OptReconfMsg, dhcp6.OptReconfAccept, dhcp6.OptInformationRefreshTime,
}

// request returns the codes that are asked for in every exchange, each once.
func (o *Options) request() []dhcp6.Code {
	codes := o.Request
	if codes == nil {
		codes = DefaultRequest
	}
	if o.FourOverSix {
		codes = append(slices.Clone(codes), dhcp6.OptDHCP4oDHCP6Server)
	}
	if o.FQDN != "" {
		codes = append(slices.Clone(codes), dhcp6.OptClientFQDN)
	}
	var list []dhcp6.Code
	for _, c := range codes {
		if !slices.Contains(unasked, c) && !slices.Contains(list, c) {
			list = append(list, c)
		}
	}
	return list
}
