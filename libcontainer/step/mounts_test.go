package step

import (
	"os"
	"strings"
	"testing"

	"golang.org/x/sys/unix"
)

func TestStepMount(t *testing.T) {
	if !inside(t) {
		return
	}
	w := newWorld(t)
	w.apply(&Mount{Type: "tmpfs", Source: "tmpfs", Target: "/a/b", Flags: unix.MS_NOSUID | unix.MS_NODEV | unix.MS_NOEXEC, Options: []string{"mode=711", "size=64k"}})
	var st unix.Stat_t
	must(t, unix.Stat(w.in("a/b"), &st))
	var fs unix.Statfs_t
	must(t, unix.Statfs(w.in("a/b"), &fs))
	const flags = unix.ST_NOSUID | unix.ST_NODEV | unix.ST_NOEXEC
	if st.Mode&0o7777 != 0o711 || fs.Type != unix.TMPFS_MAGIC || fs.Blocks*uint64(fs.Bsize) != 64<<10 || fs.Flags&flags != flags || fs.Flags&unix.ST_RDONLY != 0 {
		t.Errorf("mode %#o, %+v", st.Mode, fs)
	}
	// What a tmpfs hides lends it its mode.
	must(t, os.Mkdir(w.in("lent"), 0o755))
	must(t, os.Chmod(w.in("lent"), 0o1730|os.ModeSticky))
	w.apply(&Mount{Type: "tmpfs", Source: "tmpfs", Target: "/lent", KeepMode: true})
	must(t, unix.Stat(w.in("lent"), &st))
	if st.Mode&0o7777 != 0o1730 {
		t.Errorf("mode %#o", st.Mode)
	}
	// An absolute link counts from the root.
	must(t, os.Symlink("/real", w.in("link")))
	must(t, os.Mkdir(w.in("real"), 0o755))
	w.apply(&Mount{Type: "tmpfs", Source: "tmpfs", Target: "/link"})
	if kind, _ := w.mounted("real"); kind != unix.TMPFS_MAGIC || !isMount(t, w.in("real")) {
		t.Error("not mounted where the link points to")
	}
	if isMount(t, w.in("tmp")) {
		t.Error("isMount is no test")
	}
}

// isMount tells by statx(2) whether a path is the root of a mount.
func isMount(t *testing.T, path string) bool {
	t.Helper()
	var st unix.Statx_t
	must(t, unix.Statx(unix.AT_FDCWD, path, unix.AT_SYMLINK_NOFOLLOW, unix.STATX_BASIC_STATS, &st))
	return st.Attributes&unix.STATX_ATTR_MOUNT_ROOT != 0
}

func TestStepMountAfterwards(t *testing.T) {
	if !inside(t) {
		return
	}
	w := newWorld(t)
	w.apply(&Mount{Type: "tmpfs", Source: "tmpfs", Target: "/a"}, &Mount{Type: "tmpfs", Source: "tmpfs", Target: "/a/b"},
		&Remount{Target: "/a", After: Attributes{Set: unix.MOUNT_ATTR_NOEXEC, RSet: unix.MOUNT_ATTR_NOSUID, Propagations: []uint64{unix.MS_SHARED}}})
	for path, want := range map[string]int64{"a": unix.ST_NOEXEC | unix.ST_NOSUID, "a/b": unix.ST_NOSUID} {
		if _, flags := w.mounted(path); flags&(unix.ST_NOEXEC|unix.ST_NOSUID|unix.ST_RDONLY) != want {
			t.Errorf("%s: flags %#x, want %#x", path, flags, want)
		}
	}
	w.apply(&Remount{Target: "/a", After: Attributes{RSet: unix.MOUNT_ATTR_RDONLY, RClear: unix.MOUNT_ATTR_RDONLY | unix.MOUNT_ATTR_NOSUID}})
	for path, want := range map[string]int64{"a": unix.ST_NOEXEC | unix.ST_RDONLY, "a/b": unix.ST_RDONLY} {
		if _, flags := w.mounted(path); flags&(unix.ST_NOEXEC|unix.ST_NOSUID|unix.ST_RDONLY) != want {
			t.Errorf("%s: flags %#x, want %#x", path, flags, want)
		}
	}
	if got := propagation(t, w.in("a")); !strings.HasPrefix(got, "shared:") {
		t.Errorf("/a is %q", got)
	}
	if got := propagation(t, w.in("a/b")); got != "" {
		t.Errorf("/a/b is %q", got)
	}
}

// propagation gives the optional fields of a mount in mountinfo (proc_pid_mountinfo(5)).
func propagation(t *testing.T, path string) string {
	t.Helper()
	info, err := os.ReadFile("/proc/self/mountinfo")
	must(t, err)
	found, ok := "", false
	for line := range strings.Lines(string(info)) {
		if f := strings.Fields(line); f[4] == path {
			found, _, _ = strings.Cut(strings.Join(f[6:], " "), "-")
			ok = true
		}
	}
	if !ok {
		t.Fatalf("%s is no mount:\n%s", path, info)
	}
	return strings.TrimSpace(found)
}

func TestStepMountThatFailsHasTheKernelsSentence(t *testing.T) {
	if !inside(t) {
		return
	}
	w := newWorld(t)
	tmpfs := func(options ...string) Step {
		return &Mount{Type: "tmpfs", Source: "tmpfs", Target: "/tmp", Options: options}
	}
	w.fails(tmpfs("size=banana"), "tmpfs: Bad value for 'size' (fsconfig(size=banana): invalid argument)", "")
	w.fails(tmpfs("mode=755", "bogus"), "tmpfs: Unknown parameter 'bogus' (fsconfig(bogus): invalid argument)", "")
	w.fails(&Mount{Type: "nopefs", Target: "/tmp"}, `the kernel has no filesystem "nopefs"`, "/proc/filesystems")
	w.fails(&Mount{Type: "bind", Source: "/etc", Target: "/tmp"}, `the kernel has no filesystem "bind"`, `"rbind"`)
	w.write("file", "", 0o644)
	w.fails(&Mount{Type: "tmpfs", Source: "tmpfs", Target: "/file"}, "not a directory", "")
	w.fails(&Mount{Type: "tmpfs", Source: "tmpfs", Target: "/file/below"}, "not a directory", "")
	if isMount(t, w.in("tmp")) {
		t.Error("something is mounted after all")
	}
}

// A link where procfs is to be could show a false one (CVE-2019-16884).
func TestStepMountOfProcIsReachedThroughNoLink(t *testing.T) {
	if !inside(t) {
		return
	}
	w := newWorld(t)
	must(t, os.Remove(w.in("proc")))
	for _, target := range []string{"tmp", "/tmp", "/nowhere", "../../../tmp"} {
		must(t, os.Symlink(target, w.in("proc")))
		w.fails(&Mount{Type: "proc", Source: "proc", Target: "/proc", Plain: true}, "/proc in the root filesystem is not a plain folder", "empty folder in the image")
		must(t, os.Remove(w.in("proc")))
	}
	w.write("proc", "", 0o644)
	w.fails(&Mount{Type: "proc", Source: "proc", Target: "/proc", Plain: true}, "/proc in the root filesystem is not a plain folder", "empty folder in the image")
	must(t, os.Remove(w.in("proc")))
	w.apply(&Mount{Type: "proc", Source: "proc", Target: "/proc", Plain: true})
	if kind, _ := w.mounted("proc"); kind != unix.PROC_SUPER_MAGIC {
		t.Errorf("filesystem %#x on /proc", kind)
	}
	if self, err := os.Readlink(w.in("proc/self")); err != nil || self != "1" {
		t.Errorf("the new procfs calls this process %q, %v", self, err)
	}
}

func TestStepReconfigure(t *testing.T) {
	if !inside(t) {
		return
	}
	w := newWorld(t)
	w.apply(&Mount{Type: "tmpfs", Source: "tmpfs", Target: "/a", Flags: unix.MS_NOSUID | unix.MS_NODEV, Options: []string{"size=64k"}},
		&Reconfigure{Target: "/a", Flags: unix.MS_NOEXEC | unix.MS_NODEV, Options: []string{"size=128k"}, After: Attributes{Set: unix.MOUNT_ATTR_RDONLY}})
	var fs unix.Statfs_t
	must(t, unix.Statfs(w.in("a"), &fs))
	const flags = unix.ST_NOSUID | unix.ST_NODEV | unix.ST_NOEXEC | unix.ST_RDONLY
	if fs.Flags&flags != unix.ST_NODEV|unix.ST_NOEXEC|unix.ST_RDONLY || fs.Blocks*uint64(fs.Bsize) != 128<<10 {
		t.Errorf("%+v", fs)
	}
	w.fails(&Reconfigure{Target: "/a", Options: []string{"size=banana"}}, "tmpfs: Bad value for 'size'", "")
	w.fails(&Reconfigure{Target: "/tmp"}, "nothing is mounted on /tmp that could be remounted", "must stand before")
	w.fails(&Remount{Target: "/tmp", After: Attributes{Set: unix.MOUNT_ATTR_RDONLY}}, "nothing is mounted on /tmp that could be remounted", "must stand before")
	w.fails(&Remount{Target: "/nowhere"}, "no such file or directory", "")
}

// Not by name but by a link of the image: nothing may be mounted in /proc.
func TestStepMountIsNotLedIntoProc(t *testing.T) {
	if !inside(t) {
		return
	}
	w := newWorld(t)
	w.apply(&Mount{Type: "proc", Source: "proc", Target: "/proc", Plain: true})
	must(t, os.Symlink("/proc/sys", w.in("data")))
	must(t, os.Symlink("../proc/version", w.in("etc/version")))
	w.fails(&Mount{Type: "tmpfs", Source: "tmpfs", Target: "/data"}, "/data leads into /proc through a link", "")
	w.fails(&Bind{Source: "/etc/passwd", Target: "/etc/version"}, "/etc/version leads into /proc through a link", "")
}

// In a user namespace, sysfs can only be mounted with a network namespace of its own.
func TestStepMountShowsTheHostsSysfs(t *testing.T) {
	if !inside(t, unix.CLONE_NEWNET) {
		return
	}
	w := newWorld(t)
	w.fails(&Mount{Type: "sysfs", Source: "sysfs", Target: "/sys", Plain: true}, "operation not permitted", "")
	w.apply(&Mount{Type: "sysfs", Source: "sysfs", Target: "/sys", Flags: unix.MS_RDONLY, Plain: true, OrHost: true})
	if kind, flags := w.mounted("sys"); kind != unix.SYSFS_MAGIC || flags&unix.ST_RDONLY == 0 {
		t.Errorf("filesystem %#x, flags %#x", kind, flags)
	}
}

// Kernels do not always say that an id is not mapped; then we do.
func TestOptionsThatNameAnID(t *testing.T) {
	for text, want := range map[string]bool{"": false, "mode=0620": false, "gid=5": true, "size=1m,uid=7": true, "gid": true, "grpid=5": false, "ptmxmode=0666,gidx=1": false} {
		if got := namesID(strings.Split(text, ",")); got != want {
			t.Errorf("%q: %v", text, got)
		}
	}
}
