package attacks

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

func init() {
	roles["write to what runs"] = writeToWhatRuns
	roles["wait and write"] = waitAndWrite
}

// graffito is what ends up behind the runtime's program when somebody could write to it.
const graffito = "written from a container"

// writeToWhatRuns is the program in place of the runtime's own: as its loader, or
// through a script. It keeps its image open, becomes another program, which makes the
// image free to be written to (ETXTBSY before), and tries.
func writeToWhatRuns([]string) {
	fd, err := unix.Open("/proc/self/exe", unix.O_RDONLY, 0)
	fmt.Println("holds", fd, err)
	env := []string{roleVar + "=wait and write"}
	fmt.Println(unix.Exec("/bin/payload", []string{"/bin/payload", fmt.Sprint(fd)}, env))
}

func waitAndWrite(args []string) {
	for range 100 {
		scribble("/proc/self/fd/" + args[0])
		time.Sleep(2 * time.Millisecond)
	}
}

// scribble tries to write to a program, on a mount that it first makes writable.
func scribble(path string) {
	_ = unix.MountSetattr(unix.AT_FDCWD, path, 0, &unix.MountAttr{Attr_clr: unix.MOUNT_ATTR_RDONLY})
	if fd, err := unix.Open(path, unix.O_WRONLY|unix.O_APPEND, 0); err == nil {
		_, err = unix.Write(fd, []byte(graffito))
		if err == nil {
			fmt.Println("has written to a program")
		}
		unix.Close(fd)
	}
}

// ownRuntime gives the bundle a copy of the runtime of its own, to be ruined.
func (b *bundle) ownRuntime() *bundle {
	b.a.Helper()
	b.runtime = filepath.Join(b.dir, filepath.Base(runtimePath))
	must(b.a, copyProgram(runtimePath, b.runtime))
	return b
}

// CVE-2019-5736: the program of the container is the runtime's own, of which the
// container's root directs the loader and the libraries.
func TestTheRuntimesProgramCannotBeWrittenTo(t *testing.T) {
	a := try(t, "S-15")
	for _, program := range []string{"/proc/self/exe", "/script", "/link", "/proc/1/exe"} {
		b := a.bundle().ownRuntime().payload("write to what runs")
		before := hash(t, b.runtime)
		b.spec.Process.Args = []string{program, "true"}
		b.spec.Process.Env = append(b.spec.Process.Env, "LD_LIBRARY_PATH=/lib", "LD_PRELOAD=/lib/hostile.so")
		must(t, os.WriteFile(b.inside("/script"), []byte("#!/proc/self/exe\n"), 0o755))
		b.link("/link", "/proc/self/exe")
		for _, loader := range []string{"/lib64/ld-linux-x86-64.so.2", "/lib/ld-linux-aarch64.so.1", "/lib/ld-musl-x86_64.so.1"} {
			must(t, os.MkdirAll(filepath.Dir(b.inside(loader)), 0o755))
			must(t, os.Link(image+"/payload", b.inside(loader)))
		}
		o := b.attack(program + " is the program")
		if hash(t, b.runtime) != before {
			a.hit("%s is the program: the runtime's file has changed", program)
		}
		if strings.Contains(o.out, "holds") {
			t.Logf("%s: the loader is the container's: %q", program, o.out)
		}
	}
}

// A runtime that protects its program by what is below, beside or behind its path would
// run another one where a mount covers that.
func TestTheRuntimeIsItselfUnderAMount(t *testing.T) {
	a := try(t, "S-15")
	b := a.bundle().shell("true")
	b.runtime = b.dir + "/" + filepath.Base(runtimePath)
	mark := a.host + "/../ran-the-covered-program"
	must(t, os.WriteFile(b.runtime, []byte("#!/bin/sh\necho >"+mark+"\n"), 0o755))
	must(t, unix.Mount(runtimePath, b.runtime, "", unix.MS_BIND, ""))
	defer unix.Unmount(b.runtime, unix.MNT_DETACH)
	if o := b.attack("the runtime is a file that is mounted"); !o.ran {
		a.hit("it does not run where it is mounted: %s", o.said)
	}
	if _, err := os.Stat(mark); err == nil {
		a.hit("the program under the mount was run")
	}
}
