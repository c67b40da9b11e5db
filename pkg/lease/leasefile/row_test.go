package leasefile

import (
	"bytes"
	"encoding/hex"
	"net/netip"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/dhcp4o6/dhcp4o6/pkg/lease"
	"github.com/dhcp4o6/dhcp4o6/pkg/softwire"
)

func octets(s string) []byte {
	b, err := hex.DecodeString(strings.ReplaceAll(s, " ", ""))
	if err != nil {
		panic(err)
	}
	return b
}

func v4(addr string) lease.Resource {
	return lease.Resource{Kind: lease.V4, Prefix: netip.PrefixFrom(netip.MustParseAddr(addr), 32)}
}

func v6(kind lease.Kind, prefix string) lease.Resource {
	return lease.Resource{Kind: kind, Prefix: netip.MustParsePrefix(prefix)}
}

func at(sec int64) time.Time { return time.Unix(sec, 0).UTC() }

// parseLine reads one line below a header of ours.
func parseLine(f Family, line string) (lease.Lease, error) {
	s := &schemas[f]
	h := s.header()
	l, err := s.parseHeader(h[:len(h)-1])
	if err != nil {
		return lease.Lease{}, err
	}
	return l.parse([]byte(line))
}

func (l *layout) parse(line []byte) (out lease.Lease, err error) {
	err = l.decode(line, &out, new(arena))
	return out, err
}

func TestRow(t *testing.T) {
	tests := []struct {
		name   string
		family Family
		lease  lease.Lease
		row    string // the checksum left out
	}{
		{"IPv4, all columns", V4, lease.Lease{
			Resource: v4("192.0.2.10"), HWAddr: octets("020000 00000a"), HWType: 1,
			ClientID: octets("01 020000 00000a"), Valid: 4000 * time.Second, Start: at(1790000000),
			Subnet: 7, Pool: 3, FwdDNS: true, Hostname: "a.example", State: lease.Leased,
			UserContext: []byte(`{"a":1}`),
		}, `192.0.2.10,02:00:00:00:00:0a,01:02:00:00:00:00:0a,4000,1790004000,7,1,0,a.example,0,{"a":1},3`},
		{"without end: expire is beyond 32 bits", V4, lease.Lease{
			Resource: v4("192.0.2.11"), ClientID: octets("ff"), Valid: lease.Infinite, Start: at(1790000000),
		}, `192.0.2.11,,ff,4294967295,6084967295,0,0,0,,0,,0`},
		{"declined: no owner", V4, lease.Lease{
			Resource: v4("192.0.2.12"), State: lease.Declined, Valid: 86400 * time.Second, Start: at(1790000000),
		}, `192.0.2.12,,,86400,1790086400,0,0,0,,1,,0`},
		{"hardware type that is not Ethernet", V4, lease.Lease{
			Resource: v4("192.0.2.13"), HWAddr: octets("0102"), HWType: 32, Valid: time.Second, Start: at(9),
		}, `192.0.2.13,01:02,,1,10,0,0,0,,0,{"dhcp4o6":{"hwtype":32}},0`},
		{"hardware type beside other members", V4, lease.Lease{
			Resource: v4("192.0.2.14"), HWAddr: octets("0102"), HWType: 0, Valid: time.Second, Start: at(9),
			UserContext: []byte(`{ "x": [{"dhcp4o6":{}}], "dhcp4o6": { "source": "2001:db8::1" } }`),
		}, `192.0.2.14,01:02,,1,10,0,0,0,,0,` +
			`{ "x": [{"dhcp4o6":{}}]&#x2c "dhcp4o6": {"hwtype":0&#x2c "source": "2001:db8::1" } },0`},
		{"separators and unprintable octets are escaped", V4, lease.Lease{
			Resource: v4("192.0.2.15"), ClientID: octets("00"), Valid: time.Second, Start: at(9),
			Hostname: "a,b&#x2c\n\x00é", UserContext: []byte("{\"a\":\"\r,\"}"),
		}, `192.0.2.15,,00,1,10,0,0,0,a&#x2cb&#x26#x2c&#x0a&#x00&#xc3&#xa9,0,{"a":"&#x0d&#x2c"},0`},
		{"IA_NA", V6, lease.Lease{
			Resource: v6(lease.NA, "2001:db8::1/128"), DUID: octets("0003 0001 020000000001"), IAID: 1<<32 - 1,
			Valid: 4000 * time.Second, Preferred: 3000 * time.Second, Start: at(1790000000), Subnet: 1, RevDNS: true,
			HWAddr: octets("020000000001"), HWType: 1, HWSource: 2, Hostname: "h",
		}, `2001:db8::1,00:03:00:01:02:00:00:00:00:01,4000,1790004000,1,3000,0,4294967295,128,0,1,h,` +
			`02:00:00:00:00:01,0,,1,2,0`},
		{"IA_TA", V6, lease.Lease{
			Resource: v6(lease.TA, "2001:db8::2/128"), DUID: octets("000000"), Valid: time.Second, Start: at(9),
		}, `2001:db8::2,00:00:00,1,10,0,0,1,0,128,0,0,,,0,,0,0,0`},
		{"IA_PD, both lifetimes without end", V6, lease.Lease{
			Resource: v6(lease.PD, "2001:db8:ff00::/56"), DUID: octets("0001"), Pool: 9,
			Valid: lease.Infinite, Preferred: lease.Infinite, Start: at(0),
		}, `2001:db8:ff00::,00:01,4294967295,4294967295,0,4294967295,2,0,56,0,0,,,0,,0,0,9`},
		{"declined: the empty DUID", V6, lease.Lease{
			Resource: v6(lease.NA, "2001:db8::3/128"), State: lease.Declined, Valid: time.Second, Start: at(9),
		}, `2001:db8::3,00:00:00,1,10,0,0,0,0,128,0,0,,,1,,0,0,0`},
		{"port set", V4Ports, lease.Lease{
			Resource: lease.Resource{Prefix: netip.MustParsePrefix("192.0.2.1/32"),
				Ports: softwire.PortSet{Offset: 6, Len: 8, ID: 52}},
			ClientID: octets("0102"), Valid: time.Second, Start: at(9),
		}, `6/8/52,192.0.2.1,,01:02,1,10,0,0,0,,0,,0`},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			b := schemas[tt.family].appendRow(nil, lease.Change{Lease: &tt.lease})
			row, sum := string(b[:len(b)-10]), b[len(b)-10:]
			if row != tt.row {
				t.Errorf("row\n  %s\nwant\n  %s", row, tt.row)
			}
			if sum[0] != ',' || sum[9] != '\n' {
				t.Errorf("checksum %q", sum)
			}
			got, err := parseLine(tt.family, strings.TrimSuffix(string(b), "\n"))
			if err != nil {
				t.Fatal(err)
			}
			if !reflect.DeepEqual(got, tt.lease) {
				t.Errorf("read back\n  %+v\nwant\n  %+v", got, tt.lease)
			}
			if _, err := parseLine(tt.family, row); err != nil {
				t.Errorf("without checksum: %v", err)
			}
			for i := range row {
				bad := []byte(string(b[:len(b)-1]))
				bad[i] ^= 1
				if _, err := parseLine(tt.family, string(bad)); err == nil {
					t.Fatalf("damage at %d was not seen: %s", i, bad)
				}
			}
		})
	}
}

// A removal is what Kea reads as one: no lifetime, and an owner or the state
// that needs none.
func TestRemoval(t *testing.T) {
	l := lease.Lease{Resource: v4("192.0.2.1"), Valid: time.Hour, Start: at(100)}
	if got := string(schemas[V4].appendRow(nil, lease.Change{Lease: &l, Remove: true})); !strings.HasPrefix(got, "192.0.2.1,,,0,100,0,0,0,,1,,0,") {
		t.Error(got)
	}
	l = lease.Lease{Resource: v6(lease.PD, "2001:db8::/64"), Valid: time.Hour, Start: at(100)}
	if got := string(schemas[V6].appendRow(nil, lease.Change{Lease: &l, Remove: true})); !strings.HasPrefix(got, "2001:db8::,00:00:00,0,100,0,0,2,0,64,0,0,,,1,,0,0,0,") {
		t.Error(got)
	}
}

// Rows as Kea of several ages writes them, below their own headers.
func TestKeaRows(t *testing.T) {
	const (
		v4oldest = "address,hwaddr,client_id,valid_lifetime,expire,subnet_id,fqdn_fwd,fqdn_rev,hostname"
		v6oldest = "address,duid,valid_lifetime,expire,subnet_id,pref_lifetime,lease_type,iaid,prefix_len,fqdn_fwd,fqdn_rev,hostname"
	)
	tests := []struct {
		name, header, row string
		family            Family
		want              lease.Lease
		err               error
	}{
		{"Kea 1.0, v4", v4oldest,
			"192.0.2.1,08:00:2b:02:3f:4e,17:34:e2:ff:09:92:54,3600,1431600000,17,1,1,host.example.com", V4,
			lease.Lease{Resource: v4("192.0.2.1"), HWAddr: octets("08002b023f4e"), HWType: 1,
				ClientID: octets("1734e2ff099254"), Valid: time.Hour, Start: at(1431596400), Subnet: 17,
				FwdDNS: true, RevDNS: true, Hostname: "host.example.com"}, nil},
		{"state came first", v4oldest + ",state", "192.0.2.1,,0102,100,200,8,0,0,,1", V4,
			lease.Lease{Resource: v4("192.0.2.1"), ClientID: octets("0102"), Valid: 100 * time.Second,
				Start: at(100), Subnet: 8, State: lease.Declined}, nil},
		{"an old row below a newer header", v4oldest + ",state,user_context", "192.0.2.1,1:2,,100,200,8,0,0,", V4,
			lease.Lease{Resource: v4("192.0.2.1"), HWAddr: octets("0102"), HWType: 1, Valid: 100 * time.Second,
				Start: at(100), Subnet: 8}, nil},
		{"upper case escapes", v4oldest + ",state,user_context", `192.0.2.1,1:2,,100,200,8,0,0,A&#x2CB&#x2cC,0,{ "a": 1&#x2C "b": 2 }`, V4,
			lease.Lease{Resource: v4("192.0.2.1"), HWAddr: octets("0102"), HWType: 1, Valid: 100 * time.Second,
				Start: at(100), Subnet: 8, Hostname: "A,B,C", UserContext: []byte(`{ "a": 1, "b": 2 }`)}, nil},
		{"a column of a newer Kea", v4oldest + ",state,user_context,pool_id,colour", "192.0.2.1,1:2,,100,200,8,0,0,,0,,5,red", V4,
			lease.Lease{Resource: v4("192.0.2.1"), HWAddr: octets("0102"), HWType: 1, Valid: 100 * time.Second,
				Start: at(100), Subnet: 8, Pool: 5}, nil},
		{"columns in another order", "subnet_id,address,hwaddr,client_id,valid_lifetime,expire,hostname,fqdn_fwd,fqdn_rev",
			"8,192.0.2.1,1:2,,100,200,h,0,0", V4,
			lease.Lease{Resource: v4("192.0.2.1"), HWAddr: octets("0102"), HWType: 1, Valid: 100 * time.Second,
				Start: at(100), Subnet: 8, Hostname: "h"}, nil},
		{"Kea 1.0, v6", v6oldest, "2001:db8:2::,00:01:02,200,400,8,100,2,16,64,1,1,h", V6,
			lease.Lease{Resource: v6(lease.PD, "2001:db8:2::/64"), DUID: octets("000102"), Valid: 200 * time.Second,
				Start: at(200), Subnet: 8, Preferred: 100 * time.Second, IAID: 16, FwdDNS: true, RevDNS: true, Hostname: "h"}, nil},
		{"hwaddr came first", v6oldest + ",hwaddr", "2001:db8::1,00:01:02,200,400,8,100,0,16,128,1,1,h,4:5", V6,
			lease.Lease{Resource: v6(lease.NA, "2001:db8::1/128"), DUID: octets("000102"), Valid: 200 * time.Second,
				Start: at(200), Subnet: 8, Preferred: 100 * time.Second, IAID: 16, FwdDNS: true, RevDNS: true,
				Hostname: "h", HWAddr: octets("0405"), HWType: 1}, nil},
		{"declined by Kea 2.2", v6oldest + ",hwaddr,state", "2001:db8::1,00,200,400,8,100,0,16,128,0,0,,,1", V6,
			lease.Lease{Resource: v6(lease.NA, "2001:db8::1/128"), Valid: 200 * time.Second, Start: at(200), Subnet: 8,
				Preferred: 100 * time.Second, IAID: 16, State: lease.Declined}, nil},
		{"a bad hardware address is left out, as in Kea", v6oldest + ",hwaddr", "2001:db8::1,01,200,400,8,100,0,16,128,0,0,,x:y", V6,
			lease.Lease{Resource: v6(lease.NA, "2001:db8::1/128"), DUID: octets("01"), Valid: 200 * time.Second,
				Start: at(200), Subnet: 8, Preferred: 100 * time.Second, IAID: 16}, nil},
		{"too few columns", v4oldest, "192.0.2.1,1:2,,100,200,8,0,0", V4, lease.Lease{}, errShort},
		{"too many columns", v4oldest, "192.0.2.1,1:2,,100,200,8,0,0,h,0", V4, lease.Lease{}, errLong},
		{"bad address", v4oldest, "192.0.2.256,1:2,,100,200,8,0,0,h", V4, lease.Lease{}, errAddress},
		{"address of the other family", v4oldest, "2001:db8::1,1:2,,100,200,8,0,0,h", V4, lease.Lease{}, errAddress},
		{"negative lifetime", v4oldest, "192.0.2.1,1:2,,-100,200,8,0,0,h", V4, lease.Lease{}, errNumber},
		{"lifetime over 32 bits", v4oldest, "192.0.2.1,1:2,,4294967296,200,8,0,0,h", V4, lease.Lease{}, errNumber},
		{"bad flag", v4oldest, "192.0.2.1,1:2,,100,200,8,2,0,h", V4, lease.Lease{}, errFlag},
		{"empty octet", v4oldest, "192.0.2.1,1::2,,100,200,8,0,0,h", V4, lease.Lease{}, errOctets},
		{"three digits", v4oldest, "192.0.2.1,1:222,,100,200,8,0,0,h", V4, lease.Lease{}, errOctets},
		{"state of nobody", v4oldest + ",state", "192.0.2.1,1:2,,100,200,8,0,0,h,5", V4, lease.Lease{}, errState},
		{"lease type", v6oldest, "2001:db8::1,01,200,400,8,100,3,16,128,0,0,h", V6, lease.Lease{}, errType},
		{"prefix length", v6oldest, "2001:db8::,01,200,400,8,100,2,16,129,0,0,h", V6, lease.Lease{}, errPrefix},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			l, err := schemas[tt.family].parseHeader([]byte(tt.header))
			if err != nil {
				t.Fatal(err)
			}
			got, err := l.parse([]byte(tt.row))
			if err != tt.err {
				t.Fatalf("error %v, want %v", err, tt.err)
			}
			if err == nil && !reflect.DeepEqual(got, tt.want) {
				t.Errorf("got\n  %+v\nwant\n  %+v", got, tt.want)
			}
		})
	}
}

// Only a header with all columns of Kea's first version, each once, is one.
func TestHeader(t *testing.T) {
	for _, line := range []string{
		"", "address", "192.0.2.1,1:2,,100,200,8,0,0,h",
		"address,hwaddr,client_id,valid_lifetime,expire,subnet_id,fqdn_fwd,fqdn_rev",
		"address,hwaddr,client_id,valid_lifetime,expire,subnet_id,fqdn_fwd,fqdn_rev,hostname,address",
		"address,duid,valid_lifetime,expire,subnet_id,pref_lifetime,lease_type,iaid,prefix_len,fqdn_fwd,fqdn_rev,hostname",
		"a" + strings.Repeat(",a", 100),
	} {
		if _, err := schemas[V4].parseHeader([]byte(line)); err == nil {
			t.Errorf("accepted %q", line)
		}
	}
	h := schemas[V4Ports].header()
	if _, err := schemas[V4].parseHeader(h[:len(h)-1]); err != nil {
		return
	}
	t.Error("a file of port sets passes for one of whole addresses")
}

// Names that would break a text file or a script come back octet for octet.
func TestNames(t *testing.T) {
	names := []string{"\n", ",", "\"", "}", "{", "$(reboot)", "`", "\x00", "&", "&#x2c", "&#x2", "&#", "\r\n", "\xff\xfe",
		"é", "a\nb,c\"d}e$(f)\x00g", "\n192.0.2.99,1:2,,100,200,8,0,0,forged", strings.Repeat("\x00", 255)}
	for _, name := range names {
		for _, family := range []Family{V4, V6} {
			l := lease.Lease{Resource: v4("192.0.2.1"), ClientID: octets("01"), Valid: time.Hour, Start: at(1e9),
				Hostname: name, UserContext: []byte(name)}
			if family == V6 {
				l.Resource, l.ClientID, l.DUID = v6(lease.NA, "2001:db8::1/128"), nil, octets("01")
			}
			b := schemas[family].appendRow(nil, lease.Change{Lease: &l})
			if bytes.Count(b, []byte{'\n'}) != 1 {
				t.Errorf("%q: more than one line: %q", name, b)
			}
			got, err := parseLine(family, string(b[:len(b)-1]))
			if err != nil || !reflect.DeepEqual(got, l) {
				t.Errorf("%q: %v\ngot  %+v\nwant %+v", name, err, got, l)
			}
		}
	}
}

// Every length of a client identifier and of a DUID that the wire can bring
// is stored and read back.
func TestIdentifierLengths(t *testing.T) {
	for n := range 256 {
		id := bytes.Repeat([]byte{0xa5}, n)
		if n == 0 {
			id = nil
		}
		l := lease.Lease{Resource: v4("192.0.2.1"), HWAddr: octets("0102"), HWType: 1, ClientID: id, Valid: 1e9}
		l.Start = at(5)
		b := schemas[V4].appendRow(nil, lease.Change{Lease: &l})
		if got, err := parseLine(V4, string(b[:len(b)-1])); err != nil || !reflect.DeepEqual(got, l) {
			t.Fatalf("client identifier of %d octets: %v, %+v", n, err, got)
		}
		if n > 130 || n == 0 {
			continue
		}
		l = lease.Lease{Resource: v6(lease.NA, "2001:db8::1/128"), DUID: id, Valid: 1e9, Start: at(5)}
		b = schemas[V6].appendRow(nil, lease.Change{Lease: &l})
		if got, err := parseLine(V6, string(b[:len(b)-1])); err != nil || !reflect.DeepEqual(got, l) {
			t.Fatalf("DUID of %d octets: %v, %+v", n, err, got)
		}
	}
}

// A user context comes back as it was, with the hardware type taken out.
func TestContextHWType(t *testing.T) {
	contexts := []string{``, `{"a":1}`, `{ "a" : "}" }`, `{"dhcp4o6":{"source":"::1"}}`,
		`{"a":{"dhcp4o6":1},"dhcp4o6":{"b":[1,2,{"c":"\"}"}]},"z":null}`, `{"dhcp4o6":{"a":1},"b":2}`,
		`{"b":2,"dhcp4o6":{"a":1}}`, `{"dhcp4o6":"text"}`, `{"hwtype":5}`, "{\n\t\"a\":\n1}", `not json`, `[1]`, `{"broken`, `{"dhcp4o6":{"hwtype":9,"hwtype":7}}`, `{"dhcp4o6":{"hwtype":9}}`}
	for i, ctx := range append(contexts, contexts...) {
		hwtype := uint16(6)
		if i >= len(contexts) {
			hwtype = 1
		}
		l := lease.Lease{Resource: v4("192.0.2.1"), HWAddr: octets("0102"), HWType: hwtype, Valid: time.Hour, Start: at(5)}
		if ctx != "" {
			l.UserContext = []byte(ctx)
		}
		b := schemas[V4].appendRow(nil, lease.Change{Lease: &l})
		got, err := parseLine(V4, string(b[:len(b)-1]))
		if err != nil {
			t.Fatal(err)
		}
		if ctx == `not json` || ctx == `[1]` {
			l.HWType = 1 // nowhere to put it
		}
		if string(got.UserContext) != ctx || got.HWType != l.HWType {
			t.Errorf("%s: hardware type %d, context %s\n%s", ctx, got.HWType, got.UserContext, b)
		}
	}
}
