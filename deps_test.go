package dhcp4o6

import (
	"encoding/json"
	"os"
	"os/exec"
	"slices"
	"strings"
	"testing"
)

const module = "github.com/dhcp4o6/dhcp4o6/"

// levels says which packages of ours each package may import, besides those
// that the listed ones may import themselves. It is the table of
// docs/architecture.md; a package that is not in it fails the test.
var levels = map[string][]string{
	// level 0: nothing of ours
	"pkg/dhcp4": nil, "pkg/dhcp6": nil, "pkg/softwire": nil, "pkg/link": nil,
	"pkg/netif": nil, "pkg/metrics": nil, "pkg/control": nil, "pkg/hostclock": nil, "pkg/link/layered": nil,

	// level 1
	"pkg/transport":               {"pkg/link", "pkg/netif"},
	"pkg/ipc":                     {"pkg/dhcp6", "pkg/netif", "pkg/transport"},
	"pkg/pkt4o6":                  {"pkg/dhcp4", "pkg/dhcp6"},
	"pkg/optdef":                  {"pkg/dhcp4", "pkg/dhcp6"},
	"pkg/duid":                    {"internal/wholefile", "pkg/dhcp6", "pkg/netif"},
	"pkg/classify":                {"pkg/dhcp4", "pkg/dhcp6", "pkg/optdef"},
	"pkg/lease":                   {"pkg/lease/internal/member", "pkg/softwire"},
	"pkg/script":                  {"internal/command", "pkg/dhcp4", "pkg/lease"},
	"pkg/lease/internal/member":   nil,
	"pkg/ddns":                    {"pkg/lease"},
	"pkg/lease/leasetest":         {"pkg/lease", "pkg/softwire"},
	"pkg/lease/leasefile":         {"pkg/lease", "pkg/lease/internal/member", "pkg/softwire"},
	"pkg/lease/leasefile/faultfs": {"pkg/lease/leasefile"},
	"pkg/hostconf":                {"internal/command", "internal/wholefile", "pkg/netif", "pkg/softwire"},

	// level 2
	"pkg/topology": {"pkg/classify", "pkg/ddns", "pkg/dhcp4", "pkg/dhcp6", "pkg/lease", "pkg/optdef", "pkg/softwire"},
	"pkg/config":   {"pkg/classify", "pkg/ddns", "pkg/dhcp4", "pkg/dhcp6", "pkg/lease", "pkg/optdef", "pkg/softwire", "pkg/topology"},

	"pkg/leasecmd": {"pkg/classify", "pkg/config", "pkg/control", "pkg/lease", "pkg/lease/leasefile", "pkg/topology"},

	// level 3: one family never sees the other, but for the v4 side's envelope
	"pkg/server4": {"internal/wholefile", "pkg/classify", "pkg/config", "pkg/control", "pkg/ddns", "pkg/dhcp4", "pkg/ipc", "pkg/lease", "pkg/metrics", "pkg/netif", "pkg/optdef",
		"pkg/pkt4o6", "pkg/script", "pkg/softwire", "pkg/topology", "pkg/transport", "pkg/link"},
	"pkg/server6": {"internal/wholefile", "pkg/classify", "pkg/config", "pkg/control", "pkg/ddns", "pkg/dhcp6", "pkg/duid", "pkg/ipc", "pkg/lease", "pkg/metrics", "pkg/netif", "pkg/optdef",
		"pkg/softwire", "pkg/topology", "pkg/transport", "pkg/link"},

	"internal/program": {"pkg/config"}, // level 3

	"pkg/client4": {"internal/clientloop", "internal/wholefile", "pkg/dhcp4", "pkg/duid", "pkg/hostconf", "pkg/ipc", "pkg/link", "pkg/netif", "pkg/optdef", "pkg/pkt4o6", "pkg/softwire", "pkg/transport"},
	"pkg/client6": {"internal/clientloop", "internal/wholefile", "pkg/dhcp6", "pkg/duid", "pkg/hostconf", "pkg/ipc", "pkg/netif", "pkg/optdef", "pkg/softwire", "pkg/transport"},

	// level 4
	"pkg/load":            {"*"},
	"pkg/daemon":          {"*"},
	"pkg/clientd":         {"*"},
	"docs/examples/hooks": {"*"},
	"internal/dhcptest":   {"*"},
	"internal/interop":    {"*"},

	"internal/clientloop": nil, "internal/command": nil, "internal/wholefile": nil, // level 0

	// helpers of tests, used at every level
	"internal/hostile":        {"pkg/dhcp4", "pkg/dhcp6"},
	"internal/dhcptest/need":  nil,
	"internal/dhcptest/netns": {"internal/dhcptest/need"},
}

// rim says which packages may import a module that is not ours. Everything else
// of levels 0 to 2 uses the standard library alone.
var rim = map[string][]string{
	"golang.org/x/net":                    {"pkg/transport", "pkg/ipc", "internal/dhcptest"},
	"golang.org/x/sys":                    {"pkg/hostclock", "pkg/transport", "pkg/ipc", "pkg/link", "pkg/netif", "pkg/lease/leasefile", "pkg/daemon", "internal/dhcptest"},
	"github.com/google/gopacket":          {"pkg/link/layered", "internal/dhcptest"},
	"github.com/vishvananda/netlink":      {"pkg/netif", "internal/dhcptest"},
	"github.com/prometheus/client_golang": {"pkg/metrics", "pkg/daemon"},
	"gopkg.in/natefinch/lumberjack.v2":    {"internal/program"},
	"go.uber.org/zap":                     {"pkg/server4", "pkg/server6", "pkg/client4", "pkg/client6", "pkg/load", "pkg/daemon", "pkg/clientd", "internal/program", "internal/dhcptest", "cmd"},
}

type pkg struct {
	ImportPath string
	Imports    []string
}

// list asks the go command what each package of the module imports, tests left out.
func list(t *testing.T) []pkg {
	t.Helper()
	cmd := exec.Command("go", "list", "-json=ImportPath,Imports", "./...")
	cmd.Stderr = os.Stderr
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("go list: %v", err)
	}
	var all []pkg
	for d := json.NewDecoder(strings.NewReader(string(out))); d.More(); {
		var p pkg
		if err := d.Decode(&p); err != nil {
			t.Fatal(err)
		}
		all = append(all, p)
	}
	return all
}

// TestImportsPointDown holds the house up: an import points down, never
// sideways into the other family, and third parties stay at the rim.
func TestImportsPointDown(t *testing.T) {
	for _, p := range list(t) {
		name := strings.TrimPrefix(p.ImportPath, module)
		for _, imported := range p.Imports {
			if ours, ok := strings.CutPrefix(imported, module); ok {
				checkOurs(t, name, ours)
			} else if strings.Contains(strings.SplitN(imported, "/", 2)[0], ".") {
				checkRim(t, name, imported)
			}
		}
	}
}

func checkOurs(t *testing.T, name, imported string) {
	t.Helper()
	if strings.HasPrefix(imported, "cmd/") {
		t.Errorf("%s imports %s: nobody imports a command", name, imported)
		return
	}
	if strings.HasPrefix(name, "cmd/") || name == "internal/demo" {
		return
	}
	may, known := levels[name]
	if !known {
		t.Errorf("%s is not in the table of levels", name)
		return
	}
	if !slices.Contains(may, imported) && !slices.Contains(may, "*") {
		t.Errorf("%s imports %s, which its level does not allow", name, imported)
	}
}

func checkRim(t *testing.T, name, imported string) {
	t.Helper()
	for module, may := range rim {
		if imported != module && !strings.HasPrefix(imported, module+"/") {
			continue
		}
		if !slices.ContainsFunc(may, func(p string) bool { return p == name || strings.HasPrefix(name, p+"/") }) {
			t.Errorf("%s imports %s, which only %s may", name, imported, strings.Join(may, ", "))
		}
		return
	}
	t.Errorf("%s imports %s, which is not in the table of the rim", name, imported)
}
