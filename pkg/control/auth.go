package control

import (
	"crypto/sha256"
	"crypto/subtle"
	"net/http"
	"strings"
)

// A doorman knows who may command by HTTP.
type doorman struct {
	realm string
	known [][sha256.Size]byte // of user:password; digests are equally long
}

func newDoorman(s Socket) *doorman {
	// a quoted-string of RFC 9110 §5.6.4
	m := &doorman{realm: strings.NewReplacer(`\`, `\\`, `"`, `\"`).Replace(s.Realm)}
	for _, c := range s.Clients {
		m.known = append(m.known, sha256.Sum256([]byte(c.User+":"+c.Password)))
	}
	return m
}

// admit tells who asks and whether he may. It takes as long for a name that is
// known, and compares with all of them.
func (m *doorman) admit(r *http.Request) (user string, ok bool) {
	if len(m.known) == 0 {
		return "", true
	}
	user, password, given := r.BasicAuth()
	sum := sha256.Sum256([]byte(user + ":" + password))
	hit := 0
	for i := range m.known {
		hit |= subtle.ConstantTimeCompare(sum[:], m.known[i][:])
	}
	if !given || hit != 1 {
		return "", false
	}
	return user, true
}

// challenge asks the client for a name and a password (RFC 7617 §2).
func (m *doorman) challenge(h http.Header) {
	h.Set("WWW-Authenticate", `Basic realm="`+m.realm+`"`)
}
