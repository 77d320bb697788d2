package rules

import (
	"bytes"
	"errors"
	"flag"
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
)

const module = "github.com/mdrun/mdrun"

var update = flag.Bool("update", false, "write testdata/ anew")

// scratch holds what the tests build.
var scratch string

// TestMain lets every test begin at the top of the repository.
func TestMain(m *testing.M) {
	err := os.Chdir("../..")
	if err == nil {
		scratch, err = os.MkdirTemp("", "mdrun-rules-")
	}
	if err != nil {
		panic(err)
	}
	status := m.Run()
	os.RemoveAll(scratch)
	os.Exit(status)
}

// files are those that git has, and those that it would get with the next commit.
var files = sync.OnceValues(func() ([]string, error) {
	out, err := exec.Command("git", "ls-files", "-z", "--cached", "--others", "--exclude-standard", "--deduplicate").Output()
	if err != nil {
		return nil, err
	}
	var list []string
	for _, path := range strings.FieldsFunc(string(out), func(r rune) bool { return r == 0 }) {
		if _, err := os.Lstat(path); errors.Is(err, fs.ErrNotExist) {
			continue // removed, and not yet committed
		}
		list = append(list, path)
	}
	return list, nil
})

func allFiles(t *testing.T) []string {
	t.Helper()
	list, err := files()
	if err != nil || len(list) == 0 {
		t.Fatalf("git ls-files: %d files, %v", len(list), err)
	}
	return list
}

// source is a Go file, for whatever system and architecture.
type source struct {
	path string
	text []byte
	file *ast.File
}

var fset = token.NewFileSet()

var parsed = sync.OnceValues(func() (list []source, err error) {
	paths, err := files()
	if err != nil {
		return nil, err
	}
	for _, path := range paths {
		if filepath.Ext(path) != ".go" {
			continue
		}
		s := source{path: path}
		if s.text, err = os.ReadFile(path); err != nil {
			return nil, err
		}
		if s.file, err = parser.ParseFile(fset, path, s.text, parser.ParseComments); err != nil {
			return nil, err
		}
		list = append(list, s)
	}
	return list, nil
})

func sources(t *testing.T) []source {
	t.Helper()
	list, err := parsed()
	if err != nil {
		t.Fatal(err)
	}
	return list
}

// program gives the sources of what people run: no tests, and nothing that they use.
func program(t *testing.T) (list []source) {
	t.Helper()
	for _, s := range sources(t) {
		if !s.isTest() && !strings.HasPrefix(s.path, "tests/") {
			list = append(list, s)
		}
	}
	return list
}

func (s source) isTest() bool { return strings.HasSuffix(s.path, "_test.go") }
func (s source) lines() int   { return bytes.Count(s.text, []byte("\n")) }

// functions calls f for each of them, methods as Type.Name.
func (s source) functions(f func(name string, d *ast.FuncDecl)) {
	for _, d := range s.file.Decls {
		if d, ok := d.(*ast.FuncDecl); ok {
			name := d.Name.Name
			if d.Recv != nil {
				name = receiver(d) + "." + name
			}
			f(name, d)
		}
	}
}

// receiver gives the name of the type that a method belongs to.
func receiver(d *ast.FuncDecl) string {
	e := d.Recv.List[0].Type
	for {
		switch x := e.(type) {
		case *ast.StarExpr:
			e = x.X
		case *ast.IndexExpr:
			e = x.X
		case *ast.Ident:
			return x.Name
		default:
			return ""
		}
	}
}

// place is where a node is, as compilers print it.
func place(n ast.Node) string {
	p := fset.Position(n.Pos())
	return p.String()
}

// output runs a tool and gives what it prints.
func output(t *testing.T, cmd *exec.Cmd) string {
	t.Helper()
	var said bytes.Buffer
	cmd.Stderr = &said
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("%s: %v\n%s", strings.Join(cmd.Args, " "), err, said.String())
	}
	return string(out)
}
