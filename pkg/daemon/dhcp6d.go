package daemon

import (
	"context"
	"path/filepath"
	"time"

	"go.uber.org/zap"

	"github.com/dhcp4o6/dhcp4o6/pkg/config"
	"github.com/dhcp4o6/dhcp4o6/pkg/ipc"
	"github.com/dhcp4o6/dhcp4o6/pkg/netif"
	"github.com/dhcp4o6/dhcp4o6/pkg/server6"
	"github.com/dhcp4o6/dhcp4o6/pkg/topology"
	"github.com/dhcp4o6/dhcp4o6/pkg/transport"
)

var dhcp6 = kind{
	family: topology.V6,
	name:   "dhcp6d",
	kea:    "kea-dhcp6",
	side:   ipc.V6Side,
	listen: transport.Listen6,
	engine: newEngine6,
}

// DHCP6 runs a DHCPv6 server, with the DHCPv6 side of the pair, until ctx is
// done.
func DHCP6(ctx context.Context, s Setup) error { return dhcp6.run(ctx, s) }

type engine6 struct{ *server6.Server }

func newEngine6(d *daemon) (engine, error) {
	links, err := netif.List()
	if err != nil {
		d.log.Warn("links cannot be listed", zap.Error(err))
	}
	// where Kea keeps its own, so that a server that takes over stays who it was
	name := filepath.Join(filepath.Dir(leaseFile(d.kind, d.cfg)), "kea-dhcp6-serverid")
	duid, err := server6.LoadServerID(name, d.cfg.ServerID, links, time.Now())
	if err != nil {
		return nil, err
	}
	d.log.Info("server identifier", zap.Stringer("duid", duid))
	return engine6{server6.New(server6.Options{
		Log: d.log, Metrics: d.metrics, Leases: d.leases.table, Topology: d.cfg.Topology, ServerID: duid,
		Pair: d.pair, ClientPort: uint16(d.setup.ClientPort), ToSource: d.setup.FromSource,
	})}, nil
}

func (e engine6) servePair(ctx context.Context, d *daemon) { e.Return(ctx, d.pair, d.group.Sender()) }

func (e engine6) replace(cfg *config.Config) { e.Replace(cfg.Topology) }

// links has nothing to tell: a DHCPv6 server is named by its DUID.
func (e engine6) links([]netif.Interface) {}
