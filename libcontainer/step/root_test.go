package step

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"golang.org/x/sys/unix"
)

func TestStepPivotRoot(t *testing.T) {
	if inside(t) {
		testPivot(newWorld(t), false)
	}
}

func TestStepPivotRootByChroot(t *testing.T) {
	if inside(t) {
		testPivot(newWorld(t), true)
	}
}

func testPivot(w *world, chroot bool) {
	host := filepath.Join(os.Getenv(insideVar), "root")
	w.write("marker", "mine", 0o644)
	w.apply(&Mount{Type: "proc", Source: "proc", Target: "/proc", Plain: true}, &PivotRoot{Chroot: chroot})
	w.root = "/"
	if got, err := os.ReadFile("/marker"); err != nil || string(got) != "mine" {
		w.Errorf("/marker: %q, %v", got, err)
	}
	if _, err := os.Lstat(host); err == nil {
		w.Errorf("%s is still there", host)
	}
	if entries, err := os.ReadDir("/.."); err != nil || len(entries) != 7 { // what newWorld made, and the marker
		w.Errorf("/..: %v, %v", entries, err)
	}
	// The handles are the new root's, and relative paths count from procfs.
	fd, err := unix.Openat(w.env.Root, "marker", unix.O_RDONLY, 0)
	must(w.T, err)
	must(w.T, unix.Close(fd))
	var st unix.Stat_t
	must(w.T, unix.Stat(onFD(w.env.Root), &st))
	info, err := os.ReadFile("/proc/self/mountinfo")
	must(w.T, err)
	if n := strings.Count(string(info), "\n"); n != 2 && !chroot || strings.Contains(string(info), host) {
		w.Errorf("%d mounts:\n%s", n, info)
	}
}

func TestStepReadonlyRoot(t *testing.T) {
	if !inside(t) {
		return
	}
	w := newWorld(t)
	w.apply(&Mount{Type: "tmpfs", Source: "tmpfs", Target: "/tmp"}, &PivotRoot{}, &ReadonlyRoot{})
	w.root = "/"
	if !readonly(w, "/etc") || readonly(w, "/tmp") {
		t.Errorf("read-only: /etc %v, /tmp %v", readonly(w, "/etc"), readonly(w, "/tmp"))
	}
}

func TestStepRootPropagation(t *testing.T) {
	if !inside(t) {
		return
	}
	w := newWorld(t)
	w.apply(&Mount{Type: "proc", Source: "proc", Target: "/proc"}, &Mount{Type: "tmpfs", Source: "tmpfs", Target: "/tmp"}, &PivotRoot{})
	for _, c := range []struct {
		flags     uint64
		root, tmp string
	}{
		{unix.MS_SHARED, "shared:", ""}, {unix.MS_PRIVATE, "", ""}, {unix.MS_SHARED | unix.MS_REC, "shared:", "shared:"},
		{unix.MS_UNBINDABLE, "unbindable", "shared:"}, {unix.MS_PRIVATE | unix.MS_REC, "", ""},
	} {
		w.apply(&RootPropagation{Flags: c.flags})
		if root, tmp := propagation(t, "/"), propagation(t, "/tmp"); !strings.HasPrefix(root, c.root) || !strings.HasPrefix(tmp, c.tmp) ||
			(root == "") != (c.root == "") || (tmp == "") != (c.tmp == "") {
			t.Errorf("%s: root %q, /tmp %q", propagationName(c.flags), root, tmp)
		}
	}
}

// Without mounts of its own a container is only a chroot.
func TestStepChroot(t *testing.T) {
	if !inside(t) {
		return
	}
	w := newWorld(t)
	w.write("marker", "mine", 0o644)
	must(t, unix.Close(w.env.Root))
	w.apply(&Chroot{Path: w.root}, &Device{Path: "/dev/pipe", Mode: unix.S_IFIFO | 0o600})
	w.apply(&LockIn{}, &Cwd{Path: "/etc"})
	if _, err := os.Stat("/marker"); err != nil {
		t.Error(err)
	}
	if got, err := unix.Getwd(); err != nil || got != "/etc" {
		t.Errorf("%q, %v", got, err)
	}
	if _, err := os.Stat("/dev/pipe"); err != nil {
		t.Error(err)
	}
	w.fails(&Chroot{Path: "/nowhere"}, `open("/nowhere", O_PATH): no such file or directory`, "")
}

// Nothing that is mounted in the container comes out, and what the host mounts comes
// in only where that is asked for.
func TestStepEnterRootCutsOff(t *testing.T) {
	if !inside(t) {
		return
	}
	dir := os.Getenv(insideVar)
	must(t, unix.Mount("", "/", "", unix.MS_REC|unix.MS_PRIVATE, ""))
	must(t, unix.Mount("tmpfs", dir, "tmpfs", 0, ""))
	must(t, unix.Mount("", dir, "", unix.MS_SHARED, ""))
	for _, d := range []string{"root/in", "root/out"} {
		must(t, os.MkdirAll(filepath.Join(dir, d), 0o755))
	}
	for _, c := range []struct {
		enter   EnterRoot
		comesIn bool
	}{
		{EnterRoot{Propagation: unix.MS_PRIVATE | unix.MS_REC}, false},
		{EnterRoot{Propagation: unix.MS_SLAVE | unix.MS_REC}, true},
		{EnterRoot{Propagation: unix.MS_SLAVE | unix.MS_REC, Private: true}, false},
	} {
		// A second mount namespace plays the container; this one stays the host.
		host := namespace(t)
		must(t, unix.Unshare(unix.CLONE_FS|unix.CLONE_NEWNS))
		w := &world{T: t, env: &Env{Proc: proc(t), Root: -1, Fifo: -1}, root: filepath.Join(dir, "root")}
		c.enter.Path = w.root
		w.apply(&c.enter, &Mount{Type: "tmpfs", Source: "tmpfs", Target: "/out"})
		container := namespace(t)
		must(t, unix.Setns(host, unix.CLONE_NEWNS))
		if isMount(t, w.in("out")) || isMount(t, w.root) {
			t.Errorf("%s: a mount of the container came out", &c.enter)
		}
		must(t, unix.Mount("tmpfs", w.in("in"), "tmpfs", 0, ""))
		must(t, unix.Setns(container, unix.CLONE_NEWNS))
		if isMount(t, w.in("in")) != c.comesIn || !isMount(t, w.in("out")) {
			t.Errorf("%s: a mount of the host came in: %v", &c.enter, !c.comesIn)
		}
		must(t, unix.Setns(host, unix.CLONE_NEWNS))
		must(t, unix.Unmount(w.in("in"), 0))
	}
}

// namespace is the mount namespace of this thread.
func namespace(t *testing.T) int {
	t.Helper()
	fd, err := unix.Open("/proc/thread-self/ns/mnt", unix.O_RDONLY|unix.O_CLOEXEC, 0)
	must(t, err)
	return fd
}
