package netif

import (
	"errors"
	"fmt"
	"math"
	"net/netip"
	"os"

	"github.com/vishvananda/netlink/nl"
	"golang.org/x/sys/unix"
)

// A Route is one of the main table.
type Route struct {
	Index       int // of the link; 0 where Unreachable
	Dest        netip.Prefix
	Via         netip.Addr // zero: on the link
	Source      netip.Addr // of packets that the host itself sends; zero: the kernel chooses
	Metric      int
	OnLink      bool // Via is on the link whatever other routes say
	Unreachable bool // whoever sends there is told so
	Proto       uint8
}

// lo is where the kernel shows IPv6 routes that lead nowhere.
const lo = 1

// Routes returns the routes of one family that proto has set: those of the link, and
// those that lead nowhere.
func Routes(index int, v6 bool, proto uint8) ([]Route, error) {
	family := unix.AF_INET
	if v6 {
		family = unix.AF_INET6
	}
	var d dumper // without IPv6 the kernel answers with all there is
	msg := nl.NewRtMsg()
	msg.Family, msg.Protocol, msg.Type, msg.Scope = uint8(family), proto, 0, 0
	msgs, err := d.dump(unix.RTM_GETROUTE, unix.RTM_NEWROUTE, msg)
	if err != nil {
		return nil, fmt.Errorf("netif: list routes: %w", err)
	}
	var all []Route
	for _, m := range msgs {
		r, ok := parseRoute(m)
		if ok && r.Proto == proto && r.Dest.Addr().Is6() == v6 && (r.Unreachable || r.Index == index) {
			all = append(all, r)
		}
	}
	return all, nil
}

// parseRoute decodes an RTM_NEWROUTE; what is not of the main table, or of a kind
// that a Route cannot be, is left out.
func parseRoute(m []byte) (r Route, ok bool) {
	if len(m) < unix.SizeofRtMsg {
		return r, false
	}
	msg := nl.DeserializeRtMsg(m)
	attrs, err := attributes(m[unix.SizeofRtMsg:])
	if err != nil || msg.Flags&unix.RTM_F_CLONED != 0 {
		return r, false
	}
	dest := netip.IPv4Unspecified()
	if msg.Family == unix.AF_INET6 {
		dest = netip.IPv6Unspecified()
	}
	table := uint32(msg.Table)
	for _, a := range attrs {
		v := a.Value
		switch a.Attr.Type {
		case unix.RTA_TABLE:
			table = number(v)
		case unix.RTA_DST:
			dest, _ = netip.AddrFromSlice(v)
		case unix.RTA_GATEWAY:
			r.Via, _ = netip.AddrFromSlice(v)
		case unix.RTA_PREFSRC:
			r.Source, _ = netip.AddrFromSlice(v)
		case unix.RTA_OIF:
			r.Index = int(number(v))
		case unix.RTA_PRIORITY:
			r.Metric = int(number(v))
		case unix.RTA_MULTIPATH:
			return r, false
		}
	}
	r.Dest = netip.PrefixFrom(dest, int(msg.Dst_len))
	r.Proto, r.OnLink = msg.Protocol, msg.Flags&unix.RTNH_F_ONLINK != 0
	if r.Unreachable = msg.Type == unix.RTN_UNREACHABLE; r.Unreachable && r.Index == lo {
		r.Index = 0
	}
	return r, r.Dest.IsValid() && table == unix.RT_TABLE_MAIN && (r.Unreachable || msg.Type == unix.RTN_UNICAST)
}

// AddRoute adds a route beside what is there; os.ErrExist: it is there already. An
// IPv4 route goes behind others to the same destination with the same metric; of
// IPv6 there is only one, and os.ErrExist may mean somebody else's.
func AddRoute(r Route) error {
	flags := unix.NLM_F_CREATE | unix.NLM_F_EXCL
	if r.Dest.Addr().Is4() {
		flags = unix.NLM_F_CREATE | unix.NLM_F_APPEND
	}
	return changeRoute("add", unix.RTM_NEWROUTE, flags, r)
}

// DeleteRoute takes a route away; os.ErrNotExist: it is not there.
func DeleteRoute(r Route) error { return changeRoute("delete", unix.RTM_DELROUTE, 0, r) }

func changeRoute(what string, ask, flags int, r Route) error {
	req := nl.NewNetlinkRequest(ask, flags|unix.NLM_F_ACK)
	msg := nl.NewRtMsg()
	msg.Family, msg.Protocol, msg.Dst_len = unix.AF_INET, r.Proto, uint8(r.Dest.Bits())
	if r.Dest.Addr().Is6() {
		msg.Family = unix.AF_INET6
	}
	switch {
	case r.Unreachable:
		msg.Type = unix.RTN_UNREACHABLE
	case !r.Via.IsValid() && r.Dest.Addr().Is4():
		msg.Scope = unix.RT_SCOPE_LINK
	}
	if r.OnLink {
		msg.Flags |= unix.RTNH_F_ONLINK
	}
	req.AddData(msg)
	if r.Dest.Bits() > 0 {
		req.AddData(nl.NewRtAttr(unix.RTA_DST, r.Dest.Masked().Addr().AsSlice()))
	}
	if r.Via.IsValid() {
		req.AddData(nl.NewRtAttr(unix.RTA_GATEWAY, r.Via.AsSlice()))
	}
	if r.Source.IsValid() {
		req.AddData(nl.NewRtAttr(unix.RTA_PREFSRC, r.Source.AsSlice()))
	}
	if r.Index != 0 {
		req.AddData(nl.NewRtAttr(unix.RTA_OIF, nl.Uint32Attr(uint32(r.Index))))
	}
	if r.Metric > 0 {
		req.AddData(nl.NewRtAttr(unix.RTA_PRIORITY, nl.Uint32Attr(uint32(min(r.Metric, math.MaxInt32)))))
	}
	_, err := req.Execute(unix.NETLINK_ROUTE, 0)
	switch {
	case errors.Is(err, unix.EEXIST):
		return os.ErrExist
	case errors.Is(err, unix.ESRCH), errors.Is(err, unix.ENODEV) && ask == unix.RTM_DELROUTE:
		return os.ErrNotExist
	case err != nil:
		return fmt.Errorf("netif: %s route to %v: %w", what, r.Dest, err)
	}
	return nil
}
