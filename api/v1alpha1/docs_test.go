package v1alpha1_test

import (
	"go/ast"
	"go/parser"
	"go/token"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
)

// TestReasonsAreDocumented keeps docs/troubleshooting.md and the reasons of this package the same:
// each reason has exactly one row, and no row is about a reason that there is not.
func TestReasonsAreDocumented(t *testing.T) {
	rows := documentedReasons(t)
	declared := map[string]bool{}
	for name, reason := range declaredReasons(t) {
		declared[reason] = true
		if rows[reason] != 1 {
			t.Errorf("%s = %q has %d rows in docs/troubleshooting.md, want 1", name, reason, rows[reason])
		}
	}
	if len(declared) == 0 {
		t.Fatal("no constant Reason… was found")
	}
	for reason := range rows {
		if !declared[reason] {
			t.Errorf("docs/troubleshooting.md has a row for %q, which no constant Reason… declares", reason)
		}
	}
}

// reasonRow is a row of a table with the five columns condition, reason, meaning, what it
// waits for, what to do. Other tables have fewer columns.
var reasonRow = regexp.MustCompile("^\\|[^|]*\\| `([A-Za-z]+)` \\|[^|]*\\|[^|]*\\|[^|]*\\|$")

// documentedReasons counts the rows about each reason.
func documentedReasons(t *testing.T) map[string]int {
	t.Helper()
	rows := map[string]int{}
	for line := range strings.Lines(readPage(t, "docs", "troubleshooting.md")) {
		if row := reasonRow.FindStringSubmatch(strings.TrimSpace(line)); row != nil {
			rows[row[1]]++
		}
	}
	return rows
}

// declaredReasons returns the values of all constants of the package whose name begins with Reason.
func declaredReasons(t *testing.T) map[string]string {
	t.Helper()
	files, err := filepath.Glob("*.go")
	if err != nil {
		t.Fatal(err)
	}
	files = slices.DeleteFunc(files, func(name string) bool { return strings.HasSuffix(name, "_test.go") })
	reasons := map[string]string{}
	for _, name := range files {
		file, err := parser.ParseFile(token.NewFileSet(), name, nil, parser.SkipObjectResolution)
		if err != nil {
			t.Fatal(err)
		}
		for _, declaration := range file.Decls {
			if block, ok := declaration.(*ast.GenDecl); ok && block.Tok == token.CONST {
				collectReasons(t, block, reasons)
			}
		}
	}
	return reasons
}

func collectReasons(t *testing.T, block *ast.GenDecl, reasons map[string]string) {
	t.Helper()
	for _, spec := range block.Specs {
		constants, ok := spec.(*ast.ValueSpec)
		if !ok {
			continue
		}
		for i, name := range constants.Names {
			if !strings.HasPrefix(name.Name, "Reason") {
				continue
			}
			if i >= len(constants.Values) {
				t.Fatalf("%s has no value of its own", name.Name)
			}
			literal, ok := constants.Values[i].(*ast.BasicLit)
			if !ok {
				t.Fatalf("the value of %s is no literal", name.Name)
			}
			value, err := strconv.Unquote(literal.Value)
			if err != nil {
				t.Fatalf("the value of %s: %v", name.Name, err)
			}
			reasons[name.Name] = value
		}
	}
}

// TestFlagsAndMetricsAreDocumented keeps the tables of docs/ complete.
func TestFlagsAndMetricsAreDocumented(t *testing.T) {
	for page, in := range map[string]struct {
		sources []string
		names   *regexp.Regexp
	}{
		"getting-started.md": {[]string{"main.go"}, regexp.MustCompile(`flag\.\w+Var\(&[\w.]+, "([a-z-]+)"`)},
		"troubleshooting.md": {
			[]string{"controllers/internal/step/metrics.go", "controllers/gossipring/metrics.go"},
			regexp.MustCompile(`"(portolan_[a-z_]+)"`),
		},
	} {
		documented := readPage(t, "docs", page)
		for _, source := range in.sources {
			found := in.names.FindAllStringSubmatch(readPage(t, filepath.FromSlash(source)), -1)
			if len(found) == 0 {
				t.Errorf("%s: nothing was found", source)
			}
			for _, name := range found {
				if !strings.Contains(documented, "| `"+name[1]+"` |") && !strings.Contains(documented, "| `--"+name[1]+"` |") {
					t.Errorf("docs/%s has no row for %s of %s", page, name[1], source)
				}
			}
		}
	}
}

// readPage reads a file of the repository.
func readPage(t *testing.T, path ...string) string {
	t.Helper()
	raw, err := os.ReadFile(filepath.Join(append([]string{"..", ".."}, path...)...))
	if err != nil {
		t.Fatal(err)
	}
	return string(raw)
}
