package server6

import (
	"testing"

	"github.com/dhcp4o6/dhcp4o6/pkg/dhcp6"
)

// A server that is switched off answers nothing, hands nothing over, and counts
// what it drops; what went over the pair before still comes back.
func TestDisable(t *testing.T) {
	l := newLab(t)
	solicit := func() []byte { return l.message(dhcp6.Solicit, cid(), iaNA(1)) }
	l.give(l.in(query4(1)))
	asked := l.pair.taken()
	if len(asked) != 1 {
		t.Fatalf("%d queries handed over", len(asked))
	}
	l.s.Disable(true)
	out := l.give(l.in(solicit()), l.in(query4(2)))
	if over := l.pair.taken(); len(out) != 0 || len(over) != 0 {
		t.Errorf("%d answers, %d queries handed over", len(out), len(over))
	}
	for name, want := range map[string]int{"pkt6-received": 3, "pkt6-service-disabled": 2, "pkt6-drop-service-disabled": 2,
		"pkt6-receive-drop": 2, "pkt6-solicit-received": 0} {
		if got := l.counted(name); got != want {
			t.Errorf("%s is %d, want %d", name, got, want)
		}
	}
	if out := l.back(answer4(t, asked[0])); len(out) != 1 {
		t.Error("an answer that was under way is held back")
	}
	l.s.Disable(false)
	l.ask(solicit()).is(dhcp6.Advertise)
}
