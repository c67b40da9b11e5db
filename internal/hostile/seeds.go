package hostile

import (
	"encoding/binary"
	"fmt"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"github.com/dhcp4o6/dhcp4o6/pkg/dhcp4"
	"github.com/dhcp4o6/dhcp4o6/pkg/dhcp6"
)

var be = binary.BigEndian

// Seeds are the good packets that bad ones are made of.
type Seeds struct {
	V4   [][]byte // DHCPv4 messages
	V6   [][]byte // DHCPv6 messages of the wire, DHCPV4-QUERY and RESPONSE among them
	Pair [][]byte // what two daemons say to each other over the loopback pair
}

// Captured reads the seeds out of the captures (pcap, Ethernet, IPv6) of a folder.
func Captured(dir string) (*Seeds, error) {
	names, err := filepath.Glob(filepath.Join(dir, "*.pcap"))
	if err != nil || len(names) == 0 {
		return nil, fmt.Errorf("hostile: no captures in %q: %w", dir, os.ErrNotExist)
	}
	s := new(Seeds)
	for _, name := range names {
		b, err := os.ReadFile(name)
		if err != nil {
			return nil, fmt.Errorf("hostile: %w", err)
		}
		s.addCapture(b)
	}
	return s, nil
}

// addCapture takes the UDP datagrams over IPv6 out of a little-endian pcap file.
func (s *Seeds) addCapture(b []byte) {
	const udp = 14 + 40
	for b = b[min(24, len(b)):]; len(b) >= 16; {
		n := min(int(binary.LittleEndian.Uint32(b[8:])), len(b)-16)
		f := b[16 : 16+n]
		b = b[16+n:]
		if len(f) <= udp+8 || be.Uint16(f[12:]) != 0x86dd || f[20] != 17 {
			continue
		}
		data := f[udp+8:]
		if netip.AddrFrom16([16]byte(f[38:54])).IsLoopback() {
			s.Pair = append(s.Pair, data)
			continue
		}
		s.AddV6(data)
	}
}

// AddV6 adds a DHCPv6 message, and the DHCPv4 message in it if there is one.
func (s *Seeds) AddV6(m []byte) {
	s.V6 = append(s.V6, m)
	var e dhcp6.Envelope
	if e.Parse(m) != nil {
		return
	}
	if v4, ok := e.Message.Options.Option(dhcp6.OptDHCPv4Message); ok && len(v4) > fixed4 {
		s.V4 = append(s.V4, v4)
	}
}

// AddClient4 adds what a client says to the server of an address about one address,
// in every type of message, and in every state for a DHCPREQUEST. giaddr may be
// invalid: no relay.
func (s *Seeds) AddClient4(server netip.Addr, hw [6]byte, addr, giaddr netip.Addr) {
	for _, t := range [...]dhcp4.MessageType{dhcp4.Discover, dhcp4.Request, dhcp4.Decline} {
		s.add4(t, hw, netip.Addr{}, giaddr, func(w *dhcp4.Builder) {
			w.Add(dhcp4.OptRequestedAddress, addr.AsSlice())
			if t != dhcp4.Discover {
				w.Add(dhcp4.OptServerID, server.AsSlice())
			}
		})
	}
	for _, t := range [...]dhcp4.MessageType{dhcp4.Request, dhcp4.Release, dhcp4.Inform} {
		s.add4(t, hw, addr, giaddr, func(w *dhcp4.Builder) {
			if t == dhcp4.Release {
				w.Add(dhcp4.OptServerID, server.AsSlice())
			}
		})
	}
}

func (s *Seeds) add4(t dhcp4.MessageType, hw [6]byte, ciaddr, giaddr netip.Addr, edit func(*dhcp4.Builder)) {
	var w dhcp4.Builder
	w.Header.XID, w.Header.HType = be.Uint32(hw[2:]), 1
	w.Query(t, nil)
	w.SetCHAddr(hw[:])
	w.Header.CIAddr, w.Header.GIAddr = ciaddr, giaddr
	w.Add(dhcp4.OptParameterRequestList, []byte{1, 3, 6, 15, 51, 54, 58, 59})
	edit(&w)
	s.V4 = append(s.V4, slices.Clone(w.Bytes()))
}

// AddClient6 adds what a client says to the server of a DUID about one address, in
// every type of message.
func (s *Seeds) AddClient6(server, client dhcp6.DUID, addr netip.Addr) {
	for t := dhcp6.Solicit; t <= dhcp6.InformationRequest; t++ {
		m := dhcp6.AppendOption([]byte{byte(t), 1, 2, byte(t)}, dhcp6.OptClientID, client)
		switch t {
		case dhcp6.Request, dhcp6.Renew, dhcp6.Release, dhcp6.Decline:
			m = dhcp6.AppendOption(m, dhcp6.OptServerID, server)
		}
		m = dhcp6.AppendOption(m, dhcp6.OptORO, []byte{0, 23, 0, 24, 0, 88})
		m = dhcp6.AppendOption(m, dhcp6.OptRapidCommit, nil)
		if t != dhcp6.InformationRequest {
			var mark int
			m, mark = dhcp6.OpenIANA(m, 1, 0, 0)
			m = dhcp6.Shut(dhcp6.IAAddr{Addr: addr, Preferred: 100, Valid: 200}.Append(m), mark)
			m = dhcp6.IANA{IAID: 2}.Append(m)
		}
		s.V6 = append(s.V6, m)
	}
}

// Add adds a packet of which nobody knows what it is: it is all of them.
func (s *Seeds) Add(m []byte) {
	s.V4, s.V6, s.Pair = append(s.V4, m), append(s.V6, m), append(s.Pair, m)
}

// AddFolder adds every file of a folder as one packet: what the Go fuzzer keeps
// (its values of type []byte), or the octets as they are.
func (s *Seeds) AddFolder(dir string) error {
	files, err := os.ReadDir(dir)
	if err != nil {
		return fmt.Errorf("hostile: %w", err)
	}
	for _, f := range files {
		if f.IsDir() {
			continue
		}
		b, err := os.ReadFile(filepath.Join(dir, f.Name()))
		if err != nil {
			return fmt.Errorf("hostile: %w", err)
		}
		if text, ok := strings.CutPrefix(string(b), "go test fuzz v1\n"); ok {
			s.addFuzzed(text)
		} else if len(b) > 0 && len(b) <= maxPacket {
			s.Add(b)
		}
	}
	return nil
}

// addFuzzed reads the lines of a file of the Go fuzzer.
func (s *Seeds) addFuzzed(text string) {
	for line := range strings.Lines(text) {
		quoted, ok := strings.CutPrefix(strings.TrimSpace(line), "[]byte(")
		if !ok {
			continue
		}
		if v, err := strconv.Unquote(strings.TrimSuffix(quoted, ")")); err == nil && v != "" && len(v) <= maxPacket {
			s.Add([]byte(v))
		}
	}
}
