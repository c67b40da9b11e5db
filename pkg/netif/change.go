package netif

import (
	"encoding/binary"
	"fmt"

	"github.com/vishvananda/netlink/nl"
	"golang.org/x/sys/unix"
)

// SetUp sets a link up.
func SetUp(index int) error {
	msg := nl.NewIfInfomsg(unix.AF_UNSPEC)
	msg.Index, msg.Flags, msg.Change = int32(index), unix.IFF_UP, unix.IFF_UP
	if err := changeLink(msg); err != nil {
		return fmt.Errorf("netif: set link up: %w", err)
	}
	return nil
}

// SetMTU sets how long the packets of a link may be; the kernel knows the bounds
// of the device.
func SetMTU(index, mtu int) error {
	msg := nl.NewIfInfomsg(unix.AF_UNSPEC)
	msg.Index = int32(index)
	if err := changeLink(msg, nl.NewRtAttr(unix.IFLA_MTU, nl.Uint32Attr(uint32(mtu)))); err != nil {
		return fmt.Errorf("netif: set MTU %d: %w", mtu, err)
	}
	return nil
}

func changeLink(msg *nl.IfInfomsg, attrs ...*nl.RtAttr) error {
	req := nl.NewNetlinkRequest(unix.RTM_SETLINK, unix.NLM_F_ACK)
	req.AddData(msg)
	for _, a := range attrs {
		req.AddData(a)
	}
	_, err := req.Execute(unix.NETLINK_ROUTE, 0)
	return err
}

const promoteSecondaries = 20 // IPV4_DEVCONF_PROMOTE_SECONDARIES of linux/ip.h

// promote has the kernel keep the other addresses of a network when the first is
// taken away, until back is called. Netlink can do so where /proc/sys may not be
// written.
func promote(index int) (back func(), err error) {
	was, err := promoted(index)
	if err != nil || was {
		return func() {}, err
	}
	if err := setPromote(index, 1); err != nil {
		return nil, err
	}
	return func() { _ = setPromote(index, 0) }, nil // fails where the link has gone
}

func setPromote(index int, on uint32) error {
	spec := nl.NewRtAttr(unix.IFLA_AF_SPEC, nil)
	spec.AddRtAttr(unix.AF_INET, nil).AddRtAttr(unix.IFLA_INET_CONF, nil).AddRtAttr(promoteSecondaries, nl.Uint32Attr(on))
	msg := nl.NewIfInfomsg(unix.AF_UNSPEC)
	msg.Index = int32(index)
	return changeLink(msg, spec)
}

// promoted reads the setting of a link; the kernel gives all of them as an array.
func promoted(index int) (bool, error) {
	req := nl.NewNetlinkRequest(unix.RTM_GETLINK, 0)
	msg := nl.NewIfInfomsg(unix.AF_UNSPEC)
	msg.Index = int32(index)
	req.AddData(msg)
	msgs, err := req.Execute(unix.NETLINK_ROUTE, unix.RTM_NEWLINK)
	if err != nil || len(msgs) == 0 || len(msgs[0]) < unix.SizeofIfInfomsg {
		return false, err
	}
	b := msgs[0][unix.SizeofIfInfomsg:]
	for _, want := range [...]uint16{unix.IFLA_AF_SPEC, unix.AF_INET, unix.IFLA_INET_CONF} {
		b = attribute(b, want)
	}
	const at = 4 * (promoteSecondaries - 1)
	return len(b) >= at+4 && binary.NativeEndian.Uint32(b[at:]) != 0, nil
}

// attribute returns the value of one attribute; nil where it is not there.
func attribute(b []byte, want uint16) []byte {
	attrs, err := attributes(b)
	if err != nil {
		return nil
	}
	for _, a := range attrs {
		if a.Attr.Type&nl.NLA_TYPE_MASK == want {
			return a.Value
		}
	}
	return nil
}
