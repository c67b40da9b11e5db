package leasecmd_test

import (
	"context"
	"encoding/json"
	"testing"

	"github.com/dhcp4o6/dhcp4o6/pkg/control"
	"github.com/dhcp4o6/dhcp4o6/pkg/topology"
)

// FuzzChanges: whatever the arguments of a command are, it is answered; one that fails has
// changed nothing, and what another one makes of the configuration is read again from
// its text, reservation by reservation.
func FuzzChanges(f *testing.F) {
	for command, args := range map[string]string{
		"reservation-add":     `{"reservation":{"subnet-id":1,"hw-address":"02:00:00:00:00:09","ip-address":"192.0.2.9","client-classes":["x"],"option-data":[{"code":6,"data":"192.0.2.1"}]}}`,
		"reservation-update":  `{"reservation":{"subnet-id":1,"hw-address":"2:0:0:0:0:1","hostname":"x"},"operation-target":"all"}`,
		"reservation-del":     `{"subnet-id":1,"identifier-type":"hw-address","identifier":"02 00 00 00 00 01"}`,
		"reservation-get":     `{"subnet-id":1,"ip-address":"192.0.2.11"}`,
		"subnet4-add":         `{"subnet4":[{"id":9,"subnet":"203.0.113.0/24","pools":[{"pool":"203.0.113.0/28"}],"user-context":{"dhcp4o6":{}}}]}`,
		"subnet4-update":      `{"subnet4":[{"id":100,"subnet":"198.51.100.0/25","relay":{"ip-addresses":["192.0.2.1"]}}]}`,
		"subnet4-delta-add":   `{"subnet4":[{"id":1,"subnet":"192.0.2.0/24","pools":[{"pool":"192.0.2.10-192.0.2.99","option-data":[{"name":"foo","data":"p"}]}]}]}`,
		"subnet4-delta-del":   `{"subnet4":[{"id":1,"subnet":"192.0.2.0/24","pools":[{"pool":"192.0.2.10-192.0.2.99"}],"option-data":[{"name":"foo"}]}]}`,
		"network4-add":        `{"shared-networks":[{"name":"n","subnet4":[{"subnet":"10.0.0.0/8"}]}]}`,
		"network4-del":        `{"name":"floor13","subnets-action":"delete"}`,
		"network4-subnet-add": `{"name":"floor13","id":1}`,
		"network4-subnet-del": `{"name":"floor13","id":100}`,
		"class-add":           `{"client-classes":[{"name":"c","test":"option[60].exists"}]}`,
	} {
		f.Add(command, []byte(args))
	}
	f.Fuzz(func(t *testing.T, command string, args []byte) {
		if len(args) > 1<<12 {
			return
		}
		d := newDesk(t, topology.V4, floors4)
		before, text := d.cfg, string(d.cfg.JSON())
		name, err := json.Marshal(command)
		if err != nil {
			return
		}
		var res control.Result
		answer := d.registry.Run(context.Background(), []byte(`{"command":`+string(name)+`,"arguments":`+string(args)+`}`))
		if err := json.Unmarshal(answer, &res); err != nil {
			t.Fatalf("%v: %s", err, answer)
		}
		if res.Code != control.Success && d.cfg != before {
			t.Errorf("failed, and has changed the configuration: %s", answer)
		}
		if d.cfg != before {
			d.again(t)
		}
		if string(before.JSON()) != text {
			t.Error("the configuration of before has changed")
		}
	})
}
