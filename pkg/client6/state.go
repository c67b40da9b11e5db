package client6

// A State is where the client stands: in which exchange of RFC 9915 §18.2, or
// between two.
type State uint8

// The states.
const (
	Init       State = iota // not begun, or no link
	Soliciting              // looks for servers (§18.2.1)
	Requesting              // asks the server it has chosen (§18.2.2)
	Confirming              // asks whether its addresses are good on this link (§18.2.3)
	Verifying               // the same by a Rebind, when it has prefixes too (§18.2.12)
	Bound                   // has leases
	Renewing                // asks its server to extend them (§18.2.4)
	Rebinding               // asks any server (§18.2.5)
	Informing               // asks for configuration alone (§18.2.6)
	Informed                // has it
	Releasing               // gives its leases back (§18.2.7)
	Declining               // gives addresses back that another node has (§18.2.8)
	Stopped                 // for good
)

var stateNames = [...]string{"INIT", "SOLICITING", "REQUESTING", "CONFIRMING", "VERIFYING", "BOUND", "RENEWING",
	"REBINDING", "INFORMING", "INFORMED", "RELEASING", "DECLINING", "STOPPED"}

// String returns the state's name.
func (s State) String() string { return stateNames[s] }

// MarshalText writes the name.
func (s State) MarshalText() ([]byte, error) { return []byte(s.String()), nil }
