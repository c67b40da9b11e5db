package config

import (
	"slices"
	"strconv"
	"strings"
)

// shown are the keys that config-get shows where the file leaves them out, by the
// name of their scope: those that Kea 2.2 shows too and that both its generations
// take back. The value is the default of the schema, or what follows a colon.
var shown = map[string][]string{
	"global": {
		"authoritative", `boot-file-name:""`, "calculate-tee-times", "ddns-generated-prefix", "ddns-override-client-update",
		"ddns-override-no-update", `ddns-qualifying-suffix:""`, "ddns-replace-client-name", "ddns-send-updates", "ddns-update-on-renew",
		"decline-probation-period", "dhcp-ddns", "dhcp-queue-control", "dhcp4o6-port", "early-global-reservations-lookup", "echo-client-id",
		"expired-leases-processing", "hooks-libraries", "host-reservation-identifiers", `hostname-char-replacement:""`, "hostname-char-set",
		"interfaces-config", "ip-reservations-unique", "lease-database", "mac-sources", "match-client-id", "multi-threading",
		"next-server", "option-data", "option-def", "parked-packet-limit", "relay-supplied-options", "reservations-global",
		"reservations-in-subnet", "reservations-lookup-first", "reservations-out-of-pool", "sanity-checks", `server-hostname:""`,
		`server-tag:""`, "shared-networks", "statistic-default-sample-age", "statistic-default-sample-count", "store-extended-info",
		"subnet4", "subnet6", "t1-percent", "t2-percent", "valid-lifetime",
	},
	"interfaces-config": {"interfaces", "re-detect"},
	"lease-database":    {`type:"memfile"`},
	"expired-leases-processing": {"flush-reclaimed-timer-wait-time", "hold-reclaimed-time", "max-reclaim-leases", "max-reclaim-time",
		"reclaim-timer-wait-time", "unwarned-reclaim-cycles"},
	"dhcp-ddns": {"enable-updates", "max-queue-size", "ncr-format", "ncr-protocol", `sender-ip:"0.0.0.0"`, "sender-port", "server-ip",
		"server-port"},
	"multi-threading":    {"enable-multi-threading", "packet-queue-size", "thread-pool-size"},
	"dhcp-queue-control": {"capacity", "enable-queue", "queue-type"},
	"sanity-checks":      {"lease-checks"},
	"logger":             {"debuglevel", "severity"},
	"output-options":     {"flush", "maxsize", "maxver"},
	"server-id":          {"enterprise-id", "htype", `identifier:""`, "persist", "time"},
	"shared network":     {"option-data", "subnet4", "subnet6"},
	"subnet": {"calculate-tee-times", "option-data", "pd-pools", "pools", "rapid-commit", "relay", "reservations", "t1-percent",
		"t2-percent", "valid-lifetime", "min-valid-lifetime", "max-valid-lifetime", "renew-timer", "rebind-timer"},
	"relay":        {"ip-addresses"},
	"pool":         {"option-data"},
	"pd-pool":      {"option-data"},
	"option-data":  {"always-send", "csv-format"},
	"client class": {`boot-file-name:""`, "next-server", "option-data", "option-def", `server-hostname:""`},
}

// complete adds what the file leaves out of a map.
func (w *writer) complete(entries []entry, n *node, s *scope, l levels) []entry {
	add := func(e entry) {
		if !slices.ContainsFunc(entries, func(o entry) bool { return o.key == e.key }) {
			entries = append(entries, e)
		}
	}
	if s == subnet {
		w.number(n, &entries)
	}
	if v := n.value; v != nil && s == optionData[0].of {
		add(entry{key: "code", text: strconv.Itoa(int(v.Code))})
		add(entry{key: "space", text: strconv.Quote(v.Space)})
		if v.Def != nil {
			add(entry{key: "name", text: strconv.Quote(v.Def.Name)})
		}
	}
	for _, key := range shown[s.name] {
		key, text, _ := strings.Cut(key, ":")
		r := s.find(w.family, key)
		if r == nil || w.otherwise(n, s, key) || w.hostless && key == "reservations" {
			continue
		}
		switch m := l.find(key); {
		case r.typ == tMap:
			add(entry{key: key, of: r.of})
		case text != "":
			add(entry{key: key, text: text})
		case s == subnet && m != nil && !isList(r.typ):
			add(entry{key: key, n: m})
		case s == subnet && strings.HasSuffix(key, "x-valid-lifetime"), s == subnet && strings.HasSuffix(key, "n-valid-lifetime"):
			add(w.lifetimeOf(key, l))
		default:
			if text := r.plain(); text != "" {
				add(entry{key: key, text: text})
			}
		}
	}
	return entries
}

// number writes the number that a subnet goes by.
func (w *writer) number(n *node, entries *[]entry) {
	if n.number == 0 {
		return
	}
	*entries = slices.DeleteFunc(*entries, func(e entry) bool { return e.key == "id" }) // 0: unset
	*entries = append(*entries, entry{key: "id", text: strconv.FormatUint(uint64(n.number), 10)})
}

// lifetimeOf is min-valid-lifetime or max-valid-lifetime where nobody says it.
func (w *writer) lifetimeOf(key string, l levels) entry {
	if m := l.find("valid-lifetime"); m != nil {
		return entry{key: key, n: m}
	}
	return entry{key: key, text: "7200"}
}

// otherwise reports whether the file says in an older word what a key says.
func (w *writer) otherwise(n *node, s *scope, key string) bool {
	older := func(m *node) bool {
		r := s.find(w.family, m.key)
		return r != nil && r.newer == key
	}
	switch {
	case slices.ContainsFunc(n.members, older):
		return true
	case strings.HasPrefix(key, "max") && s == outputOptions:
		o := n.text("output") // only files are rotated
		return o == "stdout" || o == "stderr" || o == "syslog" || strings.HasPrefix(o, "syslog:")
	case strings.HasPrefix(key, "reservations-") && n.has("reservation-mode"):
		return true
	case s == global && (strings.HasPrefix(key, "ddns-") || strings.HasPrefix(key, "hostname-char-")):
		d := n.get("dhcp-ddns")
		return d != nil && d.has(strings.TrimPrefix(key, "ddns-"))
	}
	return false
}

func isList(t valueType) bool { return t == tMaps || t == tStrings }

// plain is the default of a rule as JSON, "" when it has none.
func (r *rule) plain() string {
	switch {
	case r.typ == tMaps, r.typ == tStrings && r.def == "":
		return "[]"
	case r.typ == tStrings:
		return strings.ReplaceAll(r.def, ", ", ",")
	case r.def == "", r.typ == tBool, r.typ == tInt, r.typ == tFloat, r.typ == tShare:
		return r.def
	}
	return strconv.Quote(r.def)
}
