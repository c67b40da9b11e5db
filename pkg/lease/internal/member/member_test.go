package member

import (
	"encoding/json"
	"testing"
)

func TestFind(t *testing.T) {
	tests := []struct {
		name, text string
		want       string // the value found
		only, ok   bool
	}{
		{"the only member", `{"a":1}`, "1", true, true},
		{"spaces about", "{ \"a\" :\t1 }", "1", true, true},
		{"the last of several", `{"b":[1,{"a":3}],"a":{"c":"}"}}`, `{"c":"}"}`, false, true},
		{"a quote in a string", `{"b":"\",\"a\":2","a":"\\"}`, `"\\"`, false, true},
		{"only further down", `{"b":{"a":1}}`, "", false, false},
		{"an empty object", `{}`, "", false, false},
		{"behind what is no JSON", `{"b" 1,"a":2}`, "", false, false},
		{"cut in a value", `{"a":[1`, "", false, false},
		{"cut in a string", `{"a":"x\`, "", false, false},
	}
	for _, tt := range tests {
		m, ok := Find([]byte(tt.text), "a")
		if ok != tt.ok || ok && (tt.text[m.Value:m.End] != tt.want || m.Only != tt.only) {
			t.Errorf("%s: %v, %+v in %s", tt.name, ok, m, tt.text)
		}
	}
}

// What Find finds in JSON is what a decoder finds there.
func FuzzFind(f *testing.F) {
	for _, s := range []string{`{"a":1}`, `{"b":[1,"]"],"a":{"a":2} , "c":null}`, `{"a":"\\\""}`, `{"a":`, `{}`} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, obj []byte) {
		if len(obj) == 0 || obj[0] != '{' {
			return
		}
		m, ok := Find(obj, "a")
		if !ok || !json.Valid(obj) {
			return
		}
		if string(obj[m.Name:m.Name+3]) != `"a"` || !json.Valid(obj[m.Value:m.End]) || m.Before > m.Name || m.After < m.End {
			t.Errorf("%+v in %q", m, obj)
		}
	})
}
