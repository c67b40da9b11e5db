package server4

import (
	"testing"

	"github.com/dhcp4o6/dhcp4o6/pkg/dhcp4"
)

// A server that is switched off answers nothing, native or over the pair, and
// counts what it drops; switched on again it answers.
func TestDisable(t *testing.T) {
	b := newBench(t, net1())
	ask := func() int {
		return len(b.native(query{kind: dhcp4.Discover, giaddr: "192.0.2.9"}.datagram(t))) +
			len(b.over6(query{kind: dhcp4.Discover}.message(t)))
	}
	b.s.Disable(true)
	if n := ask(); n != 0 {
		t.Errorf("%d answers while it is off", n)
	}
	for name, want := range map[string]int64{"pkt4-received": 2, "pkt4-service-disabled": 2, "pkt4-drop-service-disabled": 2,
		"pkt4-receive-drop": 2, "pkt4-discover-received": 0, "pkt4-sent": 0} {
		if got := b.count(name); got != want {
			t.Errorf("%s is %d, want %d", name, got, want)
		}
	}
	b.s.Disable(false)
	if n := ask(); n != 2 {
		t.Errorf("%d answers when it is on again", n)
	}
}

// What is dropped unread costs no allocation.
func TestDisabledAllocatesNothing(t *testing.T) {
	b := newBench(t, net1())
	b.s.Disable(true)
	d := query{kind: dhcp4.Discover, giaddr: "192.0.2.9"}.datagram(t)
	b.native(d)
	if n := testing.AllocsPerRun(100, func() {
		b.w.slot(0).native(&d, &b.sock)
		b.w.turn(1)
	}); n != 0 {
		t.Errorf("%v allocations", n)
	}
}
