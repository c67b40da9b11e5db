package pkt4o6

import (
	"bytes"
	"encoding/binary"
	"os"
	"path/filepath"
	"testing"

	"github.com/dhcp4o6/dhcp4o6/pkg/dhcp6"
)

// captured returns the payload of every UDP datagram over IPv6 in the captures.
func captured(t testing.TB) (all [][]byte) {
	names, err := filepath.Glob("../../testdata/captures/*.pcap")
	if err != nil || len(names) == 0 {
		t.Fatalf("no captures: %v", err)
	}
	for _, name := range names {
		b, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		for b = b[24:]; len(b) >= 16; {
			n := int(binary.LittleEndian.Uint32(b[8:]))
			if f := b[16 : 16+n]; n >= 62 && f[20] == 17 {
				all = append(all, f[62:])
			}
			b = b[16+n:]
		}
	}
	return all
}

// answered checks that what Seal writes is an answer to what p read.
func answered(t *testing.T, p *Packet) {
	t.Helper()
	reply := []byte("reply")
	var e dhcp6.Envelope
	if err := e.Parse(p.Seal(nil, reply)); err != nil {
		t.Fatalf("the answer does not parse: %v", err)
	}
	if e.Message.Type != dhcp6.DHCPv4Response || e.Message.XID != [3]byte{} {
		t.Errorf("type %v, flags %x", e.Message.Type, e.Message.XID)
	}
	if want := dhcp6.AppendOption(nil, dhcp6.OptDHCPv4Message, reply); !bytes.Equal(e.Message.Options, want) {
		t.Errorf("options %x, want %x", e.Message.Options, want)
	}
	if len(e.Relays) != len(p.Envelope.Relays) || len(e.Relays) > 0 && !e.Down {
		t.Fatalf("%d relays became %d", len(p.Envelope.Relays), len(e.Relays))
	}
	for i := range e.Relays {
		got, want := &e.Relays[i], &p.Envelope.Relays[i]
		if got.Hops != want.Hops || got.Link != want.Link || got.Peer != want.Peer {
			t.Errorf("level %d: %v, want %v", i, got, want)
		}
		for _, c := range []dhcp6.Code{dhcp6.OptInterfaceID, dhcp6.OptRelayPort} {
			v, ok := got.Options.Option(c)
			if w, wok := want.Options.Option(c); ok != wok || !bytes.Equal(v, w) {
				t.Errorf("level %d: option %v is %x, was %x", i, c, v, w)
			}
		}
		if got.Options.Has(dhcp6.OptERO) || got.Options.Count(dhcp6.OptRelayMessage) != 1 {
			t.Errorf("level %d: options %x", i, got.Options)
		}
	}
}

func TestCaptures(t *testing.T) {
	direct, far := 0, 0
	for _, b := range captured(t) {
		var p Packet
		if p.Parse(b) != nil {
			continue
		}
		answered(t, &p)
		if len(p.Envelope.Relays) > 0 {
			far++
		} else {
			direct++
		}
	}
	if direct < 20 || far < 5 {
		t.Errorf("only %d direct and %d relayed queries read", direct, far)
	}
}

// FuzzPacket: what opens is answered through the same relays, and its DHCPv4
// message survives being wrapped again.
func FuzzPacket(f *testing.F) {
	for _, b := range captured(f) {
		f.Add(b)
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		var p, again Packet
		if p.Parse(b) != nil || p.Room() < 100 {
			return
		}
		answered(t, &p)
		if err := again.Parse(p.Wrap(nil, p.Query.Bytes(), p.Unicast())); err != nil {
			t.Fatal(err)
		}
		if !bytes.Equal(again.Query.Bytes(), p.Query.Bytes()) || again.Unicast() != p.Unicast() {
			t.Error("wrapped and opened, it is another message")
		}
	})
}
