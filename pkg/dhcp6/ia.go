package dhcp6

// An IANA is the Identity Association for Non-temporary Addresses option
// (RFC 9915 §21.4). Times are in seconds; 0 leaves them to the client.
type IANA struct {
	IAID, T1, T2 uint32
	Options      Options
}

// ParseIANA decodes the value of an IA_NA option.
func ParseIANA(v []byte) (IANA, error) {
	if len(v) < 12 {
		return IANA{}, ErrShort
	}
	options, err := ParseOptions(v[12:])
	if err != nil {
		return IANA{}, err
	}
	return IANA{be.Uint32(v), be.Uint32(v[4:]), be.Uint32(v[8:]), options}, nil
}

// Append writes the whole option, header included, at the end of b.
func (a IANA) Append(b []byte) []byte {
	b, mark := OpenIANA(b, a.IAID, a.T1, a.T2)
	return Shut(append(b, a.Options...), mark)
}

// OpenIANA writes an IA_NA option up to its options, which the caller appends
// before Shut.
func OpenIANA(b []byte, iaid, t1, t2 uint32) (out []byte, mark int) {
	return openIA(b, OptIANA, iaid, t1, t2)
}

// An IAPD is the Identity Association for Prefix Delegation option
// (RFC 9915 §21.21).
type IAPD struct {
	IAID, T1, T2 uint32
	Options      Options
}

// ParseIAPD decodes the value of an IA_PD option.
func ParseIAPD(v []byte) (IAPD, error) {
	a, err := ParseIANA(v)
	return IAPD(a), err
}

// Append writes the whole option, header included, at the end of b.
func (a IAPD) Append(b []byte) []byte {
	b, mark := OpenIAPD(b, a.IAID, a.T1, a.T2)
	return Shut(append(b, a.Options...), mark)
}

// OpenIAPD writes an IA_PD option up to its options, which the caller appends
// before Shut.
func OpenIAPD(b []byte, iaid, t1, t2 uint32) (out []byte, mark int) {
	return openIA(b, OptIAPD, iaid, t1, t2)
}

func openIA(b []byte, c Code, iaid, t1, t2 uint32) (out []byte, mark int) {
	b, mark = Open(b, c)
	b = be.AppendUint32(b, iaid)
	b = be.AppendUint32(b, t1)
	return be.AppendUint32(b, t2), mark
}

// SetTimes sets T1 and T2 of the IA_NA or IA_PD option that was opened at mark.
// All IAs of a Reply carry the same times, known only when the last of them is
// written (RFC 9915 §18.3.2).
func SetTimes(b []byte, mark int, t1, t2 uint32) {
	be.PutUint32(b[mark+4:], t1)
	be.PutUint32(b[mark+8:], t2)
}

// An IATA is the Identity Association for Temporary Addresses option, obsolete
// since RFC 9915 §21.5 and still sent by older clients.
type IATA struct {
	IAID    uint32
	Options Options
}

// ParseIATA decodes the value of an IA_TA option.
func ParseIATA(v []byte) (IATA, error) {
	if len(v) < 4 {
		return IATA{}, ErrShort
	}
	options, err := ParseOptions(v[4:])
	if err != nil {
		return IATA{}, err
	}
	return IATA{be.Uint32(v), options}, nil
}

// Append writes the whole option, header included, at the end of b.
func (a IATA) Append(b []byte) []byte {
	b, mark := OpenIATA(b, a.IAID)
	return Shut(append(b, a.Options...), mark)
}

// OpenIATA writes an IA_TA option up to its options, which the caller appends
// before Shut.
func OpenIATA(b []byte, iaid uint32) (out []byte, mark int) {
	b, mark = Open(b, OptIATA)
	return be.AppendUint32(b, iaid), mark
}
