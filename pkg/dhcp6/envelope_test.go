package dhcp6

import "testing"

func TestEmptyDatagramIsShort(t *testing.T) {
	var e Envelope
	if err := e.Parse(nil); err != ErrShort {
		t.Fatal(err)
	}
}
