//go:build !race

package classify

import "testing"

// A regular expression takes its memory from a pool, which the race detector
// makes forgetful.
func TestMatchAllocs(t *testing.T) {
	e, err := (&Scope{Family: 4}).Compile("match('(a|b)*PXE[A-Z][a-z]+', option[60].hex)")
	if err != nil {
		t.Fatal(err)
	}
	p, s := packet4(t), new(Scratch)
	if n := testing.AllocsPerRun(100, func() { e.Match(p, s) }); n != 0 {
		t.Errorf("%v allocations", n)
	}
}
