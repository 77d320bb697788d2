package attacks

import (
	"fmt"
	"os"
	"path/filepath"
	"testing"

	specs "github.com/opencontainers/runtime-spec/specs-go"
	"golang.org/x/sys/unix"
)

// outward are links to a folder of the host, as an image may have them.
func outward(host string) map[string]string {
	return map[string]string{"a link": host, "a relative link": upAndOver(host), "a link through /proc": "/proc/self/root" + host}
}

// twin makes in the root what the host has at the same path: a link that a runtime keeps
// inside then leads somewhere, and the container goes on.
func (b *bundle) twin() *bundle {
	b.a.Helper()
	for _, dir := range []string{"pts", "shm", "sub"} {
		must(b.a, os.MkdirAll(b.inside(filepath.Join(b.a.host, dir)), 0o755))
	}
	return b
}

// CVE-2026-41579: in a /dev that is a link the runtime makes, replaces and removes what
// belongs into one.
func TestTheDeviceFolderIsInsideTheRoot(t *testing.T) {
	a := try(t, "S-12")
	a.bundle().without("/dev", "/dev/pts", "/dev/shm", "/dev/mqueue").shell("true").works()
	for what, to := range outward(a.host) {
		for _, place := range []string{"/dev", "/dev/pts", "/dev/shm", "/dev/mqueue", "/dev/fd", "/dev/ptmx", "/dev/null"} {
			b := a.bundle().without("/dev").shell("true")
			if place == "/dev" {
				b.without("/dev/pts", "/dev/shm", "/dev/mqueue")
			}
			b.link(place, to).attack(place + " is " + what)
			b.with(a, "/dev/more", 1, 3)
			b.attack(place + " is " + what + ", another device is to be made")
		}
		b := a.bundle().link("/dev", to).shell("true")
		b.attack("/dev with a filesystem of its own is " + what)
	}
	for _, name := range []string{"null", "ptmx", "console", "fd"} {
		b := a.bundle().without("/dev", "/dev/pts", "/dev/shm", "/dev/mqueue").link("/dev/"+name, a.host+"/"+name).shell("true")
		b.attack("/dev/" + name + " is a link to a file of the host")
	}
}

// What a link stays inside the root for may be a volume, and so the host: /dev is a link
// to it, or it is led to where devices are made.
func TestDevicesAreNotMadeInAVolume(t *testing.T) {
	a := try(t, "S-12")
	for _, more := range []string{"", "/dev/more", "/dev/pts/more", "/dev/sub/more"} {
		for what, b := range map[string]*bundle{
			"/dev is a link to a volume":                                a.bundle().link("/dev", "vol"),
			"/dev, which no filesystem is for, is a link to a volume":   a.bundle().without("/dev", "/dev/pts", "/dev/shm", "/dev/mqueue").link("/dev", "vol"),
			"a folder of /dev is a link to a volume":                    a.bundle().without("/dev", "/dev/pts").link("/dev/sub", "../vol").link("/dev/pts", "../vol"),
			"a volume is led to /dev":                                   a.bundle().link("/vol", "dev"),
			"a volume is led to a folder of /dev":                       a.bundle().link("/vol", "/dev/sub"),
			"a volume is led to a folder of /dev, and more than one on": a.bundle().link("/vol", "other").link("/other", "dev/sub/.."),
		} {
			if _, err := os.Lstat(b.inside("/vol")); err != nil {
				must(t, os.Mkdir(b.inside("/vol"), 0o755))
			}
			volume := fmt.Sprintf("%s/volume-%d", a.host, counter.Add(1))
			must(t, os.Mkdir(volume, 0o755))
			must(t, os.WriteFile(volume+"/ptmx", nil, 0o644))
			if b.mount("/vol", "bind", volume, "rbind").shell("true"); more != "" {
				b.with(a, more, 1, 3)
			}
			b.attack(what + ", device " + more)
		}
	}
}

// with adds a device that is harmless.
func (b *bundle) with(a *attempt, path string, major, minor int64) {
	mode := os.FileMode(0o666)
	b.spec.Linux.Devices = append(b.spec.Linux.Devices, specs.LinuxDevice{Path: path, Type: "c", Major: major, Minor: minor, FileMode: &mode})
}

func TestADeviceIsMadeInsideTheRoot(t *testing.T) {
	a := try(t, "S-12")
	for what, to := range outward(a.host) {
		for _, path := range []string{"/out/null", "/out/sub/more", "/out/new/deep/null", "/out"} {
			b := a.bundle().link("/out", to).twin().shell("true")
			b.with(a, path, 1, 3)
			b.attack("a device at " + path + ", where /out is " + what)
		}
	}
	b := a.bundle().shell("true")
	b.with(a, "/../../../../../../../.."+a.host+"/device", 1, 3)
	b.attack("a device at a path that goes up")
	b = a.bundle().without("/dev").link("/dev/node", a.host+"/node").shell("true")
	b.with(a, "/dev/node", 1, 3)
	b.attack("a device in place of a dangling link to the host")
}

// A mount makes its place: folders, and a file at the end.
func TestAMountIsInsideTheRoot(t *testing.T) {
	a := try(t, "S-12")
	file := a.host + "/../hosts-to-show"
	must(t, os.WriteFile(file, []byte("shown\n"), 0o644))
	for what, to := range outward(a.host) {
		for _, c := range []struct{ place, kind string }{
			{"/out", "folder"}, {"/out/sub", "folder"}, {"/out/new/deep", "folder"}, {"/out/new", "file"}, {"/out/hosts", "file"}, {"/out/new/deep/file", "file"},
			{"/out/pts", "tmpfs"}, {"/out/new", "tmpfs"}, {"/out/new", "cgroup"}, {"/out/new", "sysfs"}, {"/out/new", "proc"}, {"/out/new", "mqueue"}, {"/out/new", "devpts"},
		} {
			b := a.bundle().link("/out", to).twin().shell("echo mine >" + c.place + "/mark; ls " + c.place)
			switch c.kind {
			case "folder":
				b.mount(c.place, "bind", b.dir, "rbind")
			case "file":
				b.mount(c.place, "bind", file, "bind")
			default:
				b.mount(c.place, c.kind, c.kind)
			}
			b.attack("a " + c.kind + " on " + c.place + ", where /out is " + what)
		}
	}
}

// What engines put into every container: files in /etc and the cgroup.
func TestUsualMountsAreInsideTheRoot(t *testing.T) {
	a := try(t, "S-12")
	file := hosts + "/resolv.conf"
	must(t, os.WriteFile(file, []byte("nameserver 127.0.0.1\n"), 0o644))
	for what, to := range outward(a.host) {
		for _, link := range []string{"/etc", "/etc/hosts", "/etc/resolv.conf", "/etc/mtab"} {
			target := to
			if link != "/etc" {
				target = filepath.Join(to, "made-"+filepath.Base(link))
			}
			b := a.bundle().link(link, target).twin().shell("true")
			b.mount("/etc/hosts", "bind", file, "rbind").mount("/etc/resolv.conf", "bind", file, "rbind").mount("/etc/mtab", "bind", file, "rbind")
			b.attack(link + " is " + what)
		}
		b := a.bundle().without("/sys").link("/sys", to).twin().mount("/sys/fs/cgroup", "cgroup", "cgroup", "ro").shell("true")
		b.attack("the cgroup below /sys, which is " + what)
		b = a.bundle().link("/work", to).twin().shell("true")
		b.spec.Process.Cwd = "/work/new/folder"
		b.attack("the working directory below " + what)
	}
}

// What is protected in the container is not looked for outside: a mask on the host's
// files would hide them from nobody, but follow the link with a mount.
func TestProtectedPathsAreInsideTheRoot(t *testing.T) {
	a := try(t, "S-12")
	for what, to := range outward(a.host) {
		b := a.bundle().link("/out", to).twin().shell("cat /out/secret")
		b.spec.Linux.MaskedPaths = []string{"/out/hosts", "/out/sub", "/out/new"}
		b.spec.Linux.ReadonlyPaths = []string{"/out", "/out/passwd", "/out/pts"}
		b.attack("masked and read-only paths below " + what)
	}
}

// S-27: what the container leaves in its root must not lead delete astray.
func TestDeleteLeavesTheRootAlone(t *testing.T) {
	a := try(t, "S-27")
	b := a.bundle().link("/out", a.host).link("/up", upAndOver(a.host)).shell("true").works()
	for _, dir := range []string{"/mounted", "/dev/pts"} {
		must(t, os.MkdirAll(b.inside(dir), 0o755))
		must(t, unix.Mount(a.host, b.inside(dir), "", unix.MS_BIND, ""))
		defer unix.Unmount(b.inside(dir), unix.MNT_DETACH)
	}
	must(t, os.Symlink(a.host, b.state()+"/out"))
	b.attack("links and mounts in the root")
	before := a.look()
	a.judge("delete of a link in the state root", before, b.call("delete", "--force", "out"))
}

func init() {
	roles["leave a mark"] = func(args []string) { _ = os.WriteFile(args[0], []byte("here\n"), 0o644) }
}

// A startContainer hook is a program of the container, not the host's of that name.
func TestAHookOfTheContainerIsInsideTheRoot(t *testing.T) {
	a := try(t, "S-12")
	must(t, os.Link(image+"/payload", a.host+"/hook"))
	for what, to := range outward(a.host) {
		b := a.bundle().link("/out", to).twin().shell("true")
		b.spec.Hooks = &specs.Hooks{StartContainer: []specs.Hook{{Path: "/out/hook", Args: []string{"hook", a.host + "/mark"}, Env: []string{roleVar + "=leave a mark"}}}}
		b.attack("a hook below " + what)
	}
}
