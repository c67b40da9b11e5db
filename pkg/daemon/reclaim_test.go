package daemon

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"go.uber.org/zap"
	"go.uber.org/zap/zapcore"
	"go.uber.org/zap/zaptest/observer"

	"github.com/dhcp4o6/dhcp4o6/pkg/config"
	"github.com/dhcp4o6/dhcp4o6/pkg/lease"
	"github.com/dhcp4o6/dhcp4o6/pkg/lease/leasefile"
)

// TestSlowReclaim: as many rounds in a row as unwarned-reclaim-cycles says may leave
// expired leases behind; then that is told, and counting begins anew.
func TestSlowReclaim(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := &leases{table: lease.NewTable(new(lease.Volatile), lease.TableOptions{}), changed: make(chan struct{}, 1)}
		for n := range 20 {
			if _, _, err := l.table.Put(&lease.Lease{Resource: v4(fmt.Sprintf("192.0.2.%d", n)), HWAddr: []byte{2, 0, 0, 0, 0, byte(n)}, HWType: 1,
				Subnet: 1, Start: time.Now(), Valid: 500 * time.Millisecond}, lease.Always); err != nil {
				t.Fatal(err)
			}
		}
		l.settings.Store(&housekeeping{expired: config.Expired{ReclaimWait: time.Second, MaxLeases: 2, Unwarned: 3}})
		core, said := observer.New(zapcore.WarnLevel)
		go l.expire(t.Context(), zap.New(core))
		time.Sleep(30 * time.Second)
		if n := said.Len(); n != 3 { // ten rounds of two leases; the last finds nothing more
			t.Errorf("told %d times: %v", n, said.All())
		}
		if n := l.table.SubnetStats(1, lease.V4).Reclaimed; n != 20 {
			t.Errorf("%d leases reclaimed", n)
		}
	})
}

// TestReclaimIsStored: what was reclaimed stands in the lease file soon, also where no packet
// comes after which it would be synced.
func TestReclaimIsStored(t *testing.T) {
	file := filepath.Join(t.TempDir(), "leases.csv")
	store, err := leasefile.Open(file, leasefile.Options{Family: leasefile.V4})
	if err != nil {
		t.Fatal(err)
	}
	l := &leases{table: lease.NewTable(store, lease.TableOptions{})}
	if _, err := l.table.Load(t.Context()); err != nil {
		t.Fatal(err)
	}
	defer l.table.Close()
	for n := range 20 {
		if _, _, err := l.table.Put(&lease.Lease{Resource: v4(fmt.Sprintf("192.0.2.%d", n)), HWAddr: []byte{2, 0, 0, 0, 0, byte(n)}, HWType: 1,
			Subnet: 1, Start: time.Now().Add(-time.Hour), Valid: time.Minute}, lease.Always); err != nil {
			t.Fatal(err)
		}
	}
	if done, more := l.round(config.Expired{MaxLeases: 15}); done != 15 || !more {
		t.Errorf("%d leases, more %v", done, more)
	}
	rows, err := os.ReadFile(file)
	if n := strings.Count(string(rows), ",2,,0,"); err != nil || n != 15 { // of state 2, without context, of pool 0
		t.Errorf("%d leases are reclaimed in the file: %v\n%s", n, err, rows)
	}
}

// TestHistory: how long a reclaimed lease stays is said by two keys.
func TestHistory(t *testing.T) {
	for _, tt := range []struct {
		name                 string
		hold, flush, reclaim time.Duration
		want                 time.Duration
	}{
		{"Kea's defaults", time.Hour, 25 * time.Second, 10 * time.Second, time.Hour},
		{"hold-reclaimed-time 0", 0, 25 * time.Second, 10 * time.Second, -1},
		{"flush-reclaimed-timer-wait-time 0", time.Hour, 0, 10 * time.Second, -1},
		{"that, and no rounds", time.Hour, 0, 0, time.Hour},
		{"all 0", 0, 0, 0, -1},
	} {
		if got := history(config.Expired{Hold: tt.hold, FlushWait: tt.flush, ReclaimWait: tt.reclaim}); got != tt.want {
			t.Errorf("%s: %v, want %v", tt.name, got, tt.want)
		}
	}
}

// TestFlush: histories are forgotten without rounds of reclamation too; leases that have run out
// stay then.
func TestFlush(t *testing.T) {
	for _, test := range []struct {
		name  string
		e     config.Expired
		there int // of a lease that was given back, and of one that ran out
	}{
		{"rounds", config.Expired{ReclaimWait: 10 * time.Second, FlushWait: 25 * time.Second, Hold: time.Minute}, 0},
		{"no rounds", config.Expired{FlushWait: 25 * time.Second, Hold: time.Minute}, 1},
		{"rounds, nothing is flushed", config.Expired{ReclaimWait: 10 * time.Second, Hold: time.Minute}, 0},
		{"neither", config.Expired{Hold: time.Minute}, 1},
		{"nothing is remembered", config.Expired{ReclaimWait: 10 * time.Second}, 0},
	} {
		synctest.Test(t, func(t *testing.T) {
			l := &leases{table: lease.NewTable(new(lease.Volatile), lease.TableOptions{}), changed: make(chan struct{}, 1)}
			l.configure(&config.Config{Expired: test.e})
			for n := range 2 {
				m := lease.Lease{Resource: v4(fmt.Sprintf("192.0.2.%d", n)), HWAddr: []byte{2, byte(n)}, HWType: 1, Subnet: 1, Start: time.Now(), Valid: 5 * time.Second}
				if _, _, err := l.table.Put(&m, lease.Always); err != nil {
					t.Fatal(err)
				}
			}
			if _, err := l.table.Release(v4("192.0.2.0"), time.Now(), lease.Identity{Kind: lease.ByHWAddr, HWType: 1, ID: []byte{2, 0}}); err != nil {
				t.Fatal(err)
			}
			go l.expire(t.Context(), zap.NewNop())
			time.Sleep(3 * time.Minute)
			if n := l.table.Len(); n != test.there {
				t.Errorf("%s: %d leases are there, want %d", test.name, n, test.there)
			}
		})
	}
}
