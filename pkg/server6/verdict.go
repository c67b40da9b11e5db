package server6

// A Verdict is what a step says about a query: go on, or drop it for a reason,
// which is counted.
type Verdict uint8

// The verdicts.
const (
	Next     Verdict = iota // on to the next step
	Diverted                // the DHCPv4 daemon's from here on

	DropMalformed   // it does not parse
	DropType        // not a message for a server (RFC 9915 §16)
	DropUnicast     // unicast, where multicast is the rule (RFC 9915 §16)
	DropClientID    // no Client Identifier, two, or one that cannot be a DUID
	DropServerID    // a Server Identifier that must not be there, or none where it must, or two
	DropOtherServer // meant for another server
	DropIA          // an IA in an Information-request (RFC 9915 §16.12)
	DropTooMany     // more options or IAs than we look at
	DropNoPair      // a DHCPV4-QUERY, and no DHCPv4 daemon configured
	DropNoMessage   // a DHCPV4-QUERY without exactly one proper DHCPv4 message (RFC 7341 §11)
	DropNoSubnet    // no subnet for the client's link
	DropNoAnswer    // there is nothing to tell (RFC 9915 §18.3.3, §18.3.5)
	DropOfferLimit  // too many offers are open for its relay or link
	DropStoreDown   // leases cannot be stored now
	DropUnsynced    // the lease was not made durable
	DropStale       // the configuration changed again and again under the query
	DropNoRoom      // the answer does not fit in a datagram
	DropPanic       // a fault of ours
	DropSend        // the socket did not take the answer
	DropDisabled    // the service is switched off
	DropClass       // the client is in the class DROP

	verdicts = iota

	again Verdict = 255 // walk anew with the topology in force
)

// verdictNames are the reasons in logs and counters, and the statistic of Kea's
// under which each is counted besides.
var verdictNames = [verdicts]struct{ reason, statistic string }{
	Next:            {"next", ""},
	Diverted:        {"diverted", ""},
	DropMalformed:   {"malformed", "pkt6-parse-failed"},
	DropType:        {"message-type", "pkt6-rfc-violation"},
	DropUnicast:     {"unicast", "pkt6-rfc-violation"},
	DropClientID:    {"client-id", "pkt6-rfc-violation"},
	DropServerID:    {"server-id", "pkt6-rfc-violation"},
	DropOtherServer: {"other-server", "pkt6-not-for-us"},
	DropIA:          {"ia", "pkt6-rfc-violation"},
	DropTooMany:     {"too-many", "pkt6-limit-exceeded"},
	DropNoPair:      {"no-pair", "pkt6-admin-filtered"},
	DropNoMessage:   {"no-message", "4o6-bad-packet"},
	DropNoSubnet:    {"no-subnet", "pkt6-not-for-us"},
	DropNoAnswer:    {"no-answer", "pkt6-processing-failed"},
	DropOfferLimit:  {"offer-limit", "pkt6-limit-exceeded"},
	DropStoreDown:   {"store-down", "pkt6-processing-failed"},
	DropUnsynced:    {"unsynced", "pkt6-processing-failed"},
	DropStale:       {"stale", "pkt6-processing-failed"},
	DropNoRoom:      {"no-room", "pkt6-processing-failed"},
	DropPanic:       {"panic", "pkt6-processing-failed"},
	DropSend:        {"send", ""},
	DropDisabled:    {"service-disabled", "pkt6-service-disabled"},
	DropClass:       {"class", "pkt6-admin-filtered"},
}

// Reason returns a short constant name for counters and logs.
func (v Verdict) Reason() string {
	if v < verdicts {
		return verdictNames[v].reason
	}
	return "again"
}

// String is Reason.
func (v Verdict) String() string { return v.Reason() }
