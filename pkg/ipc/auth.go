package ipc

import (
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"crypto/subtle"
	"errors"
	"fmt"
	"hash"
	"io"
	"os"
	"syscall"
	"time"

	"github.com/dhcp4o6/dhcp4o6/pkg/dhcp6"
)

// An AuthMode says what is asked of the messages of the peer.
type AuthMode uint8

const (
	AuthOff     AuthMode = iota // no MAC is sent, none is looked at: Kea's way
	AuthAccept                  // a MAC is sent; one that comes must be right, but none need come
	AuthRequire                 // a MAC is sent, and what comes without the right one is refused
)

// A Key is the secret of two daemons of ours.
type Key [32]byte

// Auth lets two daemons of ours know each other's messages, whoever holds the
// ports. It must be off towards Kea, which sends unknown suboptions on to the
// client.
//
// Each message then carries suboption 65001 in the vendor option of the pair:
//
//	+---------------+---------------+---------------+---------------+
//	|             65001             |              34               |
//	+---------------+---------------+---------------+---------------+
//	|  version, 1   |    key id     |                               |
//	+---------------+---------------+     boot id of the sender     +
//	|                                               +---------------+
//	+                               +---------------+               |
//	|                               |                               |
//	+---------------+---------------+   counter, from 1 at boot     +
//	|                                                               |
//	+               +-----------------------------------------------+
//	|               |                                               |
//	+---------------+     HMAC-SHA-256, first 16 octets             +
//	|            of the whole datagram, with this field zero        |
//
// The key id is the first octet of a hash of the key. Each boot id is greater
// than those of the sender's starts before, as far as the clock tells.
type Auth struct {
	Mode AuthMode
	Keys []Key // the first signs; a message may come with any of them
}

const (
	stampVersion = 1
	macSize      = 16
	macAt        = 1 + 1 + 8 + 8 // in the suboption
	stampSize    = macAt + macSize
)

// LoadKey reads a key file: 32 octets, of this process's user or root, with no
// right for anybody else.
func LoadKey(name string) (k Key, err error) {
	fail := func(err error) (Key, error) { return Key{}, fmt.Errorf("ipc: key file %q: %w", name, err) }
	f, err := os.OpenFile(name, os.O_RDONLY|syscall.O_NONBLOCK, 0) // a FIFO would have us wait
	if err != nil {
		return Key{}, fmt.Errorf("ipc: key file: %w", err)
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return fail(err)
	}
	owner := info.Sys().(*syscall.Stat_t).Uid
	switch {
	case !info.Mode().IsRegular():
		return fail(errors.New("not a regular file"))
	case info.Mode().Perm()&0o077 != 0:
		return fail(fmt.Errorf("mode %#o, want 0600: others have rights on it", info.Mode().Perm()))
	case owner != 0 && int(owner) != os.Geteuid():
		return fail(fmt.Errorf("belongs to user %d, who is neither this daemon's nor root", owner))
	case info.Size() != int64(len(k)):
		return fail(fmt.Errorf("%d octets, want %d", info.Size(), len(k)))
	}
	if _, err := io.ReadFull(f, k[:]); err != nil {
		return fail(err)
	}
	if k == (Key{}) {
		return fail(errors.New("nothing but zeros"))
	}
	return k, nil
}

// id returns the octet by which a receiver of two keys finds the right one.
func (k *Key) id() byte {
	h := sha256.New()
	h.Write([]byte("dhcp4o6 pair key id"))
	h.Write(k[:])
	return h.Sum(nil)[0]
}

// A ring holds what one direction computes with; it is not safe for concurrent use.
type ring struct {
	mode AuthMode
	keys []keyed
	sum  [sha256.Size]byte
}

type keyed struct {
	id  byte
	mac hash.Hash
}

// newRing returns the ring of a; without a key nothing can be signed or found right.
func newRing(a Auth) *ring {
	r := &ring{mode: a.Mode}
	for _, k := range a.Keys {
		r.keys = append(r.keys, keyed{id: k.id(), mac: hmac.New(sha256.New, k[:])})
	}
	return r
}

var noMAC [macSize]byte

// compute returns the MAC of a datagram whose suboption's value begins at. It is
// valid until the next one.
func (r *ring) compute(k *keyed, datagram []byte, at int) []byte {
	k.mac.Reset()
	k.mac.Write(datagram[:at+macAt])
	k.mac.Write(noMAC[:])
	k.mac.Write(datagram[at+stampSize:])
	return k.mac.Sum(r.sum[:0])[:macSize]
}

// sign writes the MAC into a datagram that is whole but for it.
func (r *ring) sign(datagram []byte, at int) {
	copy(datagram[at+macAt:], r.compute(&r.keys[0], datagram, at))
}

// verify reports whether one of the keys has made the MAC.
func (r *ring) verify(datagram []byte, at int) bool {
	stamp := datagram[at : at+stampSize]
	if stamp[0] != stampVersion {
		return false
	}
	for i := range r.keys {
		k := &r.keys[i]
		if k.id == stamp[1] && subtle.ConstantTimeCompare(r.compute(k, datagram, at), stamp[macAt:]) == 1 {
			return true
		}
	}
	return false
}

// A stamp is what makes a message of ours unlike every other.
type stamp struct{ boot, counter uint64 }

// newStamp returns the stamp of a sender that starts: the time, so that a later
// start is known by a greater id, with sixteen bits that two starts in one
// moment do not share.
func newStamp() stamp {
	var b [2]byte
	rand.Read(b[:]) // never fails
	return stamp{boot: uint64(time.Now().UnixNano())&^0xffff | uint64(be.Uint16(b[:]))}
}

// append writes the suboption with no MAC in it yet, and tells where its value
// begins.
func (s stamp) append(b []byte, key byte) ([]byte, int) {
	b = be.AppendUint16(b, subMAC)
	b = be.AppendUint16(b, stampSize)
	at := len(b)
	b = append(b, stampVersion, key)
	b = be.AppendUint64(b, s.boot)
	b = be.AppendUint64(b, s.counter)
	return append(b, noMAC[:]...), at
}

// authentic returns why a datagram may not be taken for the peer's, or nil.
func (c *Conn) authentic(b []byte, isc bool) error {
	r := c.checks.Load()
	if r.mode == AuthOff {
		return nil
	}
	at, found := -1, false
	if !isc {
		at, found = stampIn(b, c.readers.want.relay)
	}
	switch {
	case !found && r.mode == AuthRequire:
		return ErrNoMAC
	case !found:
		return nil
	case at < 0 || !r.verify(b, at):
		return ErrMAC
	case !c.replays.first(stamp{boot: be.Uint64(b[at+2:]), counter: be.Uint64(b[at+10:])}):
		return ErrReplay
	}
	return nil
}

// stampIn looks for the suboption of the MAC in a datagram that nobody has
// checked yet. Its value begins at; negative: it is not of the right length,
// or not the only one. It is looked for where a daemon of ours puts it, in the
// first vendor option of the innermost message with an origin in it.
func stampIn(b []byte, relay dhcp6.MessageType) (at int, found bool) {
	at, end := 0, len(b)
	for range dhcp6.MaxRelays {
		if end-at < relayHeader || dhcp6.MessageType(b[at]) != relay {
			break
		}
		at += relayHeader
		for end-at >= header && dhcp6.Code(be.Uint16(b[at:])) != dhcp6.OptRelayMessage {
			at += header + int(be.Uint16(b[at+2:]))
		}
		if end-at < header {
			return 0, false
		}
		end = min(end, at+header+int(be.Uint16(b[at+2:])))
		at += header
	}
	for at += header; end-at >= header; {
		next := at + header + int(be.Uint16(b[at+2:]))
		if next > end {
			return 0, false
		}
		v := b[at+header : next]
		if dhcp6.Code(be.Uint16(b[at:])) == dhcp6.OptVendorOpts && len(v) >= 4 && be.Uint32(v) == enterpriseISC {
			if mac, ok, origin := stampAmong(v[4:]); origin {
				if mac >= 0 {
					mac += at + header + 4
				}
				return mac, ok
			}
		}
		at = next
	}
	return 0, false
}

// stampAmong looks for the suboption of the MAC, and for any of an origin.
func stampAmong(subs []byte) (at int, found, origin bool) {
	for i := 0; len(subs)-i >= header; {
		n := int(be.Uint16(subs[i+2:]))
		switch be.Uint16(subs[i:]) {
		case subIface, subAddr, subPort:
			origin = true
		case subMAC:
			if at = i + header; found || n != stampSize || at+n > len(subs) {
				at = -1
			}
			found = true
		}
		i += header + n
	}
	return at, found, origin
}
