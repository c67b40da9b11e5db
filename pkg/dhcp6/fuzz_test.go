package dhcp6

import (
	"bytes"
	"testing"
)

func seed(f *testing.F) {
	for _, s := range samples(f) {
		f.Add(s.data)
	}
	f.Add(chain(32, func(int) byte { return 0 }))
	f.Add(chain(33, func(l int) byte { return byte(l) }))
}

// What parses is written back unchanged, but for up to three octets behind the
// last option; and the reply to it parses to the same levels.
func FuzzEnvelope(f *testing.F) {
	seed(f)
	f.Fuzz(func(t *testing.T, b []byte) {
		var e, again Envelope
		if e.Parse(b) != nil {
			return
		}
		if !bytes.HasPrefix(b[e.Inner:], e.Message.Append(nil)) {
			t.Fatalf("the message of %x is not at %d", b, e.Inner)
		}
		out := e.Append(nil)
		if len(e.Relays) == 0 {
			if !bytes.HasPrefix(b, out) || len(b)-len(out) > 3 {
				t.Fatalf("in  %x\nout %x", b, out)
			}
		} else if len(b)-len(out) > 3 || len(b) == len(out) && !bytes.Equal(b, out) {
			t.Fatalf("in  %x\nout %x", b, out)
		}
		if err := again.Parse(out); err != nil {
			t.Fatalf("%x: %v", out, err)
		}
		if !bytes.Equal(again.Append(nil), out) {
			t.Fatal("not stable")
		}
		if len(out) > MaxMessage {
			return
		}
		reply := e.AppendReply(nil, Message{Type: Reply, XID: e.Message.XID, Options: e.Message.Options})
		if err := again.Parse(reply); err != nil {
			t.Fatalf("reply %x: %v", reply, err)
		}
		if len(again.Relays) != len(e.Relays) || len(e.Relays) > 0 && !again.Down {
			t.Fatal("levels differ")
		}
		for i := range e.Relays {
			q, r := &e.Relays[i], &again.Relays[i]
			if q.Hops != r.Hops || q.Link != r.Link || q.Peer != r.Peer {
				t.Fatalf("level %d: %+v %+v", i, q, r)
			}
		}
	})
}

// Every option that has structure: what parses is written back unchanged.
func FuzzOptions(f *testing.F) {
	for _, s := range samples(f) {
		if len(s.data) > 4 {
			f.Add(s.data[4:])
		}
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		o, err := ParseOptions(b)
		if err != nil {
			return
		}
		var out []byte
		for c, v := range o.All {
			out = AppendOption(out, c, v)
			if got := rewrite(c, v); got != nil && !bytes.Equal(got, AppendOption(nil, c, v)) {
				t.Fatalf("%v:\n in  %x\n out %x", c, v, got)
			}
		}
		if !bytes.Equal(out, b) {
			t.Fatalf("in  %x\nout %x", b, out)
		}
	})
}

// rewrite parses a value by its code and writes it again; nil when it does not
// parse or has no structure.
func rewrite(c Code, v []byte) []byte {
	type appender interface{ Append([]byte) []byte }
	var a appender
	var err error
	switch c {
	case OptIANA:
		a, err = wrap(ParseIANA(v))
	case OptIATA:
		a, err = wrap(ParseIATA(v))
	case OptIAPD:
		a, err = wrap(ParseIAPD(v))
	case OptIAAddr:
		a, err = wrap(ParseIAAddr(v))
	case OptIAPrefix:
		a, err = wrap(ParseIAPrefix(v))
	case OptStatusCode:
		a, err = wrap(ParseStatusCode(v))
	case OptVendorOpts:
		a, err = wrap(ParseVendorOpts(v))
	case OptVendorClass:
		a, err = wrap(ParseVendorClass(v))
	case OptClientLinkLayerAddr:
		a, err = wrap(ParseClientLinkLayer(v))
	default:
		return nil
	}
	if err != nil {
		return nil
	}
	return a.Append(nil)
}

func wrap[T interface{ Append([]byte) []byte }](v T, err error) (interface{ Append([]byte) []byte }, error) {
	return v, err
}
