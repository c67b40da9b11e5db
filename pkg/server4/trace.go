package server4

// An Event tells Options.Trace what one step did with a query. It is told by the
// worker, between two steps: the Exchange must not be changed or kept.
type Event struct {
	Exchange *Exchange
	Step     string // as path and after name it
	Verdict  Verdict
}
