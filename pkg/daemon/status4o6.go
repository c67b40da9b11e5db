package daemon

import (
	"context"
	"encoding/json"
	"net/netip"
	"strings"
	"time"

	"github.com/dhcp4o6/dhcp4o6/pkg/control"
	"github.com/dhcp4o6/dhcp4o6/pkg/ipc"
	"github.com/dhcp4o6/dhcp4o6/pkg/netif"
	"github.com/dhcp4o6/dhcp4o6/pkg/topology"
)

// What is known of the daemon at the other end of the pair.
const (
	peerOff     = "off"     // there is no pair, or its port could not be opened yet
	peerUnknown = "unknown" // nothing was heard of it since the start
	peerUp      = "up"
	peerDown    = "down" // the last that was heard of it is a refusal
)

func (d *daemon) peerState() string {
	st := d.pair.Stats()
	switch {
	case d.pair.Port() == 0:
		return peerOff
	case st.Down():
		return peerDown
	case st.Received.Load() == 0:
		return peerUnknown
	}
	return peerUp
}

// A status4o6 is the answer to 4o6-status.
type status4o6 struct {
	Pair struct {
		Port     uint16 `json:"port"` // 0: no pair
		PeerPort uint16 `json:"peer-port"`
		Asked    uint16 `json:"configured-port"` // dhcp4o6-port: the lower of the two
		Dialect  string `json:"dialect"`
		HMAC     string `json:"hmac"`
		Checked  bool   `json:"peer-user-checked"`
	} `json:"pair"`
	Peer struct {
		State string  `json:"state"`
		Since string  `json:"since,omitempty"` // up or down
		User  *uint32 `json:"uid"`             // who holds the peer's port; null: nobody
	} `json:"peer"`
	Counters map[string]int64 `json:"counters"`
}

// status4o6 tells how the pair is.
func (d *daemon) status4o6(context.Context, json.RawMessage) control.Result {
	var s status4o6
	s.Peer.State = d.peerState()
	cfg := d.inForce.Load()
	s.Pair.Asked, s.Pair.HMAC = cfg.DHCP4o6Port, cfg.Ours.PairHMAC
	s.Pair.Dialect = "as asked" // dhcp4d answers as it is spoken to
	if d.family == topology.V6 {
		s.Pair.Dialect = d.pair.Dialect().String()
	}
	if s.Pair.Port = d.pair.Port(); s.Pair.Port != 0 {
		local, peer := s.Pair.Port, s.Pair.Port+1
		if d.side == ipc.V4Side {
			local, peer = peer, local
		}
		s.Pair.Port, s.Pair.PeerPort = local, peer
		s.Pair.Checked = d.pair.Checked()
		s.Peer.User = holder(peer, local)
	}
	if at := d.peerSince.Load(); at != 0 && (s.Peer.State == peerUp || s.Peer.State == peerDown) {
		s.Peer.Since = time.Unix(0, at).Local().Format("2006-01-02 15:04:05")
	}
	s.Counters = make(map[string]int64)
	for _, m := range d.metrics.All() {
		if strings.HasPrefix(m.Name, "4o6-") {
			s.Counters[m.Name] = m.Value
		}
	}
	return control.Result{Arguments: s}
}

// holder is the user who holds a port of the pair.
func holder(port, remote uint16) *uint32 {
	at := func(p uint16) netip.AddrPort { return netip.AddrPortFrom(netip.IPv6Loopback(), p) }
	q, err := netif.NewOwnerQuery(at(port), at(remote))
	if err != nil {
		return nil
	}
	defer q.Close()
	h, err := q.Ask()
	if err != nil || !h.Found {
		return nil
	}
	return &h.UID
}
