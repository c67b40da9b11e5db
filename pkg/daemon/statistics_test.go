package daemon

import (
	"encoding/json"
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"
	"time"
)

// The commands about statistics answer with Kea's codes and words: the answers are
// those of kea-dhcp4 2.2.0 to the same requests, in this order, but for the rows
// that say otherwise.
func TestStatisticCommands(t *testing.T) {
	h := newHost(t)
	h.with4("")
	const reset, set, all = "Statistic '%s' reset.", "Statistic '%s' count limit is set.", "All statistics count limit are set."
	tests := []struct {
		command, args string
		result        int
		text          string
	}{
		{"statistic-get", `{"name": "pkt4-received"}`, 0, ""},
		{"statistic-get", `{"name": "nope"}`, 0, ""},
		{"statistic-get", `{"name": ""}`, 0, ""},
		{"statistic-get", `{}`, 1, "Missing mandatory 'name' parameter."},
		{"statistic-get", ``, 1, "Missing mandatory 'name' parameter."},
		{"statistic-get", `{"name": 3}`, 1, "'name' parameter expected to be a string."},
		{"statistic-get", `[]`, 1, "Error during command processing: arguments must be a map"}, // Kea's says where in its source
		{"statistic-get-all", `{"name": 3}`, 0, ""},
		{"statistic-reset", `{"name": "pkt4-received"}`, 0, fmt.Sprintf(reset, "pkt4-received")},
		{"statistic-reset", `{"name": "nope"}`, 1, "No 'nope' statistic found"},
		{"statistic-reset", ``, 1, "Missing mandatory 'name' parameter."},
		{"statistic-sample-age-set", `{"name": "pkt4-received", "duration": 1245}`, 0, "Statistic 'pkt4-received' duration limit is set."},
		{"statistic-sample-age-set", `{"name": "pkt4-received", "duration": -5}`, 1, "'duration' parameter must not be negative"}, // Kea dies of it
		{"statistic-sample-age-set", `{"name": "nope", "duration": 1245}`, 1, "No 'nope' statistic found"},
		{"statistic-sample-age-set", `{"name": "pkt4-received"}`, 1, "Missing mandatory 'duration' parameter."},
		{"statistic-sample-age-set", `{"name": "pkt4-received", "duration": "x"}`, 1, "'duration' parameter expected to be an integer."}, // likewise
		{"statistic-sample-age-set", `{"duration": 5}`, 1, "Missing mandatory 'name' parameter."},
		{"statistic-sample-age-set-all", `{"duration": 1245}`, 0, "All statistics duration limit are set."},
		{"statistic-sample-age-set-all", ``, 1, "Missing mandatory 'duration' parameter."},
		{"statistic-sample-age-set-all", `[1]`, 1, "Error during command processing: arguments must be a map"},
		{"statistic-sample-count-set", `{"name": "pkt4-received", "max-samples": 3}`, 0, fmt.Sprintf(set, "pkt4-received")},
		{"statistic-sample-count-set", `{"name": "pkt4-received", "max-samples": 99999999999}`, 0, fmt.Sprintf(set, "pkt4-received")},
		{"statistic-sample-count-set", `{"name": "pkt4-received", "max-samples": 0}`, 1, "'max-samples' parameter must not be zero"}, // Kea answers nothing but errors after it
		{"statistic-sample-count-set", `{"name": "pkt4-received", "max-samples": -1}`, 1, "'max-samples' parameter must not be negative"},
		{"statistic-sample-count-set", `{"name": "pkt4-received", "max-samples": "x"}`, 1, "'max-samples' parameter expected to be an integer."},
		{"statistic-sample-count-set", `{"name": "pkt4-received", "max-samples": 2.5}`, 1, "'max-samples' parameter expected to be an integer."},
		{"statistic-sample-count-set", `{"name": "nope", "max-samples": 3}`, 1, "No 'nope' statistic found"},
		{"statistic-sample-count-set", `{"name": "pkt4-received"}`, 1, "Missing mandatory 'max-samples' parameter."},
		{"statistic-sample-count-set", `{"max-samples": 3}`, 1, "Missing mandatory 'name' parameter."},
		{"statistic-sample-count-set-all", `{"max-samples": 3}`, 0, all},
		{"statistic-sample-count-set-all", `{"max-samples": 0}`, 1, "'max-samples' parameter must not be zero"},
		{"statistic-sample-count-set-all", ``, 1, "Missing mandatory 'max-samples' parameter."},
		{"statistic-reset-all", ``, 0, "All statistics reset to neutral values."},
		{"statistic-remove", `{"name": "pkt4-ack-sent"}`, 0, "Statistic 'pkt4-ack-sent' removed."},
		{"statistic-remove", `{"name": "pkt4-ack-sent"}`, 1, "No 'pkt4-ack-sent' statistic found"},
		{"statistic-remove", ``, 1, "Missing mandatory 'name' parameter."},
		{"statistic-remove-all", ``, 0, "Warning: statistic-remove-all command is deprecated. All statistics removed."},
		{"statistic-global-get-all", ``, 0, ""}, // since Kea 2.7
	}
	for _, tt := range tests {
		t.Run(tt.command+" "+tt.args, func(t *testing.T) { tell(t, h.door(), tt.command, tt.args).is(t, tt.result, tt.text) })
	}
}

// statistics asks for all of them: name, values from the newest on.
func statistics(t *testing.T, door string) map[string][]json.Number {
	t.Helper()
	var got map[string][][2]any
	d := json.NewDecoder(strings.NewReader(string(tell(t, door, "statistic-get-all", "").Arguments)))
	d.UseNumber()
	if err := d.Decode(&got); err != nil {
		t.Fatal(err)
	}
	all := make(map[string][]json.Number)
	for name, samples := range got {
		for _, s := range samples {
			n, ok := s[0].(json.Number)
			at, _ := s[1].(string)
			if when, err := time.ParseInLocation("2006-01-02 15:04:05.000000", at, time.Local); !ok || err != nil || time.Since(when) > time.Minute || len(at) != 26 {
				t.Errorf("%s: %v", name, s)
			}
			all[name] = append(all[name], n)
		}
	}
	return all
}

// What is counted is told with its history, newest first, totals however great
// they are, and begins anew where it is reset.
func TestStatisticSamples(t *testing.T) {
	h := newHost(t)
	h.with4("")
	door6 := h.door() + "6"
	h.start(dhcp6, Setup{ConfigFile: h.conf6(socket(door6) + `"subnet6": [ { "id": 3, "subnet": "2001:db8::/32", "pools": [ { "pool": "2001:db8::/64" } ] } ],`)})
	if got := statistics(t, door6)["subnet[3].total-nas"]; !slices.Equal(got, []json.Number{"18446744073709551616"}) {
		t.Errorf("a /64 has %v addresses", got)
	}
	door := h.door() + "c"
	h.start(dhcp6, Setup{Port: freePort(t), FromSource: true, ConfigFile: h.write("clamped.json", `{ "Dhcp6": { %s "lease-database": { "type": "memfile", "persist": false },
		"user-context": { "dhcp4o6": { "clamp-totals": true } }, "interfaces-config": { "interfaces": [] },
		"server-id": { "type": "EN", "enterprise-id": 32473, "identifier": "01", "persist": false },
		"subnet6": [ { "id": 3, "subnet": "2001:db8::/32", "pools": [ { "pool": "2001:db8::/64" } ] } ] } }`, socket(door))})
	if got := statistics(t, door)["subnet[3].total-nas"]; !slices.Equal(got, []json.Number{"9223372036854775807"}) {
		t.Errorf("a /64 has %v addresses, clamped", got)
	}
	before := statistics(t, h.door())
	if got := before["subnet[1].total-addresses"]; !slices.Equal(got, []json.Number{"90"}) {
		t.Errorf("total %v", got)
	}
	h.mustLease("192.0.2.10")
	after := statistics(t, h.door())
	for name, want := range map[string]string{"pkt4-discover-received": "1", "pkt4-ack-sent": "1", "subnet[1].assigned-addresses": "1"} {
		if got := after[name]; !slices.Equal(got, []json.Number{json.Number(want), "0"}) {
			t.Errorf("%s: %v", name, got)
		}
	}
	tell(t, h.door(), "statistic-reset", `{"name": "pkt4-ack-sent"}`)
	tell(t, h.door(), "statistic-remove", `{"name": "pkt4-offer-sent"}`)
	tell(t, h.door(), "statistic-reset", `{"name": "subnet[1].assigned-addresses"}`)
	now := statistics(t, h.door())
	if got := now["pkt4-ack-sent"]; !slices.Equal(got, []json.Number{"0"}) {
		t.Errorf("reset to %v", got)
	}
	if got := now["subnet[1].assigned-addresses"]; !slices.Equal(got, []json.Number{"1"}) {
		t.Errorf("what there is was reset to %v", got)
	}
	if got, ok := now["pkt4-offer-sent"]; ok {
		t.Errorf("removed, and is %v", got)
	}
	h.mustLease("192.0.2.10")
	if got := statistics(t, h.door())["pkt4-offer-sent"]; !slices.Equal(got, []json.Number{"1"}) {
		t.Errorf("removed and counted again: %v", got)
	}
}

// 4o6-status tells how the pair is: who is at the other end, since when, and what
// has passed.
func TestStatus4o6(t *testing.T) {
	h := newHost(t)
	r4 := h.with4("")
	status := func(door string) (s status4o6) {
		t.Helper()
		if err := json.Unmarshal(tell(t, door, "4o6-status", "").is(t, 0, "").Arguments, &s); err != nil {
			t.Fatal(err)
		}
		return s
	}
	if s := status(h.door()); s.Peer.State != peerUnknown || s.Peer.User != nil || int(s.Pair.Asked) != h.pair || s.Pair.HMAC != "off" || int(s.Pair.Port) != h.pair+1 || int(s.Pair.PeerPort) != h.pair {
		t.Errorf("alone: %+v", s)
	}
	door6 := h.door() + "6"
	h.start(dhcp6, Setup{ConfigFile: h.conf6(socket(door6))})
	h.mustLease("192.0.2.10")
	for door, want := range map[string]map[string]int64{
		h.door(): {"4o6-pair-received": 2, "4o6-pair-sent": 2, "4o6-peer-up": 1},
		door6:    {"4o6-forwarded": 2, "4o6-returned": 2, "4o6-receipts": 0, "4o6-peer-up": 1},
	} {
		eventually(t, "the peer is up", func() bool { s := status(door); return s.Peer.State == peerUp && s.Peer.Since != "" })
		s := status(door)
		if s.Peer.User == nil || int(*s.Peer.User) != os.Geteuid() || !s.Pair.Checked {
			t.Errorf("the user of the peer: %v, checked %v", s.Peer.User, s.Pair.Checked)
		}
		for name, n := range want {
			if s.Counters[name] != n {
				t.Errorf("%s is %d, want %d", name, s.Counters[name], n)
			}
		}
	}
	r4.end()
	eventually(t, "the peer is down", func() bool {
		h.client()
		return status(door6).Peer.State == peerDown
	})
	if s := status(door6); s.Peer.User != nil || s.Counters["4o6-no-peer"] == 0 && s.Counters["4o6-peer-up"] != 0 || s.Peer.Since == "" {
		t.Errorf("alone again: %+v", s)
	}
}
