package load

import "net/netip"

// A fifo is a queue of client numbers.
type fifo struct {
	ring    []int32
	head, n int
}

func (f *fifo) push(client int) {
	if f.n == len(f.ring) {
		grown := make([]int32, max(64, 2*len(f.ring)))
		k := copy(grown, f.ring[f.head:])
		copy(grown[k:], f.ring[:f.head])
		f.ring, f.head = grown, 0
	}
	f.ring[(f.head+f.n)%len(f.ring)] = int32(client)
	f.n++
}

func (f *fifo) pop() (client int, ok bool) {
	if f.n == 0 {
		return 0, false
	}
	client = int(f.ring[f.head])
	f.head = (f.head + 1) % len(f.ring)
	f.n--
	return client, true
}

// clients hands out the numbers of those who are not in a conversation. A client
// stays with the kind of its first one: what it sent on one way, a DHCPRELEASE
// above all, that nobody answers, could come after what it sends on another.
type clients struct {
	fixed   int         // how many there are; 0: as many as are asked for
	fresh   int         // number of the next who has not talked yet
	free    [kinds]fifo // who hold no lease, or one that is not kept
	holders [kinds]fifo
	keep    bool // leases are of use later
	book    book
}

// take returns a client for a lease of that kind: who was never here, who was
// here for one of that kind and has none, at last who has one.
func (c *clients) take(k Kind) (client int, holds, ok bool) {
	if c.fixed == 0 || c.fresh < c.fixed {
		c.fresh++
		return c.fresh - 1, false, true
	}
	if client, ok = c.free[k].pop(); ok {
		return client, false, true
	}
	client, ok = c.holders[k].pop()
	return client, ok, ok
}

// give takes a client back after its conversation.
func (c *clients) give(client int, k Kind, holds bool) {
	switch {
	case holds && c.keep:
		c.holders[k].push(client)
	case c.fixed > 0:
		c.free[k].push(client)
	}
}

// held returns how many hold a lease and are not in a conversation.
func (c *clients) held() (n int) {
	for i := range c.holders {
		n += c.holders[i].n
	}
	return n
}

// A book notes the leases of clients by number, 18 octets each. It grows in
// parts, so that a million of them is never copied.
type book struct{ parts [][]holding }

// A holding is a lease: its address (IPv4 in IPv6) and who gave it.
type holding struct {
	addr   [16]byte
	server serverID
}

const bookPart = 1 << 14

func (b *book) put(client int, addr netip.Addr, server serverID) {
	for len(b.parts) <= client/bookPart {
		b.parts = append(b.parts, nil)
	}
	p := &b.parts[client/bookPart]
	if *p == nil {
		*p = make([]holding, bookPart)
	}
	(*p)[client%bookPart] = holding{addr.As16(), server}
}

// get returns what was put for a client.
func (b *book) get(client int) (netip.Addr, serverID) {
	h := &b.parts[client/bookPart][client%bookPart]
	return netip.AddrFrom16(h.addr).Unmap(), h.server
}

// A serverID stands for the identifier of a server, 0 for none.
type serverID uint16

// servers are the identifiers seen so far. They are few; who invents new ones
// without end is not remembered beyond maxServers.
type servers struct {
	ids  [][]byte
	byID map[string]serverID
}

const (
	maxServers  = 4096
	maxServerID = 256 // octets; a DUID has at most 130 (RFC 9915 §11.1)
)

func newServers() servers { return servers{ids: make([][]byte, 1), byID: map[string]serverID{}} }

// note returns what stands for an identifier; false: it is not remembered.
func (s *servers) note(id []byte) (serverID, bool) {
	if n, ok := s.byID[string(id)]; ok {
		return n, true
	}
	if len(s.ids) > maxServers || len(id) == 0 || len(id) > maxServerID {
		return 0, false
	}
	n := serverID(len(s.ids))
	s.ids = append(s.ids, append([]byte(nil), id...))
	s.byID[string(id)] = n
	return n, true
}

// octets returns the identifier itself, nil for none.
func (s *servers) octets(n serverID) []byte { return s.ids[n] }
