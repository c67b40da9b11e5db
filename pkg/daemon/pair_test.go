package daemon

import (
	"fmt"
	"net"
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

// A peer's port that is held by a user who may not is told, and no more than
// once in a while.
func TestStrangerAtThePair(t *testing.T) {
	core, seen := observer.New(zap.WarnLevel)
	d := &daemon{log: zap.New(core), metrics: new(metrics.Set)}
	for range 5 {
		d.refused(ipc.ErrOwner)
	}
	d.refused(ipc.ErrShort)
	if seen.Len() != 1 || d.metrics.Counter("4o6-bad-packet-owner").Value() != 5 {
		t.Errorf("%d lines, %d counted", seen.Len(), d.metrics.Counter("4o6-bad-packet-owner").Value())
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
