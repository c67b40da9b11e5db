package server6

import (
	"github.com/dhcp4o6/dhcp4o6/pkg/dhcp6"
	"github.com/dhcp4o6/dhcp4o6/pkg/metrics"
)

// counters are looked up once. Kea's names come first, ours behind them.
type counters struct {
	received, sent, dropped                                        *metrics.Counter
	receivedType, sentType                                         [256]*metrics.Counter // by message type
	allocFail, allocFailNetwork, allocFailSubnet, allocFailNoPools *metrics.Counter

	reason, statistic        [verdicts]*metrics.Counter
	readFailed, commitFailed *metrics.Counter

	forwarded, notForwarded     *metrics.Counter // queries to the DHCPv4 daemon
	returned, noReceipt         *metrics.Counter // its answers
	badAnswer, answerNoLink     *metrics.Counter
	answerTooLong, answerUnsent *metrics.Counter
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
	c.allocFail, c.allocFailNetwork = m.Counter("v6-allocation-fail"), m.Counter("v6-allocation-fail-shared-network")
	c.allocFailSubnet, c.allocFailNoPools = m.Counter("v6-allocation-fail-subnet"), m.Counter("v6-allocation-fail-no-pools")
	for v := DropMalformed; v < verdicts; v++ {
		c.reason[v] = m.Counter("pkt6-drop-" + verdictNames[v].reason)
		if name := verdictNames[v].statistic; name != "" {
			c.statistic[v] = m.Counter(name)
		}
	}
	c.readFailed, c.commitFailed = m.Counter("pkt6-read-failed"), m.Counter("pkt6-commit-failed")
	c.forwarded, c.notForwarded = m.Counter("4o6-forwarded"), m.Counter("4o6-not-forwarded")
	c.returned, c.noReceipt = m.Counter("4o6-returned"), m.Counter("4o6-no-receipt")
	c.badAnswer, c.answerNoLink = m.Counter("4o6-bad-answer"), m.Counter("4o6-answer-no-link")
	c.answerTooLong, c.answerUnsent = m.Counter("4o6-answer-too-long"), m.Counter("4o6-answer-unsent")
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
