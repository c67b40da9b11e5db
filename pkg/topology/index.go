package topology

// indexes are the rungs of the ladder of subnet selection.
type indexes struct{}
