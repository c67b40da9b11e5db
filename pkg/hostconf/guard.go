package hostconf

import (
	"errors"
	"fmt"
)

// ErrValue is that of a value from a server that the host is not given.
var ErrValue = errors.New("value refused")

// stricter are the variables whose values have to be more than text.
var stricter = map[string]func(string) bool{
	"domain_name": isNames, "domain_search": isNames, "host_name": IsName, "server_name": IsName,
	"nis_domain": IsName, "nisplus_domain": IsName, "netbios_scope": IsName,
	"root_path": IsPath, "filename": IsPath, "bootfile_name": IsPath,
	"dhcp6_domain_search": isNames, "dhcp6_sip_servers_names": isNames,
	"dhcp6_nis_domain_name": isNames, "dhcp6_nisp_domain_name": isNames,
}

// longest is the longest value that a script is given; the kernel takes no
// variable over 128 KiB.
const longest = 32 << 10

// check refuses a variable that could surprise a shell. It is the last guard, behind those of who has made it.
func (v Var) check() error {
	switch {
	case !isVarName(v.Name):
		return fmt.Errorf("hostconf: variable %.40q: %w", v.Name, ErrValue)
	case len(v.Value) > longest, !isText(v.Value):
		return fmt.Errorf("hostconf: variable %s: %w", v.Name, ErrValue)
	}
	if ok := stricter[v.Name]; ok != nil && v.Value != "" && !ok(v.Value) {
		return fmt.Errorf("hostconf: variable %s: %w", v.Name, ErrValue)
	}
	return nil
}

// isVarName reports whether s can follow new_ in the name of a variable.
func isVarName(s string) bool {
	for i := range len(s) {
		switch c := s[i]; {
		case c >= 'a' && c <= 'z', c >= 'A' && c <= 'Z', c >= '0' && c <= '9', c == '_':
		default:
			return false
		}
	}
	return s != "" && len(s) <= 128
}
