package lease

// bitmap marks the free resources of a pool.
type bitmap struct{}
