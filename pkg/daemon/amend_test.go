package daemon

import (
	"context"
	"encoding/json"
	"fmt"
	"net"
	"net/netip"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/dhcp4o6/dhcp4o6/pkg/load"
)

// A reservation that a command has made holds for the next packet, is in what
// config-get shows and config-write keeps, and is gone when a command takes it away.
func TestReservationByCommand(t *testing.T) {
	h := newHost(t)
	h.with4("")
	h.start(dhcp6, Setup{ConfigFile: h.conf6("")})
	h.mustLease("192.0.2.10")
	hash := string(tell(t, h.door(), "config-hash-get", "").Arguments)
	other := `{ "reservation": { "subnet-id": 1, "hw-address": "02:00:00:00:00:99", "ip-address": "192.0.2.10" } }`
	tell(t, h.door(), "reservation-add", other).is(t, 0, "Host added.")
	h.mustLease("192.0.2.11") // the first is somebody else's now
	if now := string(tell(t, h.door(), "config-hash-get", "").Arguments); now == hash {
		t.Error("the hash has not changed")
	}
	contains(t, string(tell(t, h.door(), "config-get", "").Arguments), "02:00:00:00:00:99")
	if strings.Contains(h.mine4(), "02:00:00:00:00:99") {
		t.Error("the file has changed")
	}
	tell(t, h.door(), "config-write", "")
	tell(t, h.door(), "config-reload", "").is(t, 0, "Configuration successful.")
	var page struct{ Hosts []map[string]any }
	if err := json.Unmarshal(tell(t, h.door(), "reservation-get-page", `{ "limit": 9 }`).Arguments, &page); err != nil || len(page.Hosts) != 1 {
		t.Fatal(err, page)
	}
	tell(t, h.door(), "reservation-del", `{ "subnet-id": 1, "ip-address": "192.0.2.10" }`).is(t, 0, "Host deleted.")
	tell(t, h.door(), "reservation-add", strings.ReplaceAll(other, "192.0.2.10", "192.0.2.11")).is(t, 0, "Host added.")
	h.mustLease("192.0.2.10") // which is free again, and was the client's
	// a configuration that starts nowhere does not come into force by command either
	a := tell(t, h.door(), "reservation-add", strings.ReplaceAll(other, "192.0.2.10", "192.0.3.1"))
	a.is(t, 1, "specified reservation '192.0.3.1' is not matching the IPv4 subnet prefix '192.0.2.0/24'")
}

// A subnet goes by command, its clients unanswered, its statistics with it, and its
// leases stay for when it comes back.
func TestSubnetByCommand(t *testing.T) {
	h := newHost(t)
	h.with4("")
	h.start(dhcp6, Setup{ConfigFile: h.conf6("")})
	h.mustLease("192.0.2.10")
	statistic := func() string {
		return string(tell(t, h.door(), "statistic-get", `{ "name": "subnet[1].assigned-addresses" }`).Arguments)
	}
	if s := statistic(); s == "{}" {
		t.Error("no statistics of the subnet")
	}
	var got struct{ Subnet4 []json.RawMessage }
	if err := json.Unmarshal(tell(t, h.door(), "subnet4-get", `{ "id": 1 }`).Arguments, &got); err != nil || len(got.Subnet4) != 1 {
		t.Fatal(err, got)
	}
	tell(t, h.door(), "subnet4-del", `{ "id": 1 }`).is(t, 0, "IPv4 subnet 192.0.2.0/24 (id 1) deleted")
	if _, ok := h.client(); ok {
		t.Error("a lease without a subnet")
	}
	if s := statistic(); s != "{}" {
		t.Error(s)
	}
	tell(t, h.door(), "lease4-get", `{ "ip-address": "192.0.2.10" }`).is(t, 0, "IPv4 lease found.")
	add := strings.ReplaceAll(string(got.Subnet4[0]), "7200", "600")
	tell(t, h.door(), "subnet4-add", `{ "subnet4": [ `+add+` ] }`).is(t, 0, "IPv4 subnet added")
	h.mustLease("192.0.2.10")
}

// Commands that come at the same time are carried out one after the other.
func TestReservationsAtOnce(t *testing.T) {
	h := newHost(t)
	h.with4("")
	var w sync.WaitGroup
	for n := range 8 {
		w.Go(func() {
			for i := range 20 {
				host := fmt.Sprintf(`{ "reservation": { "subnet-id": 1, "hw-address": "02:00:00:00:%02x:%02x", "hostname": "h" } }`, n, i)
				if a := tell(t, h.door(), "reservation-add", host); a.Result != 0 {
					t.Error(a.Text)
				}
				if i%5 == 0 {
					tell(t, h.door(), "subnet4-add", fmt.Sprintf(`{ "subnet4": [ { "id": %d, "subnet": "10.%d.%d.0/24" } ] }`, 100+n*20+i, n, i)).is(t, 0, "IPv4 subnet added")
				}
			}
		})
	}
	w.Wait()
	tell(t, h.door(), "reservation-get-all", `{ "subnet-id": 1 }`).is(t, 0, "160 IPv4 host(s) found.")
	var list struct{ Subnets []any }
	if err := json.Unmarshal(tell(t, h.door(), "subnet4-list", "").Arguments, &list); err != nil || len(list.Subnets) != 33 {
		t.Error(err, len(list.Subnets))
	}
}

// A thousand reservations come while clients are served: nothing is lost.
func TestReservationsUnderLoad(t *testing.T) {
	h := newHost(t)
	file := h.write("dhcp4.json", `{ "Dhcp4": { %s "dhcp4o6-port": %d,
  "lease-database": { "type": "memfile", "name": "%s/leases4.csv" },
  "subnet4": [ { "id": 1, "subnet": "10.0.0.0/8", "4o6-interface": "lo", "pools": [ { "pool": "10.0.0.0/16" } ] } ] } }`, socket(h.door()), h.pair, h.dir)
	h.start(dhcp4, Setup{ConfigFile: file})
	h.start(dhcp6, Setup{ConfigFile: h.conf6("")})
	ctx, stop := context.WithCancel(t.Context())
	defer stop()
	done := make(chan load.Report, 1)
	go func() {
		r, err := load.Run(ctx, load.Scenario{
			Server: netip.AddrPortFrom(netip.IPv6Loopback(), uint16(h.port)), Duration: time.Hour, InFlight: 8, Timeout: 3 * time.Second, Retries: -1,
		})
		if err != nil && ctx.Err() == nil {
			t.Error(err)
		}
		done <- r
	}()
	begin, slowest := time.Now(), time.Duration(0)
	for i := range 1000 {
		at := time.Now()
		a := tell(t, h.door(), "reservation-add", fmt.Sprintf(`{ "reservation": { "subnet-id": 1, "hw-address": "02:00:00:01:%02x:%02x", "ip-address": "10.0.%d.%d" } }`,
			i>>8, i&255, 250+i>>8, i&255)) // an address that was just offered to somebody would be refused him
		if a.Result != 0 {
			t.Fatal(a.Text)
		}
		slowest = max(slowest, time.Since(at))
	}
	took := time.Since(begin)
	stop()
	r := <-done
	t.Logf("1000 reservations in %v, the slowest in %v; %d conversations beside them, the slowest in %v", took, slowest, r.Completed, r.Conversation.Max)
	if r.Lost != 0 || r.Refused != 0 || r.Completed == 0 {
		t.Errorf("%d completed, %d lost, %d refused", r.Completed, r.Lost, r.Refused)
	}
}

// The names in a subnet that came by command go by what is said there, as after a reload.
func TestNamesInSubnetByCommand(t *testing.T) {
	h := newHost(t)
	updates, err := net.ListenUDP("udp", &net.UDPAddr{IP: net.IPv4(127, 0, 0, 1)})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { updates.Close() })
	port := updates.LocalAddr().(*net.UDPAddr).Port
	h.with4(fmt.Sprintf(`"dhcp-ddns": { "enable-updates": true, "server-port": %d },`, port))
	tell(t, h.door(), "subnet4-add", `{ "subnet4": [ { "id": 7, "subnet": "198.51.100.0/24", "ddns-ttl": 4711 } ] }`).is(t, 0, "IPv4 subnet added")
	tell(t, h.door(), "lease4-add", `{ "ip-address": "198.51.100.7", "hw-address": "02:00:00:00:00:07", "hostname": "host.example.org.", "fqdn-fwd": true }`)
	tell(t, h.door(), "lease4-resend-ddns", `{ "ip-address": "198.51.100.7" }`).is(t, 0, "NCR generated for: 198.51.100.7, hostname: host.example.org.")
	b := make([]byte, 2048)
	if err := updates.SetReadDeadline(time.Now().Add(5 * time.Second)); err != nil {
		t.Fatal(err)
	}
	n, err := updates.Read(b)
	if err != nil {
		t.Fatal(err)
	}
	contains(t, string(b[2:n]), `"lease-length":4711`)
}
