package dhcp6

// AppendReply writes the answer m to the query that was parsed into e: m itself
// for a query that came directly, else m in one Relay-reply for each
// Relay-forward, with the hop-count, link-address and peer-address of that level
// (RFC 9915 §19.3). Of a level's options come back the Interface-Id (§21.18), the
// Relay Source Port (RFC 8357 §5.2), and every one that its Echo Request option
// names (RFC 4994 §5); the Relay Message option stands last.
func (e *Envelope) AppendReply(b []byte, m Message) []byte {
	var marks [MaxRelays]int
	relays := e.Relays[:min(len(e.Relays), MaxRelays)]
	for i := range relays {
		b = relays[i].appendHeader(b, RelayRepl)
		b = relays[i].Options.appendEchoed(b)
		b, marks[i] = Open(b, OptRelayMessage)
	}
	b = m.Append(b)
	for i := len(relays) - 1; i >= 0; i-- {
		b = Shut(b, marks[i])
	}
	return b
}

// appendEchoed writes those options of a relay level that go back to the relay.
func (o Options) appendEchoed(b []byte) []byte {
	if v, ok := o.Option(OptERO); ok {
		if codes, err := ParseCodes(v); err == nil {
			return o.appendAsked(b, codes)
		}
	}
	for _, c := range [...]Code{OptInterfaceID, OptRelayPort} {
		if v, ok := o.Option(c); ok {
			b = AppendOption(b, c, v)
		}
	}
	return b
}

// appendAsked writes, in wire order, the two options that always go back and
// those that the relay asks for. The set of codes is a bitmap because both lists
// may hold thousands of entries.
func (o Options) appendAsked(b []byte, asked Codes) []byte {
	var set [1 << 16 / 64]uint64
	for c := range asked.All {
		set[c/64] |= 1 << (c % 64)
	}
	// What carries the message and what asks are not what is asked for.
	set[OptRelayMessage/64] &^= 1 << (OptRelayMessage % 64)
	set[OptERO/64] &^= 1 << (OptERO % 64)
	set[OptInterfaceID/64] |= 1 << (OptInterfaceID % 64)
	set[OptRelayPort/64] |= 1 << (OptRelayPort % 64)
	for c, v := range o.All {
		if set[c/64]&(1<<(c%64)) != 0 {
			b = AppendOption(b, c, v)
		}
	}
	return b
}
