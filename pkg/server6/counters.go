package server6

import (
	"github.com/dhcp4o6/dhcp4o6/pkg/dhcp6"
	"github.com/dhcp4o6/dhcp4o6/pkg/metrics"
)

// counters are looked up once. Kea's names come first, ours behind them.
type counters struct {
	received, sent, dropped *metrics.Counter
	receivedType, sentType  [256]*metrics.Counter // by message type
	troubles                [troubles]*metrics.Counter

	reason, statistic        [verdicts]*metrics.Counter
	readFailed, commitFailed *metrics.Counter
	testFailed               *metrics.Counter // of classes

	forwarded, notForwarded     *metrics.Counter // queries to the DHCPv4 daemon
	returned, noReceipt         *metrics.Counter // its answers
	receiptExpired              *metrics.Counter
	badAnswer, answerNoLink     *metrics.Counter
	answerTooLong, answerUnsent *metrics.Counter

	answering, committing, batches, roundTrip *metrics.Histogram
}

// notServed are statistics of Kea's for what this server does not do: they are
// there, and stay 0.
var notServed = []string{
	"pkt6-queue-full", "pkt6-duplicate", "pkt6-lease-query-reply-sent", "pkt6-addr-reg-reply-sent", "v6-ia-na-lease-reuses", "v6-ia-pd-lease-reuses",
}

var receivedNames = map[dhcp6.MessageType]string{
	dhcp6.Solicit:            "pkt6-solicit-received",
	dhcp6.Advertise:          "pkt6-advertise-received",
	dhcp6.Request:            "pkt6-request-received",
	dhcp6.Confirm:            "pkt6-confirm-received",
	dhcp6.Renew:              "pkt6-renew-received",
	dhcp6.Rebind:             "pkt6-rebind-received",
	dhcp6.Reply:              "pkt6-reply-received",
	dhcp6.Release:            "pkt6-release-received",
	dhcp6.Decline:            "pkt6-decline-received",
	dhcp6.Reconfigure:        "pkt6-reconfigure-received",
	dhcp6.InformationRequest: "pkt6-infrequest-received",
	dhcp6.LeaseQuery:         "pkt6-lease-query-received",
	dhcp6.DHCPv4Query:        "pkt6-dhcpv4-query-received",
	dhcp6.DHCPv4Response:     "pkt6-dhcpv4-response-received",
	dhcp6.AddrRegInform:      "pkt6-addr-reg-inform-received",
	dhcp6.AddrRegReply:       "pkt6-addr-reg-reply-received",
}

var sentNames = map[dhcp6.MessageType]string{
	dhcp6.Advertise:      "pkt6-advertise-sent",
	dhcp6.Reply:          "pkt6-reply-sent",
	dhcp6.DHCPv4Response: "pkt6-dhcpv4-response-sent",
}

func (c *counters) init(m *metrics.Set) {
	c.received, c.sent = m.Counter("pkt6-received"), m.Counter("pkt6-sent")
	c.dropped = m.Counter("pkt6-receive-drop")
	c.testFailed = m.Counter("pkt6-class-test-failed")
	unknown := m.Counter("pkt6-unknown-received")
	for t := range c.receivedType {
		c.receivedType[t] = unknown
		if name, ok := receivedNames[dhcp6.MessageType(t)]; ok {
			c.receivedType[t] = m.Counter(name)
		}
		if name, ok := sentNames[dhcp6.MessageType(t)]; ok {
			c.sentType[t] = m.Counter(name)
		}
	}
	for i, name := range troubleNames {
		c.troubles[i] = m.Counter(name)
	}
	for _, name := range notServed {
		m.Counter(name)
	}
	c.histograms(m)
	for v := DropMalformed; v < verdicts; v++ {
		c.reason[v] = m.Counter("pkt6-drop-" + verdictNames[v].reason)
		if name := verdictNames[v].statistic; name != "" {
			c.statistic[v] = m.Counter(name)
		}
	}
	c.readFailed, c.commitFailed = m.Counter("pkt6-read-failed"), m.Counter("pkt6-commit-failed")
	c.forwarded, c.notForwarded = m.Counter("4o6-forwarded"), m.Counter("4o6-not-forwarded")
	c.returned, c.noReceipt = m.Counter("4o6-returned"), m.Counter("4o6-no-receipt")
	c.receiptExpired = m.Counter("4o6-receipt-expired")
	c.badAnswer, c.answerNoLink = m.Counter("4o6-bad-answer"), m.Counter("4o6-answer-no-link")
	c.answerTooLong, c.answerUnsent = m.Counter("4o6-answer-too-long"), m.Counter("4o6-answer-unsent")
}

func (c *counters) histograms(m *metrics.Set) {
	c.answering = m.Histogram("answer-duration", metrics.Durations, "Time from reading a batch of queries to the commit of its leases.")
	c.committing = m.Histogram("commit-duration", metrics.Durations, "Time that a batch waited for its leases to be durable.")
	c.batches = m.Histogram("batch-size", metrics.Sizes, "Queries that were read, answered and committed together.")
	c.roundTrip = m.Histogram("4o6-round-trip", metrics.Durations, "Time from a 4o6 query's arrival to the DHCPv4 daemon's answer.")
}

// drop counts a query that ends for the reason v.
func (c *counters) drop(v Verdict) {
	c.dropped.Inc()
	c.reason[v].Inc()
	if c.statistic[v] != nil {
		c.statistic[v].Inc()
	}
}

// sentType counts an answer that went out.
func (c *counters) wentOut(t dhcp6.MessageType) {
	c.sent.Inc()
	if n := c.sentType[t]; n != nil {
		n.Inc()
	}
}
