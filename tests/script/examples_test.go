package script

import (
	"flag"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/rogpeppe/go-internal/testscript"
	"golang.org/x/sys/unix"

	"github.com/mdrun/mdrun/tests/sandbox"
)

var update = flag.Bool("update", false, "write the explain.txt of every example anew")

const (
	examplesDir  = "../../bundle-examples"
	exampleTest  = "test.txtar"
	explainedIn  = "explain.txt"
	configName   = "config.json"
	inCheckout   = "bundle-examples" // as the READMEs call them
	debianTree   = "/tmp/script-programs"
	debianTreeIn = "MDRUN_PROGRAMS" // names a Debian tree with the programs of the examples
)

// TestExamples does what the README of each example says: its test.txtar has the same
// commands, in a directory that looks like a checkout. Peers do not run them.
func TestExamples(t *testing.T) {
	if err := sandbox.Available(); err != nil {
		t.Skip("needs a sandbox: ", err)
	}
	if name() != "mdrun" {
		return
	}
	for _, title := range examples(t) {
		script := filepath.Join(examplesDir, title, exampleTest)
		t.Run(title, func(t *testing.T) {
			t.Parallel()
			p := params(script)
			p.Cmds["rootfs"] = rootfsCommand
			p.Setup = func(env *testscript.Env) error {
				if err := setup(env); err != nil {
					return err
				}
				env.Setenv("ID", title)
				return os.CopyFS(filepath.Join(env.WorkDir, inCheckout, title), os.DirFS(filepath.Join(examplesDir, title)))
			}
			testscript.Run(t, p)
		})
	}
}

func examples(t *testing.T) (titles []string) {
	t.Helper()
	entries, err := os.ReadDir(examplesDir)
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range entries {
		if e.IsDir() {
			titles = append(titles, e.Name())
		}
	}
	return titles
}

// rootfsCommand is `rootfs DIR busybox|debian`: makes the root that an example wants.
func rootfsCommand(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 2 {
		ts.Fatalf("usage: rootfs DIR busybox|debian")
	}
	dir := ts.MkAbs(args[0])
	switch args[1] {
	case "busybox":
		ts.Check(busyboxRoot(dir))
	case "debian":
		ts.Check(os.Symlink(debianTree, dir))
	default:
		ts.Fatalf("no root %q", args[1])
	}
}

// TestExamplesAreExplained holds what explain prints of every example against the file
// beside its config.json: what a reader of the repository sees is what would run.
func TestExamplesAreExplained(t *testing.T) {
	if err := sandbox.Available(); err != nil {
		t.Skip("needs a sandbox: ", err)
	}
	if name() != "mdrun" {
		return
	}
	top, err := filepath.Abs(filepath.Dir(examplesDir))
	if err != nil {
		t.Fatal(err)
	}
	for _, dir := range bundles(t) {
		out, err := exec.Command(runtimePath, "--root", t.TempDir(), "explain", filepath.Join(top, inCheckout, dir)).Output()
		if err != nil {
			t.Errorf("explain %s: %v", dir, err)
			continue
		}
		got := fromTop(string(out), top+"/")
		path := filepath.Join(examplesDir, dir, explainedIn)
		if *update {
			if err := os.WriteFile(path, []byte(got), 0o644); err != nil {
				t.Fatal(err)
			}
			continue
		}
		want, err := os.ReadFile(path)
		if err != nil || string(want) != got {
			t.Errorf("%s differs from what explain prints (%v); `make golden` writes it anew. It prints:\n%s", path, err, got)
		}
	}
}

// fieldColumn is where explain puts the fields, behind texts that are not longer.
const fieldColumn = 76

// fromTop takes the checkout's place out of what explain has printed. The columns come
// out as they are for a bundle that is called by its relative path: how long the path of
// the checkout is must not be seen.
func fromTop(out, top string) string {
	var b strings.Builder
	for line := range strings.Lines(out) {
		short := strings.ReplaceAll(line, top, "")
		if at := strings.LastIndex(short, "  ."); at >= 0 && short != line {
			short = fmt.Sprintf("%-*s%s", fieldColumn, strings.TrimRight(short[:at], " "), short[at:])
		}
		b.WriteString(short)
	}
	return b.String()
}

// bundles finds every directory with a config.json; an example may have several.
func bundles(t *testing.T) (dirs []string) {
	t.Helper()
	top := os.DirFS(examplesDir)
	err := fs.WalkDir(top, ".", func(path string, d fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case d.IsDir() && d.Name() == "rootfs":
			return fs.SkipDir
		case d.Name() == configName:
			dirs = append(dirs, filepath.Dir(path))
		}
		return nil
	})
	if err != nil || len(dirs) == 0 {
		t.Fatalf("%d bundles in %s, %v", len(dirs), examplesDir, err)
	}
	return dirs
}

func TestEveryExampleIsWhole(t *testing.T) {
	if name() != "mdrun" {
		return // a peer's tree does not show the checkout
	}
	for _, title := range examples(t) {
		for _, file := range []string{"README.md", exampleTest} {
			if _, err := os.Stat(filepath.Join(examplesDir, title, file)); err != nil {
				t.Error(err)
			}
		}
	}
}

// showPrograms shows the Debian tree of the examples.
func showPrograms() error {
	source := os.Getenv(debianTreeIn)
	if source == "" || os.Getenv(sandbox.RootVar) != "" {
		return nil
	}
	if err := os.Mkdir(debianTree, 0o755); err != nil {
		return err
	}
	if err := unix.Mount(source, debianTree, "", unix.MS_BIND, ""); err != nil {
		return fmt.Errorf("%s: %w", source, err)
	}
	return unix.Mount("", debianTree, "", unix.MS_REMOUNT|unix.MS_BIND|unix.MS_RDONLY, "")
}
