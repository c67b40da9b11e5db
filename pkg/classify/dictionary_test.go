package classify

import (
	"errors"
	"slices"
	"strings"
	"testing"

	"github.com/dhcp4o6/dhcp4o6/pkg/optdef"
)

// define adds classes written as "name: test", "name? test" (additional) or
// "name~ value" (template); a name alone has no test.
func define(t testing.TB, d *Dictionary, lines ...string) {
	t.Helper()
	for _, line := range lines {
		x := Definition{Name: line}
		if i := strings.IndexAny(line, ":?~"); i >= 0 {
			x.Name = line[:i]
			text := line[i+2:]
			switch line[i] {
			case '~':
				x.Template = &text
			case '?':
				x.Additional = true
				x.Test = &text
			default:
				x.Test = &text
			}
		}
		if _, err := d.Define(x); err != nil {
			t.Fatal(line, err)
		}
	}
}

func classesOf(d *Dictionary, p *Packet) []string {
	var all []string
	for id := range p.Classes.All {
		all = append(all, d.Names().Name(id))
	}
	for name := range p.Classes.Loose {
		all = append(all, string(name))
	}
	return all
}

func want(t *testing.T, d *Dictionary, p *Packet, names string) {
	t.Helper()
	if got := classesOf(d, p); !slices.Equal(got, strings.Fields(names)) {
		t.Errorf("got %v, want %s", got, names)
	}
}

// Classes are assigned in the order of their definition, those that depend on
// KNOWN after the reservation was looked for, those of lists when a list asks.
func TestClassify(t *testing.T) {
	d := NewDictionary(optdef.V4, nil)
	define(t, d,
		"relayed: relay4[1].exists",
		"reserved: member('KNOWN')",
		"pxe: member('VENDOR_CLASS_PXEClient')",
		"both: member('relayed') and member('pxe')",
		"strangers: not member('reserved')",
		"extra? member('strangers') and option[12].exists",
		"bare",
		"never: member('bare')", // nothing assigns it but a list
		"circuit~ relay4[1].hex",
		"nothing~ relay4[9].hex",
	)
	p, s := packet4(t), new(Scratch)
	p.Classes.Reset()
	d.Classify(p, s)
	want(t, d, p, "ALL VENDOR_CLASS_PXEClient relayed pxe both circuit SPAWN_circuit_port")
	d.Reserved(p, s, false)
	want(t, d, p, "ALL VENDOR_CLASS_PXEClient relayed pxe both circuit UNKNOWN strangers SPAWN_circuit_port")

	id := func(name string) ID { return d.Names().Intern(name) }
	for _, ask := range []struct {
		name string
		in   bool
	}{{"extra", true}, {"never", false}, {"bare", true}, {"never", true}, {"nowhere", false}, {"relayed", true}} {
		if got := d.Evaluate(id(ask.name), p, s); got != ask.in {
			t.Errorf("%s: got %v", ask.name, got)
		}
	}
	if len(s.Failed) > 0 {
		t.Errorf("failed: %v", s.Failed)
	}

	p.Classes.Reset()
	d.Classify(p, s)
	d.Reserved(p, s, true)
	want(t, d, p, "ALL VENDOR_CLASS_PXEClient relayed pxe both circuit KNOWN reserved SPAWN_circuit_port")
}

// The classes of a reservation take the place of what tests had decided by their
// absence; what no test decides stays.
func TestAssign(t *testing.T) {
	d := NewDictionary(optdef.V4, nil)
	define(t, d, "first: option[99].exists", "second: not member('first')", "third: member('first')", "hook")
	p, s := packet4(t), new(Scratch)
	id := func(name string) ID { return d.Names().Intern(name) }
	p.Classes.Add(id("hook"))
	d.Classify(p, s)
	want(t, d, p, "hook ALL second VENDOR_CLASS_PXEClient")
	d.Assign(p, s, []ID{id("first"), id("plain")})
	want(t, d, p, "hook ALL first plain third VENDOR_CLASS_PXEClient")
	d.Reserved(p, s, true)
	want(t, d, p, "hook ALL first plain third KNOWN VENDOR_CLASS_PXEClient")
}

// A spawned class that has a definition or a guard has a number, and its place is
// ahead of the template's.
func TestSpawnedClassIsNamed(t *testing.T) {
	d := NewDictionary(optdef.V4, nil)
	define(t, d, "SPAWN_circuit_port", "circuit~ relay4[1].hex", "next~ ifelse(member('SPAWN_circuit_port'), 'a b%', '')")
	p, s := packet4(t), new(Scratch)
	p.Classes.Reset()
	d.Classify(p, s)
	want(t, d, p, "ALL SPAWN_circuit_port circuit next VENDOR_CLASS_PXEClient SPAWN_next_a%20b%%")
}

// A test that cannot be evaluated leaves its class out, and is told of.
func TestFailedTest(t *testing.T) {
	d := NewDictionary(optdef.V4, nil)
	define(t, d, "bad: not (uint8totext(option[12].hex) == '1')", "worse~ addrtotext('x')", "good: option[12].exists")
	p, s := packet4(t), new(Scratch)
	for range 2 {
		p.Classes.Reset()
		d.Classify(p, s)
		want(t, d, p, "ALL good VENDOR_CLASS_PXEClient")
		if len(s.Failed) != 2 || s.Failed[0].Class.Name != "bad" || !errors.Is(s.Failed[1].Err, ErrAddress) {
			t.Errorf("failed: %v", s.Failed)
		}
	}
}

func TestVendorClasses(t *testing.T) {
	const head = "01 abcdef "
	for wire, names := range map[string]string{
		"": "ALL",
		"0010 000f 0000118b 0009 646f63736973332e30":            "ALL VENDOR_CLASS_docsis3.0",
		"0010 0012 0000118b 0001 61 0009 646f63736973332e30":    "ALL VENDOR_CLASS_docsis3.0",
		"0010 0009 00000001 0003 612062":                        "ALL VENDOR_CLASS_a%20b",
		"0010 0004 00000001":                                    "ALL",
		"0010 0007 00000001 0001 61 0010 0007 00000002 0001 62": "ALL VENDOR_CLASS_a VENDOR_CLASS_b",
		"0010 0007 00000001 0001 61 0010 0007 00000002 0001 61": "ALL VENDOR_CLASS_a",
		"0010 0007 00000001 0002 61":                            "ALL",
	} {
		d := NewDictionary(optdef.V6, nil)
		p := &Packet{V6: envelope(t, head+wire), Classes: new(Set)}
		d.Classify(p, new(Scratch))
		want(t, d, p, names)
	}
}

func TestDefineRefuses(t *testing.T) {
	test, template, empty := "option[12].exists", "option[12].hex", ""
	d := NewDictionary(optdef.V4, nil)
	define(t, d, "taken")
	for _, tt := range []struct {
		x    Definition
		want error
	}{
		{Definition{}, ErrName},
		{Definition{Name: "taken"}, ErrDuplicate},
		{Definition{Name: "ALL", Test: &test}, ErrBuiltIn},
		{Definition{Name: "KNOWN", Additional: true}, ErrBuiltIn},
		{Definition{Name: "DROP", Test: &test, Additional: true}, ErrSpecial},
		{Definition{Name: "both", Test: &test, Template: &template}, ErrTwoTests},
	} {
		if _, err := d.Define(tt.x); !errors.Is(err, tt.want) {
			t.Errorf("%+v: got %v, want %v", tt.x, err, tt.want)
		}
	}
	for _, x := range []Definition{{Name: "e", Test: &empty}, {Name: "e", Template: &empty}, {Name: "e", Template: &test}} {
		var e *Error
		if _, err := d.Define(x); !errors.As(err, &e) || e.Line != 1 {
			t.Errorf("%+v: got %v", x, err)
		}
	}
	define(t, d, "ALL", "KNOWN", "SKIP_DDNS: option[12].exists", "DROP: member('KNOWN')", "HA_server1")
	if _, ok := d.Class(Drop); !ok || len(d.Classes()) != 6 {
		t.Errorf("classes: %v", d.Classes())
	}
}

func TestSet(t *testing.T) {
	var none *Set
	if none.Has(All) || none.Len() != 0 {
		t.Error("a nil set has members")
	}
	var s Set
	for _, id := range []ID{200, 3, 200, 64, 3} {
		s.Add(id)
	}
	if got := slices.Collect(s.All); !slices.Equal(got, []ID{200, 3, 64}) || !s.Has(64) || s.Has(65) || s.Has(100000) {
		t.Errorf("got %v", got)
	}
	s.Reset()
	if s.Has(200) || s.Len() != 0 {
		t.Error("not empty after Reset")
	}
}
