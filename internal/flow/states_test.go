package flow

import (
	"os"
	"path/filepath"
	"regexp"
	"testing"
)

// clientStates are what the server can know of a client, and of the address that it
// asks for, when a message comes.
var clientStates = []string{
	"unknown", "offered", "leased", "expired", "released", "declined", "other-address", "taken", "kept", "moved", "reserved",
}

// clientMessages are the messages of a client, in all the forms that RFC 2131 §4.3
// tells apart, as the line of a conversation begins and what it holds.
var clientMessages = []struct{ name, line string }{
	{"DHCPDISCOVER", `DISCOVER xid=\d+$`},
	{"DHCPDISCOVER with a wish", `DISCOVER .*dhcp-requested-address=`},
	{"DHCPREQUEST, SELECTING", `REQUEST xid=\d+ requested=\S+ server=(192|198)\.`},
	{"DHCPREQUEST, SELECTING another server", `REQUEST xid=\d+ requested=\S+ server=10\.`},
	{"DHCPREQUEST, INIT-REBOOT", `REQUEST xid=\d+ requested=(192|198)\S+$`},
	{"DHCPREQUEST, INIT-REBOOT on another network", `REQUEST xid=\d+ requested=10\.\S+$`},
	{"DHCPREQUEST, RENEWING", `REQUEST xid=\d+ unicast ciaddr=`},
	{"DHCPREQUEST, REBINDING", `REQUEST xid=\d+ ciaddr=`},
	{"DHCPREQUEST, in no state", `REQUEST xid=\d+$`},
	{"DHCPDECLINE", `DECLINE xid=\d+ requested=\S+ server=`},
	{"DHCPRELEASE", `RELEASE xid=\d+ unicast ciaddr=\S+ server=`},
	{"DHCPINFORM", `INFORM xid=\d+ ciaddr=`},
	{"BOOTP", `BOOTP `},
	{"DHCPLEASEQUERY", `LEASEQUERY `},
}

// TestEveryMessageInEachState: for each state there is a conversation in which each message
// is said, natively and over 4o6, from the state on that it is named for.
func TestEveryMessageInEachState(t *testing.T) {
	for _, family := range []string{"v4", "4o6"} {
		for _, state := range clientStates {
			name := family + "-state-" + state + ".flow"
			text, err := os.ReadFile(filepath.Join(folder, name))
			if err != nil {
				t.Error(err)
				continue
			}
			for _, m := range clientMessages {
				if !regexp.MustCompile(`(?m)^[a-h]: ` + m.line).Match(text) {
					t.Errorf("%s: no %s", name, m.name)
				}
			}
		}
	}
}
