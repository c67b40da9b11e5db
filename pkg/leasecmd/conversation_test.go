package leasecmd_test

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/dhcp4o6/dhcp4o6/pkg/config"
	"github.com/dhcp4o6/dhcp4o6/pkg/control"
	"github.com/dhcp4o6/dhcp4o6/pkg/lease"
	"github.com/dhcp4o6/dhcp4o6/pkg/lease/leasefile"
	"github.com/dhcp4o6/dhcp4o6/pkg/leasecmd"
	"github.com/dhcp4o6/dhcp4o6/pkg/topology"
)

// A turn is one command and what is said to it.
type turn struct {
	line         int
	why          []string // of a difference
	ask          string
	answer, ours string // ours: "" where it is to be Kea's
}

func readTurns(t testing.TB, name string) (all []turn) {
	t.Helper()
	text, err := os.ReadFile(filepath.Join("testdata", name))
	if err != nil {
		t.Fatal(err)
	}
	var why []string
	for i, line := range strings.Split(strings.TrimSpace(string(text)), "\n") {
		kind, rest, _ := strings.Cut(line, " ")
		switch kind {
		case "#":
			why = append(why, line)
		case ">":
			all = append(all, turn{line: i + 1, ask: rest, why: why})
			why = nil
		case "<":
			all[len(all)-1].answer = rest
		case "=":
			all[len(all)-1].ours = rest
		default:
			t.Fatalf("%s:%d: %q", name, i+1, line)
		}
	}
	return all
}

// where is the position in the command that Kea adds to some texts.
var where = regexp.MustCompile(`( in)? ?\(<wire>:\d+:\d+\)`)

// plain takes out of an answer what no two answers have in common: the time, and the
// position in the command; and sorts what Kea gives in the order of an index.
func plain(t *testing.T, ask, answer string) string {
	t.Helper()
	var c struct {
		Command   string
		Arguments json.RawMessage
	}
	if err := json.Unmarshal([]byte(ask), &c); err != nil {
		t.Fatal(err)
	}
	var v map[string]any
	d := json.NewDecoder(strings.NewReader(where.ReplaceAllString(answer, "")))
	d.UseNumber()
	if err := d.Decode(&v); err != nil {
		t.Fatalf("%s\n%v", answer, err)
	}
	args, _ := v["arguments"].(map[string]any)
	scrub(args)
	if leases, ok := args["leases"].([]any); ok && (strings.Contains(c.Command, "-by-") || c.Arguments != nil && strings.HasSuffix(c.Command, "-all")) {
		slices.SortFunc(leases, func(a, b any) int { return cmp.Compare(render(a), render(b)) })
	}
	return render(v)
}

// numbers that are the time of a run
var now = regexp.MustCompile(`^1[789]\d{8}$`)

func scrub(v any) {
	switch v := v.(type) {
	case map[string]any:
		for name, e := range v {
			if n, ok := e.(json.Number); ok && name == "cltt" && now.MatchString(n.String()) {
				v[name] = "now"
			}
			if name == "timestamp" {
				v[name] = "now"
			}
			if n, ok := e.(json.Number); ok && n == "1e3" {
				v[name] = json.Number("1000.0")
			}
			scrub(e)
		}
	case []any:
		for _, e := range v {
			scrub(e)
		}
	}
}

func render(v any) string {
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	if err := e.Encode(v); err != nil {
		panic(err)
	}
	return strings.TrimSpace(b.String())
}

// configuration is the text of a configuration for a folder.
func configuration(t testing.TB, f topology.Family, folder string) string {
	t.Helper()
	text, err := os.ReadFile(fmt.Sprintf("testdata/dhcp%d.json", f))
	if err != nil {
		t.Fatal(err)
	}
	return strings.NewReplacer(
		"NAME", filepath.Join(folder, "leases.csv"), "SOCKET", filepath.Join(folder, "socket"), "HOOKS", "/usr/lib/x86_64-linux-gnu/kea/hooks",
	).Replace(string(text))
}

// A house is the commands over a table with a lease file, without a server.
type house struct {
	file     string
	disk     leasefile.FS // nil: the machine's
	family   topology.Family
	store    *leasefile.File
	table    *lease.Table
	cfg      *config.Config
	registry *control.Registry
}

func newHouse(t testing.TB, f topology.Family) *house {
	t.Helper()
	return openHouse(t, f, t.TempDir(), nil)
}

func openHouse(t testing.TB, f topology.Family, folder string, disk leasefile.FS) *house {
	t.Helper()
	h := &house{file: filepath.Join(folder, "leases.csv"), family: f, disk: disk}
	text := configuration(t, f, folder)
	cfg, problems := config.Load("test.json", f, config.Options{ReadFile: func(string) ([]byte, error) { return []byte(text), nil }})
	if cfg == nil {
		t.Fatal(problems)
	}
	h.cfg = cfg
	h.open(t)
	t.Cleanup(func() { h.table.Close() })
	return h
}

// open opens the lease file as a daemon does.
func (h *house) open(t testing.TB) {
	t.Helper()
	family := leasefile.V4
	if h.family == topology.V6 {
		family = leasefile.V6
	}
	var err error
	if h.store, err = leasefile.Open(h.file, leasefile.Options{Family: family, FS: h.disk}); err != nil {
		t.Fatal(err)
	}
	h.table = lease.NewTable(h.store, lease.TableOptions{})
	if _, err := h.table.Load(context.Background()); err != nil {
		t.Fatal(err)
	}
	var pools []*lease.Pool
	for _, s := range h.cfg.Topology.Subnets {
		for _, p := range s.Pools {
			pools = append(pools, p.Lease)
		}
	}
	h.table.Adopt(pools)
	h.registry = new(control.Registry)
	leasecmd.New(leasecmd.Options{
		Family: h.family, Leases: h.table, File: h.file, Config: func() *config.Config { return h.cfg },
		Topology: func() *topology.Topology { return h.cfg.Topology },
	}).Register(h.registry)
}

func (h *house) ask(request string) string {
	return string(h.registry.Run(context.Background(), []byte(request)))
}

// TestConversation holds the commands to what Kea 2.2.0 has answered to the
// same ones.
func TestConversation(t *testing.T) {
	for _, f := range []topology.Family{topology.V4, topology.V6} {
		t.Run(fmt.Sprintf("dhcp%d", f), func(t *testing.T) {
			h := newHouse(t, f)
			for _, turn := range readTurns(t, fmt.Sprintf("dhcp%d.txt", f)) {
				want := cmp.Or(turn.ours, turn.answer)
				got := h.ask(turn.ask)
				if plain(t, turn.ask, got) != plain(t, turn.ask, want) {
					t.Errorf("line %d: %s\n got %s\nwant %s", turn.line, turn.ask, got, want)
				}
			}
		})
	}
}
