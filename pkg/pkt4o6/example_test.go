package pkt4o6_test

import (
	"fmt"

	"github.com/dhcp4o6/dhcp4o6/pkg/dhcp4"
	"github.com/dhcp4o6/dhcp4o6/pkg/pkt4o6"
)

// A client wraps a DHCPv4 message, a server opens it and seals the reply.
func Example() {
	var client dhcp4.Builder
	client.Header.XID = 7
	client.Query(dhcp4.Discover, nil)
	var onClient pkt4o6.Packet
	query := onClient.Wrap(nil, client.Bytes(), false)

	var p pkt4o6.Packet
	if err := p.Parse(query); err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(p.Envelope.Message.Type, "holds", p.Query.Type())

	var server dhcp4.Builder
	server.Reply(&p.Query, dhcp4.Offer, nil)
	response := p.Seal(nil, server.Bytes())

	if err := onClient.Envelope.Parse(response); err != nil {
		fmt.Println(err)
		return
	}
	if err := onClient.OpenResponse(); err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(onClient.Envelope.Message.Type, "holds", onClient.Query.Type(), "xid", onClient.Query.XID)
	// Output:
	// DHCPV4-QUERY holds DHCPDISCOVER
	// DHCPV4-RESPONSE holds DHCPOFFER xid 7
}
