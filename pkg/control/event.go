package control

import (
	"fmt"
	"time"
)

// An Event tells of one request, answered or not.
type Event struct {
	Socket  string // as Socket.String has it
	Peer    string // "pid 4711 uid 0 gid 0" or an address and port
	UID     int    // of the peer of a UNIX socket; -1 for others
	User    string // who has authenticated; empty for nobody
	Command string // empty when there was none to be read
	Result  int    // of the answer, a code of Kea
	Status  int    // of an answer by HTTP
	Took    time.Duration
	Err     error // why the request was not carried out, or its answer did not go out
}

// credentials words who sits at the other end of a UNIX socket.
func credentials(pid int32, uid, gid uint32) string {
	return fmt.Sprintf("pid %d uid %d gid %d", pid, uid, gid)
}
