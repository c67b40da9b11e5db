package classify

func (m *machine) relayAddr(in *instr) {
	r := relay(m.p, in.n)
	switch {
	case r == nil:
		m.push(nil)
	case in.field == fieldPeer:
		m.addr6(r.Peer)
	default:
		m.addr6(r.Link)
	}
}

func (m *machine) pkt(f field) {
	switch f {
	case fieldIface:
		mark := len(m.out)
		if m.room(len(m.p.Iface)) {
			m.out = append(m.out, m.p.Iface...)
			m.since(mark)
		}
	case fieldSrc:
		m.addr(m.p.Src)
	case fieldDst:
		m.addr(m.p.Dst)
	case fieldLen:
		m.uint32(uint32(m.p.len()))
	}
}

// len is the length of the message as Kea counts it: the fixed fields and the
// options, but neither cookie nor Pad and End options in DHCPv4; all relay levels
// in DHCPv6.
func (p *Packet) len() int {
	if p.V4 != nil {
		const fixed, longest = 236, 255
		n := fixed
		for _, v := range p.V4.All {
			n += len(v) + 2*max(1, (len(v)+longest-1)/longest)
		}
		return n
	}
	const header, relayHeader = 4, 34
	switch {
	case p.V6 == nil:
		return 0
	case len(p.V6.Relays) > 0:
		return relayHeader + len(p.V6.Relays[0].Options)
	default:
		return header + len(p.V6.Message.Options)
	}
}

func (m *machine) pkt4(f field) {
	q := m.p.V4
	if q == nil {
		m.push(nil)
		return
	}
	switch f {
	case fieldMAC:
		m.push(q.CHAddr())
	case fieldHLen:
		m.uint32(uint32(q.HLen))
	case fieldHType:
		m.uint32(uint32(q.HType))
	case fieldCIAddr:
		m.addr(q.CIAddr)
	case fieldGIAddr:
		m.addr(q.GIAddr)
	case fieldYIAddr:
		m.addr(q.YIAddr)
	case fieldSIAddr:
		m.addr(q.SIAddr)
	case fieldMsgType:
		m.uint32(uint32(q.Type()))
	case fieldTransID:
		m.uint32(q.XID)
	}
}

func (m *machine) pkt6(f field) {
	if m.p.V6 == nil {
		m.push(nil)
		return
	}
	q := &m.p.V6.Message
	if f == fieldMsgType {
		m.uint32(uint32(q.Type))
		return
	}
	m.uint32(uint32(q.XID[0])<<16 | uint32(q.XID[1])<<8 | uint32(q.XID[2]))
}
