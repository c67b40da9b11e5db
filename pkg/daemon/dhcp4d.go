package daemon

import (
	"context"
	"path/filepath"

	"go.uber.org/zap"

	"github.com/dhcp4o6/dhcp4o6/pkg/config"
	"github.com/dhcp4o6/dhcp4o6/pkg/ipc"
	"github.com/dhcp4o6/dhcp4o6/pkg/netif"
	"github.com/dhcp4o6/dhcp4o6/pkg/server4"
	"github.com/dhcp4o6/dhcp4o6/pkg/topology"
	"github.com/dhcp4o6/dhcp4o6/pkg/transport"
)

var dhcp4 = kind{
	family: topology.V4,
	name:   "dhcp4d",
	kea:    "kea-dhcp4",
	side:   ipc.V4Side,
	listen: transport.Listen4,
	engine: newEngine4,
}

// DHCP4 runs a DHCPv4 server, with the DHCPv4 side of the pair, until ctx is
// done.
func DHCP4(ctx context.Context, s Setup) error { return dhcp4.run(ctx, s) }

type engine4 struct {
	*server4.Server
	d *daemon
}

func newEngine4(d *daemon) (engine, error) {
	links, err := netif.List()
	if err != nil {
		d.log.Warn("links cannot be listed", zap.Error(err))
	}
	o := server4.Options{
		Log: d.log, Metrics: d.metrics, Leases: d.leases.table, Topology: d.cfg.Topology, Interfaces: links,
		Hooks: d.hooksFor(d.cfg), ParkLimit: d.cfg.Parked,
		ReplyPort: uint16(d.setup.ClientPort), ReplyToSource: d.setup.FromSource,
	}
	if d.leases.file != "" {
		o.ServerIDFile = filepath.Join(filepath.Dir(d.leases.file), "dhcp4d-serverid")
	}
	return engine4{server4.New(o), d}, nil
}

func (e engine4) servePair(ctx context.Context, d *daemon) { e.Serve4o6(ctx, d.pair) }

func (e engine4) replace(cfg *config.Config) {
	e.Replace(cfg.Topology)
	e.ParkLimit(cfg.Parked)
	e.Hook(e.d.hooksFor(cfg))
}

func (e engine4) links(now []netif.Interface) { e.Links(now) }
