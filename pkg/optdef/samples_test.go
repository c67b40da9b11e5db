package optdef

import (
	"encoding/hex"
	"strings"
	"testing"
)

// A sample is a line of option-data and the octets that Kea 2.2.0 makes of it;
// TestKea4 and TestKea6 ask the Kea that is installed.
type sample struct {
	space, name string // space "": the family's own
	text        string
	wire        string
	surplus     bool // values are left over
}

var samples4 = []sample{
	{"", "time-offset", "-25200", "ffff9d90", false},
	{"", "time-offset", "-0x10", "fffffff0", false},
	{"", "routers", "192.0.2.2, 192.0.2.3", "c0000202 c0000203", false},
	{"", "routers", "", "", false},
	{"", "routers", "192.0.2.2,,192.0.2.3,", "c0000202 c0000203", false},
	{"", "boot-size", "1024", "0400", false},
	{"", "boot-size", "0x0A0b", "0a0b", false},
	{"", "boot-size", "+010", "000a", false},
	{"", "boot-size", "fF", "00ff", false},
	{"", "boot-size", "1e3", "01e3", false},
	{"", "merit-dump", "/a b/c", "2f6120622f63", false},
	{"", "merit-dump", "  padded  ", "706164646564", false},
	{"", "merit-dump", `one\\two`, "6f6e655c74776f", false},
	{"", "merit-dump", `C:\dir\,x`, "433a5c6469722c78", false},
	{"", "merit-dump", "first, second", "6669727374", true},
	{"", "domain-name", "my.example.org", "6d792e6578616d706c652e6f7267", false},
	{"", "swap-server", "192.0.2.20", "c0000214", false},
	{"", "swap-server", "192.0.2.20, 192.0.2.21", "c0000214", true},
	{"", "ip-forwarding", "true", "01", false},
	{"", "ip-forwarding", "FALSE", "00", false},
	{"", "ip-forwarding", "1", "01", false},
	{"", "default-ip-ttl", "255", "ff", false},
	{"", "path-mtu-plateau-table", "68, 296", "0044 0128", false},
	{"", "vendor-encapsulated-options", "", "", false},
	{"", "nwip-suboptions", "1A BB 0c", "1abb0c", false},
	{"", "slp-directory-agent", "true, 192.0.2.59, 192.0.2.60", "01 c000023b c000023c", false},
	{"", "slp-service-scope", "false, scope", "00 73636f7065", false},
	{"", "client-ndi", "1, 2, 1", "01 02 01", false},
	{"", "uuid-guid", "0, 0102", "00 0102", false},
	{"", "pcode", `EST5EDT4\,M3.2.0/02:00`, "45535435454454342c4d332e322e302f30323a3030", false},
	{"", "domain-search", "example.com, example.org", "076578616d706c6503636f6d00 076578616d706c65036f726700", false},
	{"", "vivco-suboptions", "4491, 02 aa bb", "0000118b 02 aabb", false},
	{"", "v4-lost", "lost.example.org.", "046c6f7374076578616d706c65036f726700", false},
	{"", "rdnss-selection", "1, 192.0.2.1, 192.0.2.2, a, b", "01 c0000201 c0000202 0161 00 0162 00", false},
	{"", "v4-portparams", "2, 3/4", "02 04 3000", false},
	{"", "v4-portparams", "0, 0/0", "00 00 0000", false},
	{"", "v4-portparams", "0, 65535/16", "00 10 ffff", false},
	{"", "option-6rd", "24, 96, 2001:db8::f001, 192.0.2.72, 192.0.2.73", "18 60 20010db800000000000000000000f001 c0000248 c0000249", false},
}

var samples6 = []sample{
	{"", "preference", "0xf0", "f0", false},
	{"", "reconf-accept", "", "", false},
	{"", "sip-server-addr", "2001:db8::3, 2001:db8::4", "20010db8000000000000000000000003 20010db8000000000000000000000004", false},
	{"", "domain-search", "example.com", "076578616d706c6503636f6d00", false},
	{"", "information-refresh-time", "3600", "00000e10", false},
	{"", "geoconf-civic", "0, 0x5553, 15 9D, A3 FF", "00 5553 159d", true},
	{"", "remote-id", "4294967295, 1A BB", "ffffffff 1abb", false},
	{"", "new-posix-timezone", `EST5EDT4\,M3`, "45535435454454342c4d33", false},
	{"", "ero", "16, 32", "0010 0020", false},
	{"", "bootfile-param", "root=/dev/sda2, quiet", "000e 726f6f743d2f6465762f73646132 0005 7175696574", false},
	{"", "nii", "1, 2, 11", "01 02 0b", false},
	{"", "aftr-name", "aftr.example.org", "0461667472076578616d706c65036f726700", false},
	{"", "pd-exclude", "2001:db8:1:1::/64", "40 20010db800010001", false},
	{"", "pd-exclude", "2001:db8:ffff::/33", "21 20010db880", false},
	{"", "rdnss-selection", "2001:db8::23, 1, a, b", "20010db8000000000000000000000023 01 0161 00 0162 00", false},
	{"", "dhcp4o6-server-addr", "", "", false},
	{"", "dhcp4o6-server-addr", "2001:db8::25", "20010db8000000000000000000000025", false},
}

// bytesOf reads hexadecimal digits that are spaced by field.
func bytesOf(t testing.TB, spaced string) []byte {
	t.Helper()
	b, err := hex.DecodeString(strings.ReplaceAll(spaced, " ", ""))
	if err != nil {
		t.Fatal(err)
	}
	return b
}
