package clientd

import (
	"errors"
	"net/netip"
	"syscall"
	"testing"
	"time"

	"go.uber.org/zap"

	"github.com/dhcp4o6/dhcp4o6/internal/dhcptest/need"
	"github.com/dhcp4o6/dhcp4o6/pkg/config"
	"github.com/dhcp4o6/dhcp4o6/pkg/ipc"
)

// Interfaces that name one port share a Front; the port is free when the last of them
// has left, and nobody else gets it before.
func TestFrontsAreShared(t *testing.T) {
	var f fronts
	k := frontKey{port: need.TwoPorts(t)}
	for range 3 {
		a, leaveA, err := f.join(k, ipc.ClientOptions{})
		if err != nil {
			t.Fatal(err)
		}
		b, leaveB, err := f.join(k, ipc.ClientOptions{})
		if err != nil || a != b {
			t.Fatalf("another Front, or none: %v", err)
		}
		other := frontKey{k.port, netip.MustParseAddrPort("[::1]:547")}
		if _, _, err := f.join(other, ipc.ClientOptions{}); !errors.Is(err, syscall.EADDRINUSE) {
			t.Errorf("with another server on that port: %v", err)
		}
		leaveA()
		if _, _, err := f.join(other, ipc.ClientOptions{}); !errors.Is(err, syscall.EADDRINUSE) {
			t.Errorf("the Front has gone with the first who left: %v", err)
		}
		leaveB()
		if len(f.all) != 0 {
			t.Errorf("%d Fronts are left", len(f.all))
		}
	}
}

// With two interfaces a query leaves by each that has option 88.
func TestSharedFrontServesBoth(t *testing.T) {
	var f fronts
	k := frontKey{port: need.TwoPorts(t)}
	front, leave, err := f.join(k, ipc.ClientOptions{})
	if err != nil {
		t.Fatal(err)
	}
	defer leave()
	v4, err := ipc.DialClient(ipc.V4Side, k.port, ipc.ClientOptions{})
	if err != nil {
		t.Fatal(err)
	}
	defer v4.Close()
	eth0, eth1 := make(sent, 4), make(sent, 4)
	front.Way(eth0).Set(nil, true)
	front.Way(eth1).Set([]netip.Addr{netip.MustParseAddr("2001:db8::1")}, true)
	query := append([]byte{20, 0, 0, 0, 0, 87, 0, 240}, make([]byte, 240)...)
	if err := v4.Query(query); err != nil {
		t.Fatal(err)
	}
	for _, want := range []struct {
		by sent
		to netip.AddrPort
	}{{eth0, netip.AddrPort{}}, {eth1, netip.MustParseAddrPort("[2001:db8::1]:547")}} {
		select {
		case to := <-want.by:
			if to != want.to {
				t.Errorf("sent to %v, want %v", to, want.to)
			}
		case <-time.After(2 * time.Second):
			t.Errorf("nothing sent to %v", want.to)
		}
	}
}

// A way ends, on sockets, in one process, and where there is none.
func TestWayEnds(t *testing.T) {
	port := need.TwoPorts(t)
	for _, l := range []config.ClientLink{{}, {Over6: true}, {Over6: true, Over6Port: port}, {Over6: true, Over6Port: port}} {
		h := &host{c: &command{}, log: zap.NewNop(), fronts: new(fronts)}
		way, leave, err := h.over4(&l, new(seat), make(sent, 1))
		if err != nil || (way != nil) != l.Over6 {
			t.Fatalf("%+v: %v, %v", l, way, err)
		}
		leave()
		leave()
	}
}

// sent is a network that tells where to datagrams went.
type sent chan netip.AddrPort

func (s sent) Send(_ []byte, to netip.AddrPort) error {
	s <- to
	return nil
}
