package dhcp4o6

import (
	"go/ast"
	"go/parser"
	"go/token"
	"go/types"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// TestSketchesAreTrue holds the signatures that docs/architecture.md shows, up to
// the planned rooms, against the sources: parameters and results are the same, and
// a struct or an interface has what the sketch gives it.
func TestSketchesAreTrue(t *testing.T) {
	text, err := os.ReadFile("docs/architecture.md")
	if err != nil {
		t.Fatal(err)
	}
	built, _, ok := strings.Cut(string(text), "## Planned rooms")
	if !ok {
		t.Fatal("no planned rooms")
	}
	shown := 0
	for _, block := range regexp.MustCompile("(?s)```go\n(.*?)```").FindAllStringSubmatch(built, -1) {
		for _, sketch := range regexp.MustCompile(`(?m)^package `).Split(block[1], -1) {
			if sketch == "" {
				continue
			}
			shown += checkSketch(t, "package "+sketch)
		}
	}
	if shown < 50 {
		t.Errorf("%d declarations in the sketches", shown)
	}
}

// checkSketch returns how many declarations a sketch of one package has.
func checkSketch(t *testing.T, sketch string) int {
	t.Helper()
	f, err := parser.ParseFile(token.NewFileSet(), "sketch", sketch, parser.SkipObjectResolution)
	if err != nil {
		t.Errorf("%v in\n%s", err, sketch)
		return 0
	}
	pkg := f.Name.Name
	real := declared(t, filepath.Join("pkg", pkg))
	for name, want := range declarations(f) {
		got, ok := real[name]
		for _, part := range want {
			if !ok || !slices.Contains(got, part) {
				t.Errorf("docs/architecture.md: %s.%s has no %q; it has %q", pkg, name, part, got)
			}
		}
	}
	return len(f.Decls)
}

func declared(t *testing.T, dir string) map[string][]string {
	t.Helper()
	all := make(map[string][]string)
	names, err := filepath.Glob(dir + "/*.go")
	if err != nil || len(names) == 0 {
		t.Fatalf("%s: no sources: %v", dir, err)
	}
	for _, name := range names {
		if strings.HasSuffix(name, "_test.go") {
			continue
		}
		f, err := parser.ParseFile(token.NewFileSet(), name, nil, parser.SkipObjectResolution)
		if err != nil {
			t.Fatal(err)
		}
		for k, v := range declarations(f) {
			all[k] = v
		}
	}
	return all
}

// declarations returns what a file declares: of a function its one signature
// without names, of a type its fields or methods, or what it stands for.
func declarations(f *ast.File) map[string][]string {
	all := make(map[string][]string)
	for _, d := range f.Decls {
		switch d := d.(type) {
		case *ast.FuncDecl:
			name := d.Name.Name
			if d.Recv != nil {
				name = strings.TrimPrefix(types.ExprString(d.Recv.List[0].Type), "*") + "." + name
			}
			all[name] = []string{signature(d.Type)}
		case *ast.GenDecl:
			for _, s := range d.Specs {
				if s, ok := s.(*ast.TypeSpec); ok {
					all[s.Name.Name] = members(s.Type)
				}
			}
		}
	}
	return all
}

func signature(f *ast.FuncType) string {
	return "(" + strings.Join(typesOf(f.Params), ", ") + ") (" + strings.Join(typesOf(f.Results), ", ") + ")"
}

func typesOf(list *ast.FieldList) (all []string) {
	if list == nil {
		return nil
	}
	for _, f := range list.List {
		for range max(1, len(f.Names)) {
			all = append(all, types.ExprString(f.Type))
		}
	}
	return all
}

func members(e ast.Expr) (all []string) {
	var list *ast.FieldList
	switch e := e.(type) {
	case *ast.StructType:
		list = e.Fields
	case *ast.InterfaceType:
		list = e.Methods
	default:
		return []string{types.ExprString(e)}
	}
	for _, f := range list.List {
		of := types.ExprString(f.Type)
		if m, ok := f.Type.(*ast.FuncType); ok {
			if _, method := e.(*ast.InterfaceType); method {
				of = signature(m)
			}
		}
		for _, n := range f.Names {
			all = append(all, n.Name+" "+of)
		}
	}
	return all
}
