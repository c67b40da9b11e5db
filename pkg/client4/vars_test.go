package client4

import (
	"encoding/hex"
	"maps"
	"os"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/dhcp4o6/dhcp4o6/pkg/dhcp4"
)

// TestVarsAreDhclients holds the variables for scripts against what dhclient made of
// the same DHCPACK (testdata/README.md).
func TestVarsAreDhclients(t *testing.T) {
	in := recordedAck(t)
	l := &lease{addr: in.YIAddr, end: epoch}
	got := make(map[string]string)
	for _, v := range (&reader{all: true}).settings(in, l).Vars {
		if _, twice := got[v.Name]; twice {
			t.Errorf("%s stands there twice", v.Name)
		}
		got[v.Name] = v.Value
	}
	want := make(map[string]string)
	text, err := os.ReadFile("testdata/dhclient/vars.txt")
	if err != nil {
		t.Fatal(err)
	}
	for line := range strings.Lines(string(text)) {
		name, value, _ := strings.Cut(strings.TrimSuffix(strings.TrimPrefix(line, "new_"), "\n"), "=")
		want[name] = value
	}
	want["expiry"] = got["expiry"]
	// Where a space too many and a colon too few come from dhclient's printing.
	want["rdnss_selection"] = strings.ReplaceAll(want["rdnss_selection"], "  ", " ")
	want["pxe_client_id"] = strings.Replace(want["pxe_client_id"], "01:", "0:1:", 1)
	for _, name := range slices.Sorted(maps.Keys(want)) {
		if v, ok := got[name]; !ok || v != want[name] {
			t.Errorf("%s=%q (there: %v), dhclient has %q", name, v, ok, want[name])
		}
	}
	for name, v := range got {
		if _, ok := want[name]; !ok {
			t.Errorf("%s=%q, which dhclient does not have", name, v)
		}
	}
}

func recordedAck(t *testing.T) *dhcp4.Message {
	t.Helper()
	text, err := os.ReadFile("testdata/dhclient/ack.hex")
	if err != nil {
		t.Fatal(err)
	}
	b, err := hex.DecodeString(strings.Join(strings.Fields(string(text)), ""))
	if err != nil {
		t.Fatal(err)
	}
	in := new(dhcp4.Message)
	if err := in.Parse(b); err != nil {
		t.Fatal(err)
	}
	return in
}

// TestVarsOfAHostileServer: whatever an option holds, its variable is printable, and
// where dhclient drops a value that could do harm it is not there.
func TestVarsOfAHostileServer(t *testing.T) {
	evil := "x$(reboot)\n'\"`;\\\x00\xff"
	for c := dhcp4.Code(1); c < dhcp4.OptEnd; c++ {
		if c >= 51 && c <= 59 || c == dhcp4.OptClientID || c == dhcp4.OptPortParams || c == dhcp4.OptOverload {
			continue
		}
		for _, v := range given(t, nil, with(c, []byte(evil)...)).Vars {
			if strings.ContainsFunc(v.Value, func(c rune) bool { return c < ' ' || c > '~' }) || strings.Contains(strings.ReplaceAll(v.Value, `\$`, ""), "$") {
				t.Errorf("option %d: %s=%q", c, v.Name, v.Value)
			}
			if slices.Contains([]string{"host_name", "domain_name", "domain_search", "nis_domain", "netbios_scope", "root_path", "fqdn_fqdn"}, v.Name) {
				t.Errorf("option %d: %s=%q", c, v.Name, v.Value)
			}
		}
	}
}

// TestNamesOfAHostileServer: labels that mean something to a shell are in no variable.
func TestNamesOfAHostileServer(t *testing.T) {
	for _, c := range []dhcp4.Code{81, 88, 119, 137, 141, 213} {
		v := []byte("\x09$(reboot)\x03net\x00")
		if c == 81 {
			v = append([]byte{4, 0, 0}, v...)
		}
		for _, v := range given(t, nil, with(c, v...)).Vars {
			if strings.Contains(v.Value, "reboot") {
				t.Errorf("option %d: %s=%q", c, v.Name, v.Value)
			}
		}
	}
}

// TestVarsOfVendors: several enterprises in one option (RFC 3925 §3).
func TestVarsOfVendors(t *testing.T) {
	s := given(t, nil, with(125, 0, 0, 0, 9, 2, 1, 0, 0, 0, 0x0d, 0xe9, 1, 'x', 0, 0, 0, 1, 9))
	var got []string
	for _, v := range s.Vars {
		if strings.HasPrefix(v.Name, "vendor_") {
			got = append(got, v.Name+"="+v.Value)
		}
	}
	if want := []string{"vendor_unknown_9=1:0", "vendor_unknown_3561=x"}; !slices.Equal(got, want) {
		t.Errorf("%v, want %v", got, want)
	}
}

// TestExpiryOfALongLease: a lease that outlasts the numbers of a script does not end in
// the past.
func TestExpiryOfALongLease(t *testing.T) {
	for _, seconds := range []uint32{1 << 31, 0xfffffffe, 0xffffffff} {
		for _, v := range given(t, nil, lasting(seconds)).Vars {
			if v.Name != "expiry" {
				continue
			}
			want := uint64(min(epoch.Unix()+int64(seconds), 0xffffffff))
			if got, err := strconv.ParseUint(v.Value, 10, 64); err != nil || got != want {
				t.Errorf("of %d seconds: %v, want %v", seconds, v.Value, want)
			}
		}
	}
}
