package daemon

import (
	"encoding/hex"
	"runtime/debug"

	"go.uber.org/zap"

	"github.com/dhcp4o6/dhcp4o6/pkg/ipc"
	"github.com/dhcp4o6/dhcp4o6/pkg/metrics"
)

// A watch is what is known about the daemon at the other end of the pair.
type watch struct {
	said    metrics.Limit
	warned  metrics.Limit // of a stranger
	faults  metrics.Limit
	counted uint64 // of ipc.Stats.PeerDown, in the counter already
	told    uint64 // of it, in a line
}

// openPair opens this daemon's end of the pair. A port that is taken is no
// reason to leave plain clients unserved: it is tried again every second.
func (d *daemon) openPair() error {
	o := ipc.Options{
		Pad: d.cfg.Ours.PadIPC, Owners: ipc.Trusted(d.cfg.Ours.PairUsers...),
		OnPeer: d.peerChanged, OnRefused: d.refused, OnPanic: d.pairFault,
	}
	c, err := ipc.Dial(d.side, d.cfg.DHCP4o6Port, o)
	if err != nil {
		d.log.Error("the pair's port cannot be opened; it is tried again every second", zap.Uint16("port", d.cfg.DHCP4o6Port), zap.Error(err), hint(err))
		c, err = ipc.Dial(d.side, 0, o)
	}
	d.pair = c
	return err
}

// lookAfterPair is called every second.
func (d *daemon) lookAfterPair() {
	if port := d.cfg.DHCP4o6Port; d.pair.Port() != port {
		if err := d.pair.Reopen(port); err == nil {
			d.log.Info("the pair's port is open", zap.Uint16("port", port))
		}
	}
	d.countLost()
	if d.peer.counted > d.peer.told {
		d.sayPeerGone()
	}
}

// countLost brings the counter of refusals up to date.
func (d *daemon) countLost() {
	n := d.pair.Stats().PeerDown.Load()
	d.metrics.Counter("4o6-no-peer").Add(int(n - d.peer.counted))
	d.peer.counted = n
}

// sayPeerGone logs that messages are lost, at most every ten seconds.
func (d *daemon) sayPeerGone() {
	if _, ok := d.peer.said.Allow(); !ok {
		return
	}
	d.log.Warn("the other daemon is not there: 4o6 messages are lost until it comes back", zap.Uint64("refused", d.peer.counted-d.peer.told))
	d.peer.told = d.peer.counted
}

// peerChanged is called by the pair's reader and writers. That the peer is gone
// is told by the clock, which also knows how much was lost.
func (d *daemon) peerChanged(gone bool) {
	if !gone {
		d.log.Info("the other daemon answers")
	}
}

func (d *daemon) refused(f ipc.Fault) {
	d.metrics.Counter("4o6-bad-packet").Inc()
	d.metrics.Counter("4o6-bad-packet-" + f.Reason()).Inc()
	if f == ipc.ErrOwner {
		if n, ok := d.peer.warned.Allow(); ok {
			d.log.Warn("the other daemon's port is held by a user who may not: 4o6 messages are refused", zap.Uint64("missed", n))
		}
	}
	if ce := d.log.Check(zap.DebugLevel, "4o6 message refused"); ce != nil {
		ce.Write(zap.String("reason", f.Reason()))
	}
}

// pairFault is called for a message that met a fault of ours.
func (d *daemon) pairFault(fault any, message []byte) {
	if n, ok := d.peer.faults.Allow(); ok {
		d.log.Error("fault in the pair, message dropped", zap.Any("reason", fault),
			zap.String("message", hex.EncodeToString(message)), zap.ByteString("stack", debug.Stack()), zap.Uint64("missed", n))
	}
}
