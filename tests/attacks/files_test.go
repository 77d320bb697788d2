package attacks

import (
	"os"
	"os/exec"
	"strings"
	"testing"

	specs "github.com/opencontainers/runtime-spec/specs-go"
	"golang.org/x/sys/unix"
)

// hostileFiles are what an image may have where a runtime looks something up.
func hostileFiles(host string) map[string]func(path string) error {
	return map[string]func(string) error{
		"a fifo":                   func(path string) error { return unix.Mkfifo(path, 0o644) },
		"a folder":                 func(path string) error { return os.Mkdir(path, 0o755) },
		"a link to /dev/zero":      func(path string) error { return os.Symlink("/dev/zero", path) },
		"a device":                 func(path string) error { return unix.Mknod(path, unix.S_IFCHR|0o666, int(unix.Mkdev(1, 5))) },
		"a line of 5 MB":           func(path string) error { return os.WriteFile(path, []byte(strings.Repeat("x", 5<<20)), 0o644) },
		"a million lines":          func(path string) error { return os.WriteFile(path, []byte(strings.Repeat(":\n", 1<<20)), 0o644) },
		"a link to the host":       func(path string) error { return os.Symlink(host+"/passwd", path) },
		"a way up to the host":     func(path string) error { return os.Symlink(upAndOver(host+"/passwd"), path) },
		"a link to itself":         func(path string) error { return os.Symlink("passwd", path) },
		"a link through procfs":    func(path string) error { return os.Symlink("/proc/1/root"+host+"/passwd", path) },
		"a line without its end":   func(path string) error { return os.WriteFile(path, []byte("root:x:0:0"), 0o644) },
		"a home that is no path":   func(path string) error { return os.WriteFile(path, []byte("root:x:0:0::home\n"), 0o644) },
		"a home with a NUL":        func(path string) error { return os.WriteFile(path, []byte("root:x:0:0::/a\x00b:/bin/sh\n"), 0o644) },
		"a home that never begins": func(path string) error { return os.WriteFile(path, []byte("root:x:0:0:"), 0o644) },
	}
}

// A runtime looks the home of a user up in the image. It must not wait for what never
// ends, nor look outside.
func TestWhatIsLookedUpInTheImageIsInIt(t *testing.T) {
	a := try(t, "S-26")
	must(t, os.WriteFile(a.host+"/passwd", []byte("root:x:0:0::/"+secret+":/bin/sh\nuser:x:1000:1000::/"+secret+":/bin/sh\n"), 0o644))
	for what, put := range hostileFiles(a.host) {
		for _, name := range []string{"passwd", "group"} {
			b := a.bundle().payload("tell who I am")
			b.spec.Process.User = specs.User{UID: 1000, GID: 1000}
			must(t, put(b.inside("/etc/"+name)))
			// A file that never ends must not take the machine's memory.
			b.command = modest
			b.attack("/etc/" + name + " is " + what)
		}
	}
}

// modest limits the memory of the runtime (RLIMIT_DATA, 1 GiB).
func modest(cmd *exec.Cmd) {
	cmd.Args = append([]string{"/bin/busybox", "sh", "-c", `ulimit -d 1048576; exec "$0" "$@"`, cmd.Path}, cmd.Args[1:]...)
	cmd.Path = image + "/busybox"
}

// Nothing in the image counts as configuration.
func TestFilesOfTheImageConfigureNothing(t *testing.T) {
	a := try(t, "S-26")
	b := a.bundle().shell("cat /shown; cat /secret")
	hostile := strings.Replace(`{"ociVersion":"1.0.2","process":{"args":["/bin/sh","-c","echo in; cat /shown/secret"],"cwd":"/"},"root":{"path":"HOST"},`+
		`"mounts":[{"destination":"/shown","type":"bind","source":"HOST","options":["rbind"]}],"linux":{}}`, "HOST", a.host, 2)
	for _, name := range []string{"config.json", "state.json", ".mdrun.json", "etc/mdrun.json", "run.oci.handler", "etc/containers/oci/config.json", "etc/runc.json", "etc/crun.json"} {
		must(t, os.MkdirAll(b.inside("/etc/containers/oci"), 0o755))
		must(t, os.WriteFile(b.inside("/"+name), []byte(hostile), 0o644))
	}
	b.attack("files named like configuration")
}
