package config

import (
	"strings"
	"testing"

	"github.com/dhcp4o6/dhcp4o6/pkg/classify"
	"github.com/dhcp4o6/dhcp4o6/pkg/topology"
)

// Guards, lists and reservations name the same classes by the same numbers, and
// what goes with a class is found by it.
func TestClassesAreCompiled(t *testing.T) {
	cfg := example(t, "testdata/dhcp4-2.2.json")
	top := cfg.Topology
	id := func(name string) classify.ID { return top.Classes.Names().Intern(name) }
	body := top.Class(id("phones"))
	if body == nil {
		t.Fatal("phones has nothing")
	}
	same(t, "boot file", body.BootFileName, "/boot/phone")
	same(t, "lifetime", *body.Valid, topology.Lifetime{Min: 200, Default: 300, Max: 400})
	same(t, "option of its own definition", optionsText(body.Options), "230 07")
	same(t, "KNOWN", top.Class(classify.Known).BootFileName, "/boot/known")
	same(t, "list of the network", subnetOf(t, cfg, 30).Network.Additional, []classify.ID{id("late")})
	late, _ := top.Classes.Class(id("late"))
	same(t, "only when asked for", late.Additional, true)

	cfg = example(t, "testdata/dhcp4-3.x.json")
	top = cfg.Topology
	same(t, "guard", subnetOf(t, cfg, 4294967294).Guard, topology.Guard{classify.Known, id("SPAWN_port_7")})
	same(t, "offer lifetime", *top.Class(id("SPAWN_port_7")).OfferLifetime, uint32(20))
	for _, r := range subnetOf(t, cfg, 4294967294).Reservations {
		same(t, "reservation", r.Classes, []classify.ID{id("extra"), id("undefined")})
	}
	logs := subnetOf(t, cfg, 4294967294).Options.Of(7)
	if len(logs) != 2 || len(logs[0].Guard) != 2 || len(logs[1].Guard) != 0 {
		t.Errorf("log servers: %+v", logs)
	}
}

// An error within an expression is told at its place in the file, however the
// string is escaped there.
func TestExpressionErrorsHaveTheirPlace(t *testing.T) {
	for test, col := range map[string]int{
		`option[12].text = 'x'`:             17,
		`\u006fption[12].text = 'x'`:        22,
		`option[12].text == 'é' and $`:      28,
		`option[12].text == '\u00e9' and $`: 33,
		`option[12].text == '\"' and $`:     29,
		`option[12].exists and\n $`:         25,
	} {
		_, problems := text(v4, `{"Dhcp4":{"client-classes":[{"name":"a","test":"`+test+`"}]}}`, nil)
		if len(problems) != 1 {
			t.Errorf("%s: %s", test, show(problems))
			continue
		}
		if got := problems[0].Col - strings.Index(problems[0].Source, `"test":"`) - len(`"test":"`); got != col {
			t.Errorf("%s: column %d, want %d", test, got, col)
		}
	}
}
