package client4

// A State is where the client stands (RFC 2131 §4.4, figure 5).
type State uint8

// The states of RFC 2131, with that of RFC 8925 and two of ours.
const (
	Init State = iota
	Selecting
	Requesting // also while the address is probed
	Bound
	Renewing
	Rebinding
	InitReboot
	Rebooting
	V6Only    // the network is to be used without IPv4 for a while (RFC 8925)
	Informing // a DHCPINFORM waits for its answer
	Stopped   // for good
)

var stateNames = [...]string{"INIT", "SELECTING", "REQUESTING", "BOUND", "RENEWING", "REBINDING",
	"INIT-REBOOT", "REBOOTING", "V6ONLY", "INFORMING", "STOPPED"}

// String returns the state's name as RFC 2131 writes it.
func (s State) String() string { return stateNames[s] }

// MarshalText writes the name.
func (s State) MarshalText() ([]byte, error) { return []byte(s.String()), nil }
