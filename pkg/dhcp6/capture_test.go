package dhcp6

import (
	"encoding/binary"
	"os"
	"path/filepath"
	"testing"
)

// A sample is the payload of a UDP datagram of a capture.
type sample struct {
	file     string
	n        int
	src, dst uint16
	data     []byte
}

// samples reads every UDP over IPv6 payload of the captures of the project. It is
// as simple as our captures are: little-endian classic pcap, no fragments.
func samples(t testing.TB) []sample {
	names, err := filepath.Glob("../../testdata/captures/*.pcap")
	if err != nil || len(names) == 0 {
		t.Fatal("no captures", err)
	}
	var all []sample
	for _, name := range names {
		b, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		b = b[24:]
		for n := 1; len(b) >= 16; n++ {
			size := int(binary.LittleEndian.Uint32(b[8:]))
			frame := b[16 : 16+size]
			b = b[16+size:]
			if len(frame) < 62 || be.Uint16(frame[12:]) != 0x86dd || frame[20] != 17 {
				continue
			}
			udp := frame[54:]
			all = append(all, sample{filepath.Base(name), n, be.Uint16(udp), be.Uint16(udp[2:]), udp[8:be.Uint16(udp[4:])]})
		}
	}
	return all
}

// onWire reports whether the datagram is between a client, a relay and a server.
func (s *sample) onWire() bool { return s.dst == 547 || s.src == 547 }

func TestCapturesComeOutAsTheyWentIn(t *testing.T) {
	var e Envelope
	seen := map[MessageType]int{}
	relayed := 0
	for _, s := range samples(t) {
		if !s.onWire() || len(s.data) < 4 {
			continue
		}
		if err := e.Parse(s.data); err != nil {
			t.Errorf("%s packet %d: %v", s.file, s.n, err)
			continue
		}
		if got := e.Append(nil); string(got) != string(s.data) {
			t.Errorf("%s packet %d:\n in  %x\n out %x", s.file, s.n, s.data, got)
		}
		seen[e.Message.Type]++
		relayed += len(e.Relays)
	}
	for _, want := range []MessageType{Solicit, Advertise, Request, Reply, DHCPv4Query, DHCPv4Response} {
		if seen[want] == 0 {
			t.Errorf("no %v in the captures", want)
		}
	}
	if relayed == 0 {
		t.Error("no relayed message in the captures")
	}
}

// The answers that Kea's pair gave to relayed queries are what AppendReply makes
// of those queries: same levels, Interface-Id and source port echoed.
func TestReplyIsMirroredAsByKea(t *testing.T) {
	var query, answer Envelope
	for _, s := range samples(t) {
		if s.file != "kea6-kea4-isc-dhclient-relay.pcap" || len(s.data) < 4 || s.dst != 547 && s.src != 547 {
			continue
		}
		switch MessageType(s.data[0]) {
		case RelayForw:
			if err := query.Parse(s.data); err != nil {
				t.Fatal(err)
			}
		case RelayRepl:
			if err := answer.Parse(s.data); err != nil {
				t.Fatal(err)
			}
			if got := query.AppendReply(nil, answer.Message); string(got) != string(s.data) {
				t.Errorf("packet %d:\n Kea  %x\n ours %x", s.n, s.data, got)
			}
		}
	}
	if len(answer.Relays) == 0 {
		t.Fatal("no Relay-reply in the capture")
	}
}
