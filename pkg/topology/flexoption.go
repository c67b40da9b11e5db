package topology

import (
	"github.com/dhcp4o6/dhcp4o6/pkg/classify"
	"github.com/dhcp4o6/dhcp4o6/pkg/optdef"
)

// A FlexAction is what an entry of the library flex_option does.
type FlexAction uint8

// The actions.
const (
	FlexAdd       FlexAction = iota // where the option is not there and the value is not empty
	FlexSupersede                   // in its place, or beside the others, where the value is not empty
	FlexRemove                      // where the condition holds
)

// A FlexOption is an entry of the library flex_option: it changes one option of
// a reply that is built.
type FlexOption struct {
	Code    uint16
	Action  FlexAction
	Expr    *classify.Expr     // a value, or with FlexRemove a condition
	Answer  bool               // of the reply as it is by then ("source"); else of the query
	Def     *optdef.Definition // csv-format: the value is text for it; nil: octets
	Classes []classify.ID      // the client has to be in all of them

	// Of an entry of sub-options: the option SubCode within Code, in the part of
	// the enterprise Vendor where that is not 0. With Whole the option that it is
	// in is made for it, and goes with the last.
	Sub, Whole bool
	SubCode    uint16
	Vendor     uint32
}
