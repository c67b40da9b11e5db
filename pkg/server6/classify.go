package server6

import "github.com/dhcp4o6/dhcp4o6/pkg/classify"

// classify finds the classes that the query alone puts the client in. There are
// none but ALL; KNOWN and UNKNOWN follow when the reservation has been looked up.
func (s *Server) classify(x *Exchange) Verdict {
	x.Classes.Reset()
	x.Classes.Add(classify.All)
	return Next
}
