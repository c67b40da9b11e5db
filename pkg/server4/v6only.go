package server4

import (
	"bytes"

	"github.com/dhcp4o6/dhcp4o6/pkg/dhcp4"
)

// doesWithout reports whether the client can do without IPv4 and is on a link
// where it should: it asks for option 108, and the option is configured for it.
// It is offered 0.0.0.0 then, so that no address is bound (RFC 8925 §3.3). A
// REQUEST is answered as ever.
func (x *Exchange) doesWithout() bool {
	if !x.asks(dhcp4.OptIPv6OnlyPreferred) {
		return false
	}
	x.scope()
	o := x.option(dhcp4.OptIPv6OnlyPreferred)
	return o != nil && !o.Never
}

// asks reports whether c stands in the client's Parameter Request List.
func (x *Exchange) asks(c dhcp4.Code) bool {
	list, _ := x.Query.Option(dhcp4.OptParameterRequestList)
	return bytes.IndexByte(list, byte(c)) >= 0
}
