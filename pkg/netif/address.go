package netif

import (
	"encoding/binary"
	"errors"
	"fmt"
	"math"
	"net/netip"
	"os"
	"time"

	"github.com/vishvananda/netlink/nl"
	"golang.org/x/sys/unix"
)

// Forever is a lifetime without end.
const Forever time.Duration = math.MaxInt64

// An Assigned address is one of a link with all that the kernel keeps of it.
type Assigned struct {
	Prefix           netip.Prefix
	Broadcast        netip.Addr    // IPv4; zero: none
	Preferred, Valid time.Duration // what is left of the lifetimes
	Metric           uint32        // of the kernel's route to the prefix; 0: what the kernel takes
	NoPrefixRoute    bool          // the kernel makes no such route
	Proto            uint8         // who has set it (IFA_PROTO, Linux 5.18); 0 on older kernels
}

const ifaProto = 11 // IFA_PROTO, which x/sys does not name

// Assignments returns the addresses of a link, those with them that are not usable.
func Assignments(index int) ([]Assigned, error) {
	var d dumper
	msgs, err := d.dump(unix.RTM_GETADDR, unix.RTM_NEWADDR, nl.NewIfAddrmsg(unix.AF_UNSPEC))
	if err != nil {
		return nil, fmt.Errorf("netif: list addresses: %w", err)
	}
	var all []Assigned
	for _, m := range msgs {
		if of, a, _, ok := parseAssigned(m); ok && of == index {
			all = append(all, a)
		}
	}
	return all, nil
}

// parseAssigned decodes an RTM_NEWADDR.
func parseAssigned(m []byte) (index int, a Assigned, flags uint32, ok bool) {
	if len(m) < unix.SizeofIfAddrmsg {
		return 0, a, 0, false
	}
	msg := nl.DeserializeIfAddrmsg(m)
	attrs, err := attributes(m[unix.SizeofIfAddrmsg:])
	if err != nil {
		return 0, a, 0, false
	}
	flags = uint32(msg.Flags)
	var addr, local netip.Addr
	a.Preferred, a.Valid = Forever, Forever
	for _, at := range attrs {
		v := at.Value
		switch at.Attr.Type {
		case unix.IFA_ADDRESS: // point-to-point: the other end, when there is a local one too
			addr, _ = netip.AddrFromSlice(v)
		case unix.IFA_LOCAL:
			local, _ = netip.AddrFromSlice(v)
		case unix.IFA_BROADCAST:
			a.Broadcast, _ = netip.AddrFromSlice(v)
		case unix.IFA_FLAGS:
			flags = number(v)
		case unix.IFA_CACHEINFO:
			if len(v) >= unix.SizeofIfaCacheinfo {
				a.Preferred, a.Valid = duration(number(v)), duration(number(v[4:]))
			}
		case unix.IFA_RT_PRIORITY:
			a.Metric = number(v)
		case ifaProto:
			if len(v) > 0 {
				a.Proto = v[0]
			}
		}
	}
	if local.IsValid() {
		addr = local
	}
	a.NoPrefixRoute = flags&unix.IFA_F_NOPREFIXROUTE != 0
	a.Prefix = netip.PrefixFrom(addr, int(msg.Prefixlen))
	return int(msg.Index), a, flags, a.Prefix.IsValid()
}

// number reads a number of the kernel's; 0 where there is none.
func number(v []byte) uint32 {
	if len(v) < 4 {
		return 0
	}
	return binary.NativeEndian.Uint32(v)
}

// infinite is the lifetime without end on netlink, as in DHCP.
const infinite = math.MaxUint32

func duration(seconds uint32) time.Duration {
	if seconds == infinite {
		return Forever
	}
	return time.Duration(seconds) * time.Second
}

// seconds rounds a lifetime to what the kernel counts in.
func seconds(d time.Duration) uint32 {
	s := d.Round(time.Second) / time.Second
	switch {
	case s < 0:
		return 0
	case d == Forever || s >= infinite:
		return infinite
	}
	return uint32(s)
}

// Assign gives a link an address, or gives one that it has new lifetimes, metric
// and Proto in place. What else there is of an IPv4 address the kernel never changes.
// A lifetime that is over is an error.
func Assign(index int, a Assigned) error {
	family := unix.AF_INET
	if a.Prefix.Addr().Is6() {
		family = unix.AF_INET6
	}
	req := nl.NewNetlinkRequest(unix.RTM_NEWADDR, unix.NLM_F_ACK|unix.NLM_F_CREATE|unix.NLM_F_REPLACE)
	msg := nl.NewIfAddrmsg(family)
	msg.Index, msg.Prefixlen = uint32(index), uint8(a.Prefix.Bits())
	if a.Prefix.Addr().IsLinkLocalUnicast() {
		msg.Scope = unix.RT_SCOPE_LINK
	}
	req.AddData(msg)
	addr := a.Prefix.Addr().AsSlice()
	req.AddData(nl.NewRtAttr(unix.IFA_LOCAL, addr))
	req.AddData(nl.NewRtAttr(unix.IFA_ADDRESS, addr))
	if a.Broadcast.Is4() {
		req.AddData(nl.NewRtAttr(unix.IFA_BROADCAST, a.Broadcast.AsSlice()))
	}
	if a.NoPrefixRoute {
		req.AddData(nl.NewRtAttr(unix.IFA_FLAGS, nl.Uint32Attr(unix.IFA_F_NOPREFIXROUTE)))
	}
	if a.Metric != 0 {
		req.AddData(nl.NewRtAttr(unix.IFA_RT_PRIORITY, nl.Uint32Attr(a.Metric)))
	}
	if a.Proto != 0 {
		req.AddData(nl.NewRtAttr(ifaProto, []byte{a.Proto}))
	}
	life := nl.IfaCacheInfo{IfaCacheinfo: unix.IfaCacheinfo{Valid: seconds(a.Valid), Prefered: min(seconds(a.Preferred), seconds(a.Valid))}}
	req.AddData(nl.NewRtAttr(unix.IFA_CACHEINFO, life.Serialize()))
	if _, err := req.Execute(unix.NETLINK_ROUTE, 0); err != nil {
		return fmt.Errorf("netif: assign %v: %w", a.Prefix, err)
	}
	return nil
}

// Unassign takes an address from a link; os.ErrNotExist when it is not there. Of
// an IPv4 address, the others of its network stay: without promotion the kernel
// would take them along with the first.
func Unassign(index int, p netip.Prefix) error {
	family := unix.AF_INET6
	if p.Addr().Is4() {
		family = unix.AF_INET
		back, err := promote(index)
		switch {
		case errors.Is(err, unix.ENODEV):
			return os.ErrNotExist
		case err != nil:
			return fmt.Errorf("netif: unassign %v: %w", p, err)
		}
		defer back()
	}
	req := nl.NewNetlinkRequest(unix.RTM_DELADDR, unix.NLM_F_ACK)
	msg := nl.NewIfAddrmsg(family)
	msg.Index, msg.Prefixlen = uint32(index), uint8(p.Bits())
	req.AddData(msg)
	req.AddData(nl.NewRtAttr(unix.IFA_LOCAL, p.Addr().AsSlice()))
	req.AddData(nl.NewRtAttr(unix.IFA_ADDRESS, p.Addr().AsSlice()))
	_, err := req.Execute(unix.NETLINK_ROUTE, 0)
	switch {
	case errors.Is(err, unix.EADDRNOTAVAIL), errors.Is(err, unix.ENODEV):
		return os.ErrNotExist
	case err != nil:
		return fmt.Errorf("netif: unassign %v: %w", p, err)
	}
	return nil
}
