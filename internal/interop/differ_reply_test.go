//go:build interop

package interop

import (
	"bytes"
	"encoding/hex"
	"fmt"
	"maps"
	"net/netip"
	"slices"
	"strings"

	"github.com/dhcp4o6/dhcp4o6/pkg/dhcp4"
)

// A gist is an answer, or silence, as fields by name: those of the header, the
// options by code, and how it came.
type gist map[string]string

// silent is the gist of no answer.
func (g gist) silent() bool { return len(g) == 0 }

func (g gist) String() string {
	if g.silent() {
		return "silence"
	}
	var s []string
	for _, k := range slices.Sorted(maps.Keys(g)) {
		s = append(s, k+"="+g[k])
	}
	return strings.Join(s, " ")
}

// digest is an answer to an ask as a gist.
func digest(a *ask, h *heard) (gist, *dhcp4.Message) {
	if h == nil {
		return nil, nil
	}
	g := gist{}
	var m dhcp4.Message
	if err := m.Parse(h.message); err != nil {
		return gist{"malformed": err.Error() + " " + hex.EncodeToString(h.message)}, nil
	}
	text := func(b []byte) string { return fmt.Sprintf("%q", bytes.TrimRight(b, "\x00")) }
	g["type"], g["op"] = m.Type().String(), fmt.Sprint(m.Op)
	g["htype"], g["hlen"], g["hops"] = fmt.Sprint(m.HType), fmt.Sprint(m.HLen), fmt.Sprint(m.Hops)
	g["secs"], g["flags"] = fmt.Sprint(m.Secs), fmt.Sprintf("%04x", m.Flags)
	g["ciaddr"], g["yiaddr"], g["siaddr"], g["giaddr"] = m.CIAddr.String(), m.YIAddr.String(), m.SIAddr.String(), m.GIAddr.String()
	g["chaddr"] = hex.EncodeToString(h.message[28:44])
	g["sname"], g["file"] = text(m.SName()), text(m.File())
	last := dhcp4.Code(0)
	for c, v := range m.All {
		g[fmt.Sprintf("%d", c)] += hex.EncodeToString(v) // part by part (RFC 3396)
		last = c
	}
	if m.Has(dhcp4.OptRelayAgentInfo) && last != dhcp4.OptRelayAgentInfo {
		g["82 last"] = "no"
	}
	g["envelope"], g["length"] = h.envelope, fmt.Sprint(len(h.message))
	g["from"], g["to"] = h.src.String(), h.dst.String()
	if h.src.Addr().Is6() { // its own of each
		g["from"] = fmt.Sprint("port ", h.src.Port())
	}
	g["wire"] = fmt.Sprint(h.wire)
	switch {
	case a.way == viaRelay || h.dst.Addr().Is6():
	case h.to == [6]byte{255, 255, 255, 255, 255, 255}:
		g["frame"] = "broadcast"
	default:
		g["frame"] = "unicast"
	}
	return g, &m
}

// A pairing says which address of ours stands for which of Kea's: they may give a
// client different ones of a subnet, but then always these, until another client
// is given one of them.
type pairing struct {
	ours, kea map[netip.Addr]netip.Addr
	apart     map[netip.Addr]bool // leased or offered by one of them alone
}

func newPairing() *pairing {
	return &pairing{map[netip.Addr]netip.Addr{}, map[netip.Addr]netip.Addr{}, map[netip.Addr]bool{}}
}

// match notes that two addresses stand for each other; false: they do not.
func (p *pairing) match(ours, kea netip.Addr) bool {
	o, known := p.kea[kea]
	k, also := p.ours[ours]
	if known && also && o == ours && k == kea {
		return true
	}
	if slash24(ours) != slash24(kea) {
		return false
	}
	// either may have been somebody else's before
	delete(p.ours, o)
	delete(p.kea, k)
	p.kea[kea], p.ours[ours] = ours, kea
	return true
}

// crossed reports whether an ask names an address that may mean different clients to
// the two servers, so that different answers would tell nothing new.
func (p *pairing) crossed(a *ask) bool {
	for _, text := range []string{a.want, a.ciaddr} {
		for bed := range 2 {
			addr, ok := a.addr(text, bed)
			if !ok {
				continue
			}
			o, one := p.kea[addr]
			k, two := p.ours[addr]
			literal := text != offered
			if p.apart[addr] || literal && (one && o != addr || two && k != addr) {
				return true
			}
		}
	}
	return false
}

func slash24(a netip.Addr) netip.Prefix { p, _ := a.Prefix(24); return p }

// elsewhere reports whether two addresses are of different subnets of the one
// shared network, or of different pools of the one subnet that has two.
func elsewhere(ours, kea netip.Addr) bool {
	net, pool := netip.MustParsePrefix("10.40.0.0/15"), netip.MustParsePrefix("192.0.2.128/30")
	return net.Contains(ours) && net.Contains(kea) && slash24(ours) != slash24(kea) ||
		slash24(ours) == slash24(kea) && pool.Contains(ours) != pool.Contains(kea)
}

// translate writes the addresses of ours in a gist as Kea's, wherever they stand:
// in words, in octets, and in names made of them.
func (p *pairing) translate(g gist) {
	var from []string
	for o, k := range p.ours {
		hex4 := func(a netip.Addr) string { return hex.EncodeToString(a.AsSlice()) }
		name := func(a netip.Addr) string {
			return hex.EncodeToString([]byte(strings.ReplaceAll(a.String(), ".", "-")))
		}
		from = append(from, o.String(), k.String(), hex4(o), hex4(k), name(o), name(k))
	}
	if len(from) == 0 {
		return
	}
	r := strings.NewReplacer(from...)
	for k, v := range g {
		if k != "chaddr" {
			g[k] = r.Replace(v)
		}
	}
}

// compare returns the fields in which two answers differ. Of answers of different
// types nothing else is compared.
func compare(ours, kea gist) (fields []string) {
	if ours["type"] != kea["type"] {
		return []string{"type"}
	}
	for _, k := range slices.Sorted(maps.Keys(ours)) {
		if ours[k] != kea[k] && k != "length" {
			fields = append(fields, k)
		}
	}
	for _, k := range slices.Sorted(maps.Keys(kea)) {
		if _, ok := ours[k]; !ok {
			fields = append(fields, k)
		}
	}
	return fields
}
