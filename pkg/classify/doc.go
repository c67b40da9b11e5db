// Package classify is Kea's client class expression language: it compiles the
// "test" and "template-test" of client classes when a configuration is loaded,
// and evaluates them on packets.
//
// The one idea: an expression becomes a flat program for a small machine with
// one stack of byte strings and one truth value. Every value is a byte string, as
// in Kea: an address is 4 or 16 octets, a number 4 octets. Values are slices of
// the packet wherever they can be; what has to be made (a concatenation, a text)
// is made in a Scratch of the caller's. Nothing is allocated once a Scratch has
// grown, and nothing a packet holds makes an evaluation panic, loop or grow beyond
// a fixed bound.
//
//	scope := classify.Scope{Family: optdef.V4}
//	e, err := scope.Compile("substring(option[60].hex, 0, 9) == 'PXEClient'")
//	if err != nil {
//		return err // 1:11: expected '(' ...
//	}
//	var s classify.Scratch
//	ok, err := e.Match(&classify.Packet{V4: &m}, &s)
//
// A Dictionary holds the classes of a configuration in their order and puts a
// packet into those whose tests it passes; a Set is the classes of one packet.
//
// In DHCP 4o6 a DHCPv4 expression sees the DHCPv6 envelope too: relay6[..] and
// pkt6.* are there, and pkt6.option[..] reads the options of the envelope's
// innermost message. Kea refuses these in DHCPv4.
package classify
