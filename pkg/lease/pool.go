package lease

import "net/netip"

// A Pool is a range of resources that leases are taken from, with the bitmap
// of those that are free. Make it with NewPool; hand all pools of a configuration
// to Table.Adopt before asking for leases from them. Safe for concurrent use.
type Pool struct {
	Kind        Kind
	Subnet, ID  uint32
	First, Last netip.Addr
	Len         uint8 // prefix length of one resource: 32, 128, or the delegated length

	free bitmap
}
