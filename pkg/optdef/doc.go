// Package optdef knows what options mean: their names, codes and types, the
// standard ones and the operator's own, and turns an option's text into wire
// bytes and back. One table serves configuration, logs, tools and clients.
//
// A Set holds the definitions of one family. Names, types and the syntax of the
// text are Kea's:
//
//	s := optdef.New(optdef.V4)
//	v, err := s.Option(optdef.Data{Name: "routers", Text: "192.0.2.1, 192.0.2.2"})
//	// v.Code == 3, v.Bytes == c0 00 02 01 c0 00 02 02
//	s.Text("dhcp4", 3, v.Bytes) // "192.0.2.1, 192.0.2.2"
//
// Options stand in spaces. An option that encapsulates a space carries the
// options of that space behind its own fields; Assemble puts them there. The
// space of a vendor is called vendor-N, N being the enterprise number.
package optdef
