package daemon

import (
	"fmt"
	"net"
	"os"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"go.uber.org/zap"
	"go.uber.org/zap/zapcore"
	"go.uber.org/zap/zaptest/observer"

	"github.com/dhcp4o6/dhcp4o6/pkg/ipc"
	"github.com/dhcp4o6/dhcp4o6/pkg/metrics"
)

// A port of the pair that somebody else holds does not keep a server from its
// other clients; the port is taken as soon as it is free.
func TestPairPortTakenAtStart(t *testing.T) {
	h := newHost(t)
	holder, err := net.ListenPacket("udp6", fmt.Sprintf("[::1]:%d", h.pair+1))
	if err != nil {
		t.Fatal(err)
	}
	v4, v6 := h.both()
	contains(t, v4.lines(), "ERROR the pair's port cannot be opened; it is tried again every second", "address already in use")
	if v6.said("ERROR") {
		t.Error(v6.lines())
	}
	if _, ok := h.client(); ok {
		t.Error("a lease without the pair")
	}
	// something else may change meanwhile
	h.conf4(`"valid-lifetime": 1000,`)
	contains(t, v4.reload(), "succeeded")
	holder.Close()
	v4.wait("INFO the pair's port is open")
	h.mustLease("192.0.2.10")
}

// Without the other daemon its loss is counted, told once, and forgotten when it
// comes back, in whatever order the two start and stop.
func TestOtherDaemonGoesAndComes(t *testing.T) {
	h := newHost(t)
	v6 := h.start(dhcp6, Setup{ConfigFile: h.conf6("")})
	file := h.conf4("")
	const lost = 4
	lose := func() {
		t.Helper()
		for range lost {
			if _, ok := h.client(); ok {
				t.Fatal("a lease without dhcp4d")
			}
		}
	}
	lose()
	v6.wait("WARN the other daemon is not there: 4o6 messages are lost until it comes back")
	eventually(t, "counted", func() bool { return v6.metrics.Counter("4o6-no-peer").Value() >= lost-1 })

	v4 := h.start(dhcp4, Setup{ConfigFile: file})
	h.mustLease("192.0.2.10")
	v6.wait("INFO the other daemon answers")
	if err := v4.end(); err != nil {
		t.Fatal(err)
	}
	lose()
	if n := strings.Count(v6.lines(), "the other daemon is not there"); n != 1 {
		t.Errorf("told %d times within ten seconds", n)
	}
	h.start(dhcp4, Setup{ConfigFile: file})
	h.mustLease("192.0.2.10")
}

// As long as messages are lost it is told every ten seconds, with how many.
func TestLossIsToldEveryTenSeconds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		core, seen := observer.New(zapcore.DebugLevel)
		d := &daemon{kind: dhcp4, log: zap.New(core)}
		tell := func(lost uint64) {
			d.peer.counted += lost
			d.sayPeerGone()
		}
		tell(3)
		tell(4)
		tell(5)
		if seen.Len() != 1 || seen.All()[0].ContextMap()["refused"] != uint64(3) {
			t.Errorf("%v", seen.All())
		}
		time.Sleep(10 * time.Second)
		tell(1)
		if seen.Len() != 2 || seen.All()[1].ContextMap()["refused"] != uint64(10) {
			t.Errorf("%v", seen.All())
		}
	})
}

// What the pair refuses is counted by its reason.
func TestBadMessagesAreCounted(t *testing.T) {
	h := newHost(t)
	v4 := h.start(dhcp4, Setup{ConfigFile: h.conf4("")})
	peer, err := net.DialUDP("udp6", &net.UDPAddr{IP: net.IPv6loopback, Port: h.pair}, &net.UDPAddr{IP: net.IPv6loopback, Port: h.pair + 1})
	if err != nil {
		t.Fatal(err)
	}
	defer peer.Close()
	for range 3 {
		if _, err := peer.Write([]byte("nonsense")); err != nil {
			t.Fatal(err)
		}
	}
	eventually(t, "counted", func() bool { return v4.metrics.Counter("4o6-bad-packet").Value() == 3 })
	contains(t, v4.lines(), "DEBUG 4o6 message refused map[reason:")
	if v4.said("ERROR") || v4.said("WARN") {
		t.Error(v4.lines())
	}
}

// Plain DHCPv6 goes on without the other daemon.
func TestNoPair(t *testing.T) {
	h := newHost(t)
	h.pair = 0
	r := h.start(dhcp6, Setup{ConfigFile: h.conf6("")})
	time.Sleep(1200 * time.Millisecond) // the clock has looked after the pair
	if r.said("pair") || r.said("WARN") {
		t.Error(r.lines())
	}
}

// What of the pair has to be seen to is told, each on its own and no more than
// once in a while; what a client can bring about is not.
func TestWarningsOfThePair(t *testing.T) {
	core, seen := observer.New(zap.WarnLevel)
	d := &daemon{log: zap.New(core), metrics: new(metrics.Set)}
	told := map[ipc.Fault]string{
		ipc.ErrOwner: "held by a user who may not", ipc.ErrNobody: "nobody holds it", ipc.ErrDialect: "another dialect",
		ipc.ErrOldHeader: "ISC DHCP 4.3.5 or 4.3.6", ipc.ErrNoMAC: "without a MAC", ipc.ErrMAC: "wrong MAC", ipc.ErrReplay: "come before",
	}
	for f := range ipc.Faults {
		for range 5 {
			d.refused(f)
		}
		if n := d.metrics.Counter("4o6-bad-packet-" + f.Reason()).Value(); n != 5 {
			t.Errorf("%v: counted %d", f, n)
		}
		lines := seen.TakeAll()
		switch want, ok := told[f]; {
		case !ok && len(lines) != 0, ok && len(lines) != 1:
			t.Errorf("%v: %d lines", f, len(lines))
		case ok && !strings.Contains(lines[0].Message, want):
			t.Errorf("%v: %s", f, lines[0].Message)
		}
	}
}

// ours are keys of ours at top level.
func ours(keys string) string { return fmt.Sprintf(`"user-context": {"dhcp4o6": {%s}},`, keys) }

// key writes a key file.
func (h *host) key(name string, first byte) string {
	return h.write(name, "%s", string(first)+strings.Repeat("k", 31))
}

// The pair works with a key that both have, from one daemon to the other and
// through a change of keys, and not with two keys, or where only one has it.
func TestPairHMAC(t *testing.T) {
	h := newHost(t)
	old, next := h.key("old.key", 1), h.key("next.key", 2)
	mode := func(mode, key, other string) string {
		return ours(fmt.Sprintf(`"pair-hmac": %q, "pair-key-file": %q, "pair-other-key-file": %q`, mode, key, other))
	}
	v4 := h.start(dhcp4, Setup{ConfigFile: h.conf4(mode("require", old, ""))})
	v6 := h.start(dhcp6, Setup{ConfigFile: h.conf6(mode("require", old, ""))})
	h.mustLease("192.0.2.10")
	set4 := func(more string) { t.Helper(); h.conf4(more); contains(t, v4.reload(), "succeeded") }
	set6 := func(more string) { t.Helper(); h.conf6(more); contains(t, v6.reload(), "succeeded") }
	for _, step := range []string{mode("require", old, next), mode("require", next, old), mode("require", next, "")} {
		set4(step)
		h.mustLease("192.0.2.10")
		set6(step)
		h.mustLease("192.0.2.10")
	}
	for _, r := range []*running{v4, v6} {
		if n := r.metrics.Counter("4o6-bad-packet").Value(); n != 0 {
			t.Errorf("%d messages lost in a change of keys:\n%s", n, r.lines())
		}
	}

	set6(mode("require", old, ""))
	if _, ok := h.client(); ok {
		t.Error("a lease with two keys")
	}
	v4.wait("WARN 4o6 messages with a wrong MAC are refused: another key, or somebody else")
	set6("")
	if _, ok := h.client(); ok {
		t.Error("a lease without a MAC")
	}
	v4.wait("WARN 4o6 messages without a MAC are refused: pair-hmac is require")
	set4(mode("accept", next, ""))
	h.mustLease("192.0.2.10") // dhcp6d takes the MAC out and does not look at it

	h.key("next.key", 3) // the same file with another key in it: read at the reload
	set6(mode("accept", next, ""))
	if _, ok := h.client(); ok {
		t.Error("a lease with an old key in dhcp4d")
	}
	set4(mode("accept", next, ""))
	h.mustLease("192.0.2.10")
	if n := v4.metrics.Counter("4o6-bad-packet-mac").Value(); n < 2 {
		t.Errorf("%d of a wrong MAC counted", n)
	}
}

// A key file that others can read, or that is none, ends a start, and a reload
// changes nothing.
func TestPairKeyFile(t *testing.T) {
	h := newHost(t)
	file := h.key("pair.key", 1)
	conf := ours(fmt.Sprintf(`"pair-hmac": "require", "pair-key-file": %q`, file))
	v4 := h.start(dhcp4, Setup{ConfigFile: h.conf4(conf)})
	if err := os.Chmod(file, 0o644); err != nil {
		t.Fatal(err)
	}
	v6 := h.launch(dhcp6, Setup{ConfigFile: h.conf6(conf)})
	err := <-v6.ended
	v6.ended <- err
	if err == nil || !strings.Contains(err.Error(), "mode 0644, want 0600") {
		t.Errorf("started with a key that all can read: %v", err)
	}
	contains(t, v4.reload(), "ERROR reconfiguration failed, the old configuration stays", "pair-hmac", "mode 0644")
	if err := os.Chmod(file, 0o600); err != nil {
		t.Fatal(err)
	}
	h.start(dhcp6, Setup{ConfigFile: h.conf6(conf)})
	h.mustLease("192.0.2.10")
}

// dhcp6d speaks the dialect that is set, dhcp4d answers in it; a reload changes
// it.
func TestPairDialect(t *testing.T) {
	h := newHost(t)
	v4 := h.start(dhcp4, Setup{ConfigFile: h.conf4("")})
	v6 := h.start(dhcp6, Setup{ConfigFile: h.conf6(ours(`"pair-dialect": "isc"`))})
	h.mustLease("192.0.2.10")
	h.conf6("")
	contains(t, v6.reload(), "succeeded")
	h.mustLease("192.0.2.10")
	for _, r := range []*running{v4, v6} {
		n := r.metrics.Counter("4o6-bad-packet").Value()
		// a query that is read together with the greeting of a new peer is not taken
		if n -= r.metrics.Counter("4o6-bad-packet-newcomer").Value(); n != 0 {
			t.Errorf("%d refused:\n%s", n, r.lines())
		}
	}
}

// A fault of ours that a message has met is told with what it takes to find it.
func TestFaultInThePair(t *testing.T) {
	core, seen := observer.New(zap.ErrorLevel)
	d := &daemon{log: zap.New(core), metrics: new(metrics.Set)}
	for range 5 {
		d.pairFault("injected", []byte{20, 0, 0, 0})
	}
	if seen.Len() != 1 || seen.All()[0].ContextMap()["message"] != "14000000" {
		t.Error(seen.All())
	}
}
