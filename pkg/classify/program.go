package classify

import (
	"regexp"

	"github.com/dhcp4o6/dhcp4o6/pkg/optdef"
)

// op is what an instruction does. Conditions leave their result in the one truth
// value of the machine; values are pushed.
type op uint8

const (
	opConst op = iota
	opOption
	opRelay6Addr
	opPkt
	opPkt4
	opPkt6
	opVendor
	opVendorClass
	opMember
	opMatch
	opEqual
	opNot
	opJump
	opJumpFalse
	opJumpTrue
	opSave   // keep the truth value until opBoth, opEither or opSelect asks for it
	opBoth   // sand
	opEither // sor
	opSelect // sifelse: of two values keep the first, if what was saved is true
	opSubstring
	opSplit
	opConcat
	opLower
	opUpper
	opHexString
	opAddrText
	opIntText
)

// form is what is asked of an option.
type form uint8

const (
	formHex form = iota
	formText
	formExists
	formEnterprise // of vendor options
	formData       // of vendor class options
)

// where says whose options are meant.
type where uint8

const (
	inMessage  where = iota // of the family's own message
	inAgent                 // of the relay agent option (RFC 3046)
	inRelay6                // of a DHCPv6 relay
	inEnvelope              // of the DHCPv6 message around a DHCPv4 one (RFC 7341)
)

// field is what pkt, pkt4, pkt6 and relay6 are asked for.
type field uint8

const (
	fieldIface field = iota
	fieldSrc
	fieldDst
	fieldLen
	fieldMAC
	fieldHLen
	fieldHType
	fieldCIAddr
	fieldGIAddr
	fieldYIAddr
	fieldSIAddr
	fieldMsgType
	fieldTransID
	fieldPeer
	fieldLink
)

// An instr is one instruction.
type instr struct {
	op     op
	field  field
	form   form
	where  where
	family optdef.Family // of the options meant
	signed bool

	n          int    // jump target, relay level, index of data, split field, integer size, start
	length     int    // of a substring
	whole      bool   // substring up to the end
	enterprise uint32 // 0: any
	class      ID

	arg  []byte // a constant
	path []step // an option and sub-options within it
	re   *regexp.Regexp
}

// A step is one level of a path of options.
type step struct {
	code uint16
	skip int  // octets of the option's own fields ahead of its sub-options; noInner: it holds none
	pads bool // sub-options within may be parted by Pad and ended by End
	def  *optdef.Definition
}

const (
	noInner    = -1
	inVendor   = -2  // DHCPv4 vendor options: blocks behind their enterprise (RFC 3925 §4)
	maxSaved   = 60  // saved truth values are bits of a uint64
	maxNesting = 500 // parsing recurses
)

// An Expr is a compiled expression. It is never changed and may be used by many
// goroutines at once.
type Expr struct {
	text    string
	code    []instr
	depth   int // how many values lie on the stack at most
	classes []ID
}

// String returns the text that was compiled.
func (e *Expr) String() string { return e.text }

// Classes returns the classes that the expression asks for by member, in no
// order, each at least once. The caller leaves it unchanged.
func (e *Expr) Classes() []ID { return e.classes }
