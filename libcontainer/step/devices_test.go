package step

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"golang.org/x/sys/unix"
)

// A user namespace may make no nodes but FIFOs, which take the same way.
func TestStepDevice(t *testing.T) {
	if !inside(t) {
		return
	}
	w := newWorld(t)
	fifo := func(path string) *Device { return &Device{Path: path, Mode: unix.S_IFIFO | 0o640} }
	w.apply(fifo("/dev/deep/pipe"))
	var st unix.Stat_t
	must(t, unix.Lstat(w.in("dev/deep/pipe"), &st))
	if st.Mode != unix.S_IFIFO|0o640 {
		t.Errorf("mode %#o", st.Mode)
	}
	w.apply(fifo("/dev/deep/pipe")) // it is there already
	w.write("dev/file", "", 0o644)
	w.fails(fifo("/dev/file"), "/dev/file exists in the root filesystem and is not the device fifo: file exists", "Remove it from the image")
	// A link in place of the name is not followed.
	must(t, os.Symlink("/tmp/made", w.in("dev/link")))
	w.fails(fifo("/dev/link"), "/dev/link exists in the root filesystem", "")
	w.fails(&Device{Path: "/dev/mem", Mode: unix.S_IFCHR | 0o666, Rdev: unix.Mkdev(1, 1)}, `mknodat("/dev/mem", c 1:1): operation not permitted`, "")
	if entries, err := os.ReadDir(w.in("tmp")); err != nil || len(entries) > 0 {
		t.Errorf("%v, %v", entries, err)
	}
	if w.allIDs {
		s := fifo("/dev/owned")
		s.UID, s.GID = 7, 8
		w.apply(s)
		must(t, unix.Lstat(w.in("dev/owned"), &st))
		if st.Uid != 7 || st.Gid != 8 {
			t.Errorf("owner %d:%d", st.Uid, st.Gid)
		}
	}
}

func TestStepDeviceOfTheHost(t *testing.T) {
	if !inside(t) {
		return
	}
	w := newWorld(t)
	null := func(path string) *Device {
		return &Device{Path: path, Mode: unix.S_IFCHR | 0o666, Rdev: unix.Mkdev(1, 3), Bind: true}
	}
	w.apply(null("/dev/null"), null("/dev/null"))
	must(t, os.WriteFile(w.in("dev/null"), []byte("gone"), 0o644))
	if got, err := os.ReadFile(w.in("dev/null")); err != nil || len(got) > 0 {
		t.Errorf("%q, %v", got, err)
	}
	must(t, os.Symlink("/tmp/made", w.in("dev/zero")))
	zero := &Device{Path: "/dev/zero", Mode: unix.S_IFCHR | 0o666, Rdev: unix.Mkdev(1, 5), Bind: true}
	w.fails(zero, "/dev/zero exists in the root filesystem as a folder or a link", "Remove it")
	if _, err := os.Lstat(w.in("tmp/made")); err == nil {
		t.Error("a link was followed")
	}
	w.fails(&Device{Path: "/dev/null", Mode: unix.S_IFCHR, Rdev: unix.Mkdev(1, 77), Bind: true}, "the host has no device node c 1:77 as /dev/null", "one that is there")
	// What the host calls otherwise is found by its number.
	w.apply(&Device{Path: "/dev/nothing", Mode: unix.S_IFCHR, Rdev: unix.Mkdev(1, 3), Bind: true})
	// A node in a folder of /dev is that of the same folder of the host.
	host := filepath.Join(os.Getenv(insideVar), "net/tun")
	must(t, os.MkdirAll(filepath.Dir(host), 0o755))
	must(t, os.WriteFile(host, nil, 0o644))
	must(t, unix.Mount("/dev/null", host, "", unix.MS_BIND, ""))
	w.apply(null(host))
	var st unix.Stat_t
	must(t, unix.Stat(w.in(host), &st))
	if st.Rdev != unix.Mkdev(1, 3) {
		t.Errorf("device %#x", st.Rdev)
	}
}

func TestStepDeviceLinks(t *testing.T) {
	if !inside(t) {
		return
	}
	w := newWorld(t)
	w.write("dev/stdin", "the image's", 0o644)
	w.write("dev/ptmx", "the image's", 0o644)
	w.apply(&DeviceLinks{Links: []Link{{Path: "/dev/fd", Target: "/proc/self/fd"}, {Path: "/dev/stdin", Target: "/proc/self/fd/0"},
		{Path: "/dev/ptmx", Target: "pts/ptmx", Replace: true}}})
	for path, want := range map[string]string{"dev/fd": "/proc/self/fd", "dev/ptmx": "pts/ptmx"} {
		if got, err := os.Readlink(w.in(path)); err != nil || got != want {
			t.Errorf("%s: %q, %v", path, got, err)
		}
	}
	if got, err := os.ReadFile(w.in("dev/stdin")); err != nil || string(got) != "the image's" {
		t.Errorf("%q, %v", got, err)
	}
}

// A /dev that is a link is refused, wherever that leads: it could be to a volume
// (CVE-2026-41579).
func TestStepDevicesAreMadeInAPlainFolder(t *testing.T) {
	if !inside(t) {
		return
	}
	w := newWorld(t)
	outside := filepath.Join(os.Getenv(insideVar), "outside")
	w.write("vol/ptmx", "", 0o644)
	w.write(outside+"/ptmx", "", 0o644)
	must(t, os.MkdirAll(outside, 0o755))
	must(t, os.WriteFile(outside+"/ptmx", nil, 0o644))
	must(t, os.Remove(w.in("dev")))
	null := &Device{Path: "/dev/null", Mode: unix.S_IFCHR | 0o666, Rdev: unix.Mkdev(1, 3), Bind: true}
	links := &DeviceLinks{Links: []Link{{Path: "/dev/fd", Target: "/proc/self/fd"}, {Path: "/dev/ptmx", Target: "pts/ptmx", Replace: true}}}
	const text, hint = "/dev in the root filesystem is not a plain folder", "make it a folder in the image"
	for _, target := range []string{"vol", "/vol", outside, "../../../../.." + outside} {
		must(t, os.Symlink(target, w.in("dev")))
		for _, s := range []Step{&Mount{Type: "tmpfs", Source: "tmpfs", Target: "/dev"}, &Mount{Type: "tmpfs", Source: "tmpfs", Target: "/dev/made"},
			&Bind{Source: "/proc/version", Target: "/dev/made"}, links, &Device{Path: "/dev/pipe", Mode: unix.S_IFIFO | 0o600}, null} {
			w.fails(s, text, hint)
		}
		if err := showConsole(w.env, 0); err == nil || !strings.Contains(err.Error(), text) {
			t.Errorf("console: %v", err)
		}
		must(t, os.Remove(w.in("dev")))
	}
	must(t, os.Mkdir(w.in("dev"), 0o755))
	must(t, os.Symlink("../vol", w.in("dev/sub")))
	w.fails(&Device{Path: "/dev/sub/deep/pipe", Mode: unix.S_IFIFO | 0o600}, "/dev/sub/deep in the root filesystem is not a plain folder", hint)
	for _, dir := range []string{outside, w.in("vol"), w.in(outside)} {
		if entries, err := os.ReadDir(dir); err != nil || len(entries) != 1 || !entries[0].Type().IsRegular() {
			t.Errorf("%s: %v, %v", dir, entries, err)
		}
	}
}

// The other way round: a link of the image leads a volume to /dev.
func TestStepNoVolumeIsLedToDev(t *testing.T) {
	if !inside(t) {
		return
	}
	w := newWorld(t)
	volume := filepath.Join(os.Getenv(insideVar), "volume")
	must(t, os.Mkdir(volume, 0o755))
	w.apply(&Mount{Type: "tmpfs", Source: "tmpfs", Target: "/dev"})
	for _, target := range []string{"dev", "/dev", "tmp/../dev/."} {
		must(t, os.Symlink(target, w.in("vol")))
		w.fails(&Bind{Source: volume, Target: "/vol"}, "/vol leads to /dev through a link in the root filesystem", "Make it a folder of its own")
		must(t, os.Remove(w.in("vol")))
	}
	// A folder below it is as good as another until a device is to be made there.
	must(t, os.Symlink("/dev/shm", w.in("vol")))
	w.apply(&Bind{Source: volume, Target: "/vol"}, &Device{Path: "/dev/pipe", Mode: unix.S_IFIFO | 0o600})
	w.fails(&Device{Path: "/dev/shm/pipe", Mode: unix.S_IFIFO | 0o600}, "a mount led into /dev through a link", "a folder of its own")
	w.env.kept.ledIntoDev = false
	must(t, os.Symlink("shm/log", w.in("dev/log")))
	w.apply(&Bind{Source: volume, Target: "/dev/log"})
	w.fails(&Device{Path: "/dev/shm/log/pipe", Mode: unix.S_IFIFO | 0o600}, "a mount led into /dev through a link", "")
	// Where the configuration says so by name.
	w.env.kept.ledIntoDev = false
	w.apply(&Bind{Source: volume, Target: "/dev/net"}, &Device{Path: "/dev/net/pipe", Mode: unix.S_IFIFO | 0o600})
}
