// Package load holds conversations with a DHCP server: one, to show it, or
// hundreds of thousands, to measure. It asks for IPv4 leases over IPv6
// (RFC 7341), for IPv4 leases as a relay or on the link (RFC 2131), and for
// IPv6 addresses (RFC 9915), straight or through relay agents that it plays
// itself.
//
//	report, err := load.Run(ctx, load.Scenario{
//		Kind:     load.FourOverSix,
//		Server:   netip.MustParseAddrPort("[2001:db8::1]:547"),
//		Count:    100000,
//		InFlight: 16,
//	})
//
// What clients come for is a mix of acts, which follow from each other: who
// renews or releases has taken a lease before. A storm is everybody who holds
// a lease coming back at once.
//
// One goroutine does all of it: what was read is answered in one batch, so the
// load costs its host little, and a closed loop of W conversations keeps
// exactly W in flight. (Only a mix of both families has a goroutine for each
// socket that waits for answers.) An answer belongs to the conversation whose
// transaction id it carries; whatever else comes in is counted as stray.
package load
