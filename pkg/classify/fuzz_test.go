package classify

import (
	"testing"

	"github.com/dhcp4o6/dhcp4o6/pkg/dhcp4"
	"github.com/dhcp4o6/dhcp4o6/pkg/dhcp6"
	"github.com/dhcp4o6/dhcp4o6/pkg/optdef"
)

// FuzzCompile: an expression is refused with a place within it, or runs on any
// packet; its negation holds just where it does not, and parentheses change
// nothing.
func FuzzCompile(f *testing.F) {
	for _, r := range append(rows4, rows6...) {
		f.Add(r.expr)
	}
	for _, r := range refused4 {
		f.Add(r.expr)
	}
	p4, p6 := packet4(f), packet6(f)
	options := map[optdef.Family]*optdef.Set{optdef.V4: optdef.New(optdef.V4), optdef.V6: optdef.New(optdef.V6)}
	f.Fuzz(func(t *testing.T, text string) {
		for family, p := range map[optdef.Family]*Packet{optdef.V4: p4, optdef.V6: p6} {
			scope := Scope{Family: family, Options: options[family], Names: NewNames()}
			e, err := scope.Compile(text)
			if err != nil {
				if e := err.(*Error); e.Line < 1 || e.Column < 1 || e.Problem == "" {
					t.Fatalf("error without a place: %+v", e)
				}
				if v, err := scope.CompileValue(text); err == nil {
					v.Value(p, new(Scratch))
				}
				continue
			}
			var s Scratch
			got, fault := e.Match(p, &s)
			not, err := scope.Compile("not (" + text + "\n)")
			if err != nil {
				continue // nested too deep by one
			}
			other, again := not.Match(p, &s)
			if again != fault || fault == nil && other == got || fault != nil && (got || other) {
				t.Fatalf("%v, %v; negated %v, %v", got, fault, other, again)
			}
		}
	})
}

// FuzzEvaluate: no packet that parses makes an evaluation panic, and the bound on
// what is made holds.
func FuzzEvaluate(f *testing.F) {
	f.Add(unhex(f, query4), unhex(f, solicit))
	f.Add(unhex(f, queryNUL), unhex(f, "01 abcdef 0010 0008 0000118b 0002 6162 0011 0009 0000118b 0001 0001 41"))
	f.Add(unhex(f, query4[:len(query4)-2]+"2b 06 00 01 01 41 ff 00 7d 07 00000009 02 0105 ff"), unhex(f, "01 abcdef 0003 0002 0000"))
	var programs [2][]*Expr
	for i, rows := range [][]row{rows4, rows6} {
		scope := Scope{Family: []optdef.Family{optdef.V4, optdef.V6}[i], Names: NewNames()}
		for _, r := range append(rows, hungry[:]...) {
			e, err := scope.Compile(r.expr)
			if err != nil {
				f.Fatal(err)
			}
			programs[i] = append(programs[i], e)
		}
	}
	f.Fuzz(func(t *testing.T, a, b []byte) {
		var m dhcp4.Message
		var e dhcp6.Envelope
		p := &Packet{Classes: new(Set)}
		if m.Parse(a) == nil {
			p.V4 = &m
		}
		if e.Parse(b) == nil {
			p.V6 = &e
		}
		var s Scratch
		for _, both := range programs {
			for _, x := range both {
				if ok, err := x.Match(p, &s); ok && err != nil || len(s.machine.out) > maxOut+64 {
					t.Fatalf("%s: %v, %v, %d octets made", x, ok, err, len(s.machine.out))
				}
			}
		}
	})
}

// hungry are expressions that make as much of a packet as they can.
var hungry = [...]row{
	{expr: "hexstring(option[1].hex, option[1].hex) == ''"},
	{expr: "hexstring(option[12].text + option[61].text, option[12].hex) == ''"},
	{expr: "match('(a|b|ab)*c?(.*x){3}', option[1].hex)"},
	{expr: "split(option[1].hex, option[2].hex, 3) == ''"},
	{expr: "concat(concat(option[1].hex, option[1].hex), concat(option[1].hex, option[1].hex)) == ''"},
	{expr: "option[1].option[2].option[3].option[4].text == option[3].option[5].option[13].text"},
}

// The longest options there are neither exhaust memory nor time.
func TestHostilePacket(t *testing.T) {
	wire := append(unhex(t, "01 abcdef 0001 fff0"), make([]byte, 0xfff0)...)
	wire = wire[:65535-8]
	wire[6], wire[7] = byte((len(wire)-8)>>8), byte(len(wire)-8)
	var e dhcp6.Envelope
	if err := e.Parse(wire); err != nil {
		t.Fatal(err)
	}
	p := &Packet{V6: &e, Classes: new(Set)}
	scope := Scope{Family: optdef.V6}
	var s Scratch
	for _, r := range hungry {
		x, err := scope.Compile(r.expr)
		if err != nil {
			t.Fatal(err)
		}
		x.Match(p, &s)
		if cap(s.machine.out) > 2*maxOut {
			t.Fatalf("%s: scratch of %d octets", r.expr, cap(s.machine.out))
		}
	}
}
