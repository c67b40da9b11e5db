package hostconf_test

import (
	"errors"
	"fmt"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/dhcp4o6/dhcp4o6/internal/dhcptest/netns"
	"github.com/dhcp4o6/dhcp4o6/pkg/hostconf"
	"github.com/dhcp4o6/dhcp4o6/pkg/softwire"
)

// TestOptionsAreChecked: settings that cannot be are refused before anything is done.
func TestOptionsAreChecked(t *testing.T) {
	for _, o := range []hostconf.NetlinkOptions{{Metric: -1}, {MinMTU: 67}, {Resolver: 99}} {
		if _, err := hostconf.NewNetlink(o); err == nil {
			t.Errorf("%+v was taken", o)
		}
	}
}

// TestShareOfAnAddress: the kernel would use the ports of others, so it is given the
// address only by those who see to that (RFC 7618).
func TestShareOfAnAddress(t *testing.T) {
	if !netns.Enter(t) {
		return
	}
	link(t)
	share := lease4()
	share.PortSet = softwire.PortSet{Offset: 6, Len: 8, ID: 0x34}
	for _, tt := range []struct {
		may  bool
		err  error
		want []string
	}{{false, hostconf.ErrShared, nil}, {true, nil, []string{"192.0.2.7/24 brd 192.0.2.255"}}, {false, hostconf.ErrShared, nil}} {
		s := newNetlink(t, hostconf.NetlinkOptions{Resolver: hostconf.NoResolver, Shared: tt.may})
		if err := apply(t, s, hostconf.Bound, nil, share); !errors.Is(err, tt.err) || tt.err == nil && err != nil {
			t.Errorf("%v: %v", tt.may, err)
		}
		ours, _ := addresses(t, "lan0")
		equal(t, fmt.Sprint(tt.may), ours, tt.want...)
	}
	ours, _ := routes(t)
	equal(t, "routes", ours)
}

// TestTooMuch: what a hostile server gives without end is bounded, and told.
func TestTooMuch(t *testing.T) {
	if !netns.Enter(t) {
		return
	}
	link(t)
	s := newNetlink(t, hostconf.NetlinkOptions{Resolver: hostconf.NoResolver})
	lease := lease4()
	for i := range 13000 { // what the largest message has room for
		lease.Routes = append(lease.Routes, hostconf.Route{Dest: netip.PrefixFrom(netip.AddrFrom4([4]byte{10, byte(i >> 8), byte(i), 0}), 24), Via: addr("192.0.2.1")})
	}
	six := new(hostconf.Settings)
	for i := range 2000 {
		six.Addresses = append(six.Addresses, hostconf.Address{Prefix: netip.PrefixFrom(netip.AddrFrom16([16]byte{0x20, 1, 0xd, 0xb9, 14: byte(i >> 8), 15: byte(i)}), 128)})
		six.Prefixes = append(six.Prefixes, hostconf.Prefix{Prefix: netip.PrefixFrom(netip.AddrFrom16([16]byte{0x20, 2, 0xd, 0xb8, byte(i >> 8), byte(i)}), 56)})
	}
	begin := time.Now()
	for range 2 {
		if err := apply(t, s, hostconf.Renew, nil, lease); !errors.Is(err, hostconf.ErrMany) {
			t.Error(err)
		}
		if err := apply(t, s, hostconf.Renew6, nil, six); !errors.Is(err, hostconf.ErrMany) {
			t.Error(err)
		}
	}
	if took := time.Since(begin); took > 20*time.Second {
		t.Errorf("took %v", took)
	}
	ours, _ := addresses(t, "lan0")
	has, _ := routes(t)
	if len(ours) != 257 || len(has) != 1024 {
		t.Errorf("%d addresses, %d routes", len(ours), len(has))
	}
}

// TestStateCannotBeKept: without its folder a lease is put on the host all the same,
// and what is missing is told.
func TestStateCannotBeKept(t *testing.T) {
	if !netns.Enter(t) {
		return
	}
	link(t)
	file := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(file, []byte("not a folder"), 0o644); err != nil {
		t.Fatal(err)
	}
	s := newNetlink(t, hostconf.NetlinkOptions{Resolver: hostconf.NoResolver, StateDir: filepath.Join(file, "state")})
	lease := lease4()
	lease.MTU = 1400
	if err := apply(t, s, hostconf.Bound, nil, lease); !errors.Is(err, syscall.ENOTDIR) {
		t.Error(err)
	}
	ours, _ := addresses(t, "lan0")
	equal(t, "addresses", ours, "192.0.2.7/24 brd 192.0.2.255")

	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "hostconf.lan0.dhcp4.json"), []byte("{broken"), 0o644); err != nil {
		t.Fatal(err)
	}
	s = newNetlink(t, hostconf.NetlinkOptions{Resolver: hostconf.NoResolver, StateDir: dir})
	if err := apply(t, s, hostconf.Renew, nil, lease); err == nil {
		t.Error("a broken file: no word of it")
	}
	if err := apply(t, s, hostconf.Renew, nil, lease4()); err != nil {
		t.Error("the file was not written anew:", err)
	}
}

// TestMTU: within its bounds the MTU of the lease is set, and put back.
func TestMTU(t *testing.T) {
	if !netns.Enter(t) {
		return
	}
	link(t)
	s := newNetlink(t, hostconf.NetlinkOptions{Resolver: hostconf.NoResolver})
	lease := func(mtu int) *hostconf.Settings { l := lease4(); l.MTU = mtu; return l }
	tests := []struct {
		name   string
		before string // run by ip
		is     *hostconf.Settings
		want   string
		err    error
	}{
		{"smaller", "", lease(1400), "mtu 1400", nil},
		{"another", "", lease(1450), "mtu 1450", nil},
		{"none any more", "", lease(0), "mtu 1500", nil},
		{"larger", "", lease(9000), "mtu 9000", nil},
		{"end", "", nil, "mtu 1500", nil},
		{"too small for IPv4", "", lease(500), "mtu 1500", hostconf.ErrMTU},
		{"too small for the link's IPv6 (RFC 8200 §5)", "", lease(1279), "mtu 1500", hostconf.ErrMTU},
		{"without IPv6 on the link", "addr flush dev lan0 scope link", lease(600), "mtu 600", nil},
		{"refused: as it was", "", lease(67), "mtu 1500", hostconf.ErrMTU},
		{"somebody else's", "link set lan0 mtu 1480", lease(1480), "mtu 1480", nil},
		{"stays somebody else's", "", nil, "mtu 1480", nil},
		{"ours", "", lease(1300), "mtu 1300", nil},
		{"changed by somebody since", "link set lan0 mtu 1444", nil, "mtu 1444", nil},
	}
	for _, tt := range tests {
		if tt.before != "" {
			ip(t, tt.before)
		}
		if err := apply(t, s, hostconf.Renew, nil, tt.is); !errors.Is(err, tt.err) || tt.err == nil && err != nil {
			t.Errorf("%s: %v", tt.name, err)
		}
		if all := ip(t, "link show dev lan0"); !strings.Contains(all, tt.want+" ") {
			t.Errorf("%s: no %q in %s", tt.name, tt.want, all)
		}
	}
}

// TestAddressesNoHostMayHave: a server cannot have the host take them.
func TestAddressesNoHostMayHave(t *testing.T) {
	if !netns.Enter(t) {
		return
	}
	link(t)
	s := newNetlink(t, hostconf.NetlinkOptions{Resolver: hostconf.NoResolver})
	for _, p := range []string{"0.0.0.0/0", "127.0.0.1/8", "224.0.0.1/32", "255.255.255.255/32", "2001:db8::1/128", "::ffff:192.0.2.1/128"} {
		if err := apply(t, s, hostconf.Bound, nil, &hostconf.Settings{Addresses: []hostconf.Address{{Prefix: prefix(p)}}}); !errors.Is(err, hostconf.ErrAddress) {
			t.Errorf("%s: %v", p, err)
		}
	}
	for _, p := range []string{"::/128", "::1/128", "ff02::1/128", "192.0.2.1/24"} {
		if err := apply(t, s, hostconf.Bound6, nil, &hostconf.Settings{Addresses: []hostconf.Address{{Prefix: prefix(p)}}}); !errors.Is(err, hostconf.ErrAddress) {
			t.Errorf("%s: %v", p, err)
		}
	}
	over := &hostconf.Settings{Addresses: []hostconf.Address{{Prefix: prefix("192.0.2.7/24"), Valid: time.Now().Add(-time.Second)}}}
	if err := apply(t, s, hostconf.Renew, nil, over); err != nil {
		t.Error(err)
	}
	ours, _ := addresses(t, "lan0")
	equal(t, "addresses", ours)
}
