package topology

import (
	"slices"
	"testing"

	"github.com/dhcp4o6/dhcp4o6/pkg/classify"
)

// An inner scope hides an option for those whom it has one for: with a guard it
// leaves the outer one to the others. What is never sent to some stays so.
func TestMergeKeepsWhatGuardsLeave(t *testing.T) {
	guard := Guard{red}
	one := func(v byte, g Guard) Option { return Option{Code: 6, Value: []byte{v}, Guard: g} }
	never := Option{Code: 6, Guard: guard, Never: true, Value: []byte{9}}
	for _, tt := range []struct {
		name         string
		outer, inner Options
		want         []byte // values, innermost first
	}{
		{"for everybody", Options{one(1, nil)}, Options{one(2, nil)}, []byte{2}},
		{"for some", Options{one(1, nil)}, Options{one(2, guard)}, []byte{2, 1}},
		{"for some, then for everybody", Options{one(1, nil)}, Options{one(2, guard), one(3, nil)}, []byte{2, 3}},
		{"an outer one for some", Options{one(1, guard), one(4, nil)}, Options{one(2, nil)}, []byte{2}},
		{"never for some", Options{never}, Options{one(2, nil)}, []byte{2, 9}},
	} {
		var got []byte
		for _, o := range Merge(tt.outer, tt.inner).Of(6) {
			got = append(got, o.Value[0])
		}
		if !slices.Equal(got, tt.want) {
			t.Errorf("%s: got %v, want %v", tt.name, got, tt.want)
		}
	}
}

func TestClassOfATopology(t *testing.T) {
	top := &Topology{Family: V4}
	body := &Class{BootFileName: "x"}
	top.Put(red, body)
	top.Freeze()
	if top.Class(red) != body || top.Class(blue) != nil || top.Class(classify.All) != nil {
		t.Error("a class is another's")
	}
}
