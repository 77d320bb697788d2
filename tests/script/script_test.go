// Package script runs the scripts in testdata against a container runtime. They are
// the description of what mdrun does, one behaviour per file, and its name is a
// sentence. The same scripts run against runc and crun, which shows that they are
// right; differs.txt lists those that a peer does not pass, with the reason.
//
//	RUNTIME   the runtime under test; bin/mdrun by default
//	MDRUN_FILTER   a filter of system calls to run under: floor, image
//	MDRUN_SANDBOX_ROOT   a tree to run in, for a runtime of another system
package script

import (
	"embed"
	"flag"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/rogpeppe/go-internal/testscript"

	"github.com/mdrun/mdrun/tests/sandbox"
)

// The scripts are in the program: the sandbox may show a tree that lacks them.
//
//go:embed testdata/*.txtar differs.txt
var files embed.FS

// runtimePath is absolute; inside a foreign tree it is a path there.
var runtimePath string

func TestMain(m *testing.M) {
	if sandbox.Available() == nil {
		if !sandbox.Inside() {
			bringRuntime()
		}
		sandbox.Reexec()
	}
	runtimePath = os.Getenv("RUNTIME")
	flag.Parse()
	if sandbox.Inside() {
		if err := furnish(); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
	}
	os.Exit(m.Run())
}

// furnish makes the roots, unless a run of this program around us has, and puts on the
// filter that is asked for.
func furnish() error {
	if _, err := os.Stat(rootDir); err != nil {
		if err := makeRoot(); err != nil {
			return err
		}
	}
	if name := os.Getenv(filterVar); name != "" {
		return filter(name)
	}
	return nil
}

func bringRuntime() {
	if os.Getenv("RUNTIME") != "" {
		return
	}
	path, err := filepath.Abs("../../bin/mdrun")
	if err == nil {
		_, err = os.Stat(path)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "no runtime to test: run `make build`, or set RUNTIME:", err)
		os.Exit(1)
	}
	os.Setenv("RUNTIME", path)
}

// name is that of the runtime: conditions in scripts and differs.txt go by it.
func name() string { return filepath.Base(runtimePath) }

func TestScripts(t *testing.T) {
	if err := sandbox.Available(); err != nil {
		t.Skip("needs a sandbox: ", err)
	}
	dir := t.TempDir()
	scripts, err := fs.Glob(files, "testdata/*.txtar")
	if err != nil {
		t.Fatal(err)
	}
	differs := readDiffers(t)
	for _, path := range scripts {
		title := strings.TrimSuffix(filepath.Base(path), ".txtar")
		data, err := files.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		copied := filepath.Join(dir, filepath.Base(path))
		if err := os.WriteFile(copied, data, 0o644); err != nil {
			t.Fatal(err)
		}
		why, known := differs[name()+" "+title]
		delete(differs, name()+" "+title)
		t.Run(title, func(t *testing.T) {
			if danger, ok := strings.CutPrefix(why, "danger: "); ok {
				t.Skip("danger: ", danger)
			}
			t.Parallel()
			if known {
				mustDiffer(t, copied, why)
				return
			}
			testscript.Run(t, params(copied))
		})
	}
	for row := range differs {
		if strings.HasPrefix(row, name()+" ") {
			t.Errorf("differs.txt: there is no script %q", row)
		}
	}
}

// readDiffers reads lines "RUNTIME SCRIPT: REASON".
func readDiffers(t *testing.T) map[string]string {
	t.Helper()
	data, err := files.ReadFile("differs.txt")
	if err != nil {
		t.Fatal(err)
	}
	rows := map[string]string{}
	for line := range strings.Lines(string(data)) {
		line = strings.TrimSpace(line)
		if line == "" || strings.HasPrefix(line, "#") {
			continue
		}
		key, reason, ok := strings.Cut(line, ": ")
		if !ok || strings.Count(key, " ") != 1 || reason == "" {
			t.Fatalf("differs.txt: %q is not RUNTIME SCRIPT: REASON", line)
		}
		rows[key] = reason
	}
	return rows
}

// mustDiffer runs a script that is known to fail with this runtime: a row that is no
// longer true has to go.
func mustDiffer(t *testing.T, path, why string) {
	if !testing.Verbose() {
		t.Logf("differs: %s", why)
	}
	r := &recorder{}
	func() {
		defer func() {
			if p := recover(); p != nil && p != any(stopped) {
				panic(p)
			}
		}()
		testscript.RunT(r, params(path))
	}()
	if _, race := strings.CutPrefix(why, "sometimes: "); !r.failed && !race {
		t.Errorf("%s passes this script: take its row out of differs.txt", name())
	}
}

var stopped = new(int)

// recorder notes a failure instead of reporting it.
type recorder struct{ failed bool }

func (r *recorder) Skip(...any)   { panic(any(stopped)) }
func (r *recorder) Fatal(...any)  { r.FailNow() }
func (r *recorder) Log(...any)    {}
func (r *recorder) Parallel()     {}
func (r *recorder) Verbose() bool { return false }
func (r *recorder) FailNow() {
	r.failed = true
	panic(any(stopped))
}

func (r *recorder) Run(_ string, f func(testscript.T)) {
	defer func() {
		if p := recover(); p != nil && p != any(stopped) {
			panic(p)
		}
	}()
	f(r)
}

func params(path string) testscript.Params {
	return testscript.Params{
		Files:               []string{path},
		RequireExplicitExec: true,
		RequireUniqueNames:  true,
		Setup:               setup,
		Cmds:                maps.Clone(commands),
		Condition: func(c string) (bool, error) {
			switch c {
			case "mdrun", "runc", "crun":
				return name() == c, nil
			case "memory":
				controllers, err := os.ReadFile("/sys/fs/cgroup/cgroup.controllers")
				return strings.Contains(string(controllers), "memory"), err
			case "programs":
				_, err := os.Stat(debianTree + "/etc")
				return err == nil, nil
			case "debian":
				_, err := os.Stat(debianDir + "/etc")
				return err == nil, nil
			case "kernel6.4":
				return kernelIsAtLeast(6, 4)
			}
			return false, fmt.Errorf("unknown condition %q", c)
		},
	}
}

func kernelIsAtLeast(major, minor int) (bool, error) {
	release, err := os.ReadFile("/proc/sys/kernel/osrelease")
	if err != nil {
		return false, err
	}
	var a, b int
	if _, err := fmt.Sscanf(string(release), "%d.%d", &a, &b); err != nil {
		return false, err
	}
	return a > major || a == major && b >= minor, nil
}
