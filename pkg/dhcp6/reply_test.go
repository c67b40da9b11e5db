package dhcp6

import (
	"bytes"
	"testing"
)

func TestAppendReply(t *testing.T) {
	const reply = "07 aabbcc"
	tests := []struct {
		name  string
		query string
		want  string
	}{
		{"direct", solicit, reply},
		{"hop, link and peer come back",
			"0c 07" + link + peer + "0009 0004 01aabbcc",
			"0d 07" + link + peer + "0009 0004" + reply},
		{"interface-id comes back, remote-id does not",
			"0c 00" + link + peer + "0025 0002 abcd 0012 0001 61 0009 0004 01aabbcc",
			"0d 00" + link + peer + "0012 0001 61 0009 0004" + reply},
		{"interface-id behind the message",
			"0c 00" + link + peer + "0009 0004 01aabbcc 0012 0001 61",
			"0d 00" + link + peer + "0012 0001 61 0009 0004" + reply},
		{"source port comes back",
			"0c 00" + link + peer + "0087 0002 0000 0009 0004 01aabbcc",
			"0d 00" + link + peer + "0087 0002 0000 0009 0004" + reply},
		{"what the Echo Request names comes back, in wire order",
			"0c 00" + link + peer + "0026 0001 62 0025 0001 61 002b 0004 00250026 0012 0001 63 0009 0004 01aabbcc",
			"0d 00" + link + peer + "0026 0001 62 0025 0001 61 0012 0001 63 0009 0004" + reply},
		{"Echo Request naming itself and the message",
			"0c 00" + link + peer + "002b 0004 002b0009 0009 0004 01aabbcc",
			"0d 00" + link + peer + "0009 0004" + reply},
		{"Echo Request of odd length",
			"0c 00" + link + peer + "002b 0003 002500 0025 0001 61 0009 0004 01aabbcc",
			"0d 00" + link + peer + "0009 0004" + reply},
		{"each level has its own",
			"0c 01" + link + peer + "0012 0001 61 0009 002f 0c00" + zeros + peer + "0012 0001 62 0009 0004 01aabbcc",
			"0d 01" + link + peer + "0012 0001 61 0009 002f 0d00" + zeros + peer + "0012 0001 62 0009 0004" + reply},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			var e Envelope
			if err := e.Parse(unhex(t, tt.query)); err != nil {
				t.Fatal(err)
			}
			got := e.AppendReply(nil, Message{Type: Reply, XID: e.Message.XID})
			if want := unhex(t, tt.want); !bytes.Equal(got, want) {
				t.Errorf("\n got  %x\n want %x", got, want)
			}
		})
	}
}
