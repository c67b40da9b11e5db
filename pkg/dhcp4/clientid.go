package dhcp4

// clientIDNode is the type octet of a node-specific client identifier (RFC 4361 §6.1).
const clientIDNode = 255

// NodeID takes a node-specific client identifier apart: type 255, four octets
// of IAID, then the DUID (RFC 4361 §6.1). ok is false for any other kind, and
// for one whose DUID is not of 3 to 130 octets (RFC 9915 §11.1: a type and at
// least one octet, no more than 128 after the type).
func NodeID(clientID []byte) (iaid uint32, duid []byte, ok bool) {
	if len(clientID) < 1+4+3 || len(clientID) > 1+4+130 || clientID[0] != clientIDNode {
		return 0, nil, false
	}
	return be.Uint32(clientID[1:]), clientID[5:], true
}
