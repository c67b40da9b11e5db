package load

import (
	"errors"
	"net"
	"net/netip"
	"os"
	"runtime"
	"sync"
	"testing"
	"time"

	"github.com/dhcp4o6/dhcp4o6/internal/dhcptest/need"
	"github.com/dhcp4o6/dhcp4o6/pkg/dhcp4"
	"github.com/dhcp4o6/dhcp4o6/pkg/pkt4o6"
	"github.com/dhcp4o6/dhcp4o6/pkg/transport"
)

// responder is a 4o6 server on a free port of [::1] that answers in batches,
// until the test ends. It allocates nothing in the long run.
func responder(t testing.TB) netip.AddrPort {
	t.Helper()
	c, err := net.ListenUDP("udp6", &net.UDPAddr{IP: net.IPv6loopback})
	if err != nil {
		need.Skip(t, "needs [::1]: %v", err)
	}
	b, err := transport.NewBatch(c, transport.BatchOptions{})
	if err != nil {
		t.Fatal(err)
	}
	var wg sync.WaitGroup
	wg.Go(func() {
		in, out := make([]transport.Datagram, 64), make([]transport.Datagram, 0, 64)
		bufs := make([][]byte, 64)
		var p pkt4o6.Packet
		var w dhcp4.Builder
		var reply []byte
		for {
			n, err := b.Read(in)
			if errors.Is(err, net.ErrClosed) {
				return
			}
			out = out[:0]
			for i := range in[:n] {
				if p.Parse(in[i].Data) != nil {
					continue
				}
				kind := dhcp4.Offer
				if p.Query.Type() == dhcp4.Request {
					kind = dhcp4.Ack
				}
				w.Reply(&p.Query, kind, reply)
				hw := p.Query.CHAddr()
				w.Header.YIAddr = netip.AddrFrom4([4]byte{10, hw[3], hw[4], hw[5]})
				w.Add(dhcp4.OptServerID, []byte{192, 0, 2, 1})
				reply = w.Bytes()
				bufs[i] = p.Seal(bufs[i][:0], reply)
				out = append(out, transport.Datagram{Data: bufs[i], Peer: in[i].Peer})
			}
			b.Write(out)
		}
	})
	t.Cleanup(func() { b.Close(); wg.Wait() })
	return c.LocalAddr().(*net.UDPAddr).AddrPort()
}

// Over real sockets on loopback: nothing is lost, and the CPU time of a
// process can be asked for.
func TestOverLoopback(t *testing.T) {
	to := responder(t)
	for _, relays := range []int{0, 2} {
		r, err := Run(t.Context(), Scenario{Server: to, Count: 5000, InFlight: 64, Relays: relays, Renewals: 1, PIDs: []int{os.Getpid()}})
		if err != nil || r.Completed != 5000 || r.Lost+r.Refused+r.Malformed+r.Strays > 0 || len(r.Processes) != 1 {
			t.Errorf("%v %+v", err, r)
		}
	}
}

// The rate of an open loop holds over sockets as well, as far as the machine
// runs the test.
func TestRateOverLoopback(t *testing.T) {
	r, err := Run(t.Context(), Scenario{Server: responder(t), Rate: 1000, Duration: 500 * time.Millisecond})
	if err != nil || r.Begun > 500 || r.Begun < 250 || r.Completed != r.Begun {
		t.Errorf("%v %+v", err, r)
	}
}

// A conversation costs no allocation once the run has begun.
func TestLoadAllocatesNothing(t *testing.T) {
	to := responder(t)
	mallocs := func(count int) uint64 {
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		if r, err := Run(t.Context(), Scenario{Server: to, Count: count, InFlight: 32}); err != nil || r.Completed != count {
			t.Fatalf("%v %+v", err, r)
		}
		runtime.ReadMemStats(&after)
		return after.Mallocs - before.Mallocs
	}
	mallocs(2000)
	few, many := mallocs(2000), mallocs(12000)
	if more := float64(many) - float64(few); more/10000 > 0.05 {
		t.Errorf("%.3f allocations a conversation", more/10000)
	}
}

// What cannot be opened is an error, not a run.
func TestRunErrors(t *testing.T) {
	for name, s := range map[string]Scenario{
		"no interface":    {Server: netip.MustParseAddrPort("[ff02::1:2]:547"), Iface: "nowhere0", Count: 1},
		"not our address": {Server: netip.MustParseAddrPort("[::1]:7"), Local: netip.MustParseAddrPort("[2001:db8::77]:0"), Count: 1},
		"no such process": {Server: netip.MustParseAddrPort("[::1]:7"), PIDs: []int{1 << 30}, Count: 1},
		"no server":       {},
	} {
		if _, err := Run(t.Context(), s); err == nil {
			t.Errorf("%s: no error", name)
		}
	}
}

func BenchmarkExchange(b *testing.B) {
	to := responder(b)
	b.ResetTimer()
	r, err := Run(b.Context(), Scenario{Server: to, Count: b.N, InFlight: 16})
	if err != nil || r.Lost > 0 {
		b.Fatalf("%v %+v", err, r)
	}
	b.ReportMetric(r.Own.CPU/float64(b.N)*1e6, "cpu-us/exchange")
}
