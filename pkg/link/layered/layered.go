// Package layered writes the headers of a server's frames with gopacket's layers.
//
// It stands apart from package link because gopacket's package of layers fills
// tables for all the protocols there are when a program starts: 7 MB, which is
// little for a server and more than a client may have.
package layered

import (
	"fmt"
	"net"
	"net/netip"

	"github.com/google/gopacket"
	"github.com/google/gopacket/layers"
)

// A Framer writes the IPv4 and UDP headers into one buffer that it reuses. It is
// a link.Framer; the zero value is ready.
type Framer struct {
	ip       layers.IPv4
	udp      layers.UDP
	src, dst [4]byte
	buf      gopacket.SerializeBuffer // nil: not used yet
	opts     gopacket.SerializeOptions
}

func (f *Framer) init() {
	f.buf = gopacket.NewSerializeBufferExpectedSize(28, 1500)
	f.opts = gopacket.SerializeOptions{FixLengths: true, ComputeChecksums: true}
	f.ip = layers.IPv4{
		Version:  4,
		Flags:    layers.IPv4DontFragment, // an atomic datagram; its ID has no meaning (RFC 6864 §4.1)
		TTL:      64,
		Protocol: layers.IPProtocolUDP,
		SrcIP:    net.IP(f.src[:]),
		DstIP:    net.IP(f.dst[:]),
	}
}

// Frame returns the packet from the IPv4 header on; it is valid until the next
// call.
func (f *Framer) Frame(src, dst netip.AddrPort, payload []byte) ([]byte, error) {
	if f.buf == nil {
		f.init()
	}
	if err := f.serialize(src, dst, payload); err != nil {
		return nil, fmt.Errorf("layered: frame: %w", err)
	}
	return f.buf.Bytes(), nil
}

func (f *Framer) serialize(src, dst netip.AddrPort, payload []byte) error {
	f.src, f.dst = src.Addr().As4(), dst.Addr().As4()
	f.udp.SrcPort, f.udp.DstPort = layers.UDPPort(src.Port()), layers.UDPPort(dst.Port())
	if err := f.udp.SetNetworkLayerForChecksum(&f.ip); err != nil {
		return err
	}
	if err := f.buf.Clear(); err != nil {
		return err
	}
	room, err := f.buf.PrependBytes(len(payload))
	if err != nil {
		return err
	}
	copy(room, payload)
	if err := f.udp.SerializeTo(f.buf, f.opts); err != nil {
		return err
	}
	if sum := f.buf.Bytes()[6:8]; sum[0]|sum[1] == 0 {
		sum[0], sum[1] = 0xff, 0xff // gopacket leaves a sum of 0, which says that there is none (RFC 768)
	}
	return f.ip.SerializeTo(f.buf, f.opts)
}
