package dhcp4_test

import (
	"fmt"
	"net/netip"

	"github.com/dhcp4o6/dhcp4o6/pkg/dhcp4"
)

// A server reads a query and writes the reply to it.
func Example() {
	var client dhcp4.Builder
	client.Header.HType, client.Header.XID = 1, 0x11223344
	client.SetCHAddr([]byte{0x02, 0x00, 0x5e, 0x00, 0x00, 0x01})
	client.Query(dhcp4.Discover, nil)
	client.Add(dhcp4.OptHostName, []byte("host"))
	datagram := client.Bytes()

	var query dhcp4.Message
	if err := query.Parse(datagram); err != nil {
		fmt.Println(err)
		return
	}
	name, _ := query.Option(dhcp4.OptHostName)
	fmt.Printf("%v from %x, called %s\n", query.Type(), query.CHAddr(), name)

	var server dhcp4.Builder
	server.Reply(&query, dhcp4.Offer, make([]byte, 0, 1500))
	server.Header.YIAddr = netip.MustParseAddr("192.0.2.100")
	server.Add(dhcp4.OptLeaseTime, []byte{0, 0, 14, 16})

	var reply dhcp4.Message
	if err := reply.Parse(server.Bytes()); err != nil {
		fmt.Println(err)
		return
	}
	seconds, _ := reply.Uint32(dhcp4.OptLeaseTime)
	fmt.Printf("%v of %v for %d s, xid %#x\n", reply.Type(), reply.YIAddr, seconds, reply.XID)
	// Output:
	// DHCPDISCOVER from 02005e000001, called host
	// DHCPOFFER of 192.0.2.100 for 3600 s, xid 0x11223344
}

// An option over 255 octets is split on the wire and whole again when read.
func ExampleBuilder_Add() {
	var w dhcp4.Builder
	w.Query(dhcp4.Request, nil)
	w.Add(dhcp4.OptUserClass, make([]byte, 300))
	var m dhcp4.Message
	if err := m.Parse(w.Bytes()); err != nil {
		fmt.Println(err)
		return
	}
	for c, part := range m.All {
		fmt.Println(c, len(part))
	}
	v, _ := m.Option(dhcp4.OptUserClass)
	fmt.Println("whole:", len(v))
	// Output:
	// 53 1
	// 77 255
	// 77 45
	// whole: 300
}
