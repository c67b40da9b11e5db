package config

import "testing"

// TestEmptyTextHidesNothing: as in Kea, an empty name or file in a subnet is as
// none, whereas 0.0.0.0 says that there is no next server.
func TestEmptyTextHidesNothing(t *testing.T) {
	cfg := load4(t, `{"Dhcp4": {"server-hostname": "outer", "boot-file-name": "/outer", "next-server": "192.0.2.3",
		"subnet4": [{"id": 1, "subnet": "192.0.2.0/24", "server-hostname": "", "boot-file-name": "", "next-server": "0.0.0.0"}]}}`)
	p := subnetOf(t, cfg, 1).Policy
	if p.ServerHostname != "outer" || p.BootFileName != "/outer" || p.NextServer.IsValid() {
		t.Errorf("server-hostname %q, boot-file-name %q, next-server %v", p.ServerHostname, p.BootFileName, p.NextServer)
	}
}

// TestOptionTwiceInOneScope: the last counts, as in Kea.
func TestOptionTwiceInOneScope(t *testing.T) {
	cfg := load4(t, `{"Dhcp4": {"option-data": [{"name": "domain-name", "data": "a"}, {"name": "routers", "data": "192.0.2.1"}, {"name": "domain-name", "data": "b"}],
		"subnet4": [{"id": 1, "subnet": "192.0.2.0/24"}]}}`)
	same(t, "options", optionsText(subnetOf(t, cfg, 1).Options), "3 c0000201, 15 62")
}
