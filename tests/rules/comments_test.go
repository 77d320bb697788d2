package rules

import (
	"go/ast"
	"go/token"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// known are methods whose interface says what they do: those of the language.
var known = []string{"Error", "Unwrap", "String"}

var opening = regexp.MustCompile(`^(Package|Command) ([a-z0-9]+) `)

func TestOneFileOfAPackageSaysWhatItIs(t *testing.T) {
	comments := map[string][]string{} // by package: the files that hold one
	for _, s := range sources(t) {
		name := s.file.Name.Name
		if strings.HasSuffix(name, "_test") {
			continue
		}
		dir := filepath.Dir(s.path)
		if _, ok := comments[dir]; !ok {
			comments[dir] = nil // a package to count
		}
		if s.file.Doc == nil {
			continue
		}
		comments[dir] = append(comments[dir], s.path)
		m := opening.FindStringSubmatch(s.file.Doc.Text())
		if m == nil || m[1] == "Package" && m[2] != name || m[1] == "Command" && name != "main" {
			t.Errorf("%s: the package comment does not begin with Package %s or Command", s.path, name)
		}
	}
	for dir, in := range comments {
		if len(in) != 1 {
			t.Errorf("%s: %d files hold a package comment: %s", dir, len(in), strings.Join(in, " "))
		}
	}
}

func TestWhatIsExportedHasAComment(t *testing.T) {
	for _, s := range program(t) {
		for _, d := range s.file.Decls {
			switch d := d.(type) {
			case *ast.FuncDecl:
				if d.Doc == nil && exported(d) {
					t.Errorf("%s: %s has no comment", place(d), d.Name.Name)
				}
			case *ast.GenDecl:
				checkGroup(t, d)
			}
		}
	}
}

// exported: what of a package others can call.
func exported(d *ast.FuncDecl) bool {
	if d.Recv == nil {
		return d.Name.IsExported()
	}
	return d.Name.IsExported() && ast.IsExported(receiver(d)) && !slices.Contains(known, d.Name.Name)
}

// checkGroup: one comment does for a group of constants or variables, none for types.
func checkGroup(t *testing.T, d *ast.GenDecl) {
	t.Helper()
	for _, spec := range d.Specs {
		switch spec := spec.(type) {
		case *ast.TypeSpec:
			if spec.Name.IsExported() && spec.Doc == nil && (d.Doc == nil || d.Lparen.IsValid()) {
				t.Errorf("%s: %s has no comment", place(spec), spec.Name.Name)
			}
		case *ast.ValueSpec:
			if d.Doc != nil || spec.Doc != nil || spec.Comment != nil && d.Tok != token.VAR {
				continue
			}
			for _, name := range spec.Names {
				if name.IsExported() {
					t.Errorf("%s: %s has no comment", place(name), name.Name)
				}
			}
		}
	}
}
