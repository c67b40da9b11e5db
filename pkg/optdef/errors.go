package optdef

import (
	"errors"
	"fmt"
)

// An Error says where in an option's text, or in its value, the trouble is. Its
// text carries no package name, since it is read behind the path of the option
// in a configuration.
type Error struct {
	Item   int    // which of the comma-separated values, from 1; 0: the text as a whole
	Offset int    // where that value begins in the text, in octets
	Got    string // the value as it stands
	Want   string // what was expected
}

// Error implements error.
func (e *Error) Error() string {
	if e.Item == 0 {
		return fmt.Sprintf("%q at offset %d: expected %s", e.Got, e.Offset, e.Want)
	}
	return fmt.Sprintf("value %d, %q at offset %d: expected %s", e.Item, e.Got, e.Offset, e.Want)
}

// What can be wrong with text and values, besides what Error says.
var (
	ErrFew     = errors.New("too few values")
	ErrSurplus = errors.New("surplus values are left out (a comma within a value is written \\\\,)")
	ErrLength  = errors.New("wrong length")
	ErrValue   = errors.New("malformed value")
	ErrLong    = errors.New("option too long")
)
