package config

import "testing"

// The file that is installed is correct for both clients, and changes nothing.
func TestClientExample(t *testing.T) {
	for _, f := range []Family{v4, v6} {
		c, problems := LoadClient("../../docs/examples/clients/clients.json", f, Options{})
		if c == nil || len(problems) > 0 {
			t.Error(show(problems))
		}
	}
}
