package libcontainer

import (
	"os"
	"path/filepath"
	"testing"

	"golang.org/x/sys/unix"
)

func TestPidFileHasNoNewline(t *testing.T) {
	path := filepath.Join(t.TempDir(), "pid")
	if err := os.WriteFile(path, []byte("999999 of an earlier run\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	if err := checkPidFile(path); err != nil {
		t.Fatal(err)
	}
	if err := writePidFile(path, 42); err != nil {
		t.Fatal(err)
	}
	if got, _ := os.ReadFile(path); string(got) != "42" {
		t.Errorf("pid file: %q", got)
	}
	removePidFile(path, 41)
	if _, err := os.Stat(path); err != nil {
		t.Error("another container's pid file was removed")
	}
	removePidFile(path, 42)
	if left, _ := os.ReadDir(filepath.Dir(path)); len(left) != 0 {
		t.Errorf("left: %v", left)
	}
}

func TestPidFileNeverReplacesWhatIsNoFile(t *testing.T) {
	for name, lay := range map[string]func(string) error{
		"fifo":    func(p string) error { return unix.Mkfifo(p, 0o600) },
		"folder":  func(p string) error { return os.Mkdir(p, 0o700) },
		"symlink": func(p string) error { return os.Symlink("/dev/null", p) },
	} {
		dir := t.TempDir()
		for _, at := range []string{"pid", ".pid"} {
			path := filepath.Join(dir, at)
			if err := lay(path); err != nil {
				t.Fatal(err)
			}
			if err := checkPidFile(filepath.Join(dir, "pid")); err == nil {
				t.Errorf("%s at %s was accepted", name, at)
			}
			_ = os.Remove(path)
		}
	}
}
