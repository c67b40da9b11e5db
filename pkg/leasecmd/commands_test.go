package leasecmd_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/dhcp4o6/dhcp4o6/pkg/control"
	"github.com/dhcp4o6/dhcp4o6/pkg/lease"
	"github.com/dhcp4o6/dhcp4o6/pkg/lease/leasefile"
	"github.com/dhcp4o6/dhcp4o6/pkg/lease/leasetest"
	"github.com/dhcp4o6/dhcp4o6/pkg/leasecmd"
	"github.com/dhcp4o6/dhcp4o6/pkg/softwire"
	"github.com/dhcp4o6/dhcp4o6/pkg/topology"
)

// TestSubnets: the commands of subnet_cmds, which Kea 2.2.0 of Debian lacks, have
// the shapes of Kea 3.
func TestSubnets(t *testing.T) {
	h4, h6 := newHouse(t, topology.V4), newHouse(t, topology.V6)
	tests := []struct {
		h         *house
		ask, want string
	}{
		{h4, `{"command":"subnet4-list"}`, `{"result":0,"text":"4 IPv4 subnets found","arguments":{"subnets":[
			{"id":44,"subnet":"192.0.2.0/24","shared-network-name":null},{"id":88,"subnet":"192.0.3.0/24","shared-network-name":null},
			{"id":100,"subnet":"10.0.0.0/16","shared-network-name":"floor"},{"id":101,"subnet":"10.1.0.0/16","shared-network-name":"floor"}]}}`},
		{h6, `{"command":"subnet6-list"}`, `{"result":0,"text":"4 IPv6 subnets found","arguments":{"subnets":[
			{"id":66,"subnet":"2001:db8:1::/48","shared-network-name":null},{"id":99,"subnet":"2001:db8:2::/48","shared-network-name":null},
			{"id":100,"subnet":"2001:db8:3::/48","shared-network-name":"floor"},{"id":101,"subnet":"2001:db8:4::/48","shared-network-name":"floor"}]}}`},
		{h4, `{"command":"network4-list"}`, `{"result":0,"text":"1 IPv4 network found","arguments":{"shared-networks":[{"name":"floor"}]}}`},
		{h6, `{"command":"network6-list"}`, `{"result":0,"text":"1 IPv6 network found","arguments":{"shared-networks":[{"name":"floor"}]}}`},
		{h4, `{"command":"subnet4-get"}`, `{"result":1,"text":"no arguments specified for the 'subnet4-get' command"}`},
		{h4, `{"command":"subnet4-get","arguments":[]}`, `{"result":1,"text":"arguments specified for the 'subnet4-get' command are not a map"}`},
		{h4, `{"command":"subnet4-get","arguments":{}}`, `{"result":1,"text":"invalid number of arguments 0 for the 'subnet4-get' command. Expecting 'id' or 'subnet'"}`},
		{h4, `{"command":"subnet4-get","arguments":{"x":1}}`, `{"result":1,"text":"'id' or 'subnet' parameter required"}`},
		{h4, `{"command":"subnet4-get","arguments":{"id":"44"}}`, `{"result":1,"text":"'id' parameter must be an integer"}`},
		{h4, `{"command":"subnet4-get","arguments":{"subnet":44}}`, `{"result":1,"text":"'subnet' parameter must be a string"}`},
		{h4, `{"command":"subnet4-get","arguments":{"id":7}}`, `{"result":3,"text":"No subnet with id 7 found"}`},
		{h4, `{"command":"subnet4-get","arguments":{"id":4294967340}}`, `{"result":3,"text":"No subnet with id 4294967340 found"}`},
		{h6, `{"command":"subnet6-get","arguments":{"subnet":"2001:db8:9::/48"}}`, `{"result":3,"text":"No 2001:db8:9::/48 subnet found"}`},
		{h4, `{"command":"network4-get"}`, `{"result":1,"text":"no arguments specified for the 'network4-get' command"}`},
		{h4, `{"command":"network4-get","arguments":{}}`, `{"result":1,"text":"invalid 'network4-get': missing mandatory 'name' parameter"}`},
		{h4, `{"command":"network4-get","arguments":{"name":1}}`, `{"result":1,"text":"'name' parameter must be a string"}`},
		{h6, `{"command":"network6-get","arguments":{"name":"roof"}}`, `{"result":3,"text":"No 'roof' shared network found"}`},
	}
	for _, tt := range tests {
		if got := tt.h.ask(tt.ask); plain(t, tt.ask, got) != plain(t, tt.ask, tt.want) {
			t.Errorf("%s\n got %s\nwant %s", tt.ask, got, tt.want)
		}
	}
}

// TestSubnetGet: a subnet and a network are shown as config-get shows them.
func TestSubnetGet(t *testing.T) {
	type subnet struct {
		ID     uint32
		Subnet string
		Pools  []struct{ Pool string }
		Valid  uint32 `json:"valid-lifetime"`
	}
	type network struct {
		Name    string
		Subnet4 []subnet
		Subnet6 []subnet
	}
	var got struct {
		Result    int
		Text      string
		Arguments struct {
			Subnet4, Subnet6 []subnet
			Networks         []network `json:"shared-networks"`
		}
	}
	ask := func(h *house, request, text string) {
		t.Helper()
		got.Arguments.Subnet4, got.Arguments.Subnet6, got.Arguments.Networks = nil, nil, nil
		if err := json.Unmarshal([]byte(h.ask(request)), &got); err != nil || got.Result != 0 || got.Text != text {
			t.Fatalf("%s: %+v, %v", request, got, err)
		}
	}
	h4, h6 := newHouse(t, topology.V4), newHouse(t, topology.V6)
	ask(h4, `{"command":"subnet4-get","arguments":{"id":88}}`, "Info about IPv4 subnet 192.0.3.0/24 (id 88) returned")
	if s := got.Arguments.Subnet4; len(s) != 1 || s[0].ID != 88 || s[0].Valid != 7200 || len(s[0].Pools) != 2 || s[0].Pools[0].Pool != "192.0.3.0/28" {
		t.Errorf("%+v", s)
	}
	ask(h6, `{"command":"subnet6-get","arguments":{"subnet":"2001:db8:4::/48"}}`, "Info about IPv6 subnet 2001:db8:4::/48 (id 101) returned")
	if s := got.Arguments.Subnet6; len(s) != 1 || s[0].ID != 101 || len(s[0].Pools) != 1 {
		t.Errorf("%+v", s)
	}
	ask(h6, `{"command":"network6-get","arguments":{"name":"floor"}}`, "Info about IPv6 shared network 'floor' returned")
	if n := got.Arguments.Networks; len(n) != 1 || n[0].Name != "floor" || len(n[0].Subnet6) != 2 || n[0].Subnet6[0].ID != 100 {
		t.Errorf("%+v", n)
	}
}

// TestByState has no peer in Kea 2.2.0; texts are those of Kea 3.
func TestByState(t *testing.T) {
	h := newHouse(t, topology.V4)
	for i, state := range []int{0, 1, 1, 2, 3} {
		ask := fmt.Sprintf(`{"command":"lease4-add","arguments":{"ip-address":"192.0.%d.%d","hw-address":"01:02:03","state":%d}}`, 2+i%2, i+1, state)
		if got := h.ask(ask); !strings.Contains(got, `"result":0`) {
			t.Fatal(got)
		}
	}
	tests := []struct{ args, want string }{
		{`{"state":0}`, "1 IPv4 lease(s) found with state default (0)."},
		{`{"state":"assigned"}`, "1 IPv4 lease(s) found with state default (0)."},
		{`{"state":"declined"}`, "2 IPv4 lease(s) found with state declined (1)."},
		{`{"state":1,"subnet-id":88}`, "1 IPv4 lease(s) found with state declined (1) in subnet 88."},
		{`{"state":"expired-reclaimed"}`, "1 IPv4 lease(s) found with state expired-reclaimed (2)."},
		{`{"state":"released"}`, "1 IPv4 lease(s) found with state released (3)."},
		{`{"state":"registered"}`, "0 IPv4 lease(s) found with state registered (4)."},
		{`{"state":17}`, "0 IPv4 lease(s) found with state 17."},
		{`{"state":"x"}`, "'state' parameter value (x) is not recognized"},
		{`{"state":""}`, "'state' parameter is empty"},
		{`{"state":true}`, "'state' parameter must be a number or a string"},
		{`{}`, "'state' parameter not specified"},
		{`[]`, "Command arguments missing or a not a map."},
		{`{"state":1,"subnet-id":"x"}`, "'subnet-id' parameter must be a number"},
		{`{"state":1,"subnet-id":-1}`, "'subnet-id' parameter must be a 32 bit unsigned integer"},
	}
	for _, tt := range tests {
		var got struct{ Text string }
		if err := json.Unmarshal([]byte(h.ask(`{"command":"lease4-get-by-state","arguments":`+tt.args+`}`)), &got); err != nil || got.Text != tt.want {
			t.Errorf("%s: %s, want %s (%v)", tt.args, got.Text, tt.want, err)
		}
	}
}

// TestWrite: a complete copy that a new daemon reads, in no place but the lease file's
// folder and over no file but itself.
func TestWrite(t *testing.T) {
	h := newHouse(t, topology.V4)
	folder := filepath.Dir(h.file)
	for i := range 20 {
		h.ask(fmt.Sprintf(`{"command":"lease4-add","arguments":{"ip-address":"192.0.2.%d","hw-address":"01:02:03","hostname":"a,b","user-context":{"x":"y"}}}`, i))
	}
	if err := os.Symlink("/etc/nowhere.csv", filepath.Join(folder, "link.csv")); err != nil {
		t.Fatal(err)
	}
	tests := []struct{ args, want string }{
		{`{"filename":"copy.csv"}`, "IPv4 lease database into 'copy.csv'."},
		{`{"filename":"copy.csv"}`, "'filename' parameter is invalid: 'copy.csv' is there already"},
		{`{"filename":"` + folder + `/other.csv"}`, "IPv4 lease database into '" + folder + "/other.csv'."},
		{`{"filename":"` + h.file + `"}`, "IPv4 lease database into '" + h.file + "'."},
		{`{"filename":"link.csv"}`, "'filename' parameter is invalid: 'link.csv' is there already"},
		{`{"filename":"/tmp/other.csv"}`, "'filename' parameter is invalid: '/tmp/other.csv' is not in the folder of the lease file, " + folder},
		{`{"filename":"../other.csv"}`, "'filename' parameter is invalid: '../other.csv' is not in the folder of the lease file, " + folder},
		{`{"filename":"` + folder + `/../other.csv"}`, "'filename' parameter is invalid: '" + folder + "/../other.csv' is not in the folder of the lease file, " + folder},
		{`{"filename":"a\u0000.csv"}`, "'filename' parameter is invalid: 'a\x00.csv' is not in the folder of the lease file, " + folder},
		{`{"filename":"leases.csv.2"}`, "'filename' parameter is invalid: 'leases.csv.2' does not end in .csv"},
		{`{"filename":"."}`, "'filename' parameter is invalid: '.' is not in the folder of the lease file, " + folder},
		{`{"filename":""}`, "'filename' parameter is empty"},
		{`{"filename":7}`, "'filename' parameter must be a string"},
		{`{}`, "'filename' parameter not specified"},
	}
	for _, tt := range tests {
		var got struct{ Text string }
		if err := json.Unmarshal([]byte(h.ask(`{"command":"lease4-write","arguments":`+tt.args+`}`)), &got); err != nil || got.Text != tt.want {
			t.Errorf("%s: %q, want %q (%v)", tt.args, got.Text, tt.want, err)
		}
	}
	if left, err := filepath.Glob(filepath.Join(folder, "*.new")); err != nil || len(left) > 0 {
		t.Errorf("left behind: %v %v", left, err)
	}
	f, err := leasefile.Open(filepath.Join(folder, "copy.csv"), leasefile.Options{})
	if err != nil {
		t.Fatal(err)
	}
	copied := lease.NewTable(f, lease.TableOptions{})
	defer copied.Close()
	if n, err := copied.Load(t.Context()); err != nil || n != 20 {
		t.Fatalf("%d leases, %v", n, err)
	}
	for l := range h.table.All() {
		if c, ok := copied.ByResource(l.Resource); !ok || leasetest.Text(&c) != leasetest.Text(l) {
			t.Errorf("copied %s, was %s", leasetest.Text(&c), leasetest.Text(l))
		}
	}
}

// small is the commands over a table in memory.
func small(store lease.Store, o leasecmd.Options) (*lease.Table, *control.Registry) {
	table := lease.NewTable(store, lease.TableOptions{})
	net := &topology.Topology{Family: topology.V4, Subnets: []*topology.Subnet{{ID: 1, Prefix: netip.MustParsePrefix("10.0.0.0/8")}}}
	o.Family, o.Leases, o.Topology = topology.V4, table, func() *topology.Topology { return net }
	r := new(control.Registry)
	leasecmd.New(o).Register(r)
	return table, r
}

// TestAnswersAreBounded: what would be a larger answer than may be is refused, and a page
// is never cut short in silence, which a reader would take for the end.
func TestAnswersAreBounded(t *testing.T) {
	table, r := small(new(lease.Volatile), leasecmd.Options{MaxAnswer: 4096})
	for i := range uint32(40) {
		l := lease.Lease{Resource: resource(i), Subnet: 1, HWAddr: hardware(i), HWType: 1, Start: time.Now(), Valid: time.Hour, Hostname: "x"}
		if _, _, err := table.Put(&l, lease.Absent); err != nil {
			t.Fatal(err)
		}
	}
	tests := []struct {
		ask    string
		result int
	}{
		{`{"command":"lease4-get-all"}`, 1},
		{`{"command":"lease4-get-by-hostname","arguments":{"hostname":"x"}}`, 1},
		{`{"command":"lease4-get-all","arguments":{"subnets":[2]}}`, 3},
		{`{"command":"lease4-get-page","arguments":{"from":"start","limit":10}}`, 0},
		{`{"command":"lease4-get-page","arguments":{"from":"start","limit":40}}`, 1},
		{`{"command":"lease4-get-page","arguments":{"from":"start","limit":4294967295}}`, 1},
		{`{"command":"lease4-get-page","arguments":{"from":"10.0.0.30","limit":4294967295}}`, 0},
	}
	for _, tt := range tests {
		var got struct{ Result int }
		answer := r.Run(t.Context(), []byte(tt.ask))
		if err := json.Unmarshal(answer, &got); err != nil || got.Result != tt.result || len(answer) > 4096+256 {
			t.Errorf("%s: %.200s (%d octets), want result %d (%v)", tt.ask, answer, len(answer), tt.result, err)
		}
	}
}

// TestNoAnswerBeforeDurable: a change is answered when it is durable, and with an
// error when it cannot be made so.
func TestNoAnswerBeforeDurable(t *testing.T) {
	store := new(leasetest.Memory)
	table, r := small(store, leasecmd.Options{})
	add := `{"command":"lease4-add","arguments":{"ip-address":"10.0.0.%d","hw-address":"01:02","valid-lft":60}}`
	waiting, release := store.Block()
	answered := make(chan []byte)
	go func() { answered <- r.Run(t.Context(), fmt.Appendf(nil, add, 1)) }()
	<-waiting
	select {
	case answer := <-answered:
		t.Fatalf("answered before the sync: %s", answer)
	case <-time.After(50 * time.Millisecond):
	}
	release()
	if answer := <-answered; !strings.Contains(string(answer), `"result":0`) {
		t.Fatalf("%s", answer)
	}
	if len(store.PowerCut().Replay()) != 1 {
		t.Error("not durable")
	}
	store.Fail(true)
	failing := []struct {
		ask    string
		result int
	}{
		{fmt.Sprintf(add, 2), control.Partial}, // it is in the table; the next are refused at once
		{fmt.Sprintf(add, 3), control.Error},
		{`{"command":"lease4-del","arguments":{"ip-address":"10.0.0.1"}}`, control.Error},
		{`{"command":"lease4-wipe"}`, control.Error},
		{`{"command":"leases-reclaim","arguments":{"remove":true}}`, control.Error},
	}
	for _, tt := range failing {
		if answer := r.Run(t.Context(), []byte(tt.ask)); !strings.Contains(string(answer), fmt.Sprintf(`"result":%d,`, tt.result)) {
			t.Errorf("%s: %s, want result %d", tt.ask, answer, tt.result)
		}
	}
	if !errors.Is(table.Down(), lease.ErrDown) {
		t.Error("the table does not know that its store is down")
	}
}

// TestPortSetsAreShown: what Kea has no word for stands in a member of ours.
func TestPortSetsAreShown(t *testing.T) {
	table, r := small(new(lease.Volatile), leasecmd.Options{})
	l := lease.Lease{
		Resource: resource(1), Subnet: 1, HWAddr: hardware(1), HWType: 32, Start: time.Unix(1, 0), Valid: time.Hour,
		UserContext: []byte(`{"dhcp4o6":{"source":"2001:db8::1"}}`),
	}
	l.Resource.Ports = softwire.PortSet{Offset: 6, Len: 8, ID: 52}
	if _, _, err := table.Put(&l, lease.Absent); err != nil {
		t.Fatal(err)
	}
	const want = `{"result":0,"text":"1 IPv4 lease(s) found.","arguments":{"leases":[{"cltt":1,"dhcp4o6":{"hwtype":32,"port-set":{"offset":6,"psid-len":8,"psid":52}},` +
		`"fqdn-fwd":false,"fqdn-rev":false,"hostname":"","hw-address":"02:00:00:00:00:01","ip-address":"10.0.0.1","state":0,"subnet-id":1,` +
		`"user-context":{"dhcp4o6":{"source":"2001:db8::1"}},"valid-lft":3600}]}}`
	if got := string(r.Run(t.Context(), []byte(`{"command":"lease4-get-all"}`))); got != want {
		t.Errorf("\n got %s\nwant %s", got, want)
	}
}

// TestUpdateChangesAPrefix: a prefix that is updated with another length stays one
// lease, as in Kea.
func TestUpdateChangesAPrefix(t *testing.T) {
	h := newHouse(t, topology.V6)
	for _, n := range []int{60, 64, 56} {
		h.ask(fmt.Sprintf(`{"command":"lease6-update","arguments":{"ip-address":"2001:db8:1:8000::","duid":"01:02","iaid":7,"type":"IA_PD","prefix-len":%d,"subnet-id":66,"force-create":true}}`, n))
		if got := h.ask(`{"command":"lease6-get-all"}`); !strings.Contains(got, fmt.Sprintf(`"prefix-len":%d`, n)) || !strings.Contains(got, `"1 IPv6`) {
			t.Errorf("length %d: %s", n, got)
		}
	}
}

// FuzzArguments throws arguments of every kind at every command: each is answered, in
// JSON, and the table stays whole for the file to be read again.
func FuzzArguments(f *testing.F) {
	var commands [2][]string
	for i, family := range []topology.Family{topology.V4, topology.V6} {
		for _, turn := range readTurns(f, fmt.Sprintf("dhcp%d.txt", family)) {
			var c struct {
				Command   string
				Arguments json.RawMessage
			}
			if err := json.Unmarshal([]byte(turn.ask), &c); err != nil {
				f.Fatal(err)
			}
			f.Add(uint8(len(commands[i])), i == 1, []byte(c.Arguments))
			commands[i] = append(commands[i], c.Command)
		}
	}
	houses := []*house{newHouse(f, topology.V4), newHouse(f, topology.V6)}
	f.Fuzz(func(t *testing.T, which uint8, six bool, args []byte) {
		i := 0
		if six {
			i = 1
		}
		command := commands[i][int(which)%len(commands[i])]
		answer := houses[i].ask(`{"command":"` + command + `","arguments":` + string(args) + `}`)
		var got struct{ Result *int }
		if err := json.Unmarshal([]byte(answer), &got); err != nil || got.Result == nil || strings.Contains(answer, "internal error") {
			t.Fatalf("%s %s: %s (%v)", command, args, answer, err)
		}
	})
}

// kea-lfc-start cleans the lease file up: of a lease that was written twice one row stays.
func TestCleanUp(t *testing.T) {
	h := newHouse(t, topology.V4)
	for _, name := range []string{"one", "two"} {
		h.ask(`{"command":"lease4-update","arguments":{"ip-address":"192.0.2.1","hw-address":"02:00:00:00:00:01","hostname":"` + name + `","force-create":true}}`)
	}
	before, err := os.Stat(h.file)
	if err != nil {
		t.Fatal(err)
	}
	if got := h.ask(`{"command":"kea-lfc-start"}`); !strings.Contains(got, `"kea-lfc started"`) {
		t.Error(got)
	}
	after, err := os.Stat(h.file)
	if err != nil || after.Size() >= before.Size() {
		t.Errorf("%v octets before, then %v: %v", before.Size(), after.Size(), err)
	}
	if got := h.ask(`{"command":"lease4-get","arguments":{"ip-address":"192.0.2.1"}}`); !strings.Contains(got, "IPv4 lease found.") {
		t.Error(got)
	}
}
