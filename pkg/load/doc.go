// Package load holds conversations with a DHCP server: one, to show it, or
// hundreds of thousands, to measure. It asks for IPv4 leases over IPv6
// (RFC 7341), for IPv4 leases as a relay (RFC 2131), and for IPv6 addresses
// (RFC 9915), straight or through relay agents that it plays itself.
//
//	report, err := load.Run(ctx, load.Scenario{
//		Kind:     load.FourOverSix,
//		Server:   netip.MustParseAddrPort("[2001:db8::1]:547"),
//		Count:    100000,
//		InFlight: 16,
//	})
//
// One goroutine does all of it: what was read is answered in one batch, so the
// load costs its host little, and a closed loop of W conversations keeps
// exactly W in flight. An answer belongs to the conversation whose transaction
// id it carries; whatever else comes in is counted as stray.
package load
