package dhcp4

import (
	"encoding/binary"
	"os"
	"path/filepath"
	"testing"
)

// captured returns every DHCPv4 message that option 87 carries in the captures
// of the project, by the name of the file.
func captured(t testing.TB) map[string][][]byte {
	names, err := filepath.Glob("../../testdata/captures/*.pcap")
	if err != nil || len(names) == 0 {
		t.Fatalf("no captures: %v", err)
	}
	all := make(map[string][][]byte)
	for _, name := range names {
		b, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		for b = b[24:]; len(b) >= 16; {
			n := int(binary.LittleEndian.Uint32(b[8:]))
			all[name] = append(all[name], inner(udp6(b[16:16+n]))...)
			b = b[16+n:]
		}
	}
	return all
}

// udp6 returns the DHCPv6 message of an Ethernet frame, nil when there is none.
// Behind the header of ISC's internal hop it begins at octet 36.
func udp6(frame []byte) []byte {
	if len(frame) < 14+40+8 || binary.BigEndian.Uint16(frame[12:]) != 0x86dd || frame[20] != 17 {
		return nil
	}
	p := frame[62:]
	if len(p) > 36 && p[0] > 21 {
		p = p[36:]
	}
	return p
}

// inner returns the contents of every option 87 at any relay level.
func inner(p []byte) (found [][]byte) {
	header := 4
	if len(p) > 0 && (p[0] == 12 || p[0] == 13) {
		header = 34
	}
	if len(p) < header {
		return nil
	}
	for p = p[header:]; len(p) >= 4; {
		n := int(binary.BigEndian.Uint16(p[2:]))
		if len(p) < 4+n {
			break
		}
		switch v := p[4 : 4+n]; binary.BigEndian.Uint16(p) {
		case 9:
			found = append(found, inner(v)...)
		case 87:
			found = append(found, v)
		}
		p = p[4+n:]
	}
	return found
}

// TestCaptures parses what dhclient, Kea and ISC's server sent, and writes it
// again: fixed fields and options are the same.
func TestCaptures(t *testing.T) {
	types := make(map[MessageType]int)
	for name, msgs := range captured(t) {
		for i, b := range msgs {
			var m Message
			if err := m.Parse(b); err != nil {
				if filepath.Base(name)[:5] != "probe" {
					t.Errorf("%s: message %d: %v", name, i, err)
				}
				continue
			}
			types[m.Type()]++
			rewrite(t, &m)
		}
	}
	for _, want := range []MessageType{0, Discover, Offer, Request, Ack, Nak, Release, Inform, Decline, LeaseQuery} {
		if types[want] == 0 {
			t.Errorf("no %v in the captures", want)
		}
	}
}
