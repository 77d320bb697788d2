package rules

import (
	"encoding/json"
	"errors"
	"go/ast"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

const (
	cli     = "github.com/urfave/cli/v2"
	specs   = "github.com/opencontainers/runtime-spec/specs-go"
	unix    = "golang.org/x/sys/unix"
	scripts = "github.com/rogpeppe/go-internal/testscript"
)

// layer is what a package may import: of ours and of others'; and of the standard
// library everything, unless std lists it. Its tests may import what is in tests too.
type layer struct{ may, std, tests []string }

// early is what may be imported where the child takes over: all else would be
// initialised first, for every container anew.
var early = []string{"errors", "strconv", "syscall", "unsafe"}

// pure is for what must not know the system it runs on.
var pure = []string{"bytes", "cmp", "errors", "maps", "path", "path/filepath", "slices", "strconv", "strings", "unicode/utf8"}

// layers is the table of docs/architecture.md. A package without a row fails.
var layers = map[string]layer{
	"cmd/mdrun":      {may: []string{"cmd/mdrun/verb", "spec", cli}},
	"cmd/mdrun/verb": {may: []string{"libcontainer", "libcontainer/first", "libcontainer/step", "spec", "spec/strictjson", "cgroupv2", unix}},

	"spec":            {may: []string{"spec/strictjson", specs, unix}},
	"spec/strictjson": {std: pure},
	"spec/gen":        {may: []string{specs}},
	"cgroupv2":        {may: []string{specs, unix}},

	"libcontainer": {may: []string{"cgroupv2", "spec", "spec/strictjson", "libcontainer/child", "libcontainer/compile", "libcontainer/spawn",
		"libcontainer/step", "libcontainer/internal/goruntime", "libcontainer/internal/hook", "libcontainer/internal/inroot", "libcontainer/internal/monitor", "libcontainer/internal/sigpipe", "libcontainer/internal/sys", "libcontainer/internal/wire",
		specs, specs + "/features", unix}},
	"libcontainer/compile": {may: []string{"libcontainer/step", specs, unix}, std: pure, tests: []string{"spec"}}, // which says what is valid
	"libcontainer/spawn":   {may: []string{"libcontainer/child", "libcontainer/internal/goruntime", "libcontainer/internal/monitor", "libcontainer/internal/sys", "libcontainer/internal/wire", unix}},

	"libcontainer/child":           {may: []string{"libcontainer/step", "libcontainer/internal/goruntime", "libcontainer/internal/sys", "libcontainer/internal/wire", unix}, std: early},
	"libcontainer/step":            {may: []string{"libcontainer/internal/hook", "libcontainer/internal/inroot", "libcontainer/internal/sys", unix}, std: early},
	"libcontainer/internal/hook":   {may: []string{"libcontainer/internal/goruntime", "libcontainer/internal/sys", unix}, std: early},
	"libcontainer/internal/inroot": {may: []string{"libcontainer/internal/sys", unix}, std: early},
	"libcontainer/internal/wire":   {may: []string{"libcontainer/internal/sys", unix}, std: early},
	"libcontainer/internal/sys":    {may: []string{unix}, std: early},

	"libcontainer/first":              {may: []string{"libcontainer/internal/goruntime"}, std: []string{}},
	"libcontainer/internal/goruntime": {std: []string{"unsafe"}},

	"libcontainer/internal/monitor": {may: []string{unix}},
	"libcontainer/internal/sigpipe": {may: []string{unix}},

	// Tests drive the binary; none looks into libcontainer.
	"tests/attacks":       {may: []string{"tests/sandbox", specs, unix}},
	"tests/bench":         {may: []string{"tests/sandbox", specs, unix}},
	"tests/faults":        {may: []string{"tests/faults/tracer", "tests/sandbox", specs, unix}},
	"tests/faults/tracer": {may: []string{unix}},
	"tests/rules":         {},
	"tests/run":           {},
	"tests/sandbox":       {may: []string{unix}},
	"tests/script":        {may: []string{"spec", "tests/sandbox", scripts, unix}},
	"tests/vm/limits":     {may: []string{specs, unix}},
}

// forTests is what the tests of a package may import besides what the package may,
// and besides the package itself.
var forTests = []string{"tests/sandbox", specs, unix}

// notInTheChild must not be reached from the child's package on any way. golang.org/x/sys/unix
// itself brings encoding/binary, reflect and time.
var notInTheChild = []string{"bufio", "context", "encoding/gob", "encoding/json", "flag", "fmt", "io/fs", "log", "log/slog", "math/rand",
	"net", "net/http", "os", "os/exec", "os/signal", "os/user", "path/filepath", "regexp", "runtime/cgo", "runtime/debug", "text/template",
	cli, specs, "cgroupv2", "spec", "spec/strictjson", "libcontainer/compile", "libcontainer"}

// importers lists who may import what is dear; nobody else in the whole binary, and
// where the list is empty nobody at all.
var importers = map[string][]string{
	"runtime/cgo": nil, "plugin": nil, // static, and no C
	"net": nil, "net/http": nil, "crypto/tls": nil, // megabytes, and a poller
	"encoding/gob": nil, "html/template": nil, "log": nil, "log/slog": nil, "testing": nil, "go/ast": nil,
	"net/url":                            {"text/template"},
	"text/template":                      {cli},                   // the help
	"regexp":                             {cli},                   // 0.1 ms before main
	"flag":                               {cli},                   // verb reads its own
	cli:                                  {"cmd/mdrun"},           // the only one that makes a command line
	"encoding/json":                      {"cmd/mdrun/verb", cli}, // 0.7 ms for a cold decode: only to print
	"github.com/russross/blackfriday/v2": nil,
	"github.com/cpuguy83/go-md2man/v2/md2man": nil,
}

// linked are the modules in the binary, see docs/dependencies.md.
var linked = []string{"github.com/opencontainers/runtime-spec", cli, "golang.org/x/sys"}

// purely are functions of unix that compute and ask nobody.
var purely = []string{"Major", "Minor", "Mkdev"}

// pack is a package as go list tells of it.
type pack struct {
	ImportPath                         string
	Standard                           bool
	Imports, TestImports, XTestImports []string
	Deps                               []string
	Module                             *struct {
		Path string
		Main bool
	}
}

// name is how the tables call it.
func (p pack) name() string { return short(p.ImportPath) }

func short(path string) string { return strings.TrimPrefix(path, module+"/") }

// standard: only paths that begin with a domain are somebody's.
func standard(path string) bool {
	first, _, _ := strings.Cut(path, "/")
	return !strings.Contains(first, ".")
}

// goList asks with the tags of the Makefile.
func goList(t *testing.T, args ...string) (list []pack) {
	t.Helper()
	cmd := exec.Command("go", append([]string{"list", "-tags", makeVariable(t, "TAGS"),
		"-json=ImportPath,Standard,Imports,TestImports,XTestImports,Deps,Module"}, args...)...)
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0", "GOFLAGS=")
	dec := json.NewDecoder(strings.NewReader(output(t, cmd)))
	for {
		var p pack
		if err := dec.Decode(&p); errors.Is(err, io.EOF) {
			return list
		} else if err != nil {
			t.Fatal(err)
		}
		list = append(list, p)
	}
}

func TestAPackageImportsOnlyWhatItsRowLists(t *testing.T) {
	seen := map[string]bool{}
	for _, p := range goList(t, "./...") {
		row, ok := layers[p.name()]
		seen[p.name()] = true
		if !ok {
			t.Errorf("%s: no row in the table of layers", p.name())
			continue
		}
		for _, path := range p.Imports {
			if !row.allows(path) {
				t.Errorf("%s imports %s", p.name(), short(path))
			}
		}
	}
	for name := range layers {
		if !seen[name] {
			t.Errorf("%s: a row, and no such package", name)
		}
	}
}

func (l layer) allows(path string) bool {
	if standard(path) {
		return l.std == nil || slices.Contains(l.std, path)
	}
	return slices.Contains(l.may, short(path))
}

func TestTestsImportLittleMoreThanWhatTheyTest(t *testing.T) {
	for _, p := range goList(t, "./...") {
		row := layers[p.name()]
		may := slices.Concat([]string{p.name()}, row.may, row.tests, forTests)
		for _, path := range slices.Concat(p.TestImports, p.XTestImports) {
			if !standard(path) && !slices.Contains(may, short(path)) {
				t.Errorf("a test of %s imports %s", p.name(), short(path))
			}
		}
	}
}

func TestTheChildBringsNothingThatCostsAStart(t *testing.T) {
	list := goList(t, "./libcontainer/child")
	if len(list) != 1 || len(list[0].Deps) == 0 {
		t.Fatalf("go list knows no libcontainer/child: %v", list)
	}
	for _, path := range list[0].Deps {
		if slices.Contains(notInTheChild, short(path)) {
			t.Errorf("libcontainer/child brings %s", short(path))
		}
	}
}

func TestWhatIsDearHasFewImporters(t *testing.T) {
	for _, p := range goList(t, "-deps", "./cmd/mdrun") {
		for _, path := range p.Imports {
			if may, dear := importers[short(path)]; dear && !slices.Contains(may, p.name()) {
				t.Errorf("%s imports %s", p.name(), short(path))
			}
		}
	}
}

func TestTheBinaryHoldsThreeModules(t *testing.T) {
	got := map[string]bool{}
	for _, p := range goList(t, "-deps", "./cmd/mdrun") {
		if p.Module != nil && !p.Module.Main {
			got[p.Module.Path] = true
		}
	}
	for path := range got {
		if !slices.Contains(linked, path) {
			t.Errorf("%s is linked", path)
		}
	}
	for _, path := range linked {
		if !got[path] {
			t.Errorf("%s is not linked any more", path)
		}
	}
}

func TestAPlanIsCompiledWithoutASystemCall(t *testing.T) {
	for _, s := range program(t) {
		if !strings.HasPrefix(s.path, "libcontainer/compile/") {
			continue
		}
		ast.Inspect(s.file, func(n ast.Node) bool {
			if call, ok := n.(*ast.CallExpr); ok {
				if name, ok := ofKernel(call.Fun); ok && ast.IsExported(name) && !isType(name) && !slices.Contains(purely, name) {
					t.Errorf("%s: calls unix.%s", place(call), name)
				}
				if name := selector(call.Fun, "filepath"); slices.Contains([]string{"Abs", "EvalSymlinks", "Glob", "Walk", "WalkDir"}, name) {
					t.Errorf("%s: calls filepath.%s", place(call), name)
				}
			}
			return true
		})
	}
}

// isType: the types of unix that are not structs of the kernel are few.
func isType(name string) bool {
	return name == "Errno" || name == "Signal" || strings.HasSuffix(name, "_t")
}

func TestNothingIsWrittenInC(t *testing.T) {
	for _, path := range allFiles(t) {
		if slices.Contains([]string{".c", ".cc", ".h"}, filepath.Ext(path)) {
			t.Errorf("%s: is C", path)
		}
	}
	for _, s := range sources(t) {
		for _, i := range s.file.Imports {
			if i.Path.Value == `"C"` {
				t.Errorf("%s: imports C", place(i))
			}
		}
	}
}
