package flow

import (
	"encoding/hex"
	"fmt"
	"strings"

	"github.com/dhcp4o6/dhcp4o6/pkg/optdef"
)

var defs4, defs6 = optdef.New(optdef.V4), optdef.New(optdef.V6)

// option writes an option by its name, as option-data has it, or by its number
// with a value in hexadecimal digits.
func (s *script) option(defs *optdef.Set, x arg) (code uint16, value []byte) {
	if x.key != "" && x.key[0] >= '0' && x.key[0] <= '9' {
		return uint16(s.number(x.key, 16)), s.hex(x.value)
	}
	if _, ok := defs.ByName("", x.key); !ok {
		s.fail("unknown argument or option %q", x.key)
	}
	v, err := defs.Option(optdef.Data{Name: x.key, Text: x.value})
	if err != nil {
		s.fail("%s: %v", x.key, err)
	}
	return v.Code, v.Bytes
}

// codes reads a list of options by name or number.
func (s *script) codes(defs *optdef.Set, list string) (all []uint16) {
	if list == "" {
		return nil
	}
	for word := range strings.SplitSeq(list, ",") {
		if d, ok := defs.ByName("", word); ok {
			all = append(all, d.Code)
			continue
		}
		all = append(all, uint16(s.number(word, 16)))
	}
	return all
}

// hex reads hexadecimal digits, with or without colons.
func (s *script) hex(text string) []byte {
	b, err := hex.DecodeString(strings.ReplaceAll(text, ":", ""))
	if err != nil {
		s.fail("%q: %v", text, err)
	}
	return b
}

// show is an option for the reader: its name, or number, and its value.
func show(defs *optdef.Set, code uint16, value []byte) string {
	name := fmt.Sprintf("option %d", code)
	if d, ok := defs.ByCode("", code); ok {
		name = d.Name
	}
	return strings.TrimRight(name+" "+defs.Text("", code, value), " ")
}
