package daemon

import (
	"encoding/hex"
	"fmt"
	"runtime/debug"
	"time"

	"go.uber.org/zap"

	"github.com/dhcp4o6/dhcp4o6/pkg/config"
	"github.com/dhcp4o6/dhcp4o6/pkg/ipc"
	"github.com/dhcp4o6/dhcp4o6/pkg/metrics"
)

// A watch is what is known about the daemon at the other end of the pair.
type watch struct {
	said    metrics.Limit
	warned  [warnings]metrics.Limit
	faults  metrics.Limit
	counted uint64 // of ipc.Stats.PeerDown, in the counter already
	told    uint64 // of it, in a line
}

// openPair opens this daemon's end of the pair. A port that is taken is no
// reason to leave plain clients unserved: it is tried again every second.
func (d *daemon) openPair() error {
	auth, err := pairAuth(d.cfg)
	if err != nil {
		return err
	}
	o := ipc.Options{
		Pad: d.cfg.Ours.PadIPC, Owners: ipc.Trusted(d.cfg.Ours.PairUsers...), Dialect: pairDialect(d.cfg), Auth: auth,
		OnPeer: d.peerChanged, OnRefused: d.refused, OnPanic: d.pairFault,
	}
	c, err := ipc.Dial(d.side, d.cfg.DHCP4o6Port, o)
	if err != nil {
		d.log.Error("the pair's port cannot be opened; it is tried again every second", zap.Uint16("port", d.cfg.DHCP4o6Port), zap.Error(err), hint(err))
		c, err = ipc.Dial(d.side, 0, o)
	}
	d.pair = c
	d.sayUnchecked()
	return err
}

// pairAuth reads the keys of the pair.
func pairAuth(cfg *config.Config) (a ipc.Auth, err error) {
	a.Mode = map[string]ipc.AuthMode{"accept": ipc.AuthAccept, "require": ipc.AuthRequire}[cfg.Ours.PairHMAC]
	for _, name := range cfg.Ours.PairKeyFiles {
		k, err := ipc.LoadKey(name)
		if err != nil {
			return ipc.Auth{}, fmt.Errorf("daemon: pair-hmac: %w", err)
		}
		a.Keys = append(a.Keys, k)
	}
	return a, nil
}

func pairDialect(cfg *config.Config) ipc.Dialect {
	if cfg.Ours.PairDialect == ipc.ISC.String() {
		return ipc.ISC
	}
	return ipc.Kea
}

// changePair puts the settings of a new configuration in force.
func (d *daemon) changePair(cfg *config.Config, auth ipc.Auth) {
	d.pair.SetPad(cfg.Ours.PadIPC)
	d.pair.SetOwners(ipc.Trusted(cfg.Ours.PairUsers...))
	d.pair.SetDialect(pairDialect(cfg))
	d.pair.SetAuth(auth)
	d.sayUnchecked()
}

// sayUnchecked warns where nobody looks who is at the other end.
func (d *daemon) sayUnchecked() {
	if d.pair.Port() != 0 && !d.pair.Checked() {
		d.log.Warn("this host does not tell who holds a port: the user of the other daemon is not checked")
	}
}

// lookAfterPair is called every second.
func (d *daemon) lookAfterPair() {
	if port := d.cfg.DHCP4o6Port; d.pair.Port() != port {
		if err := d.pair.Reopen(port); err == nil {
			d.log.Info("the pair's port is open", zap.Uint16("port", port))
			d.sayUnchecked()
		}
	}
	if d.peerState() == peerUp {
		d.peerSince.CompareAndSwap(0, time.Now().UnixNano())
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
	d.peerSince.Store(time.Now().UnixNano())
	if !gone {
		d.log.Info("the other daemon answers")
	}
}

func (d *daemon) refused(f ipc.Fault) {
	d.metrics.Counter("4o6-bad-packet").Inc()
	d.metrics.Counter("4o6-bad-packet-" + f.Reason()).Inc()
	d.warn(f)
	if ce := d.log.Check(zap.DebugLevel, "4o6 message refused"); ce != nil {
		ce.Write(zap.String("reason", f.Reason()))
	}
}

// What of the pair an operator should look at; each is told on its own.
const (
	warnOwner = iota
	warnNobody
	warnDialect
	warnOldHeader
	warnNoMAC
	warnMAC
	warnReplay

	warnings
)

// warn tells what somebody has to see to, at most every ten seconds.
func (d *daemon) warn(f ipc.Fault) {
	allow := func(i int) (missed zap.Field, ok bool) {
		n, ok := d.peer.warned[i].Allow()
		return zap.Uint64("missed", n), ok
	}
	switch f {
	case ipc.ErrOwner:
		if missed, ok := allow(warnOwner); ok {
			d.log.Warn("the other daemon's port is held by a user who may not: 4o6 messages are refused", missed)
		}
	case ipc.ErrNobody:
		if missed, ok := allow(warnNobody); ok {
			d.log.Warn("4o6 messages came from the other daemon's port, and nobody holds it: they are dropped", missed)
		}
	case ipc.ErrDialect:
		if missed, ok := allow(warnDialect); ok {
			d.log.Warn("the other daemon answers in another dialect than pair-dialect says", missed)
		}
	case ipc.ErrOldHeader:
		if missed, ok := allow(warnOldHeader); ok {
			d.log.Warn("the other daemon is ISC DHCP 4.3.5 or 4.3.6, whose header of 32 octets is not understood: 4.4.0 and later are", missed)
		}
	case ipc.ErrNoMAC:
		if missed, ok := allow(warnNoMAC); ok {
			d.log.Warn("4o6 messages without a MAC are refused: pair-hmac is require", missed)
		}
	case ipc.ErrMAC:
		if missed, ok := allow(warnMAC); ok {
			d.log.Warn("4o6 messages with a wrong MAC are refused: another key, or somebody else", missed)
		}
	case ipc.ErrReplay:
		if missed, ok := allow(warnReplay); ok {
			d.log.Warn("4o6 messages that have come before are refused", missed)
		}
	}
}

// pairFault is called for a message that met a fault of ours.
func (d *daemon) pairFault(fault any, message []byte) {
	if n, ok := d.peer.faults.Allow(); ok {
		d.log.Error("fault in the pair, message dropped", zap.Any("reason", fault),
			zap.String("message", hex.EncodeToString(message)), zap.ByteString("stack", debug.Stack()), zap.Uint64("missed", n))
	}
}
