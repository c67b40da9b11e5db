package server4

import (
	"github.com/dhcp4o6/dhcp4o6/pkg/classify"
	"github.com/dhcp4o6/dhcp4o6/pkg/dhcp4"
	"github.com/dhcp4o6/dhcp4o6/pkg/topology"
)

// A flex is the memory that an exchange makes flex-ids in, and flex options.
type flex struct {
	packet  classify.Packet
	scratch classify.Scratch
	buf     []byte
	out     []byte        // an option that flex_option writes anew
	answer  dhcp4.Message // the reply, where an entry of flex_option looks at it
}

// What stands before a flex-id that takes the place of a client identifier, as
// with Kea: type 0, which is no hardware type, or a DUID and an IAID of 0 (RFC
// 4361 §6.1).
var (
	flexPrefix     = [...]byte{0}
	flexDUIDPrefix = [...]byte{255, 0, 0, 0, 0}
)

// flexID makes the client's flex-id and returns it, nothing when the expression
// says nothing of this query. Where the operator wants that, it takes the place of
// the client identifier in all but the reply (RFC 6842: the client gets its own
// back).
func (x *Exchange) flexID(f *topology.FlexRule) []byte {
	m := &x.flex
	m.look(x)
	v, err := f.Expr.Value(&m.packet, &m.scratch)
	if err != nil || len(v) == 0 {
		return nil
	}
	prefix := flexPrefix[:]
	if f.AsDUID {
		prefix = flexDUIDPrefix[:]
	}
	m.buf = append(append(m.buf[:0], prefix...), v...)
	if f.ReplaceClientID {
		x.cid = m.buf
	}
	return m.buf[len(prefix):]
}
