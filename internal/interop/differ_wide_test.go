//go:build interop

package interop

import (
	"encoding/hex"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/dhcp4o6/dhcp4o6/pkg/dhcp4"
	"github.com/dhcp4o6/dhcp4o6/pkg/optdef"
)

// fqdn adds option 81: every combination of flags, with names in the form that
// they say, and names that are none.
func (g *gen) fqdn(add func(byte, []byte, string)) {
	const full, part = "\x04host\x07example\x03org\x00", "\x04Host"
	if g.chance(.3) {
		v := cycle(g, "81 odd", []struct{ flags, name string }{
			{"04", "\x04Host\x07Example\x03org\x00"}, {"0d", "\x01a\x00"}, {"05", "\x00"}, {"05", "\x03b d\x03org\x00"}, {"05", "\x40bad"},
			{"f5", full}, {"80", "host"}, {"01", "two words"}, {"00", "host.example.org"}, {"05", "\x04host\x04host"},
		})
		b, _ := hex.DecodeString(v.flags)
		add(81, append([]byte{b[0], 0, 0}, v.name...), fmt.Sprintf("%s %q", v.flags, v.name))
		return
	}
	n := cycle(g, "81", []int{0, 1, 2}) // whole, partial, none
	flags := cycle(g, "81 flags", []byte{0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15})
	name := []string{full, part, ""}[n]
	if flags&4 == 0 {
		name = []string{"Host.example.org", "host", ""}[n]
	}
	add(81, append([]byte{flags, 0, 0}, name...), fmt.Sprintf("flags %02x, %s name", flags, []string{"a whole", "a partial", "no"}[n]))
}

// vendors puts options of vendors and long ones into all scopes.
func (g *gen) vendors() {
	g.defs = append(g.defs, list{
		obj{"name": "cookie", "code": 1, "space": "vendor-9", "type": "string"},
		obj{"name": "ports", "code": 2, "space": "vendor-9", "type": "uint16", "array": true},
		obj{"name": "sub-ten", "code": 10, "space": "vendor-encapsulated-options-space", "type": "ipv4-address"},
	}...)
	for range 2 + g.IntN(3) {
		scopes := g.scopes()
		s := oneOf(g, scopes...)
		v := cycle(g, "vendors", vendorData)
		if taken(s.o, v.code) {
			continue
		}
		g.codes = append(g.codes, v.code)
		g.note("%s", v.what)
		for _, text := range v.data {
			o := obj{}
			for part := range strings.SplitSeq(text, "; ") {
				key, value, _ := strings.Cut(part, "=")
				switch {
				case key == "code":
					var n int
					fmt.Sscan(value, &n)
					o[key] = n
				case key == "hex":
					o["csv-format"], o["data"] = false, value
				default:
					o[key] = value
				}
			}
			if g.chance(.4) {
				o["always-send"] = true
				g.note("always-send, %s", s.name)
			}
			push(s.o, "option-data", o)
		}
	}
}

// taken reports whether a scope has an option of this code, or of enterprises,
// already.
func taken(o obj, code byte) bool {
	all, _ := o["option-data"].(list)
	return slices.ContainsFunc(all, func(d any) bool {
		o := d.(obj)
		def, _ := optdef.New(optdef.V4).ByCode("dhcp4", uint16(code))
		return o["code"] == int(code) || def != nil && o["name"] == def.Name || code == 125 && o["space"] != nil
	})
}

// vendorData are options of vendors, and long ones, as option-data has them.
var vendorData = []struct {
	what string
	code byte
	data []string
}{
	{"vendor options, 125 alone", 125, []string{"name=vivso-suboptions; data=4491"}},
	{"vendor options, 125 of another enterprise", 125, []string{"name=vivso-suboptions; data=9", "name=cookie; space=vendor-9; data=tea", "name=ports; space=vendor-9; data=1, 65535"}},
	{"vendor options, of an enterprise, without 125", 125, []string{"name=tftp-servers; space=vendor-4491; data=192.0.2.8, 192.0.2.9"}},
	{"vendor options, of an enterprise, by code", 125, []string{"name=vivso-suboptions; data=4491", "code=5; space=vendor-4491; hex=0102"}},
	{"vendor class, 124", 124, []string{"name=vivco-suboptions; data=4491, 0568656c6c6f"}},
	{"vendor class, 124, in hexadecimal", 124, []string{"name=vivco-suboptions; hex=0000000903026162"}},
	{"vendor options, 43 with an address", 43, []string{"name=vendor-encapsulated-options", "name=sub-ten; space=vendor-encapsulated-options-space; data=192.0.2.10"}},
	{"vendor options, 43 of PXE", 43, []string{"name=vendor-encapsulated-options; hex=0601080a0400505845ff"}},
	{"vendor options, 43 without sub-options", 43, []string{"name=vendor-encapsulated-options"}},
	{"an option of more than 255 octets, in text", 66, []string{"name=tftp-server-name; data=" + strings.Repeat("long.", 60)}},
	{"an option of more than 255 octets, in hexadecimal", 223, []string{"code=223; hex=" + strings.Repeat("c0ffee00", 75)}},
	{"an option of 255 octets", 221, []string{"code=221; hex=" + strings.Repeat("ab", 255)}},
	{"a list of many addresses", 42, []string{"name=ntp-servers; data=" + strings.TrimSuffix(strings.Repeat("192.0.2.7, ", 60), ", ")}},
	{"a search list of many names", 119, []string{"name=domain-search; data=" + manyNames()}},
}

func manyNames() string {
	var all []string
	for i := range 16 {
		all = append(all, fmt.Sprintf("department-%d.example.org", i))
	}
	return strings.Join(all, ", ")
}

// late has some cases wait until a lease has run out, which takes time.
func (g *gen) late() {
	if g.index%16 != 3 {
		return
	}
	for _, s := range append(g.scopes(), scope{o: g.shared2}, scope{o: g.alias}) {
		for key := range s.o {
			if strings.HasSuffix(key, "valid-lifetime") || strings.HasSuffix(key, "-timer") {
				delete(s.o, key)
			}
		}
	}
	g.top["valid-lifetime"], g.top["min-valid-lifetime"], g.top["max-valid-lifetime"] = 3600, 1, 4000
	for _, c := range g.classes {
		for _, key := range []string{"valid-lifetime", "min-valid-lifetime", "max-valid-lifetime"} {
			delete(c.(obj), key)
		}
	}
	short := func(a *ask) {
		var others []option4
		for _, o := range a.options {
			if o.code != 51 {
				others = append(others, o)
			}
		}
		a.options = append(others, option4{51, []byte{0, 0, 0, 1}})
	}
	expired := []func(*ask){
		func(a *ask) { a.want = offered },
		func(a *ask) { a.ciaddr = offered },
		func(a *ask) { a.ciaddr = offered; direct(a) },
		nil,
	}
	names := []string{"INIT-REBOOT, expired", "REBINDING, expired", "RENEWING, expired", "expired"}
	n := g.index / 16 % len(names)
	kind := dhcp4.Request
	if expired[n] == nil {
		kind = dhcp4.Discover
	}
	begin := len(g.asks)
	for range 3 {
		p, s := g.person(), g.seat()
		g.say(p, s, dhcp4.Discover, "for a short time", short)
		g.say(p, s, dhcp4.Request, "SELECTING, for a short time", func(a *ask) { a.want, a.server = offered, itself; short(a) })
		g.say(p, s, kind, names[n], expired[n])
		g.say(p, s, dhcp4.Discover, "expired before", nil)
	}
	// all leases first, so that one pause is enough
	var leases, then []*ask
	for i, a := range g.asks[begin:] {
		if i%4 < 2 {
			leases = append(leases, a)
		} else {
			then = append(then, a)
		}
	}
	then[0].pause = 2100 * time.Millisecond
	g.asks = append(append(g.asks[:begin:begin], leases...), then...)
}
