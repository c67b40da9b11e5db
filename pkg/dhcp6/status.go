package dhcp6

import "strconv"

// Status is a status code (RFC 9915 §21.13).
type Status uint16

// The status codes of RFC 9915. UseMulticast is obsolete and never sent by us.
const (
	Success       Status = 0
	UnspecFail    Status = 1
	NoAddrsAvail  Status = 2
	NoBinding     Status = 3
	NotOnLink     Status = 4
	UseMulticast  Status = 5
	NoPrefixAvail Status = 6
)

var statusNames = [...]string{
	"Success", "UnspecFail", "NoAddrsAvail", "NoBinding", "NotOnLink", "UseMulticast", "NoPrefixAvail",
}

// String returns the RFC's name of the status, or its number.
func (s Status) String() string {
	if int(s) < len(statusNames) {
		return statusNames[s]
	}
	return "status " + strconv.Itoa(int(s))
}

// A StatusCode is the Status Code option (RFC 9915 §21.13).
type StatusCode struct {
	Status  Status
	Message []byte // UTF-8, no terminator; shares memory with the parsed message
}

// ParseStatusCode decodes the value of a Status Code option.
func ParseStatusCode(v []byte) (StatusCode, error) {
	if len(v) < 2 {
		return StatusCode{}, ErrShort
	}
	return StatusCode{Status: Status(be.Uint16(v)), Message: v[2:]}, nil
}

// Append writes the whole option, header included, at the end of b.
func (s StatusCode) Append(b []byte) []byte {
	b, mark := Open(b, OptStatusCode)
	b = be.AppendUint16(b, uint16(s.Status))
	b = append(b, s.Message...)
	return Shut(b, mark)
}

// AppendStatus writes a Status Code option whose message is text.
func AppendStatus(b []byte, s Status, text string) []byte {
	b, mark := Open(b, OptStatusCode)
	b = be.AppendUint16(b, uint16(s))
	b = append(b, text...)
	return Shut(b, mark)
}
