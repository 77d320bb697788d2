package attacks

import (
	"fmt"
	"os"
	"os/exec"
	"strings"
	"testing"

	"golang.org/x/sys/unix"
)

// crowd fills the runtime's descriptors from 3 to 9 with what path names. A descriptor
// that the runtime leaks then gets a number that nothing in it puts another file on,
// which hides the leak otherwise.
func crowd(path string) func(*exec.Cmd) {
	return func(cmd *exec.Cmd) {
		for range 7 {
			f, err := os.Open(path)
			if err != nil {
				panic(err)
			}
			cmd.ExtraFiles = append(cmd.ExtraFiles, f)
		}
	}
}

// premade gives the bundle a cgroup that is there already: a runtime opens more on the
// way to one.
func (b *bundle) premade() *bundle {
	b.a.Helper()
	path := fmt.Sprintf("/premade-%d", counter.Add(1))
	must(b.a, os.Mkdir("/sys/fs/cgroup"+path, 0o755))
	b.a.Cleanup(func() { _ = unix.Rmdir("/sys/fs/cgroup" + path) })
	b.spec.Linux.CgroupsPath = path
	return b
}

// CVE-2024-21626: the working directory is reached through a descriptor that the
// runtime, or whoever called it, has left open.
func TestAWorkingDirectoryIsInsideTheRoot(t *testing.T) {
	a := try(t, "S-01")
	b := a.bundle().premade().payload("look around", a.host).works()
	ways := []string{"/proc/self/cwd", "/proc/self/root", "/proc/1/root", "/proc/1/cwd", "/proc/self/task/1/cwd", "/proc/thread-self/root", "/proc/self/cwd/../..",
		strings.Repeat("../", 24) + a.host[1:], "/tmp/" + upAndOver(a.host)}
	for fd := 3; fd <= 20; fd++ {
		ways = append(ways, fmt.Sprintf("/proc/self/fd/%d", fd))
	}
	for _, open := range []string{"/dev/null", a.host} {
		b.command = crowd(open)
		for _, way := range ways {
			b.premade().spec.Process.Cwd = way
			b.enter(way)
		}
	}
}

// The same, but the image's author names the place.
func TestALinkToAWorkingDirectoryStaysInsideTheRoot(t *testing.T) {
	a := try(t, "S-02")
	b := a.bundle().premade().payload("look around", a.host).works()
	b.spec.Process.Cwd = "/link"
	b.command = crowd("/dev/null")
	ways := []string{"/proc/self/cwd", "/proc/1/root", "/proc/self/root/../..", a.host, upAndOver(a.host)}
	for fd := 3; fd <= 20; fd++ {
		ways = append(ways, fmt.Sprintf("/proc/self/fd/%d", fd))
	}
	for _, way := range ways {
		b.premade().link("/link", way)
		b.enter("a link to " + way)
	}
}

// enter runs the container, and asks of its working directory to have a name: one
// outside the root has none.
func (b *bundle) enter(variant string) {
	b.a.Helper()
	o := b.attack(variant)
	if o.ran && !strings.Contains(o.out, "\ncwd /") {
		b.a.hit("%s: the working directory is outside: %q", variant, o.out)
	}
}

// A descriptor that reaches the program is a way to whatever it shows.
func TestAProgramStartsWithTheFilesItWasGiven(t *testing.T) {
	a := try(t, "S-04")
	b := a.bundle().premade().payload("list files").works()
	a.files(b, "plain", 3)

	crowd := crowd(a.host)
	b.command = crowd
	a.files(b, "files 3 to 9 left open", 3)

	b.flags = []string{"--preserve-fds", "2"}
	a.files(b, "files 3 to 9 left open, 3 and 4 to be kept", 5)

	b.flags = nil
	b.command = func(cmd *exec.Cmd) {
		crowd(cmd)
		cmd.ExtraFiles = append(make([]*os.File, 14), cmd.ExtraFiles[0])
	}
	a.files(b, "file 17 left open", 3)
}

func (a *attempt) files(b *bundle, variant string, end int) {
	a.Helper()
	o := b.attack(variant)
	if !o.ran {
		a.Errorf("%s: %s", variant, o.said)
	}
	for line := range strings.Lines(o.out) {
		var fd int
		if n, _ := fmt.Sscanf(line, "file %d", &fd); n == 1 && fd >= end {
			a.hit("%s: the program has %s", variant, strings.TrimSpace(line))
		}
	}
}
