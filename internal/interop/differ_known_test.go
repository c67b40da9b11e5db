//go:build interop

package interop

import (
	"bytes"
	"encoding/binary"
	"encoding/hex"
	"slices"
	"strconv"
	"strings"

	"github.com/dhcp4o6/dhcp4o6/pkg/dhcp4"
)

// An excuse is a difference that docs/differences.md lists. It holds for a field
// of two answers when is says so.
type excuse struct {
	why string
	is  func(g *gen, a *ask, field string, ours, kea gist) bool
}

// known says why a field of two answers may differ; empty: it may not.
func known(g *gen, a *ask, field string, ours, kea gist) string {
	for _, e := range excuses {
		if e.is(g, a, field, ours, kea) {
			return e.why
		}
	}
	return ""
}

func has(a *ask, code byte) (v []byte, ok bool) {
	for _, o := range a.options {
		if o.code == code {
			return o.value, true
		}
	}
	return nil, false
}

var excuses = []excuse{
	{"hops of a reply are 0", func(_ *gen, a *ask, field string, ours, kea gist) bool {
		return field == "hops" && ours["hops"] == "0"
	}},
	{"INFORM that asks for option 1 gets it", func(_ *gen, a *ask, field string, ours, kea gist) bool {
		v, _ := has(a, 55)
		_, given := kea["1"]
		return field == "1" && a.kind == dhcp4.Inform && !given && bytes.IndexByte(v, 1) >= 0
	}},
	{"option 82 comes back in the order in which it came", func(_ *gen, a *ask, field string, ours, kea gist) bool {
		return field == "82" && ours["82"] == hex.EncodeToString(a.relay) && sorted(ours["82"]) == sorted(kea["82"])
	}},
	{"a broadcast goes to the broadcast address of the link", func(_ *gen, a *ask, field string, ours, kea gist) bool {
		return field == "frame" && strings.HasPrefix(ours["to"], "255.255.255.255:") && ours["frame"] == "broadcast"
	}},
	{"a text in a NAK says why", func(_ *gen, a *ask, field string, ours, kea gist) bool {
		return field == "56" && ours["type"] == "DHCPNAK" && kea["56"] == ""
	}},
	{"option 81 that is malformed, or says N and S", func(_ *gen, a *ask, field string, ours, kea gist) bool {
		v, ok := has(a, 81)
		return ok && kea.silent() && (v[0]&(1|8) == 1|8 || bytes.Contains(v, []byte("@bad")))
	}},
	{"REQUEST without option 54 by who holds our offer", func(_ *gen, a *ask, field string, ours, kea gist) bool {
		return field == "type" && a.kind == dhcp4.Request && a.server == "" && a.who.open.IsValid() && ours["type"] == "DHCPACK"
	}},
	{"SELECTING, naming us, what we do not have: NAK", func(_ *gen, a *ask, field string, ours, kea gist) bool {
		return field == "type" && a.kind == dhcp4.Request && a.server == itself && ours["type"] == "DHCPNAK" && kea.silent()
	}},
	{"REBINDING or RENEWING an address outside of the pools, authoritative: NAK", func(_ *gen, a *ask, field string, ours, kea gist) bool {
		return field == "type" && a.kind == dhcp4.Request && a.ciaddr != "" && ours["type"] == "DHCPNAK" && kea.silent()
	}},
	{"a NAK by way of a relay has the broadcast flag", func(_ *gen, a *ask, field string, ours, kea gist) bool {
		return field == "flags" && ours["type"] == "DHCPNAK" && ours["giaddr"] != "0.0.0.0" && ours["flags"][0] >= '8'
	}},
	{"a client that is no Ethernet is answered by broadcast", func(_ *gen, a *ask, field string, ours, kea gist) bool {
		return (field == "to" || field == "frame") && (a.who.htype != 1 || a.who.hlen != 6) && ours["to"] == "255.255.255.255:68"
	}},
	{"a NAK goes to all, whatever ciaddr says", func(_ *gen, a *ask, field string, ours, kea gist) bool {
		return (field == "to" || field == "frame") && ours["type"] == "DHCPNAK" && a.ciaddr != "" && ours["to"] == "255.255.255.255:68"
	}},
	{"giaddr of an answer to INFORM past the relay", func(_ *gen, a *ask, field string, ours, kea gist) bool {
		return field == "giaddr" && a.kind == dhcp4.Inform && a.ciaddr != "" && kea["giaddr"] == "0.0.0.0"
	}},
	{"option-data for option 1 is sent", func(g *gen, a *ask, field string, ours, kea gist) bool {
		return field == "1" && a.kind != dhcp4.Inform && slices.Contains(g.codes, 1) && ours["1"] != ""
	}},
	{"search lists are compressed (RFC 3397)", func(_ *gen, a *ask, field string, ours, kea gist) bool {
		return field == "119" && len(ours["119"]) < len(kea["119"])
	}},
	{"a UUID comes back to a PXE client (RFC 4578)", func(_ *gen, a *ask, field string, ours, kea gist) bool {
		v, _ := has(a, 97)
		return field == "97" && kea["97"] == "" && ours["97"] == hex.EncodeToString(v)
	}},
	{"option 108 to who asks for it, of a subnet or outside of one (RFC 8925)", func(_ *gen, a *ask, field string, ours, kea gist) bool {
		return field == "108" && kea["108"] != "" && ours["108"] == ""
	}},
	{"a client that can do without IPv4 is offered no address (RFC 8925)", func(_ *gen, a *ask, field string, ours, kea gist) bool {
		v, _ := has(a, 55)
		return bytes.IndexByte(v, 108) >= 0 && ours["108"] != "" && ours["yiaddr"] == "0.0.0.0"
	}},
	{"no subnet: only SELECTING is told", func(g *gen, a *ask, field string, ours, kea gist) bool {
		return field == "type" && a.kind == dhcp4.Request && a.server == "" && ours.silent() && kea["type"] == "DHCPNAK" &&
			(strings.HasPrefix(a.giaddr, "172.16.9.") || strings.Contains(g.config(), `"client-class"`))
	}},
	{"an address of another subnet of the network that is kept for somebody", func(_ *gen, a *ask, field string, ours, kea gist) bool {
		return field == "type" && a.kind == dhcp4.Request && strings.HasPrefix(a.want, "10.41.0.") && a.giaddr == "10.40.0.1" && ours["type"] == "DHCPNAK" && kea["type"] == "DHCPACK"
	}},
	{"an offer is kept for its client", func(g *gen, a *ask, field string, ours, kea gist) bool {
		kept := slices.ContainsFunc(g.people, func(p *person) bool { return p != a.who && p.open.IsValid() && p.open.String() == a.want })
		return field == "type" && a.kind == dhcp4.Request && kept && ours["type"] == "DHCPNAK"
	}},
	{"option 118 comes back in OFFER and ACK alone", func(_ *gen, a *ask, field string, ours, kea gist) bool {
		return field == "118" && ours["type"] == "DHCPNAK"
	}},
	{"INFORM: a reservation in another subnet of the network", func(_ *gen, a *ask, field string, ours, kea gist) bool {
		return a.kind == dhcp4.Inform && a.name == "with a reservation" && a.giaddr == "10.40.0.1" && field != "type"
	}},
	{"a client that names a server identifier of a pool", func(g *gen, a *ask, field string, ours, kea gist) bool {
		own := a.who.told[0].server.IsValid() && a.who.told[0].server.String() == "192.0.2.77"
		return field == "type" && a.server == itself && own && kea.silent()
	}},
	{"the rcodes of option 81 are 255 (RFC 4702)", func(_ *gen, a *ask, field string, ours, kea gist) bool {
		o, k := ours["81"], kea["81"]
		return field == "81" && len(o) >= 6 && len(k) >= 6 && o[2:6] == "ffff" && k[2:6] == "0000" && o[:2]+o[6:] == k[:2]+k[6:]
	}},
	{"the root in option 81 is no name: one is made", func(_ *gen, a *ask, field string, ours, kea gist) bool {
		v, _ := has(a, 81)
		return field == "81" && len(v) == 4 && v[3] == 0
	}},
	{"a host name that ends in a dot is whole", func(_ *gen, a *ask, field string, ours, kea gist) bool {
		v, _ := has(a, 12)
		return field == "12" && bytes.HasSuffix(v, []byte(".")) && strings.HasPrefix(kea["12"], ours["12"])
	}},
	{"hostname-char-set that takes letters or dots out", func(g *gen, a *ask, field string, ours, kea gist) bool {
		return (field == "81" || field == "12") && strings.Contains(g.config(), `"[^a-z]"`)
	}},
	{"option 124 names a vendor too", func(_ *gen, a *ask, field string, ours, kea gist) bool {
		_, sent := has(a, 124)
		return field == "125" && sent && kea["125"] == ""
	}},
	{"a client without hardware address, match-client-id off", func(_ *gen, a *ask, field string, ours, kea gist) bool {
		return field == "type" && a.who.hlen == 0 && (ours.silent() || ours["type"] == "DHCPNAK")
	}},
	{"sub-option 11 goes before a configured server identifier (RFC 5107)", func(_ *gen, a *ask, field string, ours, kea gist) bool {
		return field == "54" && strings.Contains(hex.EncodeToString(a.relay), "0b04"+ours["54"])
	}},
	{"DISCOVER with option 54", func(_ *gen, a *ask, field string, ours, kea gist) bool {
		return field == "type" && a.kind == dhcp4.Discover && a.server != "" && kea.silent()
	}},
	{"a global reservation of an address in another subnet of the network", func(g *gen, a *ask, field string, ours, kea gist) bool {
		reserved, _ := g.top["reservations"].(list)
		return a.giaddr == "10.40.0.1" && strings.HasPrefix(ours["yiaddr"], "10.41.0.") && ours["yiaddr"] == kea["yiaddr"] &&
			slices.ContainsFunc(reserved, func(r any) bool { return r.(obj)["ip-address"] == ours["yiaddr"] })
	}},
	{"BOOTP from a link without a subnet", func(_ *gen, a *ask, field string, ours, kea gist) bool {
		return field == "type" && a.kind == 0 && ours.silent() && kea["yiaddr"] == "0.0.0.0"
	}},
	{"BOOTP has no message type", func(g *gen, a *ask, field string, ours, kea gist) bool {
		return a.kind == 0 && (strings.Contains(g.config(), "msgtype") || strings.Contains(g.config(), "option[53]") || strings.Contains(g.config(), "pkt.len"))
	}},
	{"REQUEST that names no address", func(_ *gen, a *ask, field string, ours, kea gist) bool {
		return field == "type" && a.kind == dhcp4.Request && a.want == "" && a.ciaddr == "" && ours.silent()
	}},
	{"a configured server identifier in a NAK", func(_ *gen, a *ask, field string, ours, kea gist) bool {
		return field == "54" && ours["type"] == "DHCPNAK" && ours["54"] == "c000024d"
	}},
	{"4o6: the subnet whose key fits is not for the client", func(g *gen, a *ask, field string, ours, kea gist) bool {
		moved := given(a.who.told[0].addr) && given(a.who.told[1].addr) && slash24(a.who.told[0].addr) != slash24(a.who.told[1].addr)
		return a.way >= in6 && strings.Contains(g.config(), `"client-class"`) && (field == "type" || moved || kea["yiaddr"] == "0.0.0.0")
	}},
	{"INFORM from a link without a subnet", func(g *gen, a *ask, field string, ours, kea gist) bool {
		return a.kind == dhcp4.Inform && strings.Contains(g.config(), `"client-class"`)
	}},
	{"REQUEST with option 54 and ciaddr", func(_ *gen, a *ask, field string, ours, kea gist) bool {
		return field == "type" && a.kind == dhcp4.Request && a.server != "" && a.ciaddr != "" && ours.silent() && kea["type"] == "DHCPNAK"
	}},
	{"what has no room in the options field goes on in file and sname", func(_ *gen, a *ask, field string, ours, kea gist) bool {
		return (field == "52" || field == "82 last") && ours["52"] != "" && kea["52"] == "" && size(ours) <= limit(a, 1500)
	}},
	{"option 57 is kept", func(_ *gen, a *ask, field string, ours, kea gist) bool {
		_, asked := has(a, 57)
		_, number := strconv.Atoi(field)
		return asked && number == nil && ours[field] == "" && size(ours)+2+len(kea[field])/2+64 > limit(a, 576)
	}},
	{"a sub-option of option 82 is torn: none is read, and the option comes back as it is", func(_ *gen, a *ask, field string, ours, kea gist) bool {
		return bytes.HasSuffix(a.relay, []byte{201, 9, 1}) && (field != "82" || ours["82"] == hex.EncodeToString(a.relay))
	}},
	{"option 82 of more than 255 octets", func(_ *gen, a *ask, field string, ours, kea gist) bool {
		return len(a.relay) > 250 && (field == "82" || bytes.Contains(a.relay, []byte{5, 4, 10, 30, 0, 9}))
	}},
	{"tests of what is of several enterprises", func(g *gen, a *ask, field string, ours, kea gist) bool {
		v, _ := has(a, 125)
		return len(parts(hex.EncodeToString(v))) > 1 && (field == "125" || strings.Contains(g.config(), "vendor[") || strings.Contains(g.config(), "vendor.enterprise"))
	}},
	{"tests of the octets of option 82, whose order Kea changes", func(g *gen, a *ask, field string, ours, kea gist) bool {
		return a.relay != nil && strings.Contains(g.config(), "option[82].hex") && ours["82"] != kea["82"]
	}},
	{"tests of the length of a message, which option 52 makes another one", func(g *gen, a *ask, field string, ours, kea gist) bool {
		return a.overload != 0 && strings.Contains(g.config(), "pkt.len")
	}},
	{"tests of options within option 43", func(g *gen, a *ask, field string, ours, kea gist) bool {
		_, sent := has(a, 43)
		return sent && strings.Contains(g.config(), "option[43].option")
	}},
	{"what one client asks an enterprise for, the next gets from Kea 2.2 as well", func(g *gen, a *ask, field string, ours, kea gist) bool {
		return field == "125" && len(kea["125"]) > len(ours["125"]) && slices.ContainsFunc(g.asks, func(b *ask) bool {
			v, _ := has(b, 125)
			return b.xid < a.xid && bytes.HasPrefix(v, []byte{0, 0, 0x11, 0x8b})
		})
	}},
	{"a reply of more than 1,500 octets", func(g *gen, a *ask, field string, ours, kea gist) bool {
		return field == "type" && kea.silent() && size(ours) > 500 && strings.Contains(g.config(), "c0ffee00")
	}},
	{"options 124 and 125 of several enterprises", func(_ *gen, a *ask, field string, ours, kea gist) bool {
		if field != "124" && field != "125" || kea[field] == "" && ours[field] == "" {
			return false
		}
		return len(ours[field]) > len(kea[field]) && contains(parts(ours[field]), parts(kea[field]))
	}},
	{"option 52 of another value than 1, 2 or 3", func(_ *gen, a *ask, field string, ours, kea gist) bool {
		v, ok := has(a, 52)
		return ok && v[0] == 0 && ours.silent()
	}},
}

// size is the length of an answer.
func size(g gist) int {
	n, _ := strconv.Atoi(g["length"])
	return n
}

// limit is how long an answer may be: what option 57 says, or n (RFC 2131 §2, RFC
// 2132 §9.10).
func limit(a *ask, n int) int {
	if v, ok := has(a, 57); ok {
		n = max(576, int(binary.BigEndian.Uint16(v)))
	}
	return n - 28
}

// parts are the enterprises of an option 124 or 125, each with what is of it.
func parts(text string) (all []string) {
	b, _ := hex.DecodeString(text)
	for len(b) >= 5 && len(b) >= 5+int(b[4]) {
		n := 5 + int(b[4])
		all = append(all, string(b[:n]))
		b = b[n:]
	}
	return all
}

func contains(all, some []string) bool {
	for _, s := range some {
		if !slices.Contains(all, s) {
			return false
		}
	}
	return true
}

// sorted is a run of sub-options in the order of their codes.
func sorted(text string) string {
	b, _ := hex.DecodeString(text)
	var all []string
	for len(b) > 1 && len(b) >= 2+int(b[1]) {
		n := 2 + int(b[1])
		all = append(all, string(b[:n]))
		b = b[n:]
	}
	slices.Sort(all)
	return strings.Join(all, "")
}
