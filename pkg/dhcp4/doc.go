// Package dhcp4 is the DHCPv4 wire format: RFC 2131 and 2132, with long options
// (RFC 3396), option overload (RFC 2132 §9.3), the relay agent information
// option (RFC 3046) and node-specific client identifiers (RFC 4361).
//
// The one idea: a parsed Message is a view of the bytes. Parse checks every
// length once and notes where each option stands; the accessors cannot fail and
// copy nothing. An option that came in several parts is joined once, in the
// order that RFC 3396 §5 gives (options, file, sname), into a scratch that the
// next Parse reuses.
//
//	var m dhcp4.Message
//	if err := m.Parse(datagram); err != nil {
//		return err
//	}
//	if id, ok := m.Option(dhcp4.OptClientID); ok { ... }
//
// A Builder writes the other way, into memory of the caller's:
//
//	var w dhcp4.Builder
//	w.Reply(&m, dhcp4.Offer, buf)
//	w.Header.YIAddr = addr
//	w.Add(dhcp4.OptRouter, router[:])
//	out := w.Bytes()
//
// Neither allocates once its scratch has grown. Both are for one goroutine at a
// time.
package dhcp4
