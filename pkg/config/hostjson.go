package config

import (
	"encoding/hex"
	"encoding/json"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/dhcp4o6/dhcp4o6/pkg/topology"
)

// HostJSON returns a reservation as Kea's reservation-get does: with the subnet, every
// member that it could have, and the identifier in its one spelling.
func (c *Config) HostJSON(h *Host) json.RawMessage {
	w := &writer{family: c.Family}
	key, id := h.Identifier()
	entries := []entry{
		{key: "subnet-id", text: strconv.FormatUint(uint64(h.Subnet), 10)},
		{key: key, text: strconv.Quote(id)},
	}
	for _, m := range h.n.members {
		switch _, identifies := identifierKinds[m.key]; {
		case identifies, m.kind == kNull, m.key == "ip-address", m.key == "ip-addresses", m.key == "prefixes":
		default:
			e := entry{key: m.key, n: m}
			if r := reservation.find(c.Family, m.key); r != nil && r.typ != tContext {
				e.of = r.of
			}
			entries = append(entries, e)
		}
	}
	missing := map[string]string{"hostname": `""`, "client-classes": "[]", "option-data": "[]"}
	if c.Family == v6 {
		missing["ip-addresses"], missing["prefixes"] = texts(h.Addrs), texts(h.Prefixes)
	} else {
		missing["boot-file-name"], missing["server-hostname"], missing["next-server"] = `""`, `""`, `"0.0.0.0"`
		if h.Addr.IsValid() {
			missing["ip-address"] = strconv.Quote(h.Addr.String())
		}
	}
	for k, text := range missing {
		if !slices.ContainsFunc(entries, func(e entry) bool { return e.key == k }) {
			entries = append(entries, entry{key: k, text: text})
		}
	}
	w.entries(entries, nil)
	return w.b
}

// Identifier is what the host is known by, as Kea spells it: hardware addresses and DUIDs
// in small letters with colons, everything else in large ones without.
func (h *Host) Identifier() (key, id string) {
	for key, kind := range identifierKinds {
		if kind != h.Key.Kind {
			continue
		}
		if kind == topology.HWAddress || kind == topology.DUID {
			return key, colons(h.Key.ID)
		}
		return key, strings.ToUpper(hex.EncodeToString([]byte(h.Key.ID)))
	}
	return "", ""
}

func colons(octets string) string {
	b := make([]byte, 0, 3*len(octets))
	for i := range len(octets) {
		if i > 0 {
			b = append(b, ':')
		}
		b = hex.AppendEncode(b, []byte{octets[i]})
	}
	return string(b)
}

// texts is a list of addresses or prefixes.
func texts[T fmt.Stringer](all []T) string {
	list := make([]string, len(all))
	for i, a := range all {
		list[i] = strconv.Quote(a.String())
	}
	return "[" + strings.Join(list, ",") + "]"
}
