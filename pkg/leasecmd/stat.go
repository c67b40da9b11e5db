package leasecmd

import (
	"context"
	"encoding/json"
	"fmt"
	"math"

	"github.com/dhcp4o6/dhcp4o6/pkg/control"
	"github.com/dhcp4o6/dhcp4o6/pkg/lease"
	"github.com/dhcp4o6/dhcp4o6/pkg/topology"
)

// A resultSet is the table in the answer of stat-lease4-get.
type resultSet struct {
	Columns   []string   `json:"columns"`
	Rows      [][]uint64 `json:"rows"`
	Timestamp string     `json:"timestamp"`
}

var (
	columns4 = []string{"subnet-id", "total-addresses", "cumulative-assigned-addresses", "assigned-addresses", "declined-addresses"}
	columns6 = []string{"subnet-id", "total-nas", "cumulative-assigned-nas", "assigned-nas", "declined-nas",
		"total-pds", "cumulative-assigned-pds", "assigned-pds"}
)

// stat counts the leases of subnets. Unlike the statistics assigned-addresses and
// assigned-nas its columns leave declined leases out, as Kea's do.
func (c *Commands) stat(_ context.Context, args json.RawMessage) (control.Result, error) {
	first, last, err := statRange(args)
	if err != nil {
		return control.Result{}, err
	}
	text, none := "all subnets", fmt.Sprintf("selected ID range: %d through %d includes no known subnets", first, last)
	switch {
	case first == 0:
	case first == last:
		text, none = fmt.Sprintf("subnet-id=%d", first), fmt.Sprintf("subnet-id: %d does not exist", first)
	default:
		text = fmt.Sprintf("subnets %d through %d", first, last)
	}
	text = fmt.Sprintf("stat-lease%s-get[%s]: ", c.digit(), text)
	set := resultSet{Columns: columns4, Timestamp: c.o.Now().Format("2006-01-02 15:04:05.000000")}
	if c.kind != lease.V4 {
		set.Columns = columns6
	}
	for _, s := range c.o.Topology().Subnets {
		if first == 0 || int64(s.ID) >= first && int64(s.ID) <= last {
			set.Rows = append(set.Rows, c.row(s))
		}
	}
	if len(set.Rows) == 0 {
		return control.Result{Code: control.Empty, Text: text + "no matching data, " + none, Arguments: struct{}{}}, nil
	}
	return control.Result{Text: fmt.Sprintf("%s%d rows found", text, len(set.Rows)), Arguments: map[string]any{"result-set": set}}, nil
}

// row counts one subnet.
func (c *Commands) row(s *topology.Subnet) []uint64 {
	st := c.o.Leases.SubnetStats(s.ID, c.kind)
	row := []uint64{uint64(s.ID), total(s, c.kind), count(st.Cumulative), count(st.Assigned - st.Declined), count(st.Declined)}
	if c.kind == lease.V4 {
		return row
	}
	pd := c.o.Leases.SubnetStats(s.ID, lease.PD)
	return append(row, total(s, lease.PD), count(pd.Cumulative), count(pd.Assigned-pd.Declined))
}

// count keeps a number that was read in the middle of a change from being negative.
func count(n int64) uint64 { return uint64(max(n, 0)) }

// total counts the resources of a subnet's pools. More than 63 bits are told as the
// largest number of 63 bits, since Kea's own programs read no larger one.
func total(s *topology.Subnet, k lease.Kind) (n uint64) {
	for _, p := range s.Pools {
		if p.Lease == nil || p.Lease.Kind != k {
			continue
		}
		size := p.Lease.Size()
		if size >= 1<<62 {
			return math.MaxInt64
		}
		n = min(n+size, math.MaxInt64)
	}
	return n
}

// statRange reads which subnets are meant; 0, 0 stands for all.
func statRange(args json.RawMessage) (first, last int64, err error) {
	if args == nil {
		return 0, 0, nil
	}
	m, isMap := mapOf(args)
	if !isMap {
		return 0, 0, refusef("'arguments' parameter is not a map")
	}
	if m.has("subnet-id") && m.has("subnet-range") {
		return 0, 0, refusef("cannot specify both subnet-id and subnet-range")
	}
	if m.has("subnet-id") {
		n, ok := isInt(m["subnet-id"])
		switch {
		case !ok:
			return 0, 0, refusef("'subnet-id' parameter is not integer")
		case n <= 0:
			return 0, 0, refusef("'subnet-id' parameter must be > 0")
		}
		return n, n, nil
	}
	if !m.has("subnet-range") {
		return 0, 0, nil
	}
	in, isMap := mapOf(m["subnet-range"])
	if !isMap {
		return 0, 0, refusef("subnet-range parameter is not a map")
	}
	if first, err = bound(in, "first-subnet-id"); err != nil {
		return 0, 0, err
	}
	if last, err = bound(in, "last-subnet-id"); err != nil {
		return 0, 0, err
	}
	switch {
	case last < first:
		return 0, 0, refusef("'last-subnet-id' must be greater than 'first-subnet-id'")
	case last == first:
		return 0, 0, refusef("LeaseStatsQuery: last_subnet_id_must be > first_subnet_id_")
	}
	return first, last, nil
}

func bound(m members, name string) (int64, error) {
	n, ok := isInt(m[name])
	switch {
	case !ok:
		return 0, refusef("'%s' parameter missing or not an integer", name)
	case n <= 0:
		return 0, refusef("'%s' parameter must be > 0", name)
	}
	return n, nil
}
