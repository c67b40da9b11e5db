package client6

import "sync/atomic"

// A FrontDrop is the reason why a [Front] has not passed something on.
type FrontDrop uint8

// The reasons. A query or an answer can meet the second, the others are of answers.
const (
	_            FrontDrop = iota
	DropStopped            // option 88 is not known: nobody to ask, and no question that this could answer
	DropType               // not a DHCPV4-RESPONSE
	DropOptions            // options that reach beyond the message
	DropMessage4           // not exactly one DHCPv4 Message option (87) with a server's message in it
	DropNoPeer             // the DHCPv4 client is not there, or is not who may be

	frontDrops = iota
)

var frontDropNames = [frontDrops]string{"none", "stopped", "type", "options", "dhcpv4-message", "no-peer"}

// Reason returns a short constant name for counters and logs.
func (d FrontDrop) Reason() string {
	if int(d) < len(frontDropNames) {
		return frontDropNames[d]
	}
	return "unknown"
}

// FrontStats counts what passed a [Front]. It may be read at any time.
type FrontStats struct {
	Polls   atomic.Uint64 // POLLs, each of which was answered
	Queries atomic.Uint64 // queries of the DHCPv4 client
	Sent    atomic.Uint64 // queries given to the network, one for each server
	Refused atomic.Uint64 // queries that the network did not take
	Answers atomic.Uint64 // answers given to the DHCPv4 client

	drops [frontDrops]atomic.Uint64
}

// Dropped returns how often something was dropped for d.
func (s *FrontStats) Dropped(d FrontDrop) uint64 { return s.drops[d].Load() }

// FrontDrops yields every reason, for who exports the counters of [FrontStats].
func FrontDrops(yield func(FrontDrop) bool) {
	for d := FrontDrop(1); d < frontDrops; d++ {
		if !yield(d) {
			return
		}
	}
}
