package libcontainer

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/mdrun/mdrun/tests/sandbox"
)

// Tests that make containers run in a sandbox; the others need nothing.
func TestMain(m *testing.M) {
	if sandbox.Available() == nil {
		sandbox.Reexec()
	}
	os.Exit(m.Run())
}

// bundle makes a bundle around busybox that runs the given command.
func bundle(t *testing.T, args ...string) string {
	t.Helper()
	if err := sandbox.Available(); err != nil {
		t.Skip("needs a sandbox:", err)
	}
	busybox, err := exec.LookPath("busybox")
	if err != nil {
		t.Skip("needs busybox: the Debian package busybox-static")
	}
	dir := t.TempDir()
	for _, d := range []string{"bin", "dev", "etc", "proc", "sys", "tmp"} {
		must(t, os.MkdirAll(filepath.Join(dir, "rootfs", d), 0o755))
	}
	program, err := os.ReadFile(busybox)
	must(t, err)
	must(t, os.WriteFile(filepath.Join(dir, "rootfs/bin/busybox"), program, 0o755))
	for _, applet := range []string{"sh", "true", "hostname", "sleep", "cat"} {
		must(t, os.Symlink("busybox", filepath.Join(dir, "rootfs/bin", applet)))
	}
	var quoted []string
	for _, a := range args {
		quoted = append(quoted, fmt.Sprintf("%q", a))
	}
	config := fmt.Sprintf(`{"ociVersion":"1.2.0","hostname":"inside","root":{"path":"rootfs"},
		"process":{"cwd":"/","args":[%s],"env":["PATH=/bin"]},
		"mounts":[{"destination":"/proc","type":"proc","source":"proc"}],
		"linux":{"namespaces":[{"type":"pid"},{"type":"mount"},{"type":"uts"},{"type":"ipc"},{"type":"network"}]}}`, strings.Join(quoted, ","))
	must(t, os.WriteFile(filepath.Join(dir, "config.json"), []byte(config), 0o644))
	return dir
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// output runs a container in the foreground with its output in a file.
func output(t *testing.T, r *Runtime, dir string) (string, int) {
	t.Helper()
	out, err := os.CreateTemp(t.TempDir(), "out")
	must(t, err)
	defer out.Close()
	restore := dupStdout(t, out)
	status, err := r.Run("t", RunOptions{CreateOptions: CreateOptions{Bundle: dir}})
	restore() // before anything is told
	must(t, err)
	text, err := os.ReadFile(out.Name())
	must(t, err)
	return string(text), status
}

func TestFailedCreateLeavesNothing(t *testing.T) {
	dir := bundle(t, "no-such-program")
	r := &Runtime{Root: t.TempDir()}
	before := cgroups(t)
	err := r.Create("t", CreateOptions{Bundle: dir, PidFile: filepath.Join(dir, "pid")})
	if err == nil || !strings.Contains(err.Error(), `exec: "no-such-program": executable file not found in $PATH`) {
		t.Fatalf("create: %v", err)
	}
	if left, _ := os.ReadDir(r.Root); len(left) != 0 {
		t.Errorf("left in the state root: %v", left)
	}
	if after := cgroups(t); after != before {
		t.Errorf("cgroups before:\n%s\nafter:\n%s", before, after)
	}
	if _, err := os.Stat(filepath.Join(dir, "pid")); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("pid file: %v", err)
	}
}

func cgroups(t *testing.T) string {
	t.Helper()
	var b strings.Builder
	err := filepath.WalkDir("/sys/fs/cgroup", func(path string, d os.DirEntry, err error) error {
		if err == nil && d.IsDir() {
			fmt.Fprintln(&b, path)
		}
		return nil
	})
	must(t, err)
	return b.String()
}

func TestDamagedRecordIsNamedAndCleaned(t *testing.T) {
	dir := bundle(t, "sleep", "100")
	r := &Runtime{Root: t.TempDir()}
	before := cgroups(t)
	for _, damage := range []string{"", "{", "{}", "null", `{"version":1,"id":5}`, `{"version":99}`} {
		must(t, r.Create("a", CreateOptions{Bundle: dir}))
		must(t, r.Create("b", CreateOptions{Bundle: dir}))
		must(t, os.WriteFile(filepath.Join(r.Root, "a", recordFile), []byte(damage), 0o600))
		if _, err := r.State("a"); err == nil || !strings.Contains(err.Error(), "state a") {
			t.Errorf("%q: state: %v", damage, err)
		}
		good, broken, err := r.List()
		if err != nil || len(good) != 1 || good[0].ID != "b" || len(broken) != 1 || !strings.Contains(broken[0].Error(), " a") {
			t.Errorf("%q: list: %v, %v, %v", damage, good, broken, err)
		}
		if err := r.Delete("a", false); err == nil {
			t.Errorf("%q: a plain delete went by a damaged record", damage)
		}
		must(t, r.Delete("a", true))
		must(t, r.Delete("b", true))
		if after := cgroups(t); after != before {
			t.Errorf("%q: cgroups before:\n%s\nafter:\n%s", damage, before, after)
		}
	}
}
