package server6

import (
	"fmt"
	"time"

	"github.com/dhcp4o6/dhcp4o6/pkg/config"
	"github.com/dhcp4o6/dhcp4o6/pkg/dhcp6"
	"github.com/dhcp4o6/dhcp4o6/pkg/duid"
	"github.com/dhcp4o6/dhcp4o6/pkg/netif"
)

// ServerIDFile is the name of Kea's file of the server's DUID; ours is the same,
// beside the lease file, so that a server taking over from Kea keeps its identity.
const ServerIDFile = "kea-dhcp6-serverid"

// keaEnterprise is the number of a DUID-EN where the operator names none, as in
// Kea: that of ISC.
const keaEnterprise = 2495

// LoadServerID returns the server's DUID: the one in the file name, as far as the
// configuration does not want another, else a new one, which is written there and
// is on disk when LoadServerID returns. The kind is the configured one; else
// DUID-LLT where a link has a hardware address, and DUID-UUID where none has
// (RFC 9915 §11). Nothing is read or written where the configuration says
// "persist": false. A file that cannot be understood is an error and stays as it
// is: a new identity would cut off every client until it rebinds.
func LoadServerID(name string, c config.ServerID, links []netif.Interface, now time.Time) (dhcp6.DUID, error) {
	var (
		old dhcp6.DUID
		err error
	)
	if c.Persist {
		if old, err = duid.Read(name); err != nil {
			return nil, fmt.Errorf("server6: server identifier: %w", err)
		}
	}
	d, err := duid.Make(old, spec(old, c), links, now)
	if err == nil && c.Persist && d.String() != old.String() {
		err = duid.Write(name, d)
	}
	if err != nil {
		return nil, fmt.Errorf("server6: server identifier: %w", err)
	}
	return d, nil
}

// spec says which DUID the configuration wants.
func spec(old dhcp6.DUID, c config.ServerID) duid.Spec {
	s := duid.Spec{
		Kind: duid.Kind(c.Type), HWType: c.HType, HWAddr: c.Identifier, Time: c.Time,
		Enterprise: c.EnterpriseID, ID: c.Identifier,
	}
	if s.Kind == duid.EN && s.Enterprise == 0 && old.Type() != dhcp6.DUIDEN {
		s.Enterprise = keaEnterprise
	}
	return s
}
