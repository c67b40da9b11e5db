package load

import "github.com/dhcp4o6/dhcp4o6/pkg/transport"

// An outbox gathers messages, one behind the other in one buffer, for a send in
// one go.
type outbox struct {
	buf   []byte
	parts []part
	batch []transport.Datagram
}

// A part is where a message ends in the buffer, and what is special about it.
type part struct {
	end int
	to  transport.Datagram // without Data
}

func (o *outbox) push(b []byte, to transport.Datagram) {
	o.buf, o.parts = b, append(o.parts, part{len(b), to})
}

func (o *outbox) len() int { return len(o.parts) }

func (o *outbox) reset() { o.buf, o.parts = o.buf[:0], o.parts[:0] }

// send sends everything.
func (o *outbox) send(n network) (int, error) {
	o.batch = o.batch[:0]
	at := 0
	for i := range o.parts {
		p := &o.parts[i]
		p.to.Data = o.buf[at:p.end]
		o.batch = append(o.batch, p.to)
		at = p.end
	}
	return n.Write(o.batch)
}
