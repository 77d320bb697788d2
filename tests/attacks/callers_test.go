package attacks

import (
	"fmt"
	"os"
	"strings"
	"syscall"
	"testing"

	specs "github.com/opencontainers/runtime-spec/specs-go"
	"golang.org/x/sys/unix"
)

func init() { roles["open everything"] = openEverything }

// A container's id becomes a folder and a cgroup.
func TestAnIDIsNeverAPath(t *testing.T) {
	a := try(t, "S-25")
	b := a.bundle().shell("true")
	b.write()
	outer := a.host + "/outer"
	must(t, os.MkdirAll(outer+"/victim", 0o755))
	must(t, os.WriteFile(outer+"/victim/state.json", []byte("{}"), 0o600))
	must(t, os.WriteFile(outer+"/victim/status", []byte("{}"), 0o600))
	must(t, os.MkdirAll(b.state(), 0o700))
	ids := []string{"", ".", "..", "../victim", "../../victim", "/victim", "a/b", "a/../../victim", upAndOver(outer + "/victim")[3:], upAndOver(outer + "/victim"), outer + "/victim",
		"a\nb", "a b", "ü", "日本", ":", "%2e%2e", "@", "*", "\x1b[2J", "a\\b", strings.Repeat("a", 256), strings.Repeat("../", 100), "..\x7f"}
	for _, id := range ids {
		for _, verb := range [][]string{{"run", "--bundle", b.dir}, {"create", "--bundle", b.dir}, {"delete", "--force"}, {"delete"}, {"state"}, {"kill"}, {"start"}} {
			before := a.look()
			groups := cgroupTree("attempt-")
			o := b.call(append(append([]string{}, verb...), id)...)
			variant := fmt.Sprintf("%s %.40q", verb[0], id)
			a.judge(variant, before, o)
			for path := range groups {
				if _, err := os.Stat(path); err != nil {
					a.hit("%s: %s is gone", variant, path)
				}
			}
			if o.code == 0 && verb[0] == "create" {
				b.call("delete", "--force", id)
			}
			if strings.ContainsAny(o.said, "\x1b") {
				a.hit("%s: the terminal of who reads the error is written to: %q", variant, o.said)
			}
		}
	}
}

// What does not fit into a string of the kernel or into a message is refused, or whole:
// its beginning alone is something else (CVE-2021-43784).
func TestNothingIsCutShort(t *testing.T) {
	a := try(t, "S-30")
	must(t, os.MkdirAll(a.host+"/shown/inner", 0o755))
	must(t, os.WriteFile(a.host+"/shown/secret", []byte(secret), 0o644))
	long := strings.Repeat("x", 1<<20)
	for what, change := range map[string]func(s *specs.Spec){
		"an argument of 1 MB":           func(s *specs.Spec) { s.Process.Args = append(s.Process.Args, long) },
		"a variable of 1 MB":            func(s *specs.Spec) { s.Process.Env = append(s.Process.Env, "LONG="+long) },
		"a host name of 1 MB":           func(s *specs.Spec) { s.Hostname = long },
		"a working directory of 1 MB":   func(s *specs.Spec) { s.Process.Cwd = "/" + long },
		"a namespace path of 70 kB":     func(s *specs.Spec) { s.Linux.Namespaces[0].Path = "/proc/self/ns/pid" + strings.Repeat("/.", 35000) },
		"a namespace path with a NUL":   func(s *specs.Spec) { s.Linux.Namespaces[0].Path = "/proc/self/ns/pid\x00" + long[:1000] },
		"a source with a NUL":           func(s *specs.Spec) { show(s, a.host+"/shown\x00/inner") },
		"a destination with a NUL":      func(s *specs.Spec) { s.Mounts[0].Destination = "/proc\x00/hidden" },
		"a root with a NUL":             func(s *specs.Spec) { s.Root.Path = "rootfs\x00/nothing" },
		"a root that goes up":           func(s *specs.Spec) { s.Root.Path = "rootfs/../rootfs\x00/../.." },
		"a working directory and a NUL": func(s *specs.Spec) { s.Process.Cwd = "/tmp\x00/.." },
		"a program with a NUL":          func(s *specs.Spec) { s.Process.Args[0] = "/bin/sh\x00.checked" },
		"a cgroup with a NUL":           func(s *specs.Spec) { s.Linux.CgroupsPath = "/attempt-x\x00/y" },
		"a mask with a NUL":             func(s *specs.Spec) { s.Linux.MaskedPaths = []string{"/proc\x00/version"} },
		"mappings beyond 32 bits":       func(s *specs.Spec) { mapAll(s, 4294967295) },
		"mappings that overflow":        func(s *specs.Spec) { mapAll(s, 4294967290) },
	} {
		b := a.bundle().shell("cat /shown/secret")
		change(b.spec)
		o := b.attack(what)
		if o.ran && strings.Contains(what, "NUL") {
			a.cut(what, b)
		}
		if o.ran && strings.HasPrefix(what, "mappings") {
			a.hit("%s: taken", what)
		}
	}
}

// cut: a string that was cut at its NUL is a hit where it names something.
func (a *attempt) cut(what string, b *bundle) {
	for _, harmful := range []string{"namespace", "source", "destination", "root", "program", "mask"} {
		if strings.Contains(what, harmful) {
			a.hit("%s: what comes after it does not count", what)
		}
	}
}

func show(s *specs.Spec, source string) {
	s.Mounts = append(s.Mounts, specs.Mount{Destination: "/shown", Type: "bind", Source: source, Options: []string{"rbind"}})
}

func mapAll(s *specs.Spec, from uint32) {
	ids := []specs.LinuxIDMapping{{ContainerID: 0, HostID: from, Size: 65536}}
	s.Linux.Namespaces = append(s.Linux.Namespaces, specs.LinuxNamespace{Type: specs.UserNamespace})
	s.Linux.UIDMappings, s.Linux.GIDMappings = ids, ids
}

// What the runtime is told to write goes into a file, and takes the place of nothing
// else.
func TestOutputsReplaceNothing(t *testing.T) {
	a := try(t, "S-31")
	dir := "/dev/outputs"
	must(t, os.Mkdir(dir, 0o755))
	defer os.RemoveAll(dir)
	for what, put := range map[string]func(path string) error{
		"a device":                  func(path string) error { return unix.Mknod(path, unix.S_IFCHR|0o666, int(unix.Mkdev(1, 3))) },
		"a full device":             func(path string) error { return unix.Mknod(path, unix.S_IFCHR|0o666, int(unix.Mkdev(1, 7))) },
		"a fifo":                    func(path string) error { return unix.Mkfifo(path, 0o644) },
		"a folder":                  func(path string) error { return os.Mkdir(path, 0o755) },
		"a link to the host's file": func(path string) error { return os.Symlink(a.host+"/hosts", path) },
		"a link to nothing":         func(path string) error { return os.Symlink(a.host+"/new", path) },
		"a link to a device":        func(path string) error { return os.Symlink("/dev/null", path) },
	} {
		for _, flag := range []string{"--pid-file", "--console-socket", "--log"} {
			path := fmt.Sprintf("%s/%d", dir, counter.Add(1))
			must(t, put(path))
			b := a.bundle().shell("true")
			variant := flag + " is " + what
			if flag == "--log" && what == "a link to the host's file" {
				continue // a log is appended to where the caller says
			}
			a.output(b, variant, flag, path)
		}
	}
}

func (a *attempt) output(b *bundle, variant, flag, path string) {
	a.Helper()
	kind := func() string { return strings.Split(describe(path), " owner")[0] }
	before, was, null := a.look(), kind(), describe("/dev/null")
	args := []string{"create", "--bundle", b.dir, flag, path, b.newID()}
	if flag == "--log" {
		args = []string{flag, path, "create", "--bundle", b.dir, b.id}
		before = nil
	}
	b.spec.Process.Terminal = flag == "--console-socket"
	b.write()
	o := b.call(args...)
	b.remove(b.id)
	if before != nil {
		a.judge(variant, before, o)
	}
	if now := kind(); now != was && !strings.Contains(was, "mode 120") {
		a.hit("%s: it was %s, is %s", variant, was, now)
	}
	if now := describe("/dev/null"); now != null {
		a.hit("%s: the null device was %s, is %s", variant, null, now)
	}
}

// Another user of the machine must not reach into the state of a container: reading its
// FIFO starts it, writing to it makes start believe so.
func TestTheStateIsClosedToOthers(t *testing.T) {
	a := try(t, "S-32")
	b := a.bundle().shell("true")
	must(t, os.Mkdir(b.state(), 0o755)) // some engines make it so
	_, stop := b.created()
	defer stop()
	a.ran++
	cmd := again("open everything", b.state(), b.id)
	cmd.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: 65534, Gid: 65534}}
	out, err := cmd.CombinedOutput()
	must(t, err)
	for line := range strings.Lines(string(out)) {
		if line != "in\n" {
			a.hit("user 65534 has %s", strings.ReplaceAll(strings.TrimSpace(line), b.id, "ID"))
		}
	}
}

// openEverything opens what it can see, or guess the name of.
func openEverything(args []string) {
	names := []string{"", "state.json", "config.json", "exec.fifo", "status", "cgroup", "notify", "fifo"}
	for _, dir := range []string{args[0] + "/" + args[1], args[0]} {
		entries, _ := os.ReadDir(dir)
		for _, e := range entries {
			names = append(names, e.Name())
		}
		for _, name := range names {
			if dir == args[0] && name == "" {
				continue
			}
			for mode, way := range map[int]string{unix.O_RDONLY: "read", unix.O_WRONLY: "written to"} {
				fd, err := unix.Open(dir+"/"+name, mode|unix.O_NONBLOCK, 0)
				if err == nil {
					unix.Close(fd)
				}
				if err == nil || err == unix.ENXIO { // ENXIO: a FIFO that nobody reads yet
					fmt.Println(way, dir+"/"+name)
				}
			}
		}
		names = names[:0]
	}
}
