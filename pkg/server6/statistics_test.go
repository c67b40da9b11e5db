package server6

import (
	"testing"
	"time"

	"github.com/dhcp4o6/dhcp4o6/pkg/dhcp6"
)

func TestStatisticsOfLeases(t *testing.T) {
	l := newLab(t)
	a := l.lease()
	l.ask(l.message(dhcp6.Request, cid(), sid(), iaNA(2))).is(dhcp6.Reply)
	l.ask(l.message(dhcp6.Decline, cid(), sid(), iaNA(1, a))).is(dhcp6.Reply)
	for name, want := range map[string]int{
		"subnet[1].total-nas": 256, "subnet[1].assigned-nas": 2, "subnet[1].cumulative-assigned-nas": 2,
		"subnet[1].declined-addresses": 1, "subnet[1].pool[0].total-nas": 256, "subnet[1].pool[0].assigned-nas": 2,
		"cumulative-assigned-nas": 2, "declined-addresses": 1,
	} {
		if got := l.counted(name); got != want {
			t.Errorf("%s is %d, want %d", name, got, want)
		}
	}
	l.table.Expire(begin.Add(3*time.Hour), 0)
	if got := l.counted("reclaimed-leases"); got != 1 {
		t.Errorf("reclaimed-leases is %d", got)
	}
}
