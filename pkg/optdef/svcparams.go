package optdef

import (
	"cmp"
	"encoding/binary"
	"fmt"
	"slices"
	"strconv"
	"strings"
)

// The service parameters that make sense for an encrypted resolver (RFC 9461,
// RFC 9460 §14.3.2); the others are written keyNNNNN.
var paramNames = map[string]uint16{"mandatory": 0, "alpn": 1, "no-default-alpn": 2, "port": 3, "dohpath": 7}

// Those that no option of encrypted resolvers may have, as it has addresses of its
// own (RFC 9463 §4.1, §5.1).
const (
	ipv4hint = 4
	ipv6hint = 6
)

const mandatory = 0

const wantParams = wantError("service parameters such as alpn=dot port=853 dohpath=/q{?dns}")

type param struct {
	key   uint16
	value []byte
}

// encodeParams writes "key=value ..." in ascending order of keys, as they have
// to stand on the wire (RFC 9460 §2.2).
func encodeParams(text string) ([]byte, error) {
	var params []param
	for field := range strings.FieldsSeq(text) {
		name, value, _ := strings.Cut(field, "=")
		key, ok := paramKey(name)
		if !ok {
			return nil, wantParams
		}
		v, err := encodeParam(key, value)
		if err != nil {
			return nil, err
		}
		params = append(params, param{key, v})
	}
	slices.SortFunc(params, func(a, b param) int { return cmp.Compare(a.key, b.key) })
	if err := consistent(params); err != nil {
		return nil, err
	}
	var b []byte
	for i, p := range params {
		if i > 0 && params[i-1].key == p.key {
			return nil, wantError("each service parameter once")
		}
		b = binary.BigEndian.AppendUint16(b, p.key)
		b = binary.BigEndian.AppendUint16(b, uint16(len(p.value)))
		b = append(b, p.value...)
	}
	return b, nil
}

// consistent checks what one parameter says of others: mandatory names some that are
// there, itself left out (RFC 9460 §8), and no-default-alpn is of no use without alpn
// (RFC 9460 §7.1.1).
func consistent(params []param) error {
	there := func(key uint16) bool {
		return slices.ContainsFunc(params, func(p param) bool { return p.key == key })
	}
	if there(paramNames["no-default-alpn"]) && !there(paramNames["alpn"]) {
		return wantError("alpn beside no-default-alpn")
	}
	for _, p := range params {
		for keys := p.value; p.key == mandatory && len(keys) > 0; keys = keys[2:] {
			if key := binary.BigEndian.Uint16(keys); key == mandatory || !there(key) {
				return wantError("as mandatory what is there")
			}
		}
	}
	return nil
}

func paramKey(name string) (uint16, bool) {
	if key, ok := paramNames[name]; ok {
		return key, true
	}
	digits, ok := strings.CutPrefix(name, "key")
	if !ok {
		return 0, false
	}
	n, err := strconv.ParseUint(digits, 10, 16)
	return uint16(n), err == nil && n != ipv4hint && n != ipv6hint
}

func encodeParam(key uint16, value string) ([]byte, error) {
	switch key {
	case mandatory:
		return encodeKeys(value)
	case 2:
		if value != "" {
			return nil, wantError("no-default-alpn without a value")
		}
	case 1: // the commas stand bare or escaped
		var b []byte
		for id := range strings.SplitSeq(strings.ReplaceAll(value, `\,`, `,`), ",") {
			if id == "" || len(id) > 255 {
				return nil, wantError("alpn names of 1 to 255 octets")
			}
			b = append(append(b, byte(len(id))), id...)
		}
		return b, nil
	case 3:
		n, err := strconv.ParseUint(value, 10, 16)
		if err != nil || n == 0 {
			return nil, wantError("a port from 1 to 65535")
		}
		return binary.BigEndian.AppendUint16(nil, uint16(n)), nil
	}
	return []byte(value), nil
}

// encodeKeys writes the keys of parameters in ascending order, each once.
func encodeKeys(text string) ([]byte, error) {
	var keys []uint16
	for name := range strings.SplitSeq(strings.ReplaceAll(text, `\,`, `,`), ",") {
		key, ok := paramKey(name)
		if !ok || slices.Contains(keys, key) {
			return nil, wantError("names of service parameters, each once")
		}
		keys = append(keys, key)
	}
	slices.Sort(keys)
	var b []byte
	for _, key := range keys {
		b = binary.BigEndian.AppendUint16(b, key)
	}
	return b, nil
}

// decodeKeys is the text of such a list.
func decodeKeys(v []byte) (string, error) {
	if len(v) == 0 || len(v)%2 != 0 {
		return "", fmt.Errorf("%w: mandatory", ErrLength)
	}
	var names []string
	for ; len(v) > 0; v = v[2:] {
		names = append(names, paramName(binary.BigEndian.Uint16(v)))
	}
	return strings.Join(names, `\,`), nil
}

func paramName(key uint16) string {
	for name, k := range paramNames {
		if k == key {
			return name
		}
	}
	return fmt.Sprintf("key%d", key)
}

func decodeParams(v []byte) (string, error) {
	var out []string
	for len(v) > 0 {
		if len(v) < 4 || len(v) < 4+int(binary.BigEndian.Uint16(v[2:])) {
			return "", fmt.Errorf("%w: service parameter", ErrLength)
		}
		key, n := binary.BigEndian.Uint16(v), 4+int(binary.BigEndian.Uint16(v[2:]))
		text, err := decodeParam(key, v[4:n])
		if err != nil {
			return "", err
		}
		out = append(out, text)
		v = v[n:]
	}
	return strings.Join(out, " "), nil
}

func decodeParam(key uint16, v []byte) (string, error) {
	name, text := paramName(key), string(v)
	switch key {
	case mandatory:
		var err error
		if text, err = decodeKeys(v); err != nil {
			return "", err
		}
	case 2:
		if len(v) > 0 {
			return "", fmt.Errorf("%w: no-default-alpn", ErrLength)
		}
	case 1:
		var ids []string
		for len(v) > 0 {
			id, rest, ok := cutLength(v, 1)
			if !ok || len(id) == 0 {
				return "", fmt.Errorf("%w: alpn", ErrLength)
			}
			ids = append(ids, string(id))
			v = rest
		}
		text = strings.Join(ids, `\,`)
	case 3:
		if len(v) != 2 {
			return "", fmt.Errorf("%w: port", ErrLength)
		}
		text = strconv.Itoa(int(binary.BigEndian.Uint16(v)))
	}
	for i := range len(text) { // a text that Encode would read otherwise is no text
		if c := text[i]; c <= ' ' || c >= 0x7f || c == '|' || c == ',' && (i == 0 || text[i-1] != '\\') {
			return "", fmt.Errorf("%w: service parameter", ErrValue)
		}
	}
	if text == "" {
		return name, nil
	}
	return name + "=" + text, nil
}
