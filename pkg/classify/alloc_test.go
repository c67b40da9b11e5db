package classify

import (
	"fmt"
	"strings"
	"testing"

	"github.com/dhcp4o6/dhcp4o6/pkg/optdef"
)

// Every expression of the tables is evaluated without allocating; for match see
// TestMatchAllocs.
func TestAllocs(t *testing.T) {
	allocs := func(f optdef.Family, p *Packet, rows []row) {
		scope := Scope{Family: f, Names: NewNames()}
		var s Scratch
		for _, r := range rows {
			if strings.HasPrefix(r.expr, "match") {
				continue
			}
			e, err := scope.Compile(r.expr)
			if err != nil {
				t.Fatal(err)
			}
			e.Match(p, &s)
			if n := testing.AllocsPerRun(20, func() { e.Match(p, &s) }); n != 0 {
				t.Errorf("%s: %v allocations", r.expr, n)
			}
		}
	}
	allocs(optdef.V4, packet4(t), rows4)
	allocs(optdef.V6, packet6(t), rows6)

	d, p, s := twenty(t), packet4(t), new(Scratch)
	if n := testing.AllocsPerRun(20, func() {
		p.Classes.Reset()
		d.Classify(p, s)
		d.Reserved(p, s, true)
	}); n != 0 {
		t.Errorf("Classify: %v allocations", n)
	}
}

// twenty is a dictionary of twenty classes as operators write them.
func twenty(t testing.TB) *Dictionary {
	d := NewDictionary(optdef.V4, nil)
	for i := range 17 {
		define(t, d, fmt.Sprintf("c%d: substring(option[60].hex, 0, 9) == 'PXEClient' and option[93].hex == 0x%04x", i, i))
	}
	define(t, d, "late: member('KNOWN')", "relayed: relay4[1].hex == 'port'", "circuit~ hexstring(pkt4.mac, ':')")
	return d
}

func BenchmarkTwentyClasses(b *testing.B) {
	d, p, s := twenty(b), packet4(b), new(Scratch)
	for b.Loop() {
		p.Classes.Reset()
		d.Classify(p, s)
		d.Reserved(p, s, true)
	}
}

func BenchmarkMatch(b *testing.B) {
	scope := Scope{Family: optdef.V4, Names: NewNames()}
	p, s := packet4(b), new(Scratch)
	for _, expr := range []string{
		"option[12].exists",
		"pkt4.msgtype == 3",
		"substring(option[60].hex, 0, 9) == 'PXEClient' and not member('DROP')",
		"lcase(concat(hexstring(relay4[2].hex, ':'), 'X')) == 'y'",
		"match('PXE[A-Z][a-z]+', option[60].hex)",
		"vendor[4491].option[30].hex == 'axy'",
	} {
		e, err := scope.Compile(expr)
		if err != nil {
			b.Fatal(err)
		}
		b.Run(expr, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				e.Match(p, s)
			}
		})
	}
}
