// Package config reads Kea's configuration language and makes of it what the
// daemons run on: a Config, with a frozen topology in it.
//
//	cfg, problems := config.Load("/etc/dhcp4o6/dhcp4.json", topology.V4, config.Options{})
//	for i := range problems {
//		fmt.Println(problems[i].String())
//	}
//	if cfg == nil {
//		os.Exit(1) // one of them was an error
//	}
//
// The one idea: read everything, then complain. A problem carries file, line and
// column, the path in the tree, and the line itself with a caret under the place:
//
//	dhcp4.json:41:17: subnet4[2].pools[0].pool: outside 192.0.2.0/24
//
// and all problems come from one run. For that each of the four steps takes what
// the one before could make sense of.
//
//   - The scanner knows comments, and <?include "file"?> in the place of any
//     words. Names are relative to the working directory, as in Kea.
//   - The parser builds a tree of nodes with their places. It goes on after a
//     comma too few, a word without quotes, a number with a plus sign.
//   - The check holds the tree against the schema: tables of keys for each kind
//     of map, with type, range, default and State. What fails is marked, and from
//     then on as good as absent.
//   - The compiler resolves inheritance (global, network, subnet, pool, host),
//     turns options into wire form and compares what must agree: pools with
//     subnets, pools with pools, reservations with one another.
//
// The schema has both generations of Kea's keys: those of 2.2, and what 3.x calls
// otherwise or has more of. A key that is not served yet is not an error. It is a
// warning, and stands in Config.Unserved; where somebody else would decide, as a
// database or a high-availability partner, there is a reason not to start
// (Config.Refuse).
//
// Keys of ours stand in "user-context": {"dhcp4o6": {...}}, at top level, in
// networks, subnets and pools, so that a file for us loads in Kea. They are
// checked as strictly as the rest.
package config
