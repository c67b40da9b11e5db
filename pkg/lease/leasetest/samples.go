package leasetest

import (
	"bytes"
	"net/netip"
	"strings"
	"time"

	"github.com/dhcp4o6/dhcp4o6/pkg/lease"
)

// Now is the moment about which the samples were made.
var Now = time.Unix(1_760_000_000, 0)

// Samples4 returns DHCPv4 leases of every kind that a store of whole addresses must keep.
func Samples4() []lease.Lease {
	base := lease.Lease{
		HWAddr: []byte{2, 0, 0, 0, 0, 1}, HWType: 1, ClientID: []byte{1, 2, 0, 0, 0, 0, 1},
		Subnet: 1, Start: Now, Valid: time.Hour,
	}
	edits := []func(*lease.Lease){
		func(*lease.Lease) {},
		func(l *lease.Lease) { l.ClientID = nil },
		func(l *lease.Lease) { l.HWAddr, l.HWType = nil, 0 },
		func(l *lease.Lease) { l.ClientID = bytes.Repeat([]byte{0xff, ','}, 127) },
		func(l *lease.Lease) { l.ClientID = []byte{0} },
		func(l *lease.Lease) { l.Valid = lease.Infinite },
		func(l *lease.Lease) { l.Pool, l.Subnet = 4294967295, 4294967295 },
		func(l *lease.Lease) {
			l.State, l.ClientID, l.HWAddr, l.HWType, l.Valid = lease.Declined, nil, nil, 0, 24*time.Hour
		},
		func(l *lease.Lease) { l.State = lease.Reclaimed },
		func(l *lease.Lease) { l.State, l.Valid = lease.Released, time.Second },
		func(l *lease.Lease) { l.Hostname, l.FwdDNS, l.RevDNS = "host.example.org.", true, true },
		func(l *lease.Lease) {
			l.UserContext = []byte(`{"ISC":{"relay-agent-info":{"sub-options":"0x0104"}},"n":[1,2]}`)
		},
		func(l *lease.Lease) { l.UserContext = []byte(`{"comment":"` + strings.Repeat("long, ", 700) + `"}`) },
	}
	for _, odd := range []string{"a,b", "line\nbreak", "carriage\rreturn", `quo"te`, "}", "$(id)", "&#x2c;", "&#", "nul\x00", "\xff\xfe", " blank "} {
		edits = append(edits, func(l *lease.Lease) { l.Hostname = odd })
	}
	return samples(base, edits, func(i int) lease.Resource {
		a := netip.AddrFrom4([4]byte{192, 0, 2, byte(i + 1)})
		return lease.Resource{Kind: lease.V4, Prefix: netip.PrefixFrom(a, 32)}
	})
}

// Samples6 returns DHCPv6 leases of every kind that a store must keep.
func Samples6() []lease.Lease {
	base := lease.Lease{
		DUID: []byte{0, 3, 0, 1, 2, 0, 0, 0, 0, 1}, IAID: 1, Subnet: 1, Start: Now, Valid: time.Hour, Preferred: 30 * time.Minute,
	}
	edits := []func(*lease.Lease){
		func(*lease.Lease) {},
		func(l *lease.Lease) { l.DUID = bytes.Repeat([]byte{7}, 130) },
		func(l *lease.Lease) { l.IAID, l.Subnet, l.Pool = 4294967295, 4294967295, 4294967295 },
		func(l *lease.Lease) { l.HWAddr, l.HWType, l.HWSource = []byte{2, 0, 0, 0, 0, 1}, 1, 2 },
		func(l *lease.Lease) { l.Valid, l.Preferred = lease.Infinite, lease.Infinite },
		func(l *lease.Lease) { l.Preferred = 0 },
		func(l *lease.Lease) { l.State = lease.Reclaimed },
		func(l *lease.Lease) { l.State, l.Valid, l.Preferred = lease.Released, time.Second, 0 },
		func(l *lease.Lease) { l.Hostname, l.FwdDNS = "a,b\n.example.", true },
		func(l *lease.Lease) { l.UserContext = []byte(`{"a":"b, c"}`) },
		func(l *lease.Lease) { l.Resource.Kind = lease.TA },
		func(l *lease.Lease) {
			l.Resource = lease.Resource{Kind: lease.PD, Prefix: netip.MustParsePrefix("2001:db8:f00::/56")}
		},
	}
	return samples(base, edits, func(i int) lease.Resource {
		a := netip.AddrFrom16([16]byte{0x20, 1, 0xd, 0xb8, 15: byte(i + 1)})
		return lease.Resource{Kind: lease.NA, Prefix: netip.PrefixFrom(a, 128)}
	})
}

// samples makes one lease of each edit, with identities of its own where it has any.
func samples(base lease.Lease, edits []func(*lease.Lease), res func(int) lease.Resource) []lease.Lease {
	all := make([]lease.Lease, len(edits))
	for i, edit := range edits {
		l := Clone(&base)
		l.Resource = res(i)
		for _, id := range [][]byte{l.HWAddr, l.ClientID, l.DUID} {
			if len(id) > 0 {
				id[len(id)-1] = byte(i)
			}
		}
		edit(&l)
		all[i] = l
	}
	return all
}
