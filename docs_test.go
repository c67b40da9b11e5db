package dhcp4o6

import (
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
)

// A said is everything about one log message that docs/messages.md states too.
type said struct {
	levels   map[string]bool // "info"
	programs map[string]bool // "dhcp4d"
}

// withValues are the messages that are no constant phrases: those who watch the
// logs of Kea look for them.
var withValues = []string{"server version V started", "dynamic server reconfiguration succeeded with file F"}

// levelOf is the level that a method of a zap.Logger, or a constant, stands for.
var levelOf = map[string]string{
	"Debug": "debug", "Info": "info", "Warn": "warn", "Error": "error",
	"DebugLevel": "debug", "InfoLevel": "info", "WarnLevel": "warn", "ErrorLevel": "error",
	"level": "warn, error", // of problems in a configuration
}

// loggers are the variables and fields that loggers have.
var loggers = []string{"log", "packets", "bad", "leasing"}

// A reader finds the log calls of one package.
type reader struct {
	t        *testing.T
	dir      string
	files    []*ast.File
	set      *token.FileSet
	messages map[string]*said
	fields   map[string]bool
}

// TestMessagesAreDocumented reads the sources for what is logged: docs/messages.md
// names each message, with its level and who says it, and each field, and nothing
// that is said no more.
func TestMessagesAreDocumented(t *testing.T) {
	messages, fields := make(map[string]*said), make(map[string]bool)
	for _, dir := range whoLog(t) {
		r := &reader{t: t, dir: dir, set: token.NewFileSet(), messages: messages, fields: fields}
		r.read()
	}
	page, rest := messagesPage(t, "## Reasons")
	listed := make(map[string]bool)
	for _, row := range regexp.MustCompile("(?m)^\\| `([^`]+)` \\| ([a-z, ]+) \\| ([a-z0-9, ]+) \\|").FindAllStringSubmatch(page, -1) {
		m := messages[row[1]]
		switch {
		case listed[row[1]]:
			t.Errorf("docs/messages.md has %q twice", row[1])
		case m == nil:
			t.Errorf("docs/messages.md has %q, which nobody says", row[1])
		case row[2] != inOrder(m.levels) || row[3] != inOrder(m.programs):
			t.Errorf("docs/messages.md: %q is of level %s, said by %s", row[1], inOrder(m.levels), inOrder(m.programs))
		}
		listed[row[1]] = true
	}
	for _, m := range slices.Sorted(maps.Keys(messages)) {
		if !listed[m] {
			t.Errorf("docs/messages.md lacks %q: %s, said by %s", m, inOrder(messages[m].levels), inOrder(messages[m].programs))
		}
	}
	_, rest, _ = strings.Cut(rest, "## Fields")
	checkFields(t, rest, fields)
}

// messagesPage returns docs/messages.md up to a heading, and from there on.
func messagesPage(t *testing.T, heading string) (before, after string) {
	t.Helper()
	text, err := os.ReadFile("docs/messages.md")
	if err != nil {
		t.Fatal(err)
	}
	before, after, ok := strings.Cut(string(text), heading)
	if !ok {
		t.Fatalf("docs/messages.md has no %q", heading)
	}
	return before, after
}

// TestReasonsAreDocumented holds the reasons of docs/messages.md against the
// tables that the sources have of them.
func TestReasonsAreDocumented(t *testing.T) {
	_, text := messagesPage(t, "## Reasons")
	text, _, _ = strings.Cut(text, "## Fields")
	listed := make(map[string]string)
	for _, row := range regexp.MustCompile("(?m)^\\| `([a-z0-9-]+)` \\| ([a-z0-9, ]+) \\|").FindAllStringSubmatch(text, -1) {
		for _, who := range strings.Split(row[2], ", ") {
			listed[who+" "+row[1]] = row[0]
		}
	}
	for _, table := range []struct{ file, variable, who string }{
		{"pkg/server4/verdict.go", "verdictNames", "dhcp4d"},
		{"pkg/server6/verdict.go", "verdictNames", "dhcp6d"},
		{"pkg/ipc/fault.go", "faultNames", "pair"},
	} {
		for _, reason := range reasons(t, table.file, table.variable) {
			if listed[table.who+" "+reason] == "" {
				t.Errorf("docs/messages.md lacks the reason %q of %s", reason, table.who)
			}
			delete(listed, table.who+" "+reason)
		}
	}
	for reason := range listed {
		t.Errorf("docs/messages.md has the reason %q, which there is not", reason)
	}
}

// reasons returns the first string of each element of a table, but for those of
// queries that are not dropped.
func reasons(t *testing.T, file, variable string) (all []string) {
	t.Helper()
	f, err := parser.ParseFile(token.NewFileSet(), file, nil, parser.SkipObjectResolution)
	if err != nil {
		t.Fatal(err)
	}
	ast.Inspect(f, func(n ast.Node) bool {
		v, ok := n.(*ast.ValueSpec)
		if !ok || v.Names[0].Name != variable || len(v.Values) != 1 {
			return true
		}
		for _, e := range v.Values[0].(*ast.CompositeLit).Elts {
			if kv, ok := e.(*ast.KeyValueExpr); ok {
				e = kv.Value.(*ast.CompositeLit).Elts[0]
			}
			if reason, _ := literal(e); !slices.Contains([]string{"next", "done", "diverted"}, reason) {
				all = append(all, reason)
			}
		}
		return false
	})
	if len(all) == 0 {
		t.Fatalf("%s: no reasons in %s", file, variable)
	}
	return all
}

// checkFields holds the table of fields against those that are used. zap.Error
// writes the field error.
func checkFields(t *testing.T, text string, used map[string]bool) {
	t.Helper()
	used["error"] = true
	listed := make(map[string]bool)
	for _, row := range regexp.MustCompile("(?m)^\\| `([a-z-]+)` \\| [^|]* \\|$").FindAllStringSubmatch(text, -1) {
		listed[row[1]] = true
		if !used[row[1]] {
			t.Errorf("docs/messages.md has the field %q, which no message has", row[1])
		}
	}
	for _, f := range slices.Sorted(maps.Keys(used)) {
		if !listed[f] {
			t.Errorf("docs/messages.md lacks the field %q", f)
		}
	}
}

func inOrder(set map[string]bool) string {
	return strings.Join(slices.Sorted(maps.Keys(set)), ", ")
}

// whoLog lists the folders of the packages that import zap.
func whoLog(t *testing.T) (dirs []string) {
	t.Helper()
	for _, root := range []string{"pkg", "cmd"} {
		err := filepath.WalkDir(root, func(name string, e fs.DirEntry, err error) error {
			if err != nil || !strings.HasSuffix(name, ".go") || strings.HasSuffix(name, "_test.go") {
				return err
			}
			text, err := os.ReadFile(name)
			if dir := filepath.Dir(name); strings.Contains(string(text), `"go.uber.org/zap"`) && !slices.Contains(dirs, dir) {
				dirs = append(dirs, dir)
			}
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	return dirs
}

func (r *reader) read() {
	names, err := filepath.Glob(filepath.Join(r.dir, "*.go"))
	if err != nil {
		r.t.Fatal(err)
	}
	for _, name := range names {
		if strings.HasSuffix(name, "_test.go") {
			continue
		}
		f, err := parser.ParseFile(r.set, name, nil, parser.SkipObjectResolution)
		if err != nil {
			r.t.Fatal(err)
		}
		r.files = append(r.files, f)
	}
	for _, f := range r.files {
		for _, d := range f.Decls {
			if fn, ok := d.(*ast.FuncDecl); ok && fn.Body != nil {
				r.readFunc(fn)
			}
		}
	}
}

func (r *reader) readFunc(fn *ast.FuncDecl) {
	ast.Inspect(fn, func(n ast.Node) bool {
		call, ok := n.(*ast.CallExpr)
		if !ok || len(call.Args) == 0 {
			return true
		}
		sel, ok := call.Fun.(*ast.SelectorExpr)
		if !ok {
			return true
		}
		if name(sel.X) == "zap" {
			if key, ok := literal(call.Args[0]); ok {
				r.fields[key] = true
			}
		}
		if name(sel.X) == "m" && sel.Sel.Name == "note" { // a machine has it said
			r.note(call, fn, call.Args[1], levelOf[name(call.Args[0])])
		}
		if !slices.Contains(loggers, name(sel.X)) {
			return true
		}
		switch sel.Sel.Name {
		case "Named", "With":
		case "Debug", "Info", "Warn", "Error":
			r.note(call, fn, call.Args[0], levelOf[sel.Sel.Name])
		case "Check", "Log":
			r.note(call, fn, call.Args[1], levelOf[name(call.Args[0])])
		default:
			r.t.Errorf("%s: a call that this test does not know", r.set.Position(call.Pos()))
		}
		return true
	})
}

// note keeps what a call says. A message in a variable is one of the strings that
// the function, or its callers, put there.
func (r *reader) note(call *ast.CallExpr, fn *ast.FuncDecl, arg ast.Expr, level string) {
	var texts []string
	if id, ok := arg.(*ast.Ident); ok {
		texts = append(r.assigned(fn, id.Name), r.passed(fn, id.Name)...)
	} else if text, ok := phrase(arg); ok {
		texts = []string{text}
	}
	if len(texts) == 0 || level == "" {
		r.t.Errorf("%s: the message cannot be found out: it is to be a constant phrase", r.set.Position(call.Pos()))
	}
	for _, text := range texts {
		m := r.messages[text]
		if m == nil {
			m = &said{make(map[string]bool), make(map[string]bool)}
			r.messages[text] = m
		}
		for _, l := range strings.Split(level, ", ") {
			m.levels[l] = true
		}
		for _, p := range r.programs(call) {
			m.programs[p] = true
		}
	}
}

// assigned returns the strings that a function gives to a variable of its own.
func (r *reader) assigned(fn *ast.FuncDecl, variable string) (texts []string) {
	ast.Inspect(fn, func(n ast.Node) bool {
		if a, ok := n.(*ast.AssignStmt); ok && len(a.Lhs) == 1 && name(a.Lhs[0]) == variable {
			if text, ok := literal(a.Rhs[0]); ok {
				texts = append(texts, text)
			}
		}
		return true
	})
	return texts
}

// passed returns the strings that the package hands to a parameter of fn.
func (r *reader) passed(fn *ast.FuncDecl, parameter string) (texts []string) {
	at, i := -1, 0
	for _, p := range fn.Type.Params.List {
		for _, id := range p.Names {
			if id.Name == parameter {
				at = i
			}
			i++
		}
	}
	if at < 0 {
		return nil
	}
	for _, f := range r.files {
		ast.Inspect(f, func(n ast.Node) bool {
			call, ok := n.(*ast.CallExpr)
			if !ok || name(call.Fun) != fn.Name.Name || len(call.Args) <= at {
				return true
			}
			if text, ok := literal(call.Args[at]); ok {
				texts = append(texts, text)
			}
			return true
		})
	}
	return texts
}

// programs says which daemons a line of code may run in.
func (r *reader) programs(call *ast.CallExpr) []string {
	place := filepath.ToSlash(r.set.Position(call.Pos()).Filename)
	switch {
	case strings.HasPrefix(place, "pkg/server4/"), strings.HasSuffix(place, "/dhcp4d.go"):
		return []string{"dhcp4d"}
	case strings.HasPrefix(place, "pkg/server6/"), strings.HasSuffix(place, "/dhcp6d.go"):
		return []string{"dhcp6d"}
	case strings.HasPrefix(place, "pkg/client4/"):
		return []string{"dhcp4c"}
	case strings.HasPrefix(place, "pkg/client6/"):
		return []string{"dhcp6c"}
	case strings.HasPrefix(place, "pkg/clientd/"):
		return []string{"dhcp4c", "dhcp6c"}
	}
	return []string{"dhcp4d", "dhcp6d"}
}

// phrase is a message. In one that is put together, a value is the first letter of
// its name; there are no more of them than withValues has.
func phrase(e ast.Expr) (string, bool) {
	if text, ok := literal(e); ok {
		return text, true
	}
	text := joined(e)
	return text, slices.Contains(withValues, text)
}

func joined(e ast.Expr) string {
	if b, ok := e.(*ast.BinaryExpr); ok && b.Op == token.ADD {
		return joined(b.X) + joined(b.Y)
	}
	if text, ok := literal(e); ok {
		return text
	}
	return strings.ToUpper(name(e)[:min(1, len(name(e)))])
}

func literal(e ast.Expr) (string, bool) {
	b, ok := e.(*ast.BasicLit)
	if !ok || b.Kind != token.STRING {
		return "", false
	}
	text, err := strconv.Unquote(b.Value)
	return text, err == nil
}

// name is the last identifier of x, x.y or x.y.z.
func name(e ast.Expr) string {
	switch e := e.(type) {
	case *ast.Ident:
		return e.Name
	case *ast.SelectorExpr:
		return e.Sel.Name
	}
	return ""
}
