package load

import (
	"errors"
	"fmt"
	"strconv"
	"strings"
)

// An Act is what a client comes for. All but ActLease and ActInform are for
// clients that hold a lease; where nobody does, one is taken instead.
type Act uint8

// The acts.
const (
	ActLease   Act = iota // DISCOVER and REQUEST, Solicit and Request
	ActRenew              // asks the server that gave the lease for more time
	ActRebind             // asks any server
	ActReturn             // comes back from a restart: INIT-REBOOT, Confirm
	ActRelease            // gives the lease back
	ActDecline            // finds the address in use by somebody else
	ActInform             // asks for options only: INFORM, Information-request

	acts = iota
)

var actNames = [acts]string{"lease", "renew", "rebind", "return", "release", "decline", "inform"}

// String returns the name that the command line and the report have for a.
func (a Act) String() string { return actNames[a] }

var actSteps = [acts]Step{Discover, Renew, Rebind, Reboot, Release, Decline, Inform}

// ParseAct returns the act of that name; the names that the messages have in
// DHCPv4 and DHCPv6 are good too.
func ParseAct(name string) (Act, error) {
	switch name {
	case "reboot", "confirm":
		return ActReturn, nil
	case "information", "information-request":
		return ActInform, nil
	}
	for i, n := range actNames {
		if n == name {
			return Act(i), nil
		}
	}
	return 0, fmt.Errorf("load: no act %q: there are %s", name, strings.Join(actNames[:], ", "))
}

// needsLease reports whether only a client that holds a lease can do it.
func (a Act) needsLease() bool { return a != ActLease && a != ActInform }

// A Share is one part of a mix.
type Share struct {
	Kind   Kind
	Act    Act
	Weight int // of the sum of all weights
}

// ParseMix reads shares as "lease=6,renew=3,v4/lease=1": an act, its weight, and
// before them the kind of conversation where it is not kind. A share without a
// weight has 1.
func ParseMix(text string, kind Kind) ([]Share, error) {
	var mix []Share
	for part := range strings.SplitSeq(text, ",") {
		s := Share{Kind: kind, Weight: 1}
		name, weight, weighted := strings.Cut(strings.TrimSpace(part), "=")
		var err error
		if k, act, ok := strings.Cut(name, "/"); ok {
			if s.Kind, err = ParseKind(k); err != nil {
				return nil, err
			}
			name = act
		}
		if s.Act, err = ParseAct(name); err != nil {
			return nil, err
		}
		if weighted {
			if s.Weight, err = strconv.Atoi(weight); err != nil || s.Weight < 0 || s.Weight > maxWeight {
				return nil, fmt.Errorf("load: weight %q of %s: not a number up to %d", weight, name, maxWeight)
			}
		}
		mix = append(mix, s)
	}
	return mix, nil
}

const maxWeight = 1_000_000

var errNoWeight = errors.New("load: no share of the mix has a weight")

// leasesOf returns the mix in which every kind of m takes leases, as often as it
// occurs in m.
func leasesOf(m []Share) []Share { return actsOf(m, ActLease) }

// actsOf returns m with one act instead of all others.
func actsOf(m []Share, a Act) []Share {
	var sum [kinds]int
	for _, s := range m {
		sum[s.Kind] += s.Weight
	}
	var out []Share
	for k, weight := range sum {
		if weight > 0 {
			out = append(out, Share{Kind(k), a, weight})
		}
	}
	return out
}

// keeps reports whether somebody in m needs the lease of an earlier
// conversation, so that leases are worth remembering.
func keeps(m []Share) bool {
	for _, s := range m {
		if s.Act != ActLease && s.Weight > 0 {
			return true
		}
	}
	return false
}
