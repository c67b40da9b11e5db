package dhcp6

// A VendorOpts is the Vendor-specific Information option (RFC 9915 §21.17): the
// suboptions of one enterprise, framed like options.
type VendorOpts struct {
	Enterprise uint32
	Options    Options
}

// ParseVendorOpts decodes the value of a Vendor-specific Information option.
func ParseVendorOpts(v []byte) (VendorOpts, error) {
	if len(v) < 4 {
		return VendorOpts{}, ErrShort
	}
	options, err := ParseOptions(v[4:])
	if err != nil {
		return VendorOpts{}, err
	}
	return VendorOpts{be.Uint32(v), options}, nil
}

// Append writes the whole option, header included, at the end of b.
func (o VendorOpts) Append(b []byte) []byte {
	b, mark := OpenVendorOpts(b, o.Enterprise)
	return Shut(append(b, o.Options...), mark)
}

// OpenVendorOpts writes a Vendor-specific Information option up to its
// suboptions, which the caller appends before Shut.
func OpenVendorOpts(b []byte, enterprise uint32) (out []byte, mark int) {
	b, mark = Open(b, OptVendorOpts)
	return be.AppendUint32(b, enterprise), mark
}

// A VendorClass is the Vendor Class option (RFC 9915 §21.16).
type VendorClass struct {
	Enterprise uint32
	Classes    Opaques
}

// ParseVendorClass decodes the value of a Vendor Class option.
func ParseVendorClass(v []byte) (VendorClass, error) {
	if len(v) < 4 {
		return VendorClass{}, ErrShort
	}
	classes, err := ParseOpaques(v[4:])
	if err != nil {
		return VendorClass{}, err
	}
	return VendorClass{be.Uint32(v), classes}, nil
}

// Append writes the whole option, header included, at the end of b.
func (c VendorClass) Append(b []byte) []byte {
	b, mark := Open(b, OptVendorClass)
	b = be.AppendUint32(b, c.Enterprise)
	return Shut(append(b, c.Classes...), mark)
}
