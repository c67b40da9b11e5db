package server4

import "github.com/dhcp4o6/dhcp4o6/pkg/metrics"

// A Verdict is what a step says about a query: go on, stop, or drop it for a
// reason, which is counted.
type Verdict uint8

// The verdicts.
const (
	Next Verdict = iota // on to the next step
	Done                // all was done and no reply is due: DECLINE, RELEASE

	DropMalformed   // not a DHCPv4 message
	DropEnvelope    // not a DHCPV4-QUERY with one DHCPv4 message in it
	DropReply       // a BOOTREPLY
	DropBOOTP       // no message type
	DropType        // a message type that is not served, LEASEQUERY among them
	DropLeaseQuery  // a LEASEQUERY over 4o6
	DropOtherServer // meant for another server
	DropNoIdentity  // neither a usable client identifier nor a hardware address
	DropNoReturn    // there is no address to which a reply could go
	DropIncomplete  // an address is missing that the message type needs
	DropNoSubnet    // no subnet for the client's link
	DropNoAddress   // no address is free for the client
	DropOfferLimit  // too many offers are open for its relay or link
	DropUnknown     // a client that we do not know: silence (RFC 2131 §4.3.2)
	DropNotHolder   // RELEASE or DECLINE of what the client does not hold
	DropStoreDown   // leases cannot be stored now
	DropUnsynced    // the lease was not made durable
	DropStale       // the configuration changed again and again under the query
	DropNoRoom      // the relays of a 4o6 query leave no room for a reply
	DropPanic       // a fault of ours
	DropSend        // the socket did not take the reply
	DropDisabled    // the service is switched off
	DropHook        // a hook function wants it so
	DropInUse       // LeaseOffer found the address in use
	DropQueueFull   // as many packets are parked as may be
	DropParkedLong  // it was parked and not resumed in time
	DropStopping    // it was parked when the server stopped
	DropClass       // the client is in the class DROP

	verdicts = iota

	parked Verdict = 254 // out of the worker's hands
	again  Verdict = 255 // walk anew with the topology in force
)

// verdictNames are the reasons in logs and counters, and the statistic of Kea's
// under which each is counted besides.
var verdictNames = [verdicts]struct{ reason, statistic string }{
	Next:            {"next", ""},
	Done:            {"done", ""},
	DropMalformed:   {"malformed", "pkt4-parse-failed"},
	DropEnvelope:    {"envelope", "4o6-bad-packet"},
	DropReply:       {"reply", "pkt4-rfc-violation"},
	DropBOOTP:       {"bootp", "pkt4-rfc-violation"},
	DropType:        {"message-type", "pkt4-rfc-violation"},
	DropLeaseQuery:  {"lease-query-4o6", "pkt4-rfc-violation"},
	DropOtherServer: {"other-server", "pkt4-not-for-us"},
	DropNoIdentity:  {"no-identity", "pkt4-rfc-violation"},
	DropNoReturn:    {"no-return", "pkt4-rfc-violation"},
	DropIncomplete:  {"incomplete", "pkt4-rfc-violation"},
	DropNoSubnet:    {"no-subnet", "pkt4-not-for-us"},
	DropNoAddress:   {"no-address", ""},
	DropOfferLimit:  {"offer-limit", "pkt4-limit-exceeded"},
	DropUnknown:     {"unknown-client", "pkt4-not-for-us"},
	DropNotHolder:   {"not-holder", ""},
	DropStoreDown:   {"store-down", "pkt4-processing-failed"},
	DropUnsynced:    {"unsynced", "pkt4-processing-failed"},
	DropStale:       {"stale", "pkt4-processing-failed"},
	DropNoRoom:      {"no-room", "pkt4-processing-failed"},
	DropPanic:       {"panic", "pkt4-processing-failed"},
	DropSend:        {"send", ""},
	DropDisabled:    {"service-disabled", "pkt4-service-disabled"},
	DropHook:        {"hook", ""},
	DropInUse:       {"in-use", ""},
	DropQueueFull:   {"queue-full", "pkt4-queue-full"},
	DropParkedLong:  {"parked-long", "pkt4-processing-failed"},
	DropStopping:    {"stopping", "pkt4-processing-failed"},
	DropClass:       {"class", "pkt4-admin-filtered"},
}

// Reason returns a short constant name for counters and logs.
func (v Verdict) Reason() string {
	if v < verdicts {
		return verdictNames[v].reason
	}
	if v == parked {
		return "parked"
	}
	return "again"
}

// String is Reason.
func (v Verdict) String() string { return v.Reason() }

// notServed are statistics of Kea's for what this server does not do: they are
// there, and stay 0.
var notServed = []string{
	"pkt4-duplicate",
	"pkt4-lease-query-response-unassigned-sent", "pkt4-lease-query-response-unknown-sent", "pkt4-lease-query-response-active-sent",
}

// counters are the numbers that the engine counts, looked up once.
type counters struct {
	received, sent, dropped *metrics.Counter
	done                    *metrics.Counter     // no reply was due
	receivedType            [19]*metrics.Counter // by message type; 0: unknown
	sentType                [7]*metrics.Counter
	reason, statistic       [verdicts]*metrics.Counter
	noSubnet4o6             *metrics.Counter

	troubles                                [troubles]*metrics.Counter
	commitFailed, readFailed, optionDropped *metrics.Counter
	testFailed                              *metrics.Counter // of classes

	answering, committing, batches *metrics.Histogram
}

func newCounters(m *metrics.Set) *counters {
	c := &counters{
		received:      m.Counter("pkt4-received"),
		sent:          m.Counter("pkt4-sent"),
		dropped:       m.Counter("pkt4-receive-drop"),
		done:          m.Counter("pkt4-done"),
		noSubnet4o6:   m.Counter("4o6-no-subnet"),
		commitFailed:  m.Counter("pkt4-commit-failed"),
		readFailed:    m.Counter("pkt4-read-failed"),
		optionDropped: m.Counter("pkt4-option-no-room"),
		testFailed:    m.Counter("pkt4-class-test-failed"),
	}
	for i, name := range troubleNames {
		c.troubles[i] = m.Counter(name)
	}
	for _, name := range notServed {
		m.Counter(name)
	}
	c.answering = m.Histogram("answer-duration", metrics.Durations, "Time from reading a batch of queries to the commit of its leases.")
	c.committing = m.Histogram("commit-duration", metrics.Durations, "Time that a batch waited for its leases to be durable.")
	c.batches = m.Histogram("batch-size", metrics.Sizes, "Queries that were read, answered and committed together.")
	unknown := m.Counter("pkt4-unknown-received")
	for i := range c.receivedType {
		c.receivedType[i] = unknown
	}
	for i, name := range [...]string{1: "discover", 2: "offer", 3: "request", 4: "decline", 5: "ack", 6: "nak", 7: "release", 8: "inform", 10: "lease-query"} {
		if name != "" {
			c.receivedType[i] = m.Counter("pkt4-" + name + "-received")
		}
	}
	for i, name := range [...]string{2: "offer", 5: "ack", 6: "nak"} {
		if name != "" {
			c.sentType[i] = m.Counter("pkt4-" + name + "-sent")
		}
	}
	for v := Done + 1; v < verdicts; v++ {
		c.reason[v] = m.Counter("pkt4-drop-" + verdictNames[v].reason)
		if name := verdictNames[v].statistic; name != "" {
			c.statistic[v] = m.Counter(name)
		}
	}
	return c
}

// drop counts a query that gets no reply for a reason.
func (c *counters) drop(v Verdict) {
	if v <= Done || v >= verdicts {
		return
	}
	c.dropped.Inc()
	c.reason[v].Inc()
	if c.statistic[v] != nil {
		c.statistic[v].Inc()
	}
}
