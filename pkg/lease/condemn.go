package lease

import "time"

// Condemn takes a resource out of service for DeclineProbation, whoever holds
// it: the server itself has found it in use. Resource and Subnet of l say which;
// the rest of l is filled in.
func (t *Table) Condemn(l *Lease, now time.Time) (Seq, error) {
	*l = Lease{Resource: l.Resource, Subnet: l.Subnet, State: Declined, Start: now.Truncate(time.Second),
		Valid: time.Duration(t.probation.Load()) * time.Second}
	_, seq, err := t.Put(l, Always)
	return seq, err
}
