package server4

import (
	"bytes"
	"encoding/hex"

	"github.com/dhcp4o6/dhcp4o6/pkg/dhcp4"
	"github.com/dhcp4o6/dhcp4o6/pkg/lease"
)

// noteRelay has the lease keep what the relay said, in the form of Kea:
// {"sub-options": "0x...", "remote-id": "...", "relay-id": "..."}.
func (x *Exchange) noteRelay() {
	v, ok := x.Query.Option(dhcp4.OptRelayAgentInfo)
	if !ok || len(v) == 0 {
		return
	}
	b := appendHex(append(x.info[:0], `{"sub-options":"0x`...), v)
	if id, ok := x.relay.Option(dhcp4.SubRemoteID); ok && len(id) > 0 {
		b = appendHex(append(b, `","remote-id":"`...), id)
	}
	if id, ok := x.relay.Option(dhcp4.SubRelayID); ok && len(id) > 0 {
		b = appendHex(append(b, `","relay-id":"`...), id)
	}
	x.info = append(b, `"}`...)
	x.req.RelayInfo = x.info
}

// appendHex appends v in capital digits, as Kea does.
func appendHex(b, v []byte) []byte {
	const digits = "0123456789ABCDEF"
	for _, c := range v {
		b = append(b, digits[c>>4], digits[c&15])
	}
	return b
}

// recall takes what a lease keeps for the relay agent information of its client
// when that renews and no relay stands between: the client's subnet, classes and
// reservation are then found as they were when it got the lease. It is not
// echoed, as the client's query has none.
func (s *Server) recall(x *Exchange) {
	q := x.Query
	if x.Type != dhcp4.Request || !given(q.CIAddr) || given(q.GIAddr) {
		return
	}
	if own, _ := q.Option(dhcp4.OptRelayAgentInfo); len(own) > 0 { // torn or not: noteRelay writes it where what is recalled would stand
		return
	}
	var by [2]lease.Identity
	n := 0
	if id, ok := q.Option(dhcp4.OptClientID); ok && len(id) > 0 {
		by[n] = lease.Identity{Kind: lease.ByClientID, ID: id}
		n++
	}
	if hw := q.CHAddr(); len(hw) > 0 {
		by[n] = lease.Identity{Kind: lease.ByHWAddr, HWType: uint16(q.HType), ID: hw}
		n++
	}
	var ok bool
	if x.info, ok = s.leases.Context(resource(q.CIAddr), x.at, x.info[:0], by[:n]...); !ok {
		return
	}
	if info := subOptions(x.info); info != nil {
		x.relay, _ = dhcp4.ParseSubOptions(info)
		x.recalled = len(x.relay) > 0
	}
}

// subOptions returns the relay agent information that stands in a user context, read in
// place. Kea 2.2 has the digits alone where later ones have a map.
func subOptions(ctx []byte) []byte {
	v := lease.Member(lease.Member(ctx, "ISC"), "relay-agent-info")
	if m := lease.Member(v, "sub-options"); m != nil {
		v = m
	}
	v = bytes.Trim(v, `"`)
	digits, ok := bytes.CutPrefix(v, []byte("0x"))
	if !ok {
		return nil
	}
	n, err := hex.Decode(digits, digits)
	if err != nil {
		return nil
	}
	return digits[:n]
}
