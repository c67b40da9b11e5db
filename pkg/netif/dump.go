package netif

import (
	"encoding/binary"
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"syscall"

	"github.com/vishvananda/netlink/nl"
	"golang.org/x/sys/unix"
)

// dumpTries is how often an interrupted dump is taken again: the kernel marks
// one during which something changed.
const dumpTries = 5

// A dumper asks the kernel for links and addresses. The zero dumper opens a
// socket for each question, in the network namespace of the calling thread; one
// with a socket stays in the namespace of that socket.
type dumper struct {
	sockets map[int]*nl.SocketHandle
}

// newDumper opens a socket to be used for every question.
func newDumper() (*dumper, error) {
	s, err := nl.Subscribe(unix.NETLINK_ROUTE)
	if err != nil {
		return nil, fmt.Errorf("netif: open netlink socket: %w", err)
	}
	if err := s.SetReceiveTimeout(&nl.SocketTimeoutTv); err != nil {
		s.Close()
		return nil, fmt.Errorf("netif: open netlink socket: %w", err)
	}
	return &dumper{sockets: map[int]*nl.SocketHandle{unix.NETLINK_ROUTE: {Socket: s}}}, nil
}

func (d *dumper) close() {
	for _, s := range d.sockets {
		s.Socket.Close()
	}
}

// list takes a whole picture. Links and addresses are two questions; an address
// of a link that came in between is left to the next picture.
func (d *dumper) list() ([]Interface, error) {
	links, err := d.dump(unix.RTM_GETLINK, unix.RTM_NEWLINK, nl.NewIfInfomsg(unix.AF_UNSPEC))
	if err != nil {
		return nil, fmt.Errorf("netif: list links: %w", err)
	}
	addrs, err := d.dump(unix.RTM_GETADDR, unix.RTM_NEWADDR, nl.NewIfAddrmsg(unix.AF_UNSPEC))
	if err != nil {
		return nil, fmt.Errorf("netif: list addresses: %w", err)
	}
	all := make([]Interface, 0, len(links))
	for _, m := range links {
		if i, ok := parseLink(m); ok {
			all = append(all, i)
		}
	}
	slices.SortFunc(all, func(a, b Interface) int { return a.Index - b.Index })
	for _, m := range addrs {
		index, p, ok := parseAddr(m)
		if !ok {
			continue
		}
		at, found := slices.BinarySearchFunc(all, index, func(i Interface, x int) int { return i.Index - x })
		if found && !slices.Contains(all[at].Addrs, p) {
			all[at].Addrs = append(all[at].Addrs, p)
		}
	}
	return all, nil
}

func (d *dumper) dump(ask int, answer uint16, what nl.NetlinkRequestData) ([][]byte, error) {
	var msgs [][]byte
	var err error
	for range dumpTries {
		req := nl.NewNetlinkRequest(ask, unix.NLM_F_DUMP)
		req.Sockets = d.sockets
		req.AddData(what)
		if msgs, err = req.Execute(unix.NETLINK_ROUTE, answer); err == nil {
			return msgs, nil
		}
		if !errors.Is(err, nl.ErrDumpInterrupted) {
			return nil, err
		}
	}
	return msgs, nil // still changing: an event follows, and with it the next picture
}

// parseLink decodes an RTM_NEWLINK.
func parseLink(m []byte) (Interface, bool) {
	if len(m) < unix.SizeofIfInfomsg {
		return Interface{}, false
	}
	info := nl.DeserializeIfInfomsg(m)
	attrs, err := attributes(m[unix.SizeofIfInfomsg:])
	if err != nil {
		return Interface{}, false
	}
	i := Interface{
		Index:     int(info.Index),
		HWType:    info.Type,
		Up:        info.Flags&unix.IFF_UP != 0,
		Running:   info.Flags&unix.IFF_RUNNING != 0,
		Loopback:  info.Flags&unix.IFF_LOOPBACK != 0,
		Multicast: info.Flags&unix.IFF_MULTICAST != 0,
		NoARP:     info.Flags&unix.IFF_NOARP != 0,
		Broadcast: info.Flags&unix.IFF_BROADCAST != 0,
	}
	for _, a := range attrs {
		switch a.Attr.Type {
		case unix.IFLA_IFNAME:
			i.Name = unix.ByteSliceToString(a.Value)
		case unix.IFLA_ADDRESS:
			i.HWAddr = a.Value
		case unix.IFLA_MTU:
			if len(a.Value) >= 4 {
				i.MTU = int(binary.NativeEndian.Uint32(a.Value))
			}
		}
	}
	return i, i.Name != ""
}

// attributes decodes what stands behind the header of a message. The kernel pads
// each attribute to four octets; without the padding of the last one the library
// would reach beyond the end.
func attributes(b []byte) ([]syscall.NetlinkRouteAttr, error) {
	if n := len(b) % unix.RTA_ALIGNTO; n != 0 {
		b = append(b[:len(b):len(b)], make([]byte, unix.RTA_ALIGNTO-n)...)
	}
	return nl.ParseRouteAttr(b)
}

// unusable are the flags of an address that must not be used: its duplicate
// address detection is under way or has failed (RFC 4862 §5.4).
const unusable = unix.IFA_F_TENTATIVE | unix.IFA_F_DADFAILED

// parseAddr decodes an RTM_NEWADDR and leaves out what is not usable. An
// optimistic address is (RFC 4429).
func parseAddr(m []byte) (index int, p netip.Prefix, ok bool) {
	index, a, flags, ok := parseAssigned(m)
	if flags&unusable != 0 && flags&unix.IFA_F_OPTIMISTIC == 0 || flags&unix.IFA_F_DADFAILED != 0 {
		return 0, p, false
	}
	return index, a.Prefix, ok
}
