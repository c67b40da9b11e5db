package config

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// A verdict is who takes a configuration.
type verdict uint8

const (
	both verdict = iota
	neither
	oursOnly // we take it and Kea 2.2 does not
	keaOnly  // and the other way about: each with its reason
)

// agreements are pieces of configuration with what Kea 2.2.0 says of them.
var agreements = []struct {
	f    Family
	json string
	want verdict
	why  string // where the two differ
}{
	{v4, `"valid-lifetime":4294967295`, both, ""},
	{v4, `"valid-lifetime":-1`, keaOnly, "it is no time"},
	{v4, `"valid-lifetime":4294967296`, keaOnly, "it does not fit the option"},
	{v4, `"valid-lifetime":0100`, keaOnly, "JSON has no leading zeros, nor has Kea 3"},
	{v4, `"valid-lifetime":+100`, neither, ""},
	{v4, `"valid-lifetime":1e3`, neither, ""},
	{v4, `"valid-lifetime":"100"`, neither, ""},
	{v4, `"valid-lifetime":18446744073709551616`, neither, ""},
	{v4, `"valid-lifetime":100,"valid-lifetime":200`, neither, ""},
	{v4, `"valid-lifetime":100,`, both, ""},
	{v4, `"valid-lifetime":100,,`, both, ""},
	{v4, `"subnet4":[{"id":1,"subnet":"192.0.2.0/24",},]`, both, ""},
	{v4, `"subnet4":[,{"id":1,"subnet":"192.0.2.0/24"}]`, neither, ""},
	{v4, `"min-valid-lifetime":300,"valid-lifetime":200`, neither, ""},
	{v4, `"max-valid-lifetime":300`, neither, ""},
	{v4, `"valid-lifetime":200,"subnet4":[{"subnet":"192.0.2.0/24","min-valid-lifetime":300}]`, neither, ""},
	{v4, `"t1-percent":.5`, both, ""},
	{v4, `"subnet4":[{"subnet":"192.0.2.0/24","calculate-tee-times":true,"t1-percent":0.9,"t2-percent":0.5}]`, neither, ""},
	{v4, `"subnet4":[{"subnet":"192.0.2.0/24","calculate-tee-times":true,"t1-percent":1.0}]`, neither, ""},
	{v4, `"renew-timer":1000,"rebind-timer":900`, both, ""},
	{v4, `"renew-timer":1000,"rebind-timer":900,"subnet4":[{"subnet":"192.0.2.0/24"}]`, neither, ""},
	{v4, `"rebind-timer":900,"subnet4":[{"subnet":"192.0.2.0/24","renew-timer":1000}]`, neither, ""},
	{v4, `"shared-networks":[{"name":"n","renew-timer":1000,"subnet4":[{"subnet":"192.0.2.0/24","rebind-timer":900}]}]`, neither, ""},
	{v4, `"subnet4":[{"subnet":"192.0.2.0/24","renew-timer":900,"rebind-timer":900}]`, both, ""},
	{v4, `"subnet4":[{"subnet":"192.0.2.0/24","renew-timer":10000,"valid-lifetime":1000}]`, both, ""},
	{v4, `"min-valid-lifetime":300,"shared-networks":[{"name":"n","valid-lifetime":200,"subnet4":[{"subnet":"192.0.2.0/24"}]}]`, neither, ""},
	{v6, `"subnet6":[{"subnet":"2001:db8::/64","renew-timer":1000,"rebind-timer":900}]`, neither, ""},
	{v4, `"authoritative":True`, neither, ""},
	{v4, `"authoritative":null`, neither, ""},
	{v4, `"match-client-id":1`, neither, ""},
	{v4, `"decline-probation-period":-1`, neither, ""},
	{v4, `"dhcp4o6-port":65534`, both, ""},
	{v4, `"dhcp4o6-port":65535`, keaOnly, "Kea finds out when it opens the port after it"},
	{v4, `"next-server":""`, both, ""},
	{v4, `"next-server":"::1"`, keaOnly, "the field holds an IPv4 address"},
	{v4, `"server-hostname":"a\u0041\t"`, both, ""},
	{v4, `"server-hostname":"a	b"`, neither, ""},
	{v4, `"server-hostname":"a\u1234"`, oursOnly, "Kea knows no characters beyond one octet"},
	{v4, `"host-reservation-identifiers":[]`, neither, ""},
	{v4, `"host-reservation-identifiers":["duid","duid"]`, neither, ""},
	{v4, `"host-reservation-identifiers":["foo"]`, neither, ""},
	{v4, `"reservation-mode":"foo"`, neither, ""},
	{v4, `"reservation-mode":"global","reservations-global":true`, neither, ""},
	{v4, `"user-context":{"a":[1,null,{"b":.5}]},"comment":"y"`, both, ""},
	{v4, `"user-context":5`, neither, ""},
	{v4, `"comment":5`, neither, ""},
	{v4, `"rapid-commit":true`, neither, ""},
	{v4, `"offer-lifetime":5`, oursOnly, "of Kea 2.3 and later"},

	{v4, `"subnet4":[{"subnet":"192.0.2.0/24","pools":[{"pool":"192.0.2.77/28"}]}]`, both, ""},
	{v4, `"subnet4":[{"subnet":"192.0.2.0/24","pools":[{"pool":"192.0.3.1-192.0.3.5"}]}]`, neither, ""},
	{v4, `"subnet4":[{"subnet":"192.0.2.0/24","pools":[{"pool":"192.0.2.1-192.0.2.5"},{"pool":"192.0.2.5/32"}]}]`, neither, ""},
	{v4, `"subnet4":[{"subnet":"192.0.2.0/24","pools":[{"pool":"192.0.2.5-192.0.2.1"}]}]`, neither, ""},
	{v4, `"subnet4":[{"subnet":"192.0.2.0/24","pools":[{"pool":"192.0.2.77"}]}]`, neither, ""},
	{v4, `"subnet4":[{"subnet":"192.0.2.0/24","pools":[{}]}]`, neither, ""},
	{v4, `"subnet4":[{"subnet":"192.0.2.0/24"},{"subnet":"192.0.2.0/25"}]`, both, ""},
	{v4, `"subnet4":[{"subnet":"192.0.2.0/24"},{"subnet":"192.0.2.0/24"}]`, neither, ""},
	{v4, `"subnet4":[{"id":1,"subnet":"192.0.2.0/24"},{"id":1,"subnet":"192.0.3.0/24"}]`, neither, ""},
	{v4, `"subnet4":[{"id":2,"subnet":"192.0.2.0/24"},{"subnet":"192.0.3.0/24"},{"subnet":"192.0.4.0/24"}]`, neither, ""},
	{v4, `"subnet4":[{"subnet":"192.0.2.0/24","id":1}],"shared-networks":[{"name":"a","subnet4":[{"subnet":"10.0.0.0/8"}]}]`, neither, ""},
	{v4, `"subnet4":[{"id":0,"subnet":"192.0.2.0/24"}]`, both, ""},
	{v4, `"subnet4":[{"id":4294967294,"subnet":"192.0.2.0/24"}]`, both, ""},
	{v4, `"subnet4":[{"id":4294967295,"subnet":"192.0.2.0/24"}]`, neither, ""},
	{v4, `"subnet4":[{"subnet":"192.0.2.1/24"}]`, both, ""},
	{v4, `"subnet4":[{"subnet":"192.0.2.0"}]`, neither, ""},
	{v4, `"subnet4":[{"subnet":"192.0.2.0/33"}]`, neither, ""},
	{v4, `"subnet4":[{"subnet":"0.0.0.0/0"}]`, both, ""},
	{v4, `"subnet4":[{"id":1}]`, neither, ""},
	{v4, `"subnet4":[{"subnet":"192.0.2.0/24","foo":1}]`, neither, ""},
	{v4, `"subnet4":[{"subnet":"192.0.2.0/24","interface":"nope"}]`, oursOnly, "the interface may come later"},
	{v4, `"subnet4":[{"subnet":"192.0.2.0/24","4o6-interface":"nope"}]`, both, ""},
	{v4, `"subnet4":[{"subnet":"192.0.2.0/24","4o6-subnet":"2001:db8::"}]`, neither, ""},
	{v4, `"subnet4":[{"subnet":"192.0.2.0/24","4o6-subnet":"2001:db8::/129"}]`, keaOnly, "it matches nothing"},
	{v4, `"subnet4":[{"subnet":"192.0.2.0/24","4o6-subnet":"","4o6-interface":"","4o6-interface-id":""}]`, both, ""},
	{v4, `"subnet4":[{"subnet":"192.0.2.0/24","relay":{"ip-address":"192.0.2.1"}}]`, both, ""},
	{v4, `"subnet4":[{"subnet":"192.0.2.0/24","relay":{"ip-addresses":["192.0.2.1","192.0.2.1"]}}]`, neither, ""},
	{v4, `"subnet4":[{"subnet":"192.0.2.0/24","relay":{"ip-addresses":["2001:db8::1"]}}]`, neither, ""},
	{v4, `"subnet4":[{"subnet":"192.0.2.0/24","client-class":"nope"}]`, both, ""},
	{v4, `"shared-networks":[{"name":"a"},{"name":"a"}]`, neither, ""},
	{v4, `"shared-networks":[{}]`, neither, ""},
	{v4, `"shared-networks":[{"name":"a","subnet4":[{"subnet":"10.0.0.0/8"}]}],"subnet4":[{"subnet":"10.1.0.0/16"}]`, both, ""},

	{v4, `"interfaces-config":{"interfaces":["lo/127.0.0.1"]}`, both, ""},
	{v4, `"interfaces-config":{"interfaces":["*","*"]}`, neither, ""},
	{v4, `"interfaces-config":{"interfaces":["nope"]}`, oursOnly, "the interface may come later"},
	{v4, `"interfaces-config":{"interfaces":["lo","lo"]}`, neither, ""},
	{v4, `"interfaces-config":{"interfaces":["*/10.0.0.1"]}`, neither, ""},
	{v4, `"interfaces-config":{"interfaces":["lo/::1"]}`, neither, ""},
	{v4, `"interfaces-config":{"interfaces":[""]}`, neither, ""},
	{v4, `"interfaces-config":{"interfaces":["lo/"]}`, neither, ""},
	{v4, `"interfaces-config":{"dhcp-socket-type":"x"}`, neither, ""},
	{v4, `"lease-database":{}`, neither, ""},
	{v4, `"lease-database":{"type":"memfile","lfc-interval":-1}`, neither, ""},
	{v4, `"lease-database":{"type":"foo"}`, neither, ""},
	{v4, `"lease-database":{"type":"memfile","max-row-errors":4294967296}`, neither, ""},
	{v4, `"expired-leases-processing":{"max-reclaim-time":10001}`, neither, ""},
	{v4, `"expired-leases-processing":{"reclaim-timer-wait-time":65536}`, neither, ""},
	{v4, `"expired-leases-processing":{"hold-reclaimed-time":4294967295}`, both, ""},
	{v4, `"loggers":[{}]`, neither, ""},
	{v4, `"loggers":[{"name":"kea-dhcp4","severity":"info","output_options":[{"output":"stdout","maxsize":5}]}]`, both, ""},
	{v4, `"loggers":[{"name":"kea-dhcp4","severity":"loud"}]`, keaOnly, "Kea passes over it"},
	{v4, `"sanity-checks":{"lease-checks":"foo"}`, neither, ""},
	{v4, `"compatibility":{"foo":true}`, neither, ""},
	{v4, `"server-id":{"type":"LL"}`, neither, ""},
	{v4, `"client-classes":[{}]`, neither, ""},
	{v4, `"client-classes":[{"name":"a"},{"name":"a"}]`, neither, ""},
	{v4, `"hooks-libraries":[{}]`, neither, ""},
	{v4, `"hooks-libraries":[{"library":"/nope.so"}]`, oursOnly, "no library is loaded; one that is not known is a reason not to start"},

	{v4, `"subnet4":[{"subnet":"192.0.2.0/24","reservations":[{"hw-address":"00:01:02:03:04:05","ip-address":"192.0.3.5"}]}]`, neither, ""},
	{v4, `"subnet4":[{"subnet":"192.0.2.0/24","reservations":[{"hw-address":"00:01:02:03:04:05"}]}]`, oursOnly, "Kea 3 takes a host of which nothing is said but who it is"},
	{v4, `"ip-reservations-unique":false,"subnet4":[{"id":1,"subnet":"192.0.2.0/24","reservations":[{"hw-address":"00:01:02:03:04:05","ip-address":"192.0.2.5"},{"duid":"01:02","ip-address":"192.0.2.5"}]}]`, both, ""},
	{v4, `"subnet4":[{"id":1,"subnet":"192.0.2.0/24","reservations":[{"hw-address":"00:01:02:03:04:05","ip-address":"192.0.2.5"},{"duid":"01:02","ip-address":"192.0.2.5"}]}]`, neither, ""},
	{v4, `"early-global-reservations-lookup":true,"compatibility":{"lenient-option-parsing":true}`, both, ""},
	{v4, `"subnet4":[{"subnet":"192.0.2.0/24","reservations":[{"hw-address":"00:01","ip-address":"192.0.2.5"},{"hw-address":"0:1","ip-address":"192.0.2.6"}]}]`, neither, ""},
	{v4, `"subnet4":[{"subnet":"192.0.2.0/24","reservations":[{"hw-address":"00:01","ip-address":"192.0.2.5"},{"hw-address":"00:02","ip-address":"192.0.2.5"}]}]`, neither, ""},
	{v4, `"subnet4":[{"subnet":"192.0.2.0/24","reservations":[{"hw-address":"00:01","duid":"01:02","ip-address":"192.0.2.5"}]}]`, neither, ""},
	{v4, `"subnet4":[{"subnet":"192.0.2.0/24","reservations":[{"ip-address":"192.0.2.5"}]}]`, neither, ""},
	{v4, `"subnet4":[{"subnet":"192.0.2.0/24","reservations":[{"duid":"010203","hostname":"a"},{"circuit-id":"'c 9'","hostname":"a"},{"client-id":"01:2:3","hostname":"b"},{"client-id":"12345","hostname":"b"},{"client-id":"01 02","hostname":"b"},{"flex-id":"0x0102","hostname":"b"}]}]`, both, ""},
	{v4, `"subnet4":[{"subnet":"192.0.2.0/24","reservations":[{"duid":"","ip-address":"192.0.2.5"}]}]`, neither, ""},
	{v4, `"subnet4":[{"subnet":"192.0.2.0/24","reservations":[{"duid":"zz","ip-address":"192.0.2.5"}]}]`, neither, ""},
	{v4, `"subnet4":[{"subnet":"192.0.2.0/24","reservations":[{"duid":"01:02","ip-address":"0.0.0.0"}]}]`, neither, ""},
	{v4, `"subnet4":[{"subnet":"192.0.2.0/24","reservations":[{"hw-address":"0:1:2:3:4:5:6:7:8:9:a:b:c:d:e:f:10:11:12:13:14","hostname":"a"}]}]`, neither, ""},
	{v4, `"reservations":[{"duid":"01:02","ip-address":"192.0.2.5"}]`, both, ""},
	{v4, `"reservations":[{"duid":"01:02","ip-address":"192.0.2.5"},{"duid":"01:02","ip-address":"192.0.2.6"}]`, neither, ""},

	{v4, `"option-data":[{"name":"domain-name-server","data":"192.0.2.1"}]`, neither, ""},
	{v4, `"option-data":[{"name":"domain-name-servers","data":"1.2.3"}]`, neither, ""},
	{v4, `"option-data":[{"code":250,"data":"1.2.3"}]`, neither, ""},
	{v4, `"option-data":[{"code":250,"csv-format":false,"data":"010203"}]`, both, ""},
	{v4, `"option-data":[{"code":6,"name":"routers","data":"192.0.2.1"}]`, neither, ""},
	{v4, `"option-data":[{"name":"routers","data":"192.0.2.1"},{"name":"routers","data":"192.0.2.2"}]`, both, ""},
	{v4, `"option-data":[{"data":"192.0.2.1"}]`, neither, ""},
	{v4, `"option-data":[{"code":256,"data":"192.0.2.1"}]`, neither, ""},
	{v4, `"option-data":[{"name":"tftp-servers","space":"vendor-4491","data":"192.0.2.1"}]`, both, ""},
	{v4, `"option-def":[{"name":"foo","code":222,"type":"uint32"}],"option-data":[{"name":"foo","data":"x"}]`, neither, ""},
	{v4, `"option-def":[{"name":"foo","code":222,"type":"uint33"}]`, neither, ""},
	{v4, `"option-def":[{"name":"foo","code":6,"type":"uint32"}]`, neither, ""},
	{v4, `"option-def":[{"name":"foo","code":222,"type":"uint32"},{"name":"foo","code":223,"type":"uint32"}]`, neither, ""},
	{v4, `"option-def":[{"name":"foo","code":222,"type":"record"}]`, neither, ""},
	{v4, `"option-def":[{"name":"foo","code":222}]`, neither, ""},
	{v4, `"option-def":[{"name":"x","code":0,"type":"uint8","space":"foo"},{"name":"y","code":255,"type":"uint8","space":"foo"}]`, both, ""},

	{v6, `"subnet6":[{"subnet":"2001:db8::/32","pools":[{"pool":"2001:db8::/80"}]}]`, both, ""},
	{v6, `"subnet6":[{"subnet":"2001:db8::/64","pools":[{"pool":"2001:db9::/80"}]}]`, neither, ""},
	{v6, `"subnet6":[{"subnet":"2001:db8::/64","pools":[{"pool":"2001:db8::1-2001:db8::5"},{"pool":"2001:db8::5-2001:db8::6"}]}]`, neither, ""},
	{v6, `"subnet6":[{"subnet":"2001:db8::/64","interface-id":"abc","interface":"lo"}]`, neither, ""},
	{v6, `"subnet6":[{"subnet":"2001:db8::/64","interface-id":"0x0102"}]`, both, ""},
	{v6, `"subnet6":[{"subnet":"192.0.2.0/24"}]`, neither, ""},
	{v6, `"subnet6":[{"subnet":"2001:db8::/64","pd-pools":[{"prefix":"2001:db8:1::","prefix-len":48,"delegated-len":64,"excluded-prefix":"2001:db8:1::","excluded-prefix-len":72}]}]`, both, ""},
	{v6, `"subnet6":[{"subnet":"2001:db8::/64","pd-pools":[{"prefix":"2001:db8:1::","prefix-len":48,"delegated-len":40}]}]`, neither, ""},
	{v6, `"subnet6":[{"subnet":"2001:db8::/64","pd-pools":[{"prefix":"2001:db8:1::1","prefix-len":48,"delegated-len":56}]}]`, both, ""},
	{v6, `"subnet6":[{"subnet":"2001:db8::/64","pd-pools":[{"prefix":"2001:db8:1::","prefix-len":48,"delegated-len":56},{"prefix":"2001:db8:1::","prefix-len":52,"delegated-len":56}]}]`, neither, ""},
	{v6, `"subnet6":[{"subnet":"2001:db8::/64","pd-pools":[{"prefix":"2001:db8:1::"}]}]`, neither, ""},
	{v6, `"subnet6":[{"subnet":"2001:db8::/64","reservations":[{"duid":"01:02","ip-addresses":["2001:db9::1"]}]}]`, neither, ""},
	{v6, `"subnet6":[{"subnet":"2001:db8::/64","reservations":[{"duid":"01:02","ip-addresses":["2001:db8::1","2001:db8::1"]}]}]`, neither, ""},
	{v6, `"subnet6":[{"subnet":"2001:db8::/64","reservations":[{"duid":"01:02","ip-addresses":["2001:db8::1"]},{"duid":"01:03","ip-addresses":["2001:db8::1"]}]}]`, neither, ""},
	{v6, `"subnet6":[{"subnet":"2001:db8::/64","reservations":[{"duid":"01:02","prefixes":["2001:db9::/56"]}]}]`, both, ""},
	{v6, `"subnet6":[{"subnet":"2001:db8::/64","reservations":[{"duid":"01:02","prefixes":["2001:db9::"]}]}]`, neither, ""},
	{v6, `"subnet6":[{"subnet":"2001:db8::/64","reservations":[{"client-id":"01:02","hostname":"a"}]}]`, neither, ""},
	{v6, `"subnet6":[{"subnet":"2001:db8::/64","rapid-commit":1}]`, neither, ""},
	{v6, `"shared-networks":[{"name":"x","interface-id":"abc","subnet6":[{"subnet":"2001:db8::/64"},{"subnet":"2001:db9::/64","interface":"lo"}]}]`, both, ""},
	{v6, `"shared-networks":[{"name":"x","rapid-commit":true,"subnet6":[{"subnet":"2001:db8::/64","rapid-commit":false}]}]`, both, ""},
	{v6, `"preferred-lifetime":3000,"valid-lifetime":2000`, both, ""},
	{v6, `"preferred-lifetime":3000,"min-preferred-lifetime":4000`, neither, ""},
	{v6, `"server-id":{"type":"EN","enterprise-id":1,"identifier":"0102"}`, both, ""},
	{v6, `"server-id":{"type":"LL","htype":8,"identifier":"zz"}`, neither, ""},
	{v6, `"server-id":{"type":"UUID"}`, neither, ""},
	{v6, `"server-id":{"type":"LLT","htype":70000}`, neither, ""},
	{v6, `"server-id":{"htype":1}`, neither, ""},
	{v6, `"data-directory":"/tmp"`, both, ""},
	{v4, `"control-socket":{"socket-type":"unix","socket-name":"/tmp/x"}`, both, ""},
	{v4, `"control-socket":{"socket-type":"unix"}`, keaOnly, "it cannot be opened, and Kea only says so at a start"},
	{v4, `"control-socket":{"socket-name":"/tmp/x"}`, keaOnly, "likewise"},
	{v4, `"control-socket":{"socket-type":"tcp","socket-name":"/tmp/x"}`, keaOnly, "likewise"},
	{v4, `"control-socket":{"socket-type":"unix","socket-name":"/tmp/x","socket-path":"x"}`, neither, ""},
	{v6, `"control-sockets":[{"socket-type":"unix","socket-name":"/tmp/x"}]`, oursOnly, "Kea has it since 2.7"},
	{v6, `"interfaces-config":{"interfaces":["*","lo","lo/::1"]}`, both, ""},
	{v6, `"interfaces-config":{"interfaces":["lo/ff02::1"]}`, neither, ""},
	{v6, `"host-reservation-identifiers":["client-id"]`, neither, ""},
	{v6, `"option-data":[{"name":"dns-servers","data":"2001:db8::1, 2001:db8::2"}]`, both, ""},
	{v6, `"option-data":[{"name":"dns-server","data":"2001:db8::1"}]`, neither, ""},
	{v6, `"option-data":[{"name":"dhcp4o6-server-addr","csv-format":false,"data":""}]`, both, ""},
}

// We refuse what Kea refuses and take what it takes, but for the differences
// that say why.
func TestAgreementWithKea(t *testing.T) {
	for _, tt := range agreements {
		t.Run(fmt.Sprintf("%d %s", tt.f, tt.json), func(t *testing.T) {
			if (tt.want == oursOnly || tt.want == keaOnly) != (tt.why != "") {
				t.Fatal("a difference has a reason, and nothing else has")
			}
			whole := fmt.Sprintf(`{"Dhcp%d":{%s}}`, tt.f, tt.json)
			cfg, problems := text(tt.f, whole, nil)
			if ours := tt.want == both || tt.want == oursOnly; (cfg != nil) != ours {
				t.Errorf("taken by us: %v, want %v\n%s", cfg != nil, ours, show(problems))
			}
			kea := tt.want == both || tt.want == keaOnly
			if took, ok := keaTakes(t, tt.f, whole); ok && took != kea {
				t.Errorf("taken by Kea: %v, want %v", took, kea)
			}
		})
	}
}

// keaTakes asks Kea 2.2; ok is false where it is not installed.
func keaTakes(t *testing.T, f Family, whole string) (took, ok bool) {
	program := fmt.Sprintf("kea-dhcp%d", f)
	version, err := exec.Command(program, "-v").Output()
	if err != nil || !strings.HasPrefix(string(version), "2.2.") {
		if os.Getenv("CI") != "" {
			t.Fatalf("%s 2.2 is not installed: %v", program, err)
		}
		return false, false
	}
	name := filepath.Join(t.TempDir(), "kea.json")
	if err := os.WriteFile(name, []byte(whole), 0o600); err != nil {
		t.Fatal(err)
	}
	return exec.Command(program, "-t", name).Run() == nil, true
}
