package optdef

import (
	"errors"
	"fmt"
)

// Data is an element of "option-data" as the configuration states it.
type Data struct {
	Space string // "": the family's own
	Name  string // "": found by the code
	Code  uint16 // counts when HasCode, or when Name is empty
	Text  string

	HasCode bool
	CSV     *bool // "csv-format"; nil: true
}

// A Value is one option in wire form, before its sub-options are behind it.
type Value struct {
	Space string
	Code  uint16
	Bytes []byte
	Def   *Definition // nil: not defined
}

// Option turns an element of option-data into its wire form. An error that
// wraps ErrSurplus comes with a Value that is whole: it says that values were
// left out, as Kea leaves them out. Any other error comes with none.
func (s *Set) Option(d Data) (Value, error) {
	if d.Space == "" {
		d.Space = s.family.Space()
	}
	def, err := s.definition(&d)
	if err != nil {
		return Value{}, err
	}
	v := Value{Space: d.Space, Code: d.Code, Def: def}
	if def != nil {
		v.Code = def.Code
	}
	csv := d.CSV == nil || *d.CSV
	switch {
	case csv && def == nil:
		return Value{}, fmt.Errorf("%w: code %d of space %s has no definition, which csv-format true needs", ErrUndefined, d.Code, d.Space)
	case csv:
		v.Bytes, err = def.Encode(d.Text)
	default:
		v.Bytes, err = Raw(d.Text)
		if err == nil && def != nil {
			err = def.Check(v.Bytes)
		}
	}
	if err != nil && !errors.Is(err, ErrSurplus) {
		return Value{}, err
	}
	return v, err
}

// definition finds what d names, nil when it is a bare code without one.
func (s *Set) definition(d *Data) (*Definition, error) {
	if s.family == V4 && d.Code > 255 {
		return nil, fmt.Errorf("%w %d: at most 255", ErrCode, d.Code)
	}
	if d.Name == "" && d.Code == 0 && !d.HasCode {
		return nil, fmt.Errorf("%w: neither name nor code is given", ErrUndefined)
	}
	if d.Name != "" && !d.HasCode {
		def, ok := s.ByName(d.Space, d.Name)
		if !ok {
			return nil, fmt.Errorf("%w: %q in space %s", ErrUndefined, d.Name, d.Space)
		}
		return def, nil
	}
	if reserved(s.family, d.Space, d.Code) {
		return nil, fmt.Errorf("%w %d: reserved", ErrCode, d.Code)
	}
	def, ok := s.ByCode(d.Space, d.Code)
	if !ok {
		return nil, nil
	}
	if d.Name != "" && d.Name != def.Name {
		return nil, fmt.Errorf("%w: %s is %q, not %q", ErrMismatch, def.where(), def.Name, d.Name)
	}
	return def, nil
}
