package dhcp4

// A Code is the code of an option (RFC 2132 and the BOOTP/DHCP registry).
type Code uint8

// A MessageType is the value of option 53 (RFC 2132 §9.6).
type MessageType uint8

// The message types of RFC 2131, then those of RFC 3203, 4388, 6926 and 7724.
const (
	Discover MessageType = 1 + iota
	Offer
	Request
	Decline
	Ack
	Nak
	Release
	Inform
	ForceRenew
	LeaseQuery
	LeaseUnassigned
	LeaseUnknown
	LeaseActive
	BulkLeaseQuery
	LeaseQueryDone
	ActiveLeaseQuery
	LeaseQueryStatus
	TLS
)

var typeNames = [...]string{
	"BOOTP", "DHCPDISCOVER", "DHCPOFFER", "DHCPREQUEST", "DHCPDECLINE", "DHCPACK", "DHCPNAK", "DHCPRELEASE", "DHCPINFORM",
	"DHCPFORCERENEW", "DHCPLEASEQUERY", "DHCPLEASEUNASSIGNED", "DHCPLEASEUNKNOWN", "DHCPLEASEACTIVE",
	"DHCPBULKLEASEQUERY", "DHCPLEASEQUERYDONE", "DHCPACTIVELEASEQUERY", "DHCPLEASEQUERYSTATUS", "DHCPTLS",
}

// String returns the name that the RFC gives the type, "BOOTP" for 0 and
// "unknown" for a type that has none.
func (t MessageType) String() string {
	if int(t) < len(typeNames) {
		return typeNames[t]
	}
	return "unknown"
}

// The values of Op.
const (
	BootRequest byte = 1
	BootReply   byte = 2
)

// FlagBroadcast is the one flag that is defined (RFC 2131 §2, figure 2).
const FlagBroadcast uint16 = 0x8000

// Sizes on the wire.
const (
	HeaderLen  = 240   // the fixed fields and the cookie: no message is shorter
	MaxLen     = 65535 // no message is longer, whatever carries it
	MinAccept  = 548   // what every client takes without option 57: 576 octets less IP and UDP headers (RFC 2131 §2)
	maxCHAddr  = 16
	offCHAddr  = 28
	offSName   = 44
	offFile    = 108
	offCookie  = 236
	offOptions = HeaderLen
)

const cookie = 0x63825363 // RFC 2131 §3

// A CodeSet is a set of option codes. The zero value is empty.
type CodeSet [4]uint64

// Has reports whether c is in the set.
func (s *CodeSet) Has(c Code) bool { return s[c>>6]&(1<<(c&63)) != 0 }

// Add puts c into the set.
func (s *CodeSet) Add(c Code) { s[c>>6] |= 1 << (c & 63) }

func (s *CodeSet) remove(c Code) { s[c>>6] &^= 1 << (c & 63) }

func (s *CodeSet) empty() bool { return s[0]|s[1]|s[2]|s[3] == 0 }
