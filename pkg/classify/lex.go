package classify

import (
	"fmt"
	"net/netip"
	"strings"
)

// kind is the kind of a token.
type kind uint8

const (
	tokEnd kind = iota
	tokWord
	tokPunct
	tokString
	tokHex
	tokInt
	tokAddr
	tokName // the name of an option in brackets
)

// A token is a piece of the text. For a string, text is what the quotes hold.
type token struct {
	kind kind
	text string
	at   int // offset in the expression
}

// is reports whether the token is this word or punctuation mark.
func (t token) is(text string) bool {
	return (t.kind == tokWord || t.kind == tokPunct) && t.text == text
}

// shown is how an error speaks of the token.
func (t token) shown() string {
	switch t.kind {
	case tokEnd:
		return "the end of the expression"
	case tokString:
		return "the string '" + t.text + "'"
	default:
		return "'" + t.text + "'"
	}
}

// words are the keywords, each ahead of those that it begins with: a keyword
// ends where the next one can begin, as in Kea, where "notmember" is two.
var words = [...]string{
	"addrtotext", "all", "and", "ciaddr", "concat", "data", "dst", "enterprise", "exists", "giaddr", "hexstring",
	"hex", "hlen", "htype", "iface", "ifelse", "int16totext", "int32totext", "int8totext", "known", "lcase", "len",
	"linkaddr", "mac", "match", "member", "msgtype", "not", "option", "or", "peeraddr", "pkt4", "pkt6", "pkt",
	"relay4", "relay6", "sand", "siaddr", "sifelse", "sor", "split", "src", "substring", "text", "transid", "ucase",
	"uint16totext", "uint32totext", "uint8totext", "unknown", "vendor-class", "vendor", "yiaddr",
}

// scan cuts an expression into tokens. The longest token wins where several
// begin at one place.
func scan(text string) ([]token, error) {
	var all []token
	for i := 0; ; {
		i += len(text[i:]) - len(strings.TrimLeft(text[i:], " \t\n"))
		if i == len(text) {
			return append(all, token{kind: tokEnd, at: i}), nil
		}
		t, n, problem := next(text[i:])
		if problem != "" {
			return nil, fault(text, i, "%s", problem)
		}
		t.at = i
		all = append(all, t)
		i += n
	}
}

// next reads the token that begins at the first octet of rest, which is not
// empty, and says how many octets it is long.
func next(rest string) (t token, n int, problem string) {
	if rest[0] == '\'' {
		n := strings.IndexAny(rest[1:], "'\n")
		if n < 0 || rest[1+n] == '\n' {
			return token{}, 0, "the string has no closing quote on its line"
		}
		return token{kind: tokString, text: rest[1 : 1+n]}, n + 2, ""
	}
	if n := span(rest, isAddrOctet); n > 0 && looksAddr(rest[:n]) {
		return address(rest[:n])
	}
	if n := addr4Len(rest); n > 0 {
		return address(rest[:n])
	}
	if len(rest) > 2 && rest[0] == '0' && rest[1]|0x20 == 'x' && isHexDigit(rest[2]) {
		n := 2 + span(rest[2:], isHexDigit)
		return token{kind: tokHex, text: rest[:n]}, n, ""
	}
	if n := intLen(rest); n > 0 {
		return token{kind: tokInt, text: rest[:n]}, n, ""
	}
	if name, n := optionName(rest); n > 0 {
		return token{kind: tokName, text: name}, n, ""
	}
	for _, w := range words {
		if strings.HasPrefix(rest, w) {
			return token{kind: tokWord, text: w}, len(w), ""
		}
	}
	if strings.HasPrefix(rest, "==") {
		return token{kind: tokPunct, text: "=="}, 2, ""
	}
	if strings.IndexByte(".()[],*+", rest[0]) >= 0 {
		return token{kind: tokPunct, text: rest[:1]}, 1, ""
	}
	if n := span(rest, isNameOctet); n > 0 {
		return token{}, 0, fmt.Sprintf("'%s' is no word of the language", rest[:n])
	}
	return token{}, 0, fmt.Sprintf("%q does not belong in an expression", rest[:1])
}

func address(text string) (token, int, string) {
	if a, err := netip.ParseAddr(text); err != nil || a.Zone() != "" {
		return token{}, 0, fmt.Sprintf("'%s' is no IP address", text)
	}
	return token{kind: tokAddr, text: text}, len(text), ""
}

// span returns how many octets at the beginning of s satisfy f.
func span(s string, f func(byte) bool) int {
	n := 0
	for n < len(s) && f(s[n]) {
		n++
	}
	return n
}

func isDigit(c byte) bool     { return c >= '0' && c <= '9' }
func isHexDigit(c byte) bool  { return isDigit(c) || c|0x20 >= 'a' && c|0x20 <= 'f' }
func isLetter(c byte) bool    { return c|0x20 >= 'a' && c|0x20 <= 'z' }
func isNameOctet(c byte) bool { return isLetter(c) || isDigit(c) || c == '-' || c == '_' }
func isAddrOctet(c byte) bool { return isHexDigit(c) || c == ':' || c == '.' }

// looksAddr reports whether a run of hexadecimal digits, colons and dots is meant
// to be an IPv6 address: two colons with nothing but digits up to the second.
func looksAddr(s string) bool {
	for range 2 {
		n := span(s, isHexDigit)
		if n == len(s) || s[n] != ':' {
			return false
		}
		s = s[n+1:]
	}
	return true
}

// addr4Len returns the length of four numbers with dots between them, or 0.
func addr4Len(s string) int {
	at := 0
	for i := range 4 {
		if i > 0 {
			if at == len(s) || s[at] != '.' {
				return 0
			}
			at++
		}
		n := span(s[at:], isDigit)
		if n == 0 {
			return 0
		}
		at += n
	}
	return at
}

func intLen(s string) int {
	sign := 0
	if s[0] == '-' {
		sign = 1
	}
	if n := span(s[sign:], isDigit); n > 0 {
		return sign + n
	}
	return 0
}

// optionName reads a name that a closing bracket follows: only there may an
// option be called by its name, and there no word is a keyword.
func optionName(s string) (name string, n int) {
	if !isLetter(s[0]) {
		return "", 0
	}
	n = span(s, isNameOctet)
	if c := s[n-1]; c == '-' || c == '_' {
		return "", 0
	}
	if rest := strings.TrimLeft(s[n:], " \t\n"); rest == "" || rest[0] != ']' {
		return "", 0
	}
	return s[:n], n
}

// fault makes an Error of an offset in the text.
func fault(text string, at int, format string, args ...any) *Error {
	before := text[:at]
	line := strings.LastIndexByte(before, '\n')
	return &Error{
		Line:    1 + strings.Count(before, "\n"),
		Column:  at - line,
		Problem: fmt.Sprintf(format, args...),
	}
}
