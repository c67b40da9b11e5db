package lease

import (
	"encoding/json"
	"maps"
	"net/netip"
	"slices"
	"testing"
	"time"
)

// What the user context holds that is not ours survives octet for octet.
func TestAppendSource(t *testing.T) {
	tests := []struct{ name, ctx, want string }{
		{"none", ``, `{"dhcp4o6":{"source":"2001:db8::1"}}`},
		{"an empty object", `{ }`, `{"dhcp4o6":{"source":"2001:db8::1"} }`},
		{"Kea's", `{"ISC":{"x":[1,2]}}`, `{"dhcp4o6":{"source":"2001:db8::1"},"ISC":{"x":[1,2]}}`},
		{"ours of before", `{"dhcp4o6":{"source":"fe80::1"}}`, `{"dhcp4o6":{"source":"2001:db8::1"}}`},
		{"ours among others", `{"a":1, "dhcp4o6" : { "source" : "fe80::1", "b":2 },"c":3}`,
			`{"a":1, "dhcp4o6" : { "source" : "2001:db8::1", "b":2 },"c":3}`},
		{"ours without a source", `{"dhcp4o6":{"b":2}}`, `{"dhcp4o6":{"source":"2001:db8::1","b":2}}`},
		{"ours, empty", `{"dhcp4o6":{},"a":1}`, `{"dhcp4o6":{"source":"2001:db8::1"},"a":1}`},
		{"our name for something else", `{"dhcp4o6":null,"a":1}`, `{"dhcp4o6":{"source":"2001:db8::1"},"a":1}`},
		{"our name further down", `{"a":{"dhcp4o6":1}}`, `{"dhcp4o6":{"source":"2001:db8::1"},"a":{"dhcp4o6":1}}`},
		{"no object", `[1,{"a":2}]`, `[1,{"a":2}]`},
	}
	for _, tt := range tests {
		got := string(appendSource(nil, []byte(tt.ctx), netip.MustParseAddr("2001:db8::1")))
		if got != tt.want || !json.Valid([]byte(got)) {
			t.Errorf("%s:\n got %s\nwant %s", tt.name, got, tt.want)
		}
	}
}

func FuzzAppendSource(f *testing.F) {
	for _, s := range []string{`{}`, `{"dhcp4o6":{"source":"a"}}`, `{"a":1,"dhcp4o6":{"b":[]}}`, ` {"dhcp4o6":1}`} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, ctx []byte) {
		var before, after map[string]json.RawMessage
		got := appendSource(nil, ctx, netip.IPv6Loopback())
		if json.Unmarshal(ctx, &before) != nil || before == nil {
			return
		}
		if err := json.Unmarshal(got, &after); err != nil {
			t.Fatalf("%q became %q: %v", ctx, got, err)
		}
		delete(before, "dhcp4o6")
		delete(after, "dhcp4o6")
		if !slices.Equal(slices.Sorted(maps.Keys(before)), slices.Sorted(maps.Keys(after))) {
			t.Fatalf("%q became %q", ctx, got)
		}
		for k := range before {
			if string(before[k]) != string(after[k]) {
				t.Fatalf("%q became %q", ctx, got)
			}
		}
		if again := appendSource(nil, got, netip.IPv6Loopback()); string(again) != string(got) {
			t.Fatalf("%q became %q the second time", got, again)
		}
	})
}

// A lease keeps the context of its client over renewals, over 4o6 with ours
// added, and gives none of it to the next client.
func TestUserContextStays(t *testing.T) {
	p := pool4(t, "192.0.2.1", "192.0.2.1")
	tab := newTable(t, new(Volatile), TableOptions{}, p)
	const kea = `{"ISC":{"comment":"by Kea"}}`
	old := Lease{Resource: addr4("192.0.2.1"), HWAddr: []byte{2, 0, 0, 0, 0, 1}, HWType: 1, Subnet: 1, Start: t0, Valid: time.Hour, UserContext: []byte(kea)}
	if err := tab.load(Change{Lease: &old}); err != nil {
		t.Fatal(err)
	}
	tab.Adopt([]*Pool{p})
	by := func(hw, over6 string, now time.Time) {
		t.Helper()
		r := v4("", hw, p)
		r.Now = now
		if over6 != "" {
			r.Over6 = netip.MustParseAddr(over6)
		}
		mustGrant(t, tab, r)
	}
	expect := func(want string) {
		t.Helper()
		if l, _ := tab.ByResource(addr4("192.0.2.1")); string(l.UserContext) != want {
			t.Errorf("context %s, want %s", l.UserContext, want)
		}
	}
	hw := string(old.HWAddr)
	by(hw, "", t0.Add(time.Minute))
	expect(kea)
	by(hw, "fe80::1", t0.Add(2*time.Minute))
	expect(`{"dhcp4o6":{"source":"fe80::1"},"ISC":{"comment":"by Kea"}}`)
	by(hw, "fe80::2", t0.Add(3*time.Minute))
	expect(`{"dhcp4o6":{"source":"fe80::2"},"ISC":{"comment":"by Kea"}}`)
	by(hw, "", t0.Add(4*time.Minute))
	expect(`{"dhcp4o6":{"source":"fe80::2"},"ISC":{"comment":"by Kea"}}`)
	if _, err := tab.Release(old.Resource, t0.Add(5*time.Minute), Identity{Kind: ByHWAddr, HWType: 1, ID: old.HWAddr}); err != nil {
		t.Fatal(err)
	}
	by("\x02\x00\x00\x00\x00\x02", "", t0.Add(6*time.Minute))
	expect("")
}
