package sandbox_test

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/mdrun/mdrun/tests/sandbox"
)

func TestMain(m *testing.M) {
	if err := sandbox.Available(); err != nil {
		fmt.Println("not tested:", err)
		return
	}
	sandbox.Reexec()
	os.Exit(m.Run())
}

func TestCgroupIsPureAndOurs(t *testing.T) {
	var fs unix.Statfs_t
	if err := unix.Statfs("/sys/fs/cgroup", &fs); err != nil || fs.Type != unix.CGROUP2_SUPER_MAGIC {
		t.Fatalf("/sys/fs/cgroup: type %#x, %v", fs.Type, err)
	}
	if got := read(t, "/proc/self/cgroup"); !strings.Contains(got, "0::/host\n") {
		t.Errorf("own cgroup: %q, want /host", got)
	}
	dirs, _ := filepath.Glob("/sys/fs/cgroup/*/cgroup.procs")
	if len(dirs) != 1 {
		t.Errorf("cgroups: %q, want only /host", dirs)
	}
	if _, err := os.Stat("/sys/fs/cgroup/cgroup.events"); err != nil {
		t.Errorf("the machine's root cgroup is visible: %v", err)
	}
}

func TestProcessesAreOurs(t *testing.T) {
	pids, _ := filepath.Glob("/proc/[0-9]*")
	if len(pids) != 2 {
		t.Errorf("processes: %q, want process 1 and the test", pids)
	}
}

func TestOrphansAreReaped(t *testing.T) {
	out, err := exec.Command("/bin/sh", "-c", "sh -c 'sleep 0.01 & echo $!'").Output()
	if err != nil {
		t.Fatal(err)
	}
	proc := "/proc/" + strings.TrimSpace(string(out))
	for end := time.Now().Add(2 * time.Second); ; time.Sleep(time.Millisecond) {
		if _, err := os.Stat(proc); os.IsNotExist(err) {
			return
		}
		if time.Now().After(end) {
			t.Fatalf("%s is still there", proc)
		}
	}
}

func TestMountsAreFresh(t *testing.T) {
	for _, dir := range []string{"/proc", "/sys", "/sys/fs/cgroup", "/dev", "/dev/pts", "/run", "/tmp"} {
		var at, above unix.Stat_t
		if err := unix.Stat(dir, &at); err != nil {
			t.Fatal(err)
		}
		if err := unix.Stat(filepath.Dir(dir), &above); err != nil {
			t.Fatal(err)
		}
		if at.Dev == above.Dev {
			t.Errorf("%s: not a mount of its own", dir)
		}
	}
	if got := read(t, "/proc/self/mountinfo"); strings.Contains(got, " - cgroup ") || strings.Contains(got, "devtmpfs") {
		t.Errorf("mounts of the machine are visible:\n%s", got)
	}
}

func TestDevWorks(t *testing.T) {
	if err := os.WriteFile("/dev/null", []byte("x"), 0); err != nil {
		t.Error(err)
	}
	f, err := os.OpenFile("/dev/ptmx", os.O_RDWR, 0)
	if err != nil {
		t.Fatal(err)
	}
	f.Close()
	entries, _ := os.ReadDir("/dev")
	for _, e := range entries {
		if e.Type()&os.ModeDevice != 0 && e.Type()&os.ModeCharDevice == 0 {
			t.Errorf("a block device: %s", e.Name())
		}
	}
}

func TestNothingIsInherited(t *testing.T) {
	out, err := exec.Command("/bin/sh", "-c", "ls /proc/$$/fd").Output()
	if err != nil {
		t.Fatal(err)
	}
	for _, fd := range strings.Fields(string(out)) {
		if len(fd) > 1 || fd > "2" {
			t.Errorf("descriptor %s reaches a child", fd)
		}
	}
}

func read(t *testing.T, path string) string {
	t.Helper()
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return string(data)
}
