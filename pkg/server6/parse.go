package server6

// parse reads the datagram.
func (s *Server) parse(x *Exchange) Verdict {
	if err := x.Query.Parse(x.In.Data); err != nil {
		return DropMalformed
	}
	s.count.receivedType[x.Query.Message.Type].Inc()
	return Next
}
