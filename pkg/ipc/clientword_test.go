package ipc

import (
	"bytes"
	"net/netip"
	"path/filepath"
	"strings"
	"testing"
)

var clientServer = netip.MustParseAddr("2001:db8:46::1")

// answerBytes is a DHCPv4 message of n octets, as a server sends it.
func answerBytes(n int) []byte { return append([]byte{bootReply}, make([]byte, n-1)...) }

// withServer is a message on its way down.
func withServer(b []byte) []byte {
	a := clientServer.As16()
	return append(bytes.Clone(b), a[:]...)
}

func TestClientMessage(t *testing.T) {
	two := append(sized(20, 240), sized(20, 240)[4:]...)
	tests := []struct {
		name string
		to   Side
		wire []byte
		want Word
		err  error
	}{
		{"poll", V6Side, []byte("POLL"), Poll, nil},
		{"start", V4Side, []byte("START"), Start, nil},
		{"stop", V4Side, []byte("STOP"), Stop, nil},
		{"poll at the v4 side", V4Side, []byte("POLL"), 0, ErrShort},
		{"start at the v6 side", V6Side, []byte("START"), 0, ErrShort},
		{"stop at the v6 side", V6Side, []byte("STOP"), 0, ErrShort},
		{"poll with a NUL", V6Side, []byte("POLL\x00"), 0, ErrShort},
		{"small letters", V4Side, []byte("start"), 0, ErrShort},
		{"STOPSTART", V4Side, []byte("STOPSTART"), 0, ErrShort},
		{"nothing", V4Side, nil, 0, ErrShort},
		{"nothing at the v6 side", V6Side, nil, 0, ErrShort},

		{"the shortest query", V6Side, sized(20, 236), Query, nil},
		{"one octet less", V6Side, sized(20, 235), 0, ErrShort},
		{"query with another option", V6Side, append([]byte{20, 0x80, 0, 0, 0, 8, 0, 2, 1, 2}, sized(20, 300)[4:]...), Query, nil},
		{"response upwards", V6Side, sized(21, 300), 0, ErrType},
		{"Solicit upwards", V6Side, sized(1, 300), 0, ErrType},
		{"POLL and a message", V6Side, append([]byte("POLL"), make([]byte, 300)...), 0, ErrType},
		{"two DHCPv4 messages", V6Side, two, 0, ErrMessage4},
		{"none", V6Side, append([]byte{20, 0, 0, 0, 0, 8, 1, 0}, make([]byte, 256)...), 0, ErrMessage4},
		{"a short one behind padding", V6Side, append(append([]byte{20, 0, 0, 0, 0, 8, 1, 0}, make([]byte, 256)...), sized(20, 235)[4:]...), 0, ErrMessage4},
		{"cut in the option", V6Side, sized(20, 300)[:280], 0, ErrOptionLength},

		{"the shortest answer", V4Side, withServer(answerBytes(236)), Answer, nil},
		{"one octet less", V4Side, withServer(answerBytes(235)), 0, ErrShort},
		{"without the server", V4Side, answerBytes(251), 0, ErrShort},
		{"BOOTREQUEST", V4Side, withServer(append([]byte{1}, make([]byte, 299)...)), 0, ErrType},
		{"START and a message", V4Side, append([]byte("START"), make([]byte, 300)...), 0, ErrType},
		{"a whole DHCPV4-RESPONSE", V4Side, sized(21, 300), 0, ErrType},
		{"longer than UDP", V4Side, withServer(answerBytes(maxPayload)), 0, ErrTooLong},
		{"longer than UDP upwards", V6Side, sized(20, maxOption), 0, ErrTooLong},
	}
	for _, tt := range tests {
		var m ClientMessage
		err := m.Parse(tt.to, tt.wire)
		if m.Word != tt.want || err != tt.err {
			t.Errorf("%s: %v, %v; want %v, %v", tt.name, m.Word, err, tt.want, tt.err)
			continue
		}
		if err != nil {
			continue
		}
		if b, err := m.Append(nil); err != nil || !bytes.Equal(b, tt.wire) {
			t.Errorf("%s: written back %x, %v", tt.name, b, err)
		}
		if m.Word == Answer && (m.Server != clientServer || len(m.Data) != len(tt.wire)-16) {
			t.Errorf("%s: %d octets from %v", tt.name, len(m.Data), m.Server)
		}
	}
}

// What could not be read at the other end is not written.
func TestClientMessageNotWritten(t *testing.T) {
	tests := []struct {
		name string
		m    ClientMessage
		err  error
	}{
		{"nothing", ClientMessage{}, ErrType},
		{"no word", ClientMessage{Word: 99}, ErrType},
		{"empty query", ClientMessage{Word: Query}, ErrShort},
		{"response as query", ClientMessage{Word: Query, Data: sized(21, 300)}, ErrType},
		{"short answer", ClientMessage{Word: Answer, Data: answerBytes(235), Server: clientServer}, ErrShort},
		{"answer of nobody", ClientMessage{Word: Answer, Data: answerBytes(300)}, ErrAddr},
		{"answer of an IPv4 address", ClientMessage{Word: Answer, Data: answerBytes(300), Server: netip.MustParseAddr("192.0.2.1")}, ErrAddr},
		{"answer without room", ClientMessage{Word: Answer, Data: answerBytes(maxPayload), Server: clientServer}, ErrTooLong},
	}
	for _, tt := range tests {
		if b, err := tt.m.Append(nil); len(b) != 0 || err != tt.err {
			t.Errorf("%s: %d octets, %v; want %v", tt.name, len(b), err, tt.err)
		}
	}
}

// dhclientPort is Q of the dhclient processes in the captures.
const dhclientPort = 6777

// dhclientCaptures yields the captures of a pair of dhclient processes.
func dhclientCaptures(t testing.TB) map[string][]packet {
	t.Helper()
	names, err := filepath.Glob("../../testdata/captures/*-isc-dhclient*.pcap")
	if err != nil || len(names) < 15 {
		t.Fatalf("%d captures, %v", len(names), err)
	}
	all := make(map[string][]packet)
	for _, name := range names {
		name = strings.TrimSuffix(filepath.Base(name), ".pcap")
		all[name] = capture(t, name)
	}
	return all
}

// TestClientCaptures: whatever dhclient's processes tell each other is read, and
// written by us as it was.
func TestClientCaptures(t *testing.T) {
	said := make(map[Word]int)
	for name, packets := range dhclientCaptures(t) {
		for i, p := range packets {
			side := V6Side
			switch p.dst.Port() {
			case dhclientPort:
			case dhclientPort + 1:
				side = V4Side
			default:
				continue
			}
			var m ClientMessage
			if err := m.Parse(side, p.data); err != nil {
				t.Errorf("%s, datagram %d: %v", name, i, err)
				continue
			}
			if b, err := m.Append(nil); err != nil || !bytes.Equal(b, p.data) {
				t.Errorf("%s, datagram %d: %v written as %x, %v", name, i, m.Word, b, err)
			}
			said[m.Word]++
		}
	}
	for _, w := range []Word{Poll, Query, Start, Stop, Answer} {
		if said[w] < 10 {
			t.Errorf("%v: %d times in the captures", w, said[w])
		}
	}
}

// FuzzClientMessage: what is read is written back unchanged, and means nothing on
// the other side; of no octets can both sides make something.
func FuzzClientMessage(f *testing.F) {
	for _, packets := range dhclientCaptures(f) {
		for _, p := range packets {
			if p.dst.Port()-dhclientPort < 2 {
				f.Add(p.data)
			}
		}
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		read := 0
		for _, side := range []Side{V6Side, V4Side} {
			var m ClientMessage
			if err := m.Parse(side, b); err != nil {
				if _, ok := err.(Fault); !ok || m.Word != Gone {
					t.Errorf("%v side: %v with %v", side, m.Word, err)
				}
				continue
			}
			read++
			if m.Word.goesTo() != side {
				t.Errorf("%v read by the %v side", m.Word, side)
			}
			if again, err := m.Append(nil); err != nil || !bytes.Equal(again, b) {
				t.Errorf("%v written back as %x, %v", m.Word, again, err)
			}
		}
		if read == 2 {
			t.Error("both sides take it")
		}
	})
}
