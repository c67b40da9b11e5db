package leasecmd_test

import (
	"fmt"
	"testing"

	"github.com/dhcp4o6/dhcp4o6/pkg/control"
	"github.com/dhcp4o6/dhcp4o6/pkg/lease"
	"github.com/dhcp4o6/dhcp4o6/pkg/leasecmd"
	"github.com/dhcp4o6/dhcp4o6/pkg/topology"
)

// TestNamesOnCommand: what the commands of leases tell the DNS, in Kea's words. An
// added or changed lease tells it nothing.
func TestNamesOnCommand(t *testing.T) {
	h := newHouse(t, topology.V4)
	var told []string
	on := false
	r := new(control.Registry)
	leasecmd.New(leasecmd.Options{Family: topology.V4, Leases: h.table, Topology: func() *topology.Topology { return h.cfg.Topology },
		TellDNS: func(l *lease.Lease, remove bool, seq lease.Seq) bool {
			if l != nil {
				told = append(told, fmt.Sprint(l.Hostname, " ", l.Resource.Prefix.Addr(), " ", remove, " ", seq > 0))
			}
			return on
		}}).Register(r)
	ask := func(command, args, want string) {
		t.Helper()
		q := fmt.Sprintf(`{"command":%q,"arguments":%s}`, command, args)
		if got := string(r.Run(t.Context(), []byte(q))); plain(t, q, got) != plain(t, q, want) {
			t.Errorf("%s\n got %s\nwant %s", q, got, want)
		}
	}
	const added = `{"result":0,"text":"Lease for address %s, subnet-id 44 added."}`
	ask("lease4-resend-ddns", `{"ip-address":"192.0.2.60"}`, `{"result":4,"text":"DDNS updating is not enabled"}`)
	on = true
	ask("lease4-resend-ddns", `{"ip-address":"192.0.2.60"}`, `{"result":3,"text":"No lease found for: 192.0.2.60"}`)
	ask("lease4-resend-ddns", `{}`, `{"result":1,"text":"'ip-address' parameter is missing."}`)
	ask("lease4-resend-ddns", `{"ip-address":7}`, `{"result":1,"text":"'ip-address' is not a string."}`)
	ask("lease4-resend-ddns", `{"ip-address":"here"}`, `{"result":1,"text":"'here' is not a valid IP address."}`)
	ask("lease4-resend-ddns", `{"ip-address":"2001:db8::1"}`, `{"result":1,"text":"Invalid IPv4 address specified: 2001:db8::1"}`)
	ask("lease4-add", `{"ip-address":"192.0.2.60","hw-address":"02:01"}`, fmt.Sprintf(added, "192.0.2.60"))
	ask("lease4-resend-ddns", `{"ip-address":"192.0.2.60"}`, `{"result":4,"text":"Lease for: 192.0.2.60, has no hostname, nothing to update"}`)
	ask("lease4-add", `{"ip-address":"192.0.2.61","hw-address":"02:02","hostname":"b"}`, fmt.Sprintf(added, "192.0.2.61"))
	ask("lease4-resend-ddns", `{"ip-address":"192.0.2.61"}`, `{"result":4,"text":"Neither forward nor reverse updates enabled for lease for: 192.0.2.61"}`)
	ask("lease4-add", `{"ip-address":"192.0.2.62","hw-address":"02:03","hostname":"c.","fqdn-rev":true}`, fmt.Sprintf(added, "192.0.2.62"))
	ask("lease4-resend-ddns", `{"ip-address":"192.0.2.62"}`, `{"result":0,"text":"NCR generated for: 192.0.2.62, hostname: c."}`)
	ask("lease4-del", `{"ip-address":"192.0.2.61"}`, `{"result":0,"text":"IPv4 lease deleted."}`)
	ask("lease4-del", `{"ip-address":"192.0.2.62","update-ddns":true}`, `{"result":0,"text":"IPv4 lease deleted."}`)
	if got, want := fmt.Sprint(told), "[c. 192.0.2.62 false false c. 192.0.2.62 true true]"; got != want {
		t.Errorf("told %s, want %s", got, want)
	}
}
