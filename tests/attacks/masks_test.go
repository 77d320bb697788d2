package attacks

import (
	"fmt"
	"os"
	"strings"
	"testing"

	specs "github.com/opencontainers/runtime-spec/specs-go"
	"golang.org/x/sys/unix"
)

// parameter is what attempts on the kernel's parameters aim at: it belongs to the
// network namespace, which for a container without its own is that of the sandbox.
const parameter = "/proc/sys/net/ipv4/ip_default_ttl"

// onHostNetwork takes the container's network namespace away.
func (b *bundle) onHostNetwork() *bundle { return b.joined(specs.NetworkNamespace) }

// joined leaves the container in the caller's namespace of a type.
func (b *bundle) joined(kind specs.LinuxNamespaceType) *bundle {
	list := b.spec.Linux.Namespaces
	for i := range list {
		if list[i].Type == kind {
			b.spec.Linux.Namespaces = append(list[:i:i], list[i+1:]...)
			break
		}
	}
	return b
}

// unset looks whether the parameter is what it was, and makes it so.
func (a *attempt) unset(variant, before string) {
	a.Helper()
	now, err := os.ReadFile(parameter)
	must(a, err)
	if string(now) != before {
		a.hit("%s: %s of the host is %s", variant, parameter, strings.TrimSpace(string(now)))
		must(a, os.WriteFile(parameter, []byte(before), 0))
	}
}

func init() { roles["read and write"] = readAndWrite }

// nulls are what an image may have in place of the null device, by what it is.
func nulls(masked string) map[string]func(path string) error {
	to := func(target string) func(string) error {
		return func(path string) error { return os.Symlink(target, path) }
	}
	node := func(mode uint32, major, minor uint32) func(string) error {
		return func(path string) error { return unix.Mknod(path, mode|0o666, int(unix.Mkdev(major, minor))) }
	}
	return map[string]func(string) error{
		"missing":                    func(string) error { return nil },
		"a link to the masked place": to(masked),
		"a link to a parameter":      to(parameter),
		"a link to nothing":          to("/nothing/null"),
		"a link to itself":           to("null"),
		"a file":                     func(path string) error { return os.WriteFile(path, []byte("of the image\n"), 0o666) },
		"a folder":                   func(path string) error { return os.Mkdir(path, 0o755) },
		"a fifo":                     node(unix.S_IFIFO, 0, 0),
		"another device":             node(unix.S_IFCHR, 1, 5),
	}
}

// mask runs a container that masks a place, once with each false null device in its
// /dev: that of the image, and a volume of a neighbour.
func (a *attempt) mask(masked, shown string) {
	a.Helper()
	if o := a.bundle().payload("read and write", masked).run(); !strings.Contains(o.out, shown) {
		a.Fatalf("%s without a mask: %+v", masked, o)
	}
	for _, of := range []string{"the image's", "a volume's"} {
		for what, put := range nulls(masked) {
			variant := of + " null device is " + what
			b := a.bundle().onHostNetwork().without("/dev", "/dev/pts", "/dev/shm", "/dev/mqueue").payload("read and write", masked)
			b.spec.Linux.MaskedPaths = []string{masked}
			b.spec.Linux.ReadonlyPaths = []string{"/proc/sys"}
			null := b.inside("/dev/null")
			if of == "a volume's" {
				null = b.dir + "/null"
				b.mount("/dev", "bind", b.dir, "bind")
			}
			must(a, put(null))
			before, err := os.ReadFile(parameter)
			must(a, err)
			o := b.attack(variant)
			if strings.Contains(o.out, shown) {
				a.hit("%s: what is masked can be read", variant)
			}
			a.unset(variant, string(before))
		}
	}
}

// readAndWrite says what is at a place, and leaves a mark there. What is not a file or a
// folder is not waited for.
func readAndWrite(args []string) {
	for _, path := range args {
		if fd, err := unix.Open(path, unix.O_RDONLY|unix.O_NONBLOCK, 0); err == nil {
			buf := make([]byte, 4096)
			n, _ := unix.Read(fd, buf)
			fmt.Printf("%s: %s\n", path, buf[:max(n, 0)])
		}
		entries, _ := os.ReadDir(path)
		for _, e := range entries {
			fmt.Printf("%s/%s\n", path, e.Name())
		}
		if fd, err := unix.Open(path, unix.O_WRONLY|unix.O_NONBLOCK, 0); err == nil {
			_, _ = unix.Write(fd, []byte("77\n"))
		}
	}
}

// CVE-2025-31133: the mask is whatever the image calls the null device, or none at all.
func TestAMaskedFileIsNeverReadable(t *testing.T) {
	a := try(t, "S-05")
	kernel, err := os.ReadFile("/proc/version")
	must(t, err)
	a.mask("/proc/version", string(kernel))
}

func TestAMaskedFolderIsNeverReadable(t *testing.T) {
	a := try(t, "S-06")
	a.mask("/proc/tty", "/proc/tty/drivers")
}

// What masks the folders may be one filesystem for all: nobody may leave anything in it.
// What masks the files may be the host's own device.
func TestAMaskCannotBeWrittenTo(t *testing.T) {
	a := try(t, "S-06")
	b := a.bundle()
	b.spec.Linux.MaskedPaths = []string{"/proc/tty", "/proc/fs", "/proc/version"}
	b.shell("for m in /proc/tty /proc/fs; do echo >$m/left && echo written; chmod 777 $m && echo written; done; chmod 600 /proc/version; chown 7:7 /proc/version")
	before := describe("/dev/null")
	o := b.attack("usual")
	if !o.ran {
		t.Fatalf("%+v", o)
	}
	if strings.Contains(o.out, "written") {
		a.hit("the mask was written to")
	}
	if now := describe("/dev/null"); now != before {
		a.hit("the host's null device was %s, is %s", before, now)
		must(t, os.Chown("/dev/null", 0, 0))
		must(t, os.Chmod("/dev/null", 0o666))
	}
}

// false trees are what an image may have in place of /proc or /sys.
func falseTrees(host string) map[string]func(path string) error {
	to := func(target string) func(string) error {
		return func(path string) error { return os.Symlink(target, path) }
	}
	return map[string]func(string) error{
		"a link to a folder of the host":          to(host),
		"a relative link to a folder of the host": to(upAndOver(host)),
		"a link to a folder of the image":         to("/fake"),
		"a relative link to one":                  to("fake"),
		"a link to the root":                      to("/"),
		"a link to another tree":                  to("/dev"),
		"a link to nothing":                       to("/nothing/here"),
		"a link to itself":                        to("proc"),
		"a file":                                  func(path string) error { return os.WriteFile(path, []byte("of the image\n"), 0o644) },
		"a fifo":                                  func(path string) error { return unix.Mkfifo(path, 0o644) },
	}
}

// CVE-2019-19921, CVE-2023-27561: where /proc is something else, what is written to it
// or protected in it is something else too.
func TestProcIsProcOrNothingRuns(t *testing.T) { falseTree(try(t, "S-07"), "/proc") }

func TestSysIsSysOrNothingRuns(t *testing.T) { falseTree(try(t, "S-08"), "/sys") }

func falseTree(a *attempt, tree string) {
	a.Helper()
	for what, put := range falseTrees(a.host) {
		variant := tree + " is " + what
		b := a.bundle().onHostNetwork()
		b.spec.Linux.MaskedPaths = []string{"/proc/version", "/sys/kernel/notes"}
		b.spec.Linux.ReadonlyPaths = []string{"/proc/sys"}
		must(a, os.Mkdir(b.inside("/fake"), 0o755))
		must(a, os.MkdirAll(b.inside(a.host), 0o755))
		b.shell(fmt.Sprintf("for p in /proc /sys /fake / %s; do cat $p/version $p/kernel/notes; echo 77 >$p/sys/net/ipv4/ip_default_ttl; done", a.host))
		if tree == "/sys" {
			b.joined(specs.CgroupNamespace)
		}
		must(a, os.Remove(b.inside(tree)))
		must(a, put(b.inside(tree)))
		kernel, err := os.ReadFile("/proc/version")
		must(a, err)
		before, err := os.ReadFile(parameter)
		must(a, err)
		o := b.attack(variant)
		if st, err := os.Lstat(b.inside(tree)); o.ran && (err != nil || !st.IsDir()) {
			a.hit("%s: it runs, and what is protected by its name is in another place", variant)
		}
		if strings.Contains(o.out, string(kernel)) || strings.Contains(o.out, "GNU\x00") {
			a.hit("%s: what is masked can be read", variant)
		}
		a.unset(variant, string(before))
	}
}
