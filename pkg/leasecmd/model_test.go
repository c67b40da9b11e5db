package leasecmd_test

import (
	"encoding/json"
	"fmt"
	"maps"
	"net/netip"
	"slices"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/dhcp4o6/dhcp4o6/pkg/lease"
	"github.com/dhcp4o6/dhcp4o6/pkg/lease/leasefile/faultfs"
	"github.com/dhcp4o6/dhcp4o6/pkg/topology"
)

// A known is what the model knows of a lease, under Kea's names.
type known struct {
	Address  string `json:"ip-address"`
	Hardware string `json:"hw-address"`
	Subnet   uint32 `json:"subnet-id"`
	State    int    `json:"state"`
	Valid    int64  `json:"valid-lft"`
	Hostname string `json:"hostname"`
}

type shape struct {
	*house
	leases map[string]known
}

// an answer, as far as the model looks at one
type answer struct {
	Result    int
	Text      string
	Arguments struct {
		Leases []known
		Count  int
		Set    struct{ Rows [][]int } `json:"result-set"`
	}
}

func (s *shape) do(t *rapid.T, command string, args any) (a answer) {
	t.Helper()
	text, err := json.Marshal(map[string]any{"command": command, "arguments": args})
	if err != nil {
		t.Fatalf("%v", err)
	}
	got := s.ask(string(text))
	if err := json.Unmarshal([]byte(got), &a); err != nil {
		t.Fatalf("%s: %s: %v", text, got, err)
	}
	return a
}

func (s *shape) expect(t *rapid.T, a answer, result int) {
	t.Helper()
	if a.Result != result {
		t.Fatalf("result %d, not %d: %s", a.Result, result, a.Text)
	}
}

// addresses are those of two subnets, in pools and outside of them.
var addresses = []string{"192.0.2.1", "192.0.2.2", "192.0.2.3", "192.0.2.200", "192.0.3.1", "192.0.3.2", "192.0.3.200"}

func subnetOf(address string) uint32 {
	if address[:8] == "192.0.2." {
		return 44
	}
	return 88
}

func drawLease(t *rapid.T) known {
	k := known{
		Address:  rapid.SampledFrom(addresses).Draw(t, "address"),
		Hardware: fmt.Sprintf("02:00:00:00:00:%02x", rapid.IntRange(1, 5).Draw(t, "client")),
		State:    rapid.IntRange(0, 3).Draw(t, "state"),
		Valid:    int64(rapid.IntRange(3600, 7200).Draw(t, "valid")),
		Hostname: rapid.SampledFrom([]string{"", "a", "b"}).Draw(t, "name"),
	}
	k.Subnet = subnetOf(k.Address)
	return k
}

func (*shape) arguments(k known) map[string]any {
	return map[string]any{"ip-address": k.Address, "hw-address": k.Hardware, "state": k.State, "valid-lft": k.Valid, "hostname": k.Hostname}
}

func (s *shape) add(t *rapid.T) {
	k := drawLease(t)
	a := s.do(t, "lease4-add", s.arguments(k))
	if _, there := s.leases[k.Address]; there {
		s.expect(t, a, 1)
		return
	}
	s.expect(t, a, 0)
	s.leases[k.Address] = k
}

func (s *shape) update(t *rapid.T) {
	k := drawLease(t)
	args := s.arguments(k)
	force := rapid.Bool().Draw(t, "force")
	args["force-create"] = force
	a := s.do(t, "lease4-update", args)
	if _, there := s.leases[k.Address]; !there && !force {
		s.expect(t, a, 1)
		return
	}
	s.expect(t, a, 0)
	s.leases[k.Address] = k
}

func (s *shape) del(t *rapid.T) {
	k := drawLease(t)
	args := map[string]any{"ip-address": k.Address}
	if rapid.Bool().Draw(t, "by client") {
		args = map[string]any{"subnet-id": k.Subnet, "identifier-type": "hw-address", "identifier": k.Hardware}
		k.Address = ""
		for _, a := range slices.SortedFunc(maps.Keys(s.leases), func(a, b string) int {
			return netip.MustParseAddr(a).Compare(netip.MustParseAddr(b))
		}) {
			if l := s.leases[a]; l.Hardware == k.Hardware && l.Subnet == k.Subnet && k.Address == "" {
				k.Address = a
			}
		}
	}
	want := 3
	if _, there := s.leases[k.Address]; there {
		want = 0
	}
	s.expect(t, s.do(t, "lease4-del", args), want)
	delete(s.leases, k.Address)
}

func (s *shape) wipe(t *rapid.T) {
	id := rapid.SampledFrom([]uint32{44, 88}).Draw(t, "subnet")
	n := len(s.leases)
	maps.DeleteFunc(s.leases, func(_ string, k known) bool { return k.Subnet == id })
	a := s.do(t, "lease4-wipe", map[string]any{"subnet-id": id})
	if want := fmt.Sprintf("Deleted %d IPv4 lease(s) from subnet(s) %d", n-len(s.leases), id); a.Text != want {
		t.Fatalf("%s, not %s", a.Text, want)
	}
}

// packet does what a server does for a client: it grants a lease, or releases one.
func (s *shape) packet(t *rapid.T) {
	k := drawLease(t)
	hw := []byte{2, 0, 0, 0, 0, k.Hardware[16] - '0'}
	who := lease.Identity{Kind: lease.ByHWAddr, HWType: 1, ID: hw}
	var seq lease.Seq
	var err error
	if rapid.Bool().Draw(t, "release") {
		res := lease.Resource{Kind: lease.V4, Prefix: netip.PrefixFrom(netip.MustParseAddr(k.Address), 32)}
		seq, err = s.table.Release(res, time.Now(), who)
	} else {
		seq, err = s.grant(k, hw, who)
	}
	if err != nil {
		return
	}
	if err := s.table.Commit(seq); err != nil {
		t.Fatalf("commit: %v", err)
	}
	s.adopt(t)
}

func (s *shape) grant(k known, hw []byte, who lease.Identity) (lease.Seq, error) {
	var pools []*lease.Pool
	for _, n := range s.cfg.Topology.Subnets {
		for _, p := range n.Pools {
			if n.ID == k.Subnet {
				pools = append(pools, p.Lease)
			}
		}
	}
	_, seq, err := s.table.Grant(&lease.Request{
		Lease:  lease.Lease{Subnet: k.Subnet, HWAddr: hw, HWType: 1, Valid: time.Duration(k.Valid) * time.Second, Hostname: k.Hostname},
		Lookup: []lease.Identity{who}, Pools: pools, Now: time.Now(),
	})
	return seq, err
}

// adopt takes over what packets did, from the table itself; who may do it is the
// table's own model's to judge.
func (s *shape) adopt(t *rapid.T) {
	s.leases = map[string]known{}
	for l := range s.table.All() {
		k := known{
			Address: l.Resource.Prefix.Addr().String(), Hardware: fmt.Sprintf("%02x", l.HWAddr[0]),
			Subnet: l.Subnet, State: int(l.State), Valid: int64(l.Valid / time.Second), Hostname: strings.Clone(l.Hostname),
		}
		for _, c := range l.HWAddr[1:] {
			k.Hardware += fmt.Sprintf(":%02x", c)
		}
		s.leases[k.Address] = k
	}
}

// agree compares every way to look at the leases with the model.
func (s *shape) agree(t *rapid.T) {
	same := func(how string, got []known, want func(*known) bool) {
		t.Helper()
		n := 0
		for _, k := range s.leases {
			if want(&k) {
				n++
			}
		}
		if len(got) != n {
			t.Fatalf("%s: %d leases, not %d", how, len(got), n)
		}
		for _, k := range got {
			if w, there := s.leases[k.Address]; !there || w != k {
				t.Fatalf("%s: %+v, not %+v", how, k, w)
			}
		}
	}
	all := func(*known) bool { return true }
	same("all", s.do(t, "lease4-get-all", map[string]any{"subnets": []int{44, 88}}).Arguments.Leases, all)
	same("page", s.do(t, "lease4-get-page", map[string]any{"from": "start", "limit": 100}).Arguments.Leases, all)
	k := drawLease(t)
	same("hw-address", s.do(t, "lease4-get-by-hw-address", map[string]any{"hw-address": k.Hardware}).Arguments.Leases,
		func(l *known) bool { return l.Hardware == k.Hardware })
	same("state", s.do(t, "lease4-get-by-state", map[string]any{"state": k.State, "subnet-id": k.Subnet}).Arguments.Leases,
		func(l *known) bool { return l.State == k.State && l.Subnet == k.Subnet })
	if k.Hostname != "" {
		same("hostname", s.do(t, "lease4-get-by-hostname", map[string]any{"hostname": k.Hostname}).Arguments.Leases,
			func(l *known) bool { return l.Hostname == k.Hostname })
	}
	s.counted(t)
}

// counted compares the counts of subnets.
func (s *shape) counted(t *rapid.T) {
	for _, row := range s.do(t, "stat-lease4-get", map[string]any{}).Arguments.Set.Rows {
		assigned, declined := 0, 0
		for _, k := range s.leases {
			switch {
			case int(k.Subnet) != row[0]:
			case k.State == 0:
				assigned++
			case k.State == 1:
				declined++
			}
		}
		if row[3] != assigned || row[4] != declined {
			t.Fatalf("subnet %d: %d assigned and %d declined, not %d and %d", row[0], row[3], row[4], assigned, declined)
		}
	}
}

// TestCommandsModel runs random commands among random packets over a lease file beside a
// plain map: every answer, every count and what a new start reads from the file,
// also after a power cut at any moment between two of them, is what the map says.
func TestCommandsModel(t *testing.T) {
	outer := t
	rapid.Check(t, func(t *rapid.T) {
		disk := faultfs.New(rapid.Uint64().Draw(t, "seed"))
		s := &shape{house: openHouse(outer, topology.V4, "/var", disk), leases: map[string]known{}}
		t.Repeat(map[string]func(*rapid.T){
			"add":    s.add,
			"update": s.update,
			"del":    s.del,
			"wipe":   s.wipe,
			"packet": s.packet,
			"bind":   s.packet,
			"write":  func(t *rapid.T) { s.expect(t, s.do(t, "lease4-write", map[string]any{"filename": s.file}), 0) },
			"look":   s.agree,
			"restart": func(t *rapid.T) {
				if err := s.table.Close(); err != nil {
					t.Fatalf("close: %v", err)
				}
				s.open(outer)
				s.agree(t)
			},
			"power cut": func(t *rapid.T) { // what was answered is there
				disk = disk.PowerCut()
				s.disk = disk
				s.open(outer)
				s.agree(t)
			},
			"": s.counted,
		})
	})
}
