package client4

import (
	"errors"

	"github.com/dhcp4o6/dhcp4o6/pkg/dhcp4"
	"github.com/dhcp4o6/dhcp4o6/pkg/softwire"
)

var errPorts = errors.New("share of an address that was not asked for, or none")

// portSet reads option 159: the bits before the port set identifier, its length, and
// the identifier at the left end of two octets (RFC 7618 §4).
func portSet(in *dhcp4.Message) (softwire.PortSet, bool) {
	v, ok := in.Option(dhcp4.OptPortParams)
	if !ok {
		return softwire.PortSet{}, true
	}
	if len(v) != 4 || v[0] > 16 || v[1] > 16 || v[0]+v[1] > 16 {
		return softwire.PortSet{}, false
	}
	if v[1] == 0 {
		return softwire.PortSet{}, true
	}
	return softwire.PortSet{Offset: v[0], Len: v[1], ID: be.Uint16(v[2:]) >> (16 - v[1])}, true
}

// checkPorts sees to it that a share of an address is not taken for the whole: by a
// client that has not asked for shares, or cannot read which it is (RFC 7618 §5).
func (m *Machine) checkPorts(a *answer) error {
	if _, ok := portSet(a.in); !ok || a.in.Has(dhcp4.OptPortParams) && !m.asked.Has(dhcp4.OptPortParams) {
		return errPorts
	}
	return nil
}
