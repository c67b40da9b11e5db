package lease

import (
	"testing"
	"time"
)

// TestStands: what a client is to an address is what Grant makes of it then.
func TestStands(t *testing.T) {
	p := pool4(t, "192.0.2.10", "192.0.2.20")
	at := func(n int, after time.Duration) *Request { return ask(n, t0.Add(after), p) }
	tests := []struct {
		name  string
		state func(*Table, Resource)
		who   int
		after time.Duration
		want  Standing
	}{
		{"free", func(*Table, Resource) {}, 1, 0, Free},
		{"offered to the client", func(tab *Table, a Resource) { r := at(1, 0); r.Hint = a; mustOffer(t, tab, r) }, 1, time.Second, Free},
		{"offered to another", func(tab *Table, a Resource) { r := at(2, 0); r.Hint = a; mustOffer(t, tab, r) }, 1, time.Second, Taken},
		{"offered to another long ago", func(tab *Table, a Resource) { r := at(2, 0); r.Hint = a; mustOffer(t, tab, r) }, 1, time.Hour, Free},
		{"leased to the client", func(tab *Table, a Resource) { r := at(1, 0); r.Hint = a; mustGrant(t, tab, r) }, 1, time.Second, Mine},
		{"leased until a moment ago", func(tab *Table, a Resource) { r := at(1, 0); r.Hint = a; mustGrant(t, tab, r) }, 1, 24 * time.Hour, Mine},
		{"leased to another", func(tab *Table, a Resource) { r := at(2, 0); r.Hint = a; mustGrant(t, tab, r) }, 1, time.Second, Taken},
		{"another's time is over", func(tab *Table, a Resource) { r := at(2, 0); r.Hint = a; mustGrant(t, tab, r) }, 1, 24 * time.Hour, Free},
		{"declined", func(tab *Table, a Resource) {
			l := Lease{Resource: a, Subnet: 1}
			if _, err := tab.Condemn(&l, t0); err != nil {
				t.Fatal(err)
			}
		}, 1, time.Second, Taken},
	}
	for _, tt := range tests {
		tab := newTable(t, new(Volatile), TableOptions{DeclineProbation: time.Hour}, p)
		a := addr4("192.0.2.15")
		tt.state(tab, a)
		r := at(tt.who, tt.after)
		r.Hint, r.Must = a, true
		got, l, _ := tab.Stands(r, a)
		if got != tt.want || (got == Mine) != (l.Resource == a) {
			t.Errorf("%s: %v, %+v", tt.name, got, l)
		}
		if _, _, err := tab.Grant(r); (err != nil) != (got == Taken) {
			t.Errorf("%s: stands as %v, and Grant says %v", tt.name, got, err)
		}
	}
}
