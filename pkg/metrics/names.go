package metrics

import "strings"

// A family is a metric of Prometheus', with the names of its labels.
type family struct {
	name   string // without the daemon's prefix
	help   string
	labels []string
	gauge  bool
}

// A place is where a statistic stands among the metrics.
type place struct {
	*family
	values []string // of the labels
}

var (
	received      = &family{name: "packets_received_total", help: "Messages received.", labels: []string{"type"}}
	sent          = &family{name: "packets_sent_total", help: "Messages sent.", labels: []string{"type"}}
	datagramsIn   = &family{name: "datagrams_received_total", help: "Datagrams read from clients and relays."}
	datagramsOut  = &family{name: "datagrams_sent_total", help: "Answers sent to clients and relays."}
	dropped       = &family{name: "packets_dropped_total", help: "Queries that got no answer.", labels: []string{"reason"}}
	pairRefused   = &family{name: "4o6_messages_refused_total", help: "Messages that the pair did not take or hand over.", labels: []string{"reason"}}
	failures      = &family{name: "allocation_failures_total", help: "Queries for which no address could be found.", labels: []string{"cause"}}
	subnetFailure = &family{name: "subnet_allocation_failures_total", help: "Queries for which no address could be found in a subnet.", labels: []string{"subnet", "cause"}}
)

// inPackets says what becomes of "pkt4-" or "pkt6-" and a name. Nil is left out:
// sums of others, and Kea's coarser reasons.
func inPackets(name string) (place, bool) {
	switch name {
	case "received":
		return place{datagramsIn, nil}, true
	case "sent":
		return place{datagramsOut, nil}, true
	case "receive-drop", "parse-failed", "queue-full", "duplicate", "rfc-violation", "admin-filtered", "not-for-us", "processing-failed",
		"limit-exceeded", "service-disabled":
		return place{}, true
	}
	if reason, ok := strings.CutPrefix(name, "drop-"); ok {
		return place{dropped, []string{reason}}, true
	}
	if kind, ok := strings.CutSuffix(name, "-received"); ok {
		return place{received, []string{kind}}, true
	}
	if kind, ok := strings.CutSuffix(name, "-sent"); ok {
		return place{sent, []string{kind}}, true
	}
	return place{}, false
}

// ofFailure returns the cause that "v4-allocation-fail" and its kin count. Each
// failure is of one of the two causes; the others say where it was, or that the
// client was in classes, which all are.
func ofFailure(name string) (cause string, ok bool) {
	rest, ok := strings.CutPrefix(name, "v4-allocation-fail")
	if !ok {
		rest, ok = strings.CutPrefix(name, "v6-allocation-fail")
	}
	switch {
	case !ok:
		return "", false
	case rest == "":
		return "exhausted", true
	case rest == "-no-pools":
		return "no-pools", true
	}
	return "", true
}

// A scope is the metrics of subnets, or of pools. What has happened in a pool is left
// to the subnet: with thousands of them each number makes thousands of series.
type scope struct{ size, leases, given, reclaimed, unDeclined family }

var ofSubnets, ofPools = newScope("subnet", "subnet"), newScope("pool", "subnet", "pool")

func newScope(prefix string, labels ...string) *scope {
	s, of := new(scope), "a "+prefix
	with := func(more ...string) []string { return append(labels[:len(labels):len(labels)], more...) }
	s.size = family{prefix + "_size", "Addresses or prefixes that " + of + " has to give.", with("kind"), true}
	s.leases = family{prefix + "_leases", "What is in use of " + of + ". State assigned counts declined ones too.", with("kind", "state"), true}
	s.given = family{prefix + "_leases_given_total", "Leases given since the start from " + of + ", renewals left out.", with("kind"), false}
	s.reclaimed = family{prefix + "_leases_reclaimed_total", "Leases of " + of + " that ran out since the start.", with(), false}
	s.unDeclined = family{prefix + "_declined_reclaimed_total", "Declined addresses of " + of + " that are free again since the start.", with(), false}
	return s
}

// kinds are how Kea calls what is leased.
var kinds = map[string]string{"addresses": "address", "nas": "address", "pds": "prefix"}

// inScope says what becomes of a statistic of a subnet ("subnet[7].assigned-nas")
// or of a pool ("subnet[7].pd-pool[0].assigned-pds").
func inScope(name string) (place, bool) {
	id, rest, ok := index(name, "subnet[")
	if !ok {
		return place{}, false
	}
	level, values := ofSubnets, []string{id}
	for _, of := range []string{"pool[", "pd-pool["} {
		if pool, inner, ok := index(rest, of); ok {
			level, values, rest = ofPools, append(values, pool), inner
		}
	}
	if cause, ok := ofFailure(rest); ok {
		if cause == "" {
			return place{}, true
		}
		return place{subnetFailure, append(values, cause)}, true
	}
	if level == ofPools && (strings.HasPrefix(rest, "cumulative-") || strings.HasPrefix(rest, "reclaimed-")) {
		return place{}, true
	}
	switch rest {
	case "reclaimed-leases":
		return place{&level.reclaimed, values}, true
	case "reclaimed-declined-addresses":
		return place{&level.unDeclined, values}, true
	}
	cut := strings.LastIndexByte(rest, '-')
	kind := kinds[rest[cut+1:]]
	switch state := rest[:max(cut, 0)]; {
	case kind == "":
		return place{}, false
	case state == "total":
		return place{&level.size, append(values, kind)}, true
	case strings.HasPrefix(state, "cumulative-"):
		return place{&level.given, append(values, kind)}, state == "cumulative-assigned"
	default:
		return place{&level.leases, append(values, kind, state)}, true
	}
}

// index takes "subnet[7]." off a name.
func index(name, prefix string) (id, rest string, ok bool) {
	if rest, ok = strings.CutPrefix(name, prefix); !ok {
		return "", "", false
	}
	return strings.Cut(rest, "].")
}

// notServed reports whether a statistic is there only because Kea has it: leases
// given again unchanged, addresses registered (RFC 9686), prefixes delegated.
func notServed(name string) bool {
	return strings.HasSuffix(name, "-lease-reuses") || strings.HasSuffix(name, "registered-nas") || strings.HasSuffix(name, "assigned-pds") ||
		strings.HasSuffix(name, "].total-pds")
}

// locate returns the place of a statistic; one without family is left out.
func locate(s *Sample) place {
	if notServed(s.Name) {
		return place{}
	}
	for _, prefix := range []string{"pkt4-", "pkt6-"} {
		if rest, ok := strings.CutPrefix(s.Name, prefix); ok {
			if p, ok := inPackets(rest); ok {
				return p
			}
		}
	}
	if reason, ok := strings.CutPrefix(s.Name, "4o6-bad-packet"); ok {
		if reason == "" {
			return place{} // the sum
		}
		return place{pairRefused, []string{reason[1:]}}
	}
	if cause, ok := ofFailure(s.Name); ok {
		if cause == "" {
			return place{}
		}
		return place{failures, []string{cause}}
	}
	if p, ok := inScope(s.Name); ok {
		return p
	}
	return plain(s)
}

// plain makes a metric out of a name that no rule knows, labels of its scope put
// into words.
func plain(s *Sample) place {
	name, help := s.Name, "Statistic "+s.Name+"."
	labels, values := []string(nil), []string(nil)
	if id, rest, ok := index(name, "subnet["); ok {
		name, help = "subnet-"+rest, "Statistic "+rest+" of a subnet."
		labels, values = []string{"subnet"}, []string{id}
		for _, of := range []string{"pool[", "pd-pool["} {
			if pool, inner, ok := index(rest, of); ok {
				name, help = "pool-"+inner, "Statistic "+inner+" of a pool."
				labels, values = append(labels, "pool"), append(values, pool)
			}
		}
	}
	name = strings.Map(func(r rune) rune {
		switch {
		case r >= 'a' && r <= 'z', r >= '0' && r <= '9':
			return r
		}
		return '_'
	}, name)
	if !s.Gauge {
		name += "_total"
	}
	return place{&family{name: name, help: help, labels: labels, gauge: s.Gauge}, values}
}
