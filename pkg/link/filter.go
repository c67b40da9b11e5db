package link

import (
	"fmt"
	"net/netip"
	"os"
	"syscall"

	"golang.org/x/sys/unix"
)

// open opens a packet socket that the runtime's poller waits for.
func open(ifindex int, protocol uint16, filter []unix.SockFilter) (*os.File, syscall.RawConn, error) {
	fd, err := packetSocket(ifindex, protocol, filter, unix.SOCK_NONBLOCK)
	if err != nil {
		return nil, nil, err
	}
	f := os.NewFile(uintptr(fd), "packet")
	raw, err := f.SyscallConn()
	if err != nil {
		f.Close()
		return nil, nil, fmt.Errorf("link: listen on link %d: %w", ifindex, err)
	}
	return f, raw, nil
}

// packetSocket opens a packet socket that takes in what comes in on one link in
// frames of one protocol and passes the filter. The protocol is named by bind alone,
// so nothing is queued before the filter is there.
func packetSocket(ifindex int, protocol uint16, filter []unix.SockFilter, flags int) (int, error) {
	fd, err := unix.Socket(unix.AF_PACKET, unix.SOCK_DGRAM|unix.SOCK_CLOEXEC|flags, 0)
	if err != nil {
		return -1, fmt.Errorf("link: open packet socket: %w", err)
	}
	prog := unix.SockFprog{Len: uint16(len(filter)), Filter: &filter[0]}
	err = unix.SetsockoptSockFprog(fd, unix.SOL_SOCKET, unix.SO_ATTACH_FILTER, &prog)
	if err == nil {
		err = unix.SetsockoptInt(fd, unix.SOL_PACKET, unix.PACKET_AUXDATA, 1)
	}
	if err == nil {
		err = unix.Bind(fd, &unix.SockaddrLinklayer{Protocol: htons(protocol), Ifindex: ifindex})
	}
	if err != nil {
		unix.Close(fd)
		return -1, fmt.Errorf("link: listen on link %d: %w", ifindex, err)
	}
	return fd, nil
}

// A filter is a program of the kernel's classic BPF, written from its top. It
// sees a frame from the network header on.
type filter []unix.SockFilter

// Jumps whose way is known when the filter is whole: finish puts it in.
const (
	toPass = 254
	toDrop = 255
)

// Where the kernel shows what it knows of a frame besides its octets
// (linux/filter.h).
const (
	packetType = 0xfffff000 + 4
	linkNumber = 0xfffff000 + 8
	vlanTag    = 0xfffff000 + 48
)

// load takes size octets (unix.BPF_B, BPF_H, BPF_W) at a place.
func (f filter) load(size uint16, at uint32) filter {
	return append(f, unix.SockFilter{Code: unix.BPF_LD | unix.BPF_ABS | size, K: at})
}

// is goes on where what was loaded is k.
func (f filter) is(k uint32) filter { return f.jump(unix.BPF_JEQ, k, 0, toDrop) }

// passes lets the frame pass at once where what was loaded is k.
func (f filter) passes(k uint32) filter { return f.jump(unix.BPF_JEQ, k, toPass, 0) }

// hasNot goes on where what was loaded has none of the bits of k.
func (f filter) hasNot(k uint32) filter { return f.jump(unix.BPF_JSET, k, toDrop, 0) }

// below goes on where what was loaded is less than k.
func (f filter) below(k uint32) filter { return f.jump(unix.BPF_JGE, k, toDrop, 0) }

func (f filter) jump(op uint16, k uint32, yes, no uint8) filter {
	return append(f, unix.SockFilter{Code: unix.BPF_JMP | unix.BPF_K | op, Jt: yes, Jf: no, K: k})
}

// own goes on with what came in on the link itself and was meant for this host.
// What came in on a VLAN that stands on the link, or on another such device, is
// shown to the link's sockets too, under the number of that device. A tag that
// nobody stands for is still on the frame, or the kernel has taken it off and
// made the frame that of another host.
func (f filter) own(ifindex int) filter {
	f = f.load(unix.BPF_W, linkNumber).is(uint32(ifindex))
	f = f.load(unix.BPF_B, packetType).below(unix.PACKET_OTHERHOST)
	return f.load(unix.BPF_B, vlanTag).is(0)
}

// finish puts the two ends of the program behind it and the ways there into it.
func (f filter) finish() []unix.SockFilter {
	pass, end := len(f), len(f)+1
	for i := range f {
		for _, way := range [...]*uint8{&f[i].Jt, &f[i].Jf} {
			switch *way {
			case toPass:
				*way = uint8(pass - i - 1)
			case toDrop:
				*way = uint8(end - i - 1)
			}
		}
	}
	return append(f, unix.SockFilter{Code: unix.BPF_RET, K: 1 << 18}, unix.SockFilter{Code: unix.BPF_RET})
}

// udpFilter passes whole IPv4 datagrams for one UDP port, and for one address where
// dst is one. The header may have options, so the port stands where its length says.
func udpFilter(ifindex int, port uint16, dst netip.Addr) []unix.SockFilter {
	var f filter
	if dst.Is4() { // first, since a router's packets are nearly all for others
		four := dst.As4()
		f = f.load(unix.BPF_W, 16).is(be.Uint32(four[:]))
	}
	f = f.own(ifindex)
	f = f.load(unix.BPF_H, 6).hasNot(0x3fff) // the first and last fragment: more to come 0, offset 0
	f = f.load(unix.BPF_B, 9).is(unix.IPPROTO_UDP)
	f = append(f,
		unix.SockFilter{Code: unix.BPF_LDX | unix.BPF_B | unix.BPF_MSH, K: 0},
		unix.SockFilter{Code: unix.BPF_LD | unix.BPF_H | unix.BPF_IND, K: 2})
	return f.is(uint32(port)).finish()
}

// arpFilter passes the ARP packets of IPv4 on Ethernet that say that a is theirs or
// ask for it.
func arpFilter(ifindex int, a netip.Addr) []unix.SockFilter {
	four := a.As4()
	word := be.Uint32(four[:])
	f := filter(nil).own(ifindex)
	f = f.load(unix.BPF_H, 2).is(unix.ETH_P_IP)
	f = f.load(unix.BPF_H, 4).is(6<<8 | 4) // lengths of the addresses
	f = f.load(unix.BPF_W, 14).passes(word)
	return f.load(unix.BPF_W, 24).is(word).finish()
}
