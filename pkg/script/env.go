package script

import (
	"encoding/hex"
	"net/netip"
	"strconv"
	"strings"

	"github.com/dhcp4o6/dhcp4o6/pkg/dhcp4"
	"github.com/dhcp4o6/dhcp4o6/pkg/lease"
)

// An Env is the environment of one run of the program: variables that are named
// and written as in Kea's run_script library. The zero value is empty.
type Env struct{ vars []string }

// Vars returns the variables, each as NAME=value. No value has a NUL in it.
func (e *Env) Vars() []string { return e.vars }

// Text adds a variable. Octets that no environment can hold are left out.
func (e *Env) Text(name, value string) {
	if strings.IndexByte(value, 0) >= 0 {
		value = strings.ReplaceAll(value, "\x00", "")
	}
	e.vars = append(e.vars, name+"="+value)
}

func (e *Env) number(name string, n uint64) { e.Text(name, strconv.FormatUint(n, 10)) }

// Bool adds "true" or "false".
func (e *Env) Bool(name string, v bool) { e.Text(name, strconv.FormatBool(v)) }

// HWAddr adds a hardware address and its type; nil is empty in both.
func (e *Env) HWAddr(name string, htype uint16, addr []byte) {
	e.Text(name, colons(addr))
	if addr == nil {
		e.Text(name+"_TYPE", "")
		return
	}
	e.number(name+"_TYPE", uint64(htype))
}

// ID adds a client identifier or a DUID; nil is empty.
func (e *Env) ID(name string, id []byte) { e.Text(name, colons(id)) }

// colons writes octets as Kea does: 02:00:5e.
func colons(b []byte) string {
	if len(b) == 0 {
		return ""
	}
	out := make([]byte, 0, 3*len(b))
	for i, c := range b {
		if i > 0 {
			out = append(out, ':')
		}
		out = hex.AppendEncode(out, []byte{c})
	}
	return string(out)
}

// option adds the content of an option.
func (e *Env) option(name string, v []byte) {
	e.Text(name, "0x"+strings.ToUpper(hex.EncodeToString(v)))
}

// Subnet4 adds a subnet; without one its variables are empty.
func (e *Env) Subnet4(prefix string, id uint32, p netip.Prefix) {
	if !p.IsValid() {
		for _, name := range []string{"_ID", "_NAME", "_PREFIX", "_PREFIX_LEN"} {
			e.Text(prefix+name, "")
		}
		return
	}
	e.number(prefix+"_ID", uint64(id))
	e.Text(prefix+"_NAME", p.String())
	e.Text(prefix+"_PREFIX", p.Addr().String())
	e.number(prefix+"_PREFIX_LEN", uint64(p.Bits()))
}

// states are the names that Kea has for the states of leases.
var states = map[lease.State]string{lease.Leased: "default", lease.Declined: "declined", lease.Reclaimed: "expired-reclaimed", lease.Released: "released"}

// Lease4 adds a lease.
func (e *Env) Lease4(prefix string, l *lease.Lease) {
	e.Text(prefix+"_ADDRESS", l.Resource.Prefix.Addr().String())
	e.number(prefix+"_CLTT", uint64(l.Start.Unix()))
	e.Text(prefix+"_HOSTNAME", l.Hostname)
	e.HWAddr(prefix+"_HWADDR", l.HWType, l.HWAddr)
	if l.State == lease.Declined && l.HWAddr == nil { // Kea empties the address, and leaves the type
		e.vars[len(e.vars)-1] = prefix + "_HWADDR_TYPE=1"
	}
	e.Text(prefix+"_STATE", states[l.State])
	e.number(prefix+"_SUBNET_ID", uint64(l.Subnet))
	e.number(prefix+"_VALID_LIFETIME", uint64(l.Valid.Seconds()))
	e.ID(prefix+"_CLIENT_ID", l.ClientID)
}

// Leases4 adds a list of leases: PREFIX_SIZE, PREFIX_AT0_ADDRESS, ...
func (e *Env) Leases4(prefix string, all []lease.Lease) {
	e.number(prefix+"_SIZE", uint64(len(all)))
	for i := range all {
		e.Lease4(prefix+"_AT"+strconv.Itoa(i), &all[i])
	}
}

// A Packet4 is a DHCPv4 message and how it came.
type Packet4 struct {
	*dhcp4.Message
	Type          dhcp4.MessageType
	Local, Remote netip.AddrPort
	IfIndex       int
	Iface         string
}

// Packet4 adds a query.
func (e *Env) Packet4(prefix string, p *Packet4) {
	e.Text(prefix+"_TYPE", p.Type.String())
	e.number(prefix+"_TXID", uint64(p.XID))
	e.Text(prefix+"_LOCAL_ADDR", p.Local.Addr().String())
	e.number(prefix+"_LOCAL_PORT", uint64(p.Local.Port()))
	e.Text(prefix+"_REMOTE_ADDR", p.Remote.Addr().String())
	e.number(prefix+"_REMOTE_PORT", uint64(p.Remote.Port()))
	e.number(prefix+"_IFACE_INDEX", uint64(p.IfIndex))
	e.Text(prefix+"_IFACE_NAME", p.Iface)
	e.number(prefix+"_HOPS", uint64(p.Hops))
	e.number(prefix+"_SECS", uint64(p.Secs))
	e.number(prefix+"_FLAGS", uint64(p.Flags))
	e.Text(prefix+"_CIADDR", p.CIAddr.String())
	e.Text(prefix+"_SIADDR", p.SIAddr.String())
	e.Text(prefix+"_YIADDR", p.YIAddr.String())
	e.Text(prefix+"_GIADDR", p.GIAddr.String())
	e.Bool(prefix+"_RELAYED", !p.GIAddr.IsUnspecified())
	e.HWAddr(prefix+"_HWADDR", uint16(p.HType), p.CHAddr())
	e.HWAddr(prefix+"_LOCAL_HWADDR", 0, nil)
	e.HWAddr(prefix+"_REMOTE_HWADDR", 0, nil)
	e.relay(prefix, p.Message)
}

// relay adds option 82 with the two suboptions that Kea picks.
func (e *Env) relay(prefix string, m *dhcp4.Message) {
	v, ok := m.Option(dhcp4.OptRelayAgentInfo)
	if !ok {
		return
	}
	e.option(prefix+"_OPTION_82", v)
	subs, err := dhcp4.ParseSubOptions(v)
	if err != nil {
		return
	}
	for _, c := range []dhcp4.Code{dhcp4.SubCircuitID, dhcp4.SubRemoteID} {
		if v, ok := subs.Option(c); ok {
			e.option(prefix+"_OPTION_82_SUB_OPTION_"+strconv.Itoa(int(c)), v)
		}
	}
}
