package client6

import (
	"crypto/hmac"
	"crypto/md5"
	"slices"
	"testing"
	"time"

	"github.com/dhcp4o6/dhcp4o6/pkg/dhcp6"
)

var rkey = []byte("0123456789abcdef")

func auth(kind byte, replay uint64, value []byte) []byte {
	v := be.AppendUint64([]byte{3, 1, 0}, replay)
	return opt(dhcp6.OptAuth, append(append(v, kind), value...)...)
}

// A reconfigure is a Reconfigure as a server makes it (RFC 9915 §20.4.2).
type reconfigure struct {
	kind   dhcp6.MessageType
	replay uint64
	key    []byte
	server []byte
	client []byte
	more   []byte
}

func (r reconfigure) bytes() []byte {
	m := &reply{kind: dhcp6.Reconfigure, server: r.server, client: r.client}
	m.opts = slices.Concat(opt(dhcp6.OptReconfMsg, byte(r.kind)), auth(authDigest, r.replay, make([]byte, 16)), r.more)
	b := m.bytes()
	mac := hmac.New(md5.New, r.key)
	mac.Write(b)
	at := len(b) - len(r.more) - 16
	return slices.Concat(b[:at], mac.Sum(nil), b[at+16:])
}

func (l *lab) boundWithKey() {
	l.t.Helper()
	l.bound(lease1(), opt(dhcp6.OptReconfAccept), auth(authKey, 5, rkey))
}

// A Reconfigure has the client send what it says, when it is authentic, for the first
// time, and nothing else goes on (RFC 9915 §16.11, §18.2.11, §20.4).
func TestReconfigure(t *testing.T) {
	good := reconfigure{dhcp6.Renew, 6, rkey, server1, duid, nil}
	with := func(f func(*reconfigure)) reconfigure { r := good; f(&r); return r }
	tests := []struct {
		name string
		r    reconfigure
		want State
	}{
		{"Renew", good, Renewing},
		{"Rebind", with(func(r *reconfigure) { r.kind = dhcp6.Rebind }), Rebinding},
		{"Information-request", with(func(r *reconfigure) { r.kind = dhcp6.InformationRequest }), Informing},
		{"Request", with(func(r *reconfigure) { r.kind = dhcp6.Request }), Bound},
		{"of no type", with(func(r *reconfigure) { r.more = opt(dhcp6.OptReconfMsg, 5) }), Bound},
		{"another key", with(func(r *reconfigure) { r.key = []byte("fedcba9876543210") }), Bound},
		{"the value of the key itself", with(func(r *reconfigure) { r.replay = 5 }), Bound},
		{"an old value", with(func(r *reconfigure) { r.replay = 1 }), Bound},
		{"another server", with(func(r *reconfigure) { r.server = server2 }), Bound},
		{"no server", with(func(r *reconfigure) { r.server = nil }), Bound},
		{"another client", with(func(r *reconfigure) { r.client = server2 }), Bound},
		{"no client", with(func(r *reconfigure) { r.client = nil }), Bound},
		{"authenticated twice", with(func(r *reconfigure) { r.more = auth(authDigest, 7, make([]byte, 16)) }), Bound},
		{"an unknown option", with(func(r *reconfigure) { r.more = opt(9999, 1) }), Renewing},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			l := newLab(t, Options{IAs: []IA{na}, Reconfigure: true})
			l.boundWithKey()
			l.tell(Received{tt.r.bytes(), from})
			l.want(tt.want)
			l.wantHas(addr1)
		})
	}
}

// One octet that is not as it was sent makes it a forgery.
func TestReconfigureForged(t *testing.T) {
	l := newLab(t, Options{IAs: []IA{na}, Reconfigure: true})
	l.boundWithKey()
	b := reconfigure{dhcp6.Renew, 6, rkey, server1, duid, nil}.bytes()
	for i := range b {
		b[i] ^= 1
		l.tell(Received{b, from})
		l.want(Bound)
		b[i] ^= 1
	}
	l.tell(Received{b[:len(b)-1], from})
	l.want(Bound)
	l.tell(Received{b, from})
	l.want(Renewing)
}

// A Reconfigure is good once, also after a restart; while an exchange goes on none is.
func TestReconfigureReplayed(t *testing.T) {
	l := newLab(t, Options{IAs: []IA{na}, Reconfigure: true})
	l.boundWithKey()
	once := reconfigure{dhcp6.Renew, 6, rkey, server1, duid, nil}.bytes()
	l.tell(Received{once, from})
	l.want(Renewing)
	first := l.m.x.xid
	l.tell(Received{reconfigure{dhcp6.Rebind, 7, rkey, server1, duid, nil}.bytes(), from})
	l.want(Renewing)
	if l.m.x.xid != first {
		t.Error("the exchange began anew")
	}
	l.hear(answerTo(l.until(dhcp6.Renew), dhcp6.Reply, lease1()))
	l.want(Bound)
	l.tell(Received{once, from})
	l.want(Bound)

	next := newLab(t, Options{IAs: []IA{na}, Reconfigure: true, Record: lastSaved(l)})
	next.now = l.now.Add(time.Second)
	next.start()
	next.hear(answerTo(next.until(dhcp6.Confirm), dhcp6.Reply))
	next.tell(Received{once, from})
	next.want(Bound)
	next.tell(Received{reconfigure{dhcp6.Renew, 8, rkey, server1, duid, nil}.bytes(), from})
	next.want(Renewing)
}

// Keys: none is kept that was not agreed upon; another server's takes the place of the
// old one's, an old one of the same server does not (RFC 9915 §20.3, §20.4.3, §21.20).
func TestReconfigureKey(t *testing.T) {
	accept := opt(dhcp6.OptReconfAccept)
	tests := []struct {
		name string
		o    bool
		give []byte
		want bool
	}{
		{"agreed upon", true, slices.Concat(accept, auth(authKey, 1, rkey)), true},
		{"not wanted by us", false, slices.Concat(accept, auth(authKey, 1, rkey)), false},
		{"not wanted by the server", true, auth(authKey, 1, rkey), false},
		{"no key", true, accept, false},
		{"a short key", true, slices.Concat(accept, auth(authKey, 1, rkey[:15])), false},
		{"another protocol", true, slices.Concat(accept, opt(dhcp6.OptAuth, append(make([]byte, 12), rkey...)...)), false},
		{"a digest", true, slices.Concat(accept, auth(authDigest, 1, rkey)), false},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			l := newLab(t, Options{IAs: []IA{na}, Reconfigure: tt.o})
			l.bound(lease1(), tt.give)
			l.tell(Received{reconfigure{dhcp6.Renew, 2, rkey, server1, duid, nil}.bytes(), from})
			if tt.want != (l.m.State() == Renewing) {
				t.Errorf("%s", l.m.State())
			}
		})
	}
	other := []byte("fedcba9876543210")
	l := newLab(t, Options{IAs: []IA{na}, Reconfigure: true})
	l.boundWithKey()
	l.hear(answerTo(l.until(dhcp6.Renew), dhcp6.Reply, lease1(), accept, auth(authKey, 4, other)))
	if l.m.key.key != [16]byte(rkey) {
		t.Error("an old key was taken")
	}
	l.hear(answerTo(l.until(dhcp6.Rebind), dhcp6.Reply, lease1(), accept, auth(authKey, 1, other)).by(server2))
	if l.m.key.key != [16]byte(other) {
		t.Error("the key of the other server was not taken")
	}
	l.until(dhcp6.Renew)
	l.hear(answerTo(l.until(dhcp6.Rebind), dhcp6.Reply, lease1()))
	if l.m.key != nil {
		t.Error("the key of a server that is not asked any more is kept")
	}
}

// A client without leases may be asked for an Information-request alone, which names the
// server (RFC 9915 §18.2.6).
func TestReconfigureWithoutLeases(t *testing.T) {
	l := newLab(t, Options{Reconfigure: true})
	l.start()
	l.hear(answerTo(l.until(dhcp6.InformationRequest), dhcp6.Reply, opt(dhcp6.OptReconfAccept), auth(authKey, 5, rkey)))
	l.want(Informed)
	l.tell(Received{reconfigure{dhcp6.Renew, 6, rkey, server1, duid, nil}.bytes(), from})
	l.want(Informed)
	l.tell(Received{reconfigure{dhcp6.InformationRequest, 7, rkey, server1, duid, nil}.bytes(), from})
	l.want(Informing)
	i := l.until(dhcp6.InformationRequest)
	if id, _ := i.Options.Option(dhcp6.OptServerID); string(id) != string(server1) {
		t.Errorf("asked %x", id)
	}
	l.hear(answerTo(i, dhcp6.Reply).by(server2))
	l.want(Informing)
	l.hear(answerTo(i, dhcp6.Reply))
	l.want(Informed)
}
