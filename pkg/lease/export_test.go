package lease

// Check is check, for tests outside of the package.
func Check(t fataler, tab *Table) { t.Helper(); check(t, tab) }
