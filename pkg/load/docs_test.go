package load_test

import (
	"os"
	"reflect"
	"strings"
	"testing"

	"github.com/dhcp4o6/dhcp4o6/pkg/load"
)

// Every name in the JSON report stands in docs/load.md.
func TestReportNamesAreDocumented(t *testing.T) {
	b, err := os.ReadFile("../../docs/load.md")
	if err != nil {
		t.Fatal(err)
	}
	text := string(b)
	n := 0
	var walk func(reflect.Type)
	walk = func(r reflect.Type) {
		for r.Kind() == reflect.Pointer || r.Kind() == reflect.Slice {
			r = r.Elem()
		}
		if r.Kind() != reflect.Struct {
			return
		}
		for i := range r.NumField() {
			name, _, _ := strings.Cut(r.Field(i).Tag.Get("json"), ",")
			if n++; name == "" || !strings.Contains(text, "`"+name+"`") {
				t.Errorf("%s.%s: name %q is not documented", r.Name(), r.Field(i).Name, name)
			}
			walk(r.Field(i).Type)
		}
	}
	walk(reflect.TypeFor[load.Report]())
	if n < 50 {
		t.Errorf("only %d names", n)
	}
}
