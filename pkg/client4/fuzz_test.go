package client4

import (
	"encoding/hex"
	"encoding/json"
	"net/netip"
	"os"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/dhcp4o6/dhcp4o6/pkg/dhcp4"
	"github.com/dhcp4o6/dhcp4o6/pkg/hostconf"
)

// FuzzAnswer throws what a hostile server could send at a machine in each state that
// waits for an answer. The transaction and the hardware address are put right, so
// that all else is looked at. Nothing panics, no address is applied but the one that
// was asked for, and nothing that was not asked for.
func FuzzAnswer(f *testing.F) {
	var w dhcp4.Builder
	w.Header.XID, w.Header.HType = 1, 1
	w.SetCHAddr(testMAC)
	w.Query(dhcp4.Request, nil)
	var q dhcp4.Message
	if err := q.Parse(w.Bytes()); err != nil {
		f.Fatal(err)
	}
	for i, e := range [][]edit{
		nil, {lasting(0)}, {with(121, 24, 198, 51, 100, 192, 0, 2, 5)}, {with(108, 0, 0, 1, 0)}, {with(159, 2, 4, 0x30, 0)},
		{with(119, []byte("\x03eng\x07example\x03net\x00")...)}, {with(15, []byte("$(reboot)")...)}, {with(61, testID...)},
	} {
		for state := range byte(6) {
			f.Add(reply(&q, dhcp4.Ack, e...), state, i%2 == 0)
		}
		f.Add(reply(&q, dhcp4.Offer, e...), byte(0), true)
		f.Add(reply(&q, dhcp4.Nak, e...), byte(2), true)
	}
	states := []State{Selecting, Requesting, Renewing, Rebinding, Rebooting, Informing}
	f.Fuzz(func(t *testing.T, data []byte, state byte, over bool) {
		b, query := asking(t, states[int(state)%len(states)])
		b.m.o.FourOverSix = over
		data = slices.Clone(data)
		if len(data) >= dhcp4.HeaderLen {
			be.PutUint32(data[4:], query.XID)
			copy(data[28:], testMAC)
			data[2] = byte(len(testMAC))
		}
		was := b.m.State()
		n := len(b.applied)
		b.step(Received{Data: data, From: netip.MustParseAddr("2001:db8::1")})
		for _, c := range b.applied[n:] {
			checkApplied(t, b, was, &c)
		}
		for _, s := range b.sent {
			var m dhcp4.Message
			if err := m.Parse(s.Data); err != nil || m.Op != dhcp4.BootRequest {
				t.Errorf("sent what does not parse: %v", err)
			}
		}
		if r := b.record; r != nil {
			if _, err := r.check(); err != nil {
				t.Errorf("a record that is none: %v", err)
			}
		}
	})
}

func checkApplied(t *testing.T, b *bench, was State, c *hostconf.Change) {
	t.Helper()
	if c.New == nil {
		return
	}
	if len(c.New.Addresses) > 0 && (was == Selecting || was == Informing || c.New.Addresses[0].Prefix.Addr() != leaseAddr) {
		t.Errorf("%v: applied %v", was, c.New.Addresses)
	}
	for _, name := range append(append([]string{c.New.HostName, c.New.Domain}, c.New.Search...), c.New.CaptivePortal) {
		if strings.ContainsAny(name, " \n\t\"`;|<>\\") {
			t.Errorf("%v: name %q", was, name)
		}
	}
	for _, r := range c.New.Routes {
		if !r.Dest.IsValid() || r.Dest != r.Dest.Masked() || r.Via.IsValid() && !isHost(r.Via, false) {
			t.Errorf("%v: route %v", was, r)
		}
	}
	for _, v := range c.New.Vars {
		if strings.ContainsFunc(v.Value, func(c rune) bool { return c < ' ' || c > '~' }) {
			t.Errorf("%v: variable %s=%q", was, v.Name, v.Value)
		}
		if v.Name == "v6_only_preferred" || v.Name == "unknown_240" {
			t.Errorf("%v: %s was not asked for", was, v.Name)
		}
	}
}

// FuzzSettings reads all options that there are out of any message: what comes of it
// is printable and well-formed, the same each time, and with NoHijack leads out of
// the network by default routes alone.
func FuzzSettings(f *testing.F) {
	text, err := os.ReadFile("testdata/dhclient/ack.hex")
	if err != nil {
		f.Fatal(err)
	}
	ack, err := hex.DecodeString(strings.Join(strings.Fields(string(text)), ""))
	if err != nil {
		f.Fatal(err)
	}
	f.Add(ack, false)
	f.Add(ack, true)
	f.Add(someRecord(f).Message, true)
	f.Fuzz(func(t *testing.T, data []byte, safe bool) {
		var in dhcp4.Message
		if in.Parse(data) != nil || !isHost(in.YIAddr, false) {
			return
		}
		r, l := &reader{all: true, noHijack: safe}, &lease{addr: in.YIAddr, end: epoch}
		s := r.settings(&in, l)
		if !reflect.DeepEqual(s, r.settings(&in, l)) {
			t.Error("settings differ the second time")
		}
		names := make(map[string]bool)
		for _, v := range s.Vars {
			if strings.ContainsFunc(v.Value, func(c rune) bool { return c < ' ' || c > '~' }) || strings.ContainsFunc(v.Name, func(c rune) bool { return c != '_' && (c < '0' || c > 'z') }) {
				t.Errorf("variable %s=%q", v.Name, v.Value)
			}
			if names[v.Name] && !strings.HasPrefix(v.Name, "vendor_") {
				t.Errorf("variable %s stands there twice", v.Name)
			}
			names[v.Name] = true
		}
		for _, to := range s.Routes {
			if to.Dest != to.Dest.Masked() || to.Via.IsValid() && !isHost(to.Via, false) || safe && to.Dest.Bits() != 0 && !to.Dest.IsSingleIP() {
				t.Errorf("route %v", to)
			}
		}
		if p := s.PortSet; int(p.Offset)+int(p.Len) > 16 || p.ID>>p.Len != 0 {
			t.Errorf("port set %+v", p)
		}
	})
}

// FuzzRecord: what is read from a file is a lease, is written back unchanged, and
// starts a machine.
func FuzzRecord(f *testing.F) {
	good, err := json.Marshal(someRecord(f))
	if err != nil {
		f.Fatal(err)
	}
	f.Add(good)
	f.Add([]byte(strings.ReplaceAll(string(good), "192.0.2.77", "192.0.2.78")))
	f.Add([]byte(`{"version":1}`))
	f.Fuzz(func(t *testing.T, data []byte) {
		r, err := parseRecord(data)
		if err != nil {
			return
		}
		text, err := json.Marshal(r)
		if err != nil {
			t.Fatal(err)
		}
		again, err := parseRecord(text)
		if err != nil {
			t.Fatalf("%v: %s", err, text)
		}
		if second, err := json.Marshal(again); err != nil || string(second) != string(text) {
			t.Errorf("%v\n%s\n%s", err, text, second)
		}
		if !reflect.DeepEqual(r.Settings(), again.Settings()) {
			t.Error("settings differ")
		}
		b := newBench(t, func(o *Options) { o.Record, o.HWAddr, o.HWType, o.ClientID = r, r.HWAddr, r.HWType, r.ClientID })
		b.step(Start{})
		b.step(Ready{Up: true})
		b.step(Stop{})
	})
}
