package ipc

import (
	"bytes"
	"crypto/hmac"
	"crypto/sha256"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/dhcp4o6/dhcp4o6/pkg/dhcp6"
)

var key1, key2 = Key{31: 1}, Key{31: 2}

func require(keys ...Key) Auth { return Auth{Mode: AuthRequire, Keys: keys} }

// A bench is one end of the pair with no socket under it: datagrams are made and
// opened by hand.
type bench struct{ *Conn }

func newBench(side Side, o Options) bench { return bench{newConn(side, o)} }

// seal returns the datagram that the end makes of a message.
func (b bench) datagram(t testing.TB, m Message) []byte {
	t.Helper()
	b.out.reset()
	if err := b.seal(&m); err != nil {
		t.Fatal(err)
	}
	return bytes.Clone(b.out.buf)
}

// take opens a datagram.
func (b bench) take(datagram []byte) (m Message, err error) {
	err = b.open(&m, bytes.Clone(datagram), true)
	return m, err
}

// relayedQuery is a query within two relay layers, the inner one with its
// Relay Message option in front of others.
func relayedQuery(t testing.TB) []byte {
	relay := unhex(t, `0c01 20010db8000000000000000000000001 fe800000000000000000000000000002`)
	b := unhex(t, "14000000 0011 0007 00000009 010203 0057 0004 01020304")
	b = dhcp6.AppendOption(bytes.Clone(relay), dhcp6.OptRelayMessage, b)
	b = append(b, unhex(t, "0012 0006 706f72743031 0087 0002 0000")...)
	return dhcp6.AppendOption(append(relay, unhex(t, "0012 0002 6162")...), dhcp6.OptRelayMessage, b)
}

// A message with a MAC is what the layout says, octet for octet.
func TestStampOnTheWire(t *testing.T) {
	v6 := newBench(V6Side, Options{Auth: require(key1)})
	got := v6.datagram(t, Message{Data: unhex(t, "14000000 0057 0004 01020304"), Origin: client})
	id, boot := key1.id(), v6.stamp.boot
	option := unhex(t, "0011 004a 000009bf ea60 0002 7330 ea61 0010 fe800000000000000000 5efffe460001 ea62 0002 0222 fde9 0022 01")
	option = append(option, id)
	option = be.AppendUint64(option, boot)
	option = be.AppendUint64(option, 1)
	want := append([]byte{20, 0, 0, 0}, option...)
	want = append(want, noMAC[:]...)
	want = append(want, unhex(t, "0057 0004 01020304")...)
	h := hmac.New(sha256.New, key1[:])
	h.Write(want)
	copy(want[4+len(option):], h.Sum(nil)[:16])
	if !bytes.Equal(got, want) {
		t.Errorf("\n got %x\nwant %x", got, want)
	}
	if next := newStamp(); next.boot <= boot || next.counter != 0 {
		t.Errorf("the next start is %x, this one %x", next.boot, boot)
	}
}

// What the two modes take, and what goes out.
func TestAuthModes(t *testing.T) {
	const ok = Fault(255)
	tests := []struct {
		name           string
		sender, taker  Auth
		want           Fault
		sendsSuboption bool
	}{
		{"off, off", Auth{}, Auth{}, ok, false},
		{"off, accept", Auth{}, Auth{AuthAccept, []Key{key1}}, ok, false},
		{"off, require", Auth{}, require(key1), ErrNoMAC, false},
		{"off with a key", Auth{AuthOff, []Key{key1}}, require(key1), ErrNoMAC, false},
		{"accept, off", Auth{AuthAccept, []Key{key1}}, Auth{}, ok, true},
		{"accept, accept", Auth{AuthAccept, []Key{key1}}, Auth{AuthAccept, []Key{key1}}, ok, true},
		{"accept, require", Auth{AuthAccept, []Key{key1}}, require(key1), ok, true},
		{"require, require", require(key1), require(key1), ok, true},
		{"another key, require", require(key2), require(key1), ErrMAC, true},
		{"another key, accept", require(key2), Auth{AuthAccept, []Key{key1}}, ErrMAC, true},
		{"the new key first, the old one known", require(key2, key1), require(key1, key2), ok, true},
		{"the new key first, unknown", require(key2, key1), require(key1), ErrMAC, true},
	}
	for _, tt := range tests {
		for _, relayed := range []bool{false, true} {
			v6, v4 := newBench(V6Side, Options{Auth: tt.sender}), newBench(V4Side, Options{Auth: tt.taker})
			data := unhex(t, "14000000 0057 0004 01020304")
			if relayed {
				data = relayedQuery(t)
			}
			d := v6.datagram(t, Message{Data: data, Origin: client})
			if got := bytes.Contains(d, []byte{0xfd, 0xe9, 0, 34}); got != tt.sendsSuboption {
				t.Errorf("%s, relayed %v: suboption %v: %x", tt.name, relayed, got, d)
			}
			m, err := v4.take(d)
			switch {
			case tt.want != ok:
				if err != tt.want {
					t.Errorf("%s, relayed %v: %v, want %v", tt.name, relayed, err, tt.want)
				}
			case err != nil || m.Origin != client || !bytes.Equal(m.Data, data):
				t.Errorf("%s, relayed %v: %v %v\n got %x\nwant %x", tt.name, relayed, err, m.Origin, m.Data, data)
			}
		}
	}
}

// Every octet is covered: what differs in one bit is refused, whatever it is
// then taken for, and so is what is cut or longer.
func TestEveryOctetIsCovered(t *testing.T) {
	for _, pad := range []bool{false, true} {
		v6, v4 := newBench(V6Side, Options{Auth: require(key1)}), newBench(V4Side, Options{Auth: require(key1, key2)})
		v6.writers.pad = pad
		good := v6.datagram(t, Message{Data: relayedQuery(t), Origin: client})
		if pad && len(good)%padTo != 0 {
			t.Fatalf("%d octets", len(good))
		}
		for i := range good {
			for bit := range 8 {
				bad := bytes.Clone(good)
				bad[i] ^= 1 << bit
				if m, err := v4.take(bad); err == nil {
					t.Errorf("octet %d, bit %d: taken: %v %x", i, bit, m.Origin, m.Data)
				}
			}
			if _, err := v4.take(good[:i]); err == nil {
				t.Errorf("cut to %d octets: taken", i)
			}
		}
		if _, err := v4.take(append(bytes.Clone(good), 0)); err == nil {
			t.Error("one octet more: taken")
		}
		if _, err := v4.take(good); err != nil {
			t.Errorf("unharmed: %v", err)
		}
		if _, err := v4.take(good); err != ErrReplay {
			t.Errorf("a second time: %v", err)
		}
	}
}

// A client that writes the suboption itself gains nothing, and spoils nothing.
func TestForgedMAC(t *testing.T) {
	const sub = `fde9 0022 0100 0102030405060708 0102030405060708 00000000000000000000000000000000`
	for name, data := range map[string]string{
		"of our size":          "14000000 0011 002a 000009bf" + sub + "0057 0004 01020304",
		"behind 87":            "14000000 0057 0004 01020304 0011 002a 000009bf" + sub,
		"of another size":      "14000000 0011 0009 000009bf fde9 0001 00 0057 0004 01020304",
		"of another vendor's":  "14000000 0011 002a 00000009" + sub + "0057 0004 01020304",
		"with a forged origin": "14000000 0011 0030 000009bf" + sub + "ea62 0002 0001 0057 0004 01020304",
	} {
		v6, v4 := newBench(V6Side, Options{Auth: require(key1)}), newBench(V4Side, Options{Auth: require(key1)})
		d := v6.datagram(t, Message{Data: unhex(t, data), Origin: client})
		m, err := v4.take(d)
		if err != nil || m.Origin != client {
			t.Errorf("%s: %v, %v", name, m.Origin, err)
		}
		want := unhex(t, data)
		if name == "with a forged origin" {
			want = unhex(t, "14000000 0057 0004 01020304")
		}
		if !bytes.Equal(m.Data, want) {
			t.Errorf("%s:\n got %x\nwant %x", name, m.Data, want)
		}
		off := newBench(V6Side, Options{})
		if _, err := v4.take(off.datagram(t, Message{Data: unhex(t, data), Origin: client})); err != ErrNoMAC {
			t.Errorf("%s, without ours: %v", name, err)
		}
	}
}

// An answer cannot be passed off as a query, nor a query as an answer.
func TestMACOfTheOtherDirection(t *testing.T) {
	v6, v4 := newBench(V6Side, Options{Auth: require(key1)}), newBench(V4Side, Options{Auth: require(key1)})
	if _, err := v6.take(v6.datagram(t, Message{Data: sized(20, 300), Origin: client})); err == nil {
		t.Error("our own query is taken for an answer")
	}
	if _, err := v4.take(v4.datagram(t, Message{Data: sized(21, 300), Origin: client})); err == nil {
		t.Error("our own answer is taken for a query")
	}
}

// After a restart of the sender its messages are taken, those of before not once
// more; after a restart of the receiver those of the running sender are taken.
func TestRestartOfEither(t *testing.T) {
	auth := Options{Auth: require(key1)}
	m := Message{Data: sized(20, 300), Origin: client}
	v6, v4 := newBench(V6Side, auth), newBench(V4Side, auth)
	old := v6.datagram(t, m)
	for _, d := range [][]byte{old, v6.datagram(t, m)} {
		if _, err := v4.take(d); err != nil {
			t.Fatal(err)
		}
	}
	lost := v6.datagram(t, m) // sent, and not read before the sender ends
	v6 = newBench(V6Side, auth)
	if _, err := v4.take(v6.datagram(t, m)); err != nil {
		t.Errorf("after a restart of the sender: %v", err)
	}
	if _, err := v4.take(old); err != ErrReplay {
		t.Errorf("of the sender before, once more: %v", err)
	}
	if _, err := v4.take(lost); err != nil {
		t.Errorf("of the sender before, for the first time: %v", err)
	}
	for range 100 {
		v6.datagram(t, m)
	}
	v4 = newBench(V4Side, auth)
	d := v6.datagram(t, m)
	if _, err := v4.take(d); err != nil {
		t.Errorf("after a restart of the receiver: %v", err)
	}
	if _, err := v4.take(d); err != ErrReplay {
		t.Errorf("the same once more: %v", err)
	}
}

// A key is changed without a message lost: the new one is first known to both,
// then signs, then the old one goes. What came before a change is still known.
func TestKeyChange(t *testing.T) {
	v6, v4 := newBench(V6Side, Options{Auth: require(key1)}), newBench(V4Side, Options{Auth: require(key1)})
	var all [][]byte
	pass := func() {
		t.Helper()
		for range 3 {
			d := v6.datagram(t, Message{Data: sized(20, 300), Origin: client})
			if _, err := v4.take(d); err != nil {
				t.Fatal(err)
			}
			all = append(all, d)
		}
		for _, d := range all {
			if _, err := v4.take(d); err != ErrReplay && err != ErrMAC {
				t.Errorf("once more: %v", err)
			}
		}
	}
	pass()
	for _, keys := range [][]Key{{key1, key2}, {key2, key1}, {key2}} {
		v4.SetAuth(require(keys...))
		pass()
		v6.SetAuth(require(keys...))
		pass()
	}
	if d := v6.datagram(t, Message{Data: sized(20, 300), Origin: client}); len(d) > 0 {
		v4.SetAuth(require(key1))
		if _, err := v4.take(d); err != ErrMAC {
			t.Errorf("of a key that is gone: %v", err)
		}
	}
}

// Through sockets, segmented sends and padding, with no allocation.
func TestAuthOverSockets(t *testing.T) {
	o := Options{Pad: true, Owners: Trusted(), Auth: require(key1)}
	port := freePair(t)
	v6, v4 := open(t, V6Side, port, o), open(t, V4Side, port, o)
	out := make([]Message, 32)
	for i := range out {
		out[i] = Message{Data: sized(20, 240+i%5), Origin: client}
	}
	in := make([]Message, 64)
	run := func() {
		if n, err := v6.Write(out); n != len(out) || err != nil {
			t.Fatal(n, err)
		}
		for n := 0; n < len(out); {
			k, err := v4.Read(in)
			if err != nil {
				t.Fatal(err)
			}
			for i, m := range in[:k] {
				if !bytes.Equal(m.Data, out[n+i].Data) {
					t.Fatalf("message %d: %x", n+i, m.Data)
				}
			}
			n += k
		}
	}
	if n := testing.AllocsPerRun(100, run); n != 0 {
		t.Errorf("%v allocations for %d messages", n, len(out))
	}
	for f := range Faults {
		if n := v4.Stats().Refused(f); n != 0 {
			t.Errorf("%d refused: %v", n, f)
		}
	}
}

func TestLoadKey(t *testing.T) {
	dir := t.TempDir()
	file := func(name string, content string, mode os.FileMode) string {
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
		if err := os.Chmod(path, mode); err != nil {
			t.Fatal(err)
		}
		return path
	}
	secret := strings.Repeat("k", 32)
	fifo := filepath.Join(dir, "fifo")
	if err := syscall.Mkfifo(fifo, 0o600); err != nil {
		t.Fatal(err)
	}
	for _, tt := range []struct{ name, file, err string }{
		{"right", file("right", secret, 0o600), ""},
		{"read-only", file("read-only", secret, 0o400), ""},
		{"readable by the group", file("group", secret, 0o640), "mode 0640, want 0600"},
		{"readable by all", file("all", secret, 0o604), "mode 0604, want 0600"},
		{"too short", file("short", secret[1:], 0o600), "31 octets, want 32"},
		{"too long", file("long", secret+"\n", 0o600), "33 octets, want 32"},
		{"zeros", file("zeros", strings.Repeat("\x00", 32), 0o600), "nothing but zeros"},
		{"missing", filepath.Join(dir, "missing"), "no such file"},
		{"a folder", dir, "not a regular file"},
		{"a FIFO", fifo, "not a regular file"},
	} {
		k, err := LoadKey(tt.file)
		switch {
		case tt.err != "" && (err == nil || !strings.Contains(err.Error(), tt.err) || !strings.HasPrefix(err.Error(), "ipc: key file")):
			t.Errorf("%s: %v", tt.name, err)
		case tt.err == "" && (err != nil || string(k[:]) != secret):
			t.Errorf("%s: %v", tt.name, err)
		case err != nil && strings.Contains(err.Error(), "kkk"):
			t.Errorf("%s: the secret is told: %v", tt.name, err)
		}
	}
	if os.Geteuid() == 0 {
		path := file("another's", secret, 0o600)
		if err := os.Chown(path, strangerUID, 0); err != nil {
			t.Fatal(err)
		}
		if _, err := LoadKey(path); err == nil || !strings.Contains(err.Error(), "belongs to user 65534") {
			t.Errorf("another user's: %v", err)
		}
	}
}

// FuzzAuth: nothing but what the sender has made is taken, and that once.
func FuzzAuth(f *testing.F) {
	auth := Options{Auth: require(key1)}
	v6 := newBench(V6Side, auth)
	v6.stamp = stamp{boot: 1} // the same in all processes of the fuzzer
	direct := v6.datagram(f, Message{Data: sized(20, 240), Origin: client})
	relayed := v6.datagram(f, Message{Data: relayedQuery(f), Origin: client})
	f.Add(direct)
	f.Add(relayed)
	f.Fuzz(func(t *testing.T, b []byte) {
		v4 := newBench(V4Side, auth)
		_, err := v4.take(b)
		if genuine := bytes.Equal(b, direct) || bytes.Equal(b, relayed); genuine != (err == nil) {
			t.Fatalf("genuine %v: %v", genuine, err)
		}
		if at, found := stampIn(b, v4.readers.want.relay); found && at >= 0 && !inISC(b) {
			if at < 8 || at+stampSize > len(b) || be.Uint16(b[at-4:]) != subMAC || be.Uint16(b[at-2:]) != stampSize {
				t.Fatalf("a MAC at %d of %d octets", at, len(b))
			}
			b = bytes.Clone(b)
			b[at], b[at+1] = stampVersion, v4.signs.Load().keys[0].id
			v4.signs.Load().sign(b, at) // now it is right, and taken is what is taken without
			off := newBench(V4Side, Options{})
			m1, err1 := v4.take(b)
			m2, err2 := off.take(b)
			if err1 != ErrReplay && (err1 != err2 || !bytes.Equal(m1.Data, m2.Data) || m1.Origin != m2.Origin) {
				t.Fatalf("signed: %v %x\nunsigned: %v %x", err1, m1.Data, err2, m2.Data)
			}
		}
	})
}

func BenchmarkAuth(b *testing.B) {
	for _, mode := range []AuthMode{AuthOff, AuthRequire} {
		b.Run([]string{"off", "accept", "require"}[mode], func(b *testing.B) {
			o := Options{Auth: Auth{Mode: mode, Keys: []Key{key1}}}
			v6, v4 := newBench(V6Side, o), newBench(V4Side, o)
			m, got := Message{Data: sized(20, 300), Origin: client}, Message{}
			b.ReportAllocs()
			for b.Loop() {
				v6.out.reset()
				if err := v6.seal(&m); err != nil {
					b.Fatal(err)
				}
				if err := v4.open(&got, v6.out.buf, true); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
