package attacks

import (
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	specs "github.com/opencontainers/runtime-spec/specs-go"
	"golang.org/x/sys/unix"
)

func init() { roles["tell filesystems"] = tellFilesystems }

// tellFilesystems tells what lies on places, by its type.
func tellFilesystems(args []string) {
	for _, path := range args {
		var fs unix.Statfs_t
		if err := unix.Statfs(path, &fs); err == nil {
			fmt.Printf("type %s %x\n", path, fs.Type)
		}
	}
}

// CVE-2019-16884, CVE-2025-52881: a mount below /proc hides files that the runtime
// writes to, or protects. It may be reached by an odd path or through a link.
func TestNothingIsMountedInsideProc(t *testing.T) {
	a := try(t, "S-09")
	places := []string{"/proc", "/proc/self", "/proc/1", "/proc/self/attr", "/proc/self/attr/exec", "/proc/sys", "/proc/sys/kernel", "/proc/sysrq-trigger", "/proc/tty", "/proc/fs"}
	usual := func() *bundle { return a.bundle().payload("tell filesystems", places...) }
	usual().works()
	try := func(variant string, b *bundle) {
		t.Helper()
		o := b.attack(variant)
		for line := range strings.Lines(o.out) {
			var path, kind string
			if n, _ := fmt.Sscanf(line, "type %s %s", &path, &kind); n == 2 && kind != strconv.FormatInt(unix.PROC_SUPER_MAGIC, 16) {
				a.hit("%s: %s is covered", variant, path)
			}
		}
	}
	for _, place := range []string{"/proc/self", "/proc/1", "/proc/1/attr", "/proc/sys", "/proc/sys/kernel", "/proc/tty", "/proc/./tty", "//proc//tty", "/dev/../proc/tty", "/sys/fs/../../proc/fs"} {
		try("a tmpfs on "+place, usual().mount(place, "tmpfs", "tmpfs"))
		try("a folder on "+place, usual().mount(place, "bind", a.host+"/sub", "bind", "ro"))
		try("a tmpfs on a link to "+place, usual().link("/link", place).mount("/link", "tmpfs", "tmpfs"))
		try("a folder on a relative link to "+place, usual().link("/dir/link", ".."+place).mount("/dir/link", "bind", a.host+"/sub", "bind", "ro"))
		up := filepath.Dir(filepath.Clean(place))
		try("a tmpfs below a link to "+up, usual().link("/link", up).mount("/link/"+filepath.Base(place), "tmpfs", "tmpfs"))
	}
	for _, place := range []string{"/proc/self/attr/exec", "/proc/sysrq-trigger"} {
		try("a file on "+place, usual().mount(place, "bind", a.host+"/hosts", "bind", "ro"))
		try("a file on a link to "+place, usual().link("/link", place).mount("/link", "bind", a.host+"/hosts", "bind", "ro"))
	}
	for _, source := range []string{"proc", "/proc", "tmpfs"} {
		try("a tmpfs called "+source+" on /proc", usual().mount("/proc", "tmpfs", source))
		try("a tmpfs called "+source+" on a link to /proc", usual().link("/link", "/proc").mount("/link", "tmpfs", source))
	}
	try("a folder on /proc", usual().mount("/proc", "bind", a.host+"/sub", "bind"))
	try("a folder on a link to /proc", usual().link("/link", "/proc").mount("/link", "bind", a.host+"/sub", "bind"))
}

// A parameter that belongs to no namespace of the container's own is the host's. Where
// nothing of the sandbox can be aimed at, the value is the one that is set already: to
// be accepted is the hit.
func TestAParameterOfTheHostIsNotSet(t *testing.T) {
	a := try(t, "S-14")
	swappiness, err := os.ReadFile("/proc/sys/vm/swappiness")
	must(t, err)
	same := strings.TrimSpace(string(swappiness))
	sound := a.bundle().shell("true")
	sound.spec.Linux.Sysctl = map[string]string{"net.ipv4.ip_default_ttl": "63"}
	sound.works()
	for _, name := range []string{"vm.swappiness", "vm/swappiness", "net.ipv4/../../vm/swappiness", "net/../vm/swappiness", "net/ipv4/../../vm/swappiness", "net//..//vm/swappiness",
		"kernel.shm/../../vm/swappiness", "fs.mqueue./../../vm/swappiness", "fs/mqueue/../../vm/swappiness", "net....vm.swappiness", "+vm.swappiness", "/vm/swappiness",
		"net/../../sys/vm/swappiness", "kernel/msgmax/../../vm/swappiness", "vm.swappiness\x00net.", "net.ipv4.ip_default_ttl/../../../vm/swappiness"} {
		b := a.bundle().shell("true")
		b.spec.Linux.Sysctl = map[string]string{name: same}
		if o := b.attack(strconv.Quote(name)); o.ran {
			a.hit("%q is accepted", name)
		}
	}
}

// The same for the namespaces that the container shares with its caller: here the
// value shows.
func TestAParameterOfASharedNamespaceIsNotSet(t *testing.T) {
	a := try(t, "S-14")
	for _, c := range []struct {
		shared      specs.LinuxNamespaceType
		name, value string
	}{
		{specs.NetworkNamespace, "net.ipv4.ip_default_ttl", "77"},
		{specs.NetworkNamespace, "net/ipv4/ip_default_ttl", "77"},
		{specs.UTSNamespace, "kernel.domainname", "taken"},
		{specs.UTSNamespace, "net/../kernel/domainname", "taken"},
		{specs.IPCNamespace, "kernel.msgmax", "4096"},
		{specs.IPCNamespace, "net/../kernel/msgmax", "4096"},
		{specs.IPCNamespace, "fs.mqueue.msg_max", "11"},
	} {
		b := a.bundle().joined(c.shared).without("/dev/mqueue").shell("true")
		b.spec.Linux.Sysctl = map[string]string{c.name: c.value}
		file := "/proc/sys/" + strings.ReplaceAll(c.name, ".", "/")
		if strings.Contains(c.name, "/") {
			file = filepath.Clean("/proc/sys/" + c.name)
		}
		before, err := os.ReadFile(file)
		must(t, err)
		b.attack(c.name + " without an own namespace")
		if now, _ := os.ReadFile(file); string(now) != string(before) {
			a.hit("%s: the host's is %q now", c.name, now)
			must(t, os.WriteFile(file, before, 0))
		}
	}
}
