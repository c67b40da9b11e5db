package optdef

import (
	"bytes"
	"encoding/hex"
	"strings"
	"testing"
)

// sampleOf is a text for each type.
var sampleOf = map[Type]string{
	Binary: "01 02 ff", Boolean: "true", Int8: "-3", Int16: "-300", Int32: "-70000", Uint8: "200", Uint16: "60000", Uint32: "4000000000",
	IPv4Address: "192.0.2.7", IPv6Address: "2001:db8::7", IPv6Prefix: "2001:db8:1::/48", PSID: "3/4",
	String: `a\,b c`, Tuple: "tuple", FQDN: "www.example.org",
}

// textFor is a text for an option: each field once, what is repeated twice.
func textFor(d *Definition) string {
	if d.isVendorClass() {
		return "4491, 02aabb"
	}
	var values []string
	for _, t := range d.fields() {
		values = append(values, sampleOf[t])
	}
	if d.Array {
		values = append(values, values[len(values)-1])
	}
	return strings.Join(values, ", ")
}

// every are the definitions to compare: all but those that the server writes
// itself, that Kea 2.2 does not know, or that only a query holds.
func every() (all []Definition) {
	for _, d := range standard(V4) {
		switch d.Code {
		case 1, 50, 51, 52, 53, 54, 55, 57, 58, 59, 61, 81, 82, 91, 125:
			continue
		case 119: // compressed here alone, as TestNamesAreCompressed has it
			continue
		}
		if d.Space == "dhcp4" && !d.Weak {
			all = append(all, d)
		}
	}
	return all
}

// TestKeaHasEveryDefinition asks Kea for every standard option by its name, as
// text and as octets, on the wire.
func TestKeaHasEveryDefinition(t *testing.T) {
	no := false
	for _, csv := range []bool{true, false} {
		ours := map[uint16][]byte{}
		var options []map[string]any
		for _, d := range every() {
			v, err := New(V4).Option(Data{Name: d.Name, Text: textFor(&d)})
			if err != nil {
				t.Fatal(d.Name, err)
			}
			o := keaOption(V4, "", d.Name, textFor(&d))
			if !csv {
				data := strings.ToUpper(hex.EncodeToString(v.Bytes))
				o["data"], o["csv-format"] = data, false
				if v, err = New(V4).Option(Data{Name: d.Name, Text: data, CSV: &no}); err != nil {
					t.Fatal(d.Name, err)
				}
			}
			ours[d.Code] = v.Bytes
			options = append(options, o)
		}
		theirs := askKea(t, "kea-dhcp4", keaConfig4(options), "127.0.0.1", discover4, parse4)
		for code, v := range ours {
			if got, ok := theirs[code]; !ok || !bytes.Equal(got, v) {
				t.Errorf("csv-format %v, %d: ours % x, Kea's % x (sent: %v)", csv, code, v, got, ok)
			}
		}
	}
}

// custom is every shape that an option-def can have.
func custom() (all []Definition) {
	add := func(d Definition) {
		d.Name, d.Code = "x"+string(rune('a'+len(all)/26))+string(rune('a'+len(all)%26)), uint16(163+len(all))
		if d.Code >= 208 {
			d.Code += 16 // the codes from 208 on have names, those from 224 are the site's
		}
		all = append(all, d)
	}
	for t := Empty; t < Internal; t++ {
		if t == Empty {
			add(Definition{Type: t})
			continue
		}
		add(Definition{Type: t})
		if t != Binary && t != String {
			if t != IPv6Address { // Kea 2.2 writes such a list with the header of DHCPv6 and so spoils the message
				add(Definition{Type: t, Array: true})
			}
			add(Definition{Type: Record, Record: []Type{Uint8, t}, Array: true})
		}
		add(Definition{Type: Record, Record: []Type{Uint16, t}})
	}
	return all
}

// TestKeaCustomDefinitions asks Kea for options of every shape that an
// option-def can have.
func TestKeaCustomDefinitions(t *testing.T) {
	s := New(V4)
	ours := map[uint16][]byte{}
	var options, defs []map[string]any
	for _, d := range custom() {
		if err := s.Define(d); err != nil {
			t.Fatal(err)
		}
		v, err := s.Option(Data{Name: d.Name, Text: textFor(&d)})
		if err != nil {
			t.Fatal(d.Name, err)
		}
		ours[d.Code] = v.Bytes
		options = append(options, keaOption(V4, "", d.Name, textFor(&d)))
		def := map[string]any{"name": d.Name, "code": d.Code, "type": d.Type.String(), "array": d.Array}
		if d.Type == Record {
			def["record-types"] = d.Record[0].String() + ", " + d.Record[1].String()
		}
		defs = append(defs, def)
	}
	config := keaConfig4(options)
	config["Dhcp4"].(map[string]any)["option-def"] = defs
	theirs := askKea(t, "kea-dhcp4", config, "127.0.0.1", discover4, parse4)
	for _, d := range custom() {
		if got, ok := theirs[d.Code]; !ok || !bytes.Equal(got, ours[d.Code]) {
			t.Errorf("%s %v array %v: ours % x, Kea's % x (sent: %v)", d.Type, d.Record, d.Array, ours[d.Code], got, ok)
		}
	}
}
