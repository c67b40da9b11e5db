package leasefile_test

import (
	"bufio"
	"bytes"
	"fmt"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/dhcp4o6/dhcp4o6/pkg/lease"
	"github.com/dhcp4o6/dhcp4o6/pkg/lease/leasefile"
)

// keaLeases is how many leases change hands; KEA_LEASES says another number.
const keaLeases = 10_000

// writeKea writes a lease file of n leases as Kea 2.2 does, in a subnet 10.0.0.0/8.
func writeKea(t *testing.T, file string, n int) {
	t.Helper()
	f, err := os.Create(file)
	if err != nil {
		t.Fatal(err)
	}
	w := bufio.NewWriterSize(f, 1<<20)
	w.WriteString("address,hwaddr,client_id,valid_lifetime,expire,subnet_id,fqdn_fwd,fqdn_rev,hostname,state,user_context\n")
	expire := time.Now().Add(24 * time.Hour).Unix()
	for i := range n {
		host, context := "", ""
		switch i % 5 {
		case 1:
			host = fmt.Sprintf("host-%d.example", i)
		case 2:
			context = `{ "ISC": { "relay-agent-info": "0x0104706F7274" }&#x2c "n": 7 }`
		}
		mac := fmt.Sprintf("02:00:5e:%02x:%02x:%02x", i>>16&0xff, i>>8&0xff, i&0xff)
		fmt.Fprintf(w, "%v,%s,01:%s,86400,%d,1,0,0,%s,0,%s\n", keaAddr(i), mac, mac, expire, host, context)
	}
	if err := w.Flush(); err != nil {
		t.Fatal(err)
	}
	if err := f.Close(); err != nil {
		t.Fatal(err)
	}
}

func keaAddr(i int) netip.Addr {
	i += 256
	return netip.AddrFrom4([4]byte{10, byte(i >> 16), byte(i >> 8), byte(i)})
}

// assigned asks Kea how many leases it has in its subnet.
func (k *kea) assigned() int {
	answer := k.command(`{"command": "statistic-get", "arguments": {"name": "subnet[1].assigned-addresses"}}`)
	_, rest, _ := strings.Cut(answer, "[ [ ")
	number, _, _ := strings.Cut(rest, ",")
	n, err := strconv.Atoi(strings.TrimSpace(number))
	if err != nil {
		k.t.Fatalf("%v in %s", err, answer)
	}
	return n
}

// TestKeaHandsAllOver: leases by the thousand (a million with KEA_LEASES=1000000) that
// kea-dhcp4 has loaded are taken over, change in our hands, and are given back: kea-lfc
// and kea-dhcp4 read every one of them.
func TestKeaHandsAllOver(t *testing.T) {
	lfc := program(t, "kea-lfc")
	program(t, "kea-dhcp4")
	n := keaLeases
	if v := os.Getenv("KEA_LEASES"); v != "" {
		var err error
		if n, err = strconv.Atoi(v); err != nil {
			t.Fatal(err)
		}
	}
	file := filepath.Join(t.TempDir(), "leases.csv")
	writeKea(t, file, n)
	load := func(when string) {
		t.Helper()
		begin := time.Now()
		k := startKeaWith(t, leasefile.V4, file, "10.0.0.0/8", "INFO")
		if got := k.assigned(); got != n {
			t.Fatalf("%s: Kea has %d leases, not %d", when, got, n)
		}
		log, _ := os.ReadFile(k.log)
		if bytes.Contains(log, []byte("ROW_ERROR")) {
			t.Errorf("%s: Kea says\n%.4000s", when, log)
		}
		k.stop()
		t.Logf("%s: Kea has %d leases after %.1f s", when, n, time.Since(begin).Seconds())
	}
	load("before")

	// ours: one is extended, one removed, one new
	begin := time.Now()
	s := openAt(t, file, leasefile.Options{Family: leasefile.V4})
	tab := lease.NewTable(s, lease.TableOptions{})
	if got, err := tab.Load(t.Context()); err != nil || got != n {
		t.Fatalf("%d leases taken over: %v", got, err)
	}
	t.Logf("taken over after %.1f s", time.Since(begin).Seconds())
	if r := s.Report(); r.Damaged != 0 || r.Torn != 0 {
		t.Errorf("report: %+v", r)
	}
	old, ok := tab.ByResource(keaResource(keaAddr(2)))
	if !ok || string(lease.Member(lease.Member(old.UserContext, "ISC"), "relay-agent-info")) != `"0x0104706F7274"` || len(old.ClientID) != 7 {
		t.Errorf("taken over: %+v", old)
	}
	old.Start = time.Now().Truncate(time.Second)
	fresh := old
	fresh.Resource, fresh.ClientID, fresh.HWAddr = keaResource(keaAddr(n)), []byte{9, 9, 9}, []byte{2, 0, 0x5e, 0xff, 0xff, 0xff}
	for _, l := range []*lease.Lease{&old, &fresh} {
		if _, _, err := tab.Put(l, lease.Always); err != nil {
			t.Fatal(err)
		}
	}
	seq, err := tab.Delete(keaResource(keaAddr(0)))
	if err == nil {
		err = tab.Commit(seq)
	}
	if err == nil {
		err = tab.Close()
	}
	if err != nil {
		t.Fatal(err)
	}
	load("after")

	// and what Kea's clean-up makes of ours
	if err := os.Rename(file, file+".1"); err != nil {
		t.Fatal(err)
	}
	out, err := exec.Command(lfc, "-4", "-d", "-c", "unused", "-p", file+".pid", "-x", file+".2", "-i", file+".1", "-o", file+".output", "-f", file+".completed").CombinedOutput()
	if err != nil || bytes.Contains(out, []byte("ROW_ERROR")) {
		t.Fatalf("kea-lfc: %v\n%.4000s", err, out)
	}
	got, _ := loadFile(t, file, leasefile.V4)
	if len(got) != n {
		t.Errorf("kea-lfc has left %d leases, not %d", len(got), n)
	}
}

func keaResource(a netip.Addr) lease.Resource {
	return lease.Resource{Kind: lease.V4, Prefix: netip.PrefixFrom(a, 32)}
}
