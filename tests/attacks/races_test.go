package attacks

import (
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"sync/atomic"
	"testing"

	"golang.org/x/sys/unix"
)

// rounds is how often each place is raced for.
const rounds = 300

// burst is how often a pair is exchanged at a stretch: about 0.1 ms.
const burst = 20

// exchange swaps pairs of names in a folder until it is stopped: the work of a neighbour
// that shares a volume. It takes short breaks, or a small machine would have nothing left
// for the runtime.
func exchange(t *testing.T, dir string, pairs [][2]string) (stop func() int) {
	t.Helper()
	fd, err := unix.Open(dir, unix.O_PATH|unix.O_DIRECTORY|unix.O_CLOEXEC, 0)
	must(t, err)
	var over atomic.Bool
	done := make(chan int)
	go func() {
		runtime.LockOSThread()
		n := 0
		for ; !over.Load(); n++ {
			for _, p := range pairs {
				if err := unix.Renameat2(fd, p[0], fd, p[1], unix.RENAME_EXCHANGE); err != nil {
					t.Errorf("exchange %v: %v", p, err)
				}
			}
			if n%burst == 0 {
				_ = unix.Nanosleep(&unix.Timespec{Nsec: 200_000}, nil)
			}
		}
		done <- n
	}()
	return func() int {
		over.Store(true)
		n := <-done
		unix.Close(fd)
		return n
	}
}

// CVE-2021-30465: between looking at a path and using it, a part of it becomes a link
// to the host. Every place that a container has is raced for, by a neighbour with the
// same volume.
func TestAPathCannotBeExchangedForALinkToTheHost(t *testing.T) {
	a := try(t, "S-13")
	b := a.bundle()
	volume := b.dir + "/volume"
	file := b.dir + "/file"
	must(t, os.WriteFile(file, []byte("shown\n"), 0o644))
	// Inside, the link leads to a folder too: a runtime that stays there goes on to the
	// next place.
	must(t, os.MkdirAll(b.inside(a.host+"/sub"), 0o755))
	var pairs [][2]string
	for _, name := range []string{"folder", "file", "device", "masked", "readonly", "cwd"} {
		must(t, os.MkdirAll(filepath.Join(volume, name, "sub"), 0o755))
		must(t, os.WriteFile(filepath.Join(volume, name, "sub", "secret"), []byte("of the volume\n"), 0o644))
		must(t, os.Symlink(a.host, filepath.Join(volume, name+"-link")))
		pairs = append(pairs, [2]string{name, name + "-link"})
	}
	b.shell("pwd; cat secret /volume/*/secret /volume/*/sub/secret").mount("/volume", "bind", volume, "rbind")
	usual := len(b.spec.Mounts)
	b.works()
	stop := exchange(t, volume, pairs)
	reached := 0
	for i := range rounds {
		b.spec.Mounts = b.spec.Mounts[:usual]
		b.mount(fmt.Sprintf("/volume/folder/folder-%d/deep", i), "tmpfs", "tmpfs")
		b.mount(fmt.Sprintf("/volume/file/file-%d", i), "bind", file, "bind")
		b.spec.Linux.Devices = nil
		b.with(a, fmt.Sprintf("/volume/device/device-%d", i), 1, 3)
		b.spec.Linux.MaskedPaths = []string{"/volume/masked/sub"}
		b.spec.Linux.ReadonlyPaths = []string{"/volume/readonly/sub"}
		b.spec.Process.Cwd = fmt.Sprintf("/volume/cwd/cwd-%d", i)
		if b.attack("a race").ran {
			reached++
		}
	}
	t.Logf("%d exchanges in %d rounds, %d programs started", stop(), rounds, reached)
	if reached < rounds/20 {
		t.Errorf("only %d of %d programs were started: most places were never raced for", reached, rounds)
	}
}

// The same for the folder of the terminals, which is looked into after it was mounted.
func TestATerminalCannotBeExchanged(t *testing.T) {
	a := try(t, "S-13")
	b := a.bundle().without("/dev", "/dev/shm", "/dev/mqueue", "/dev/pts").payload("read and write", "/dev/console", "/dev/pts/0", "/dev/pts/ptmx")
	volume := b.dir + "/volume"
	must(t, os.MkdirAll(volume+"/pts", 0o755))
	must(t, os.MkdirAll(volume+"/link", 0o755))
	must(t, os.WriteFile(volume+"/link/ptmx", nil, 0o666))
	must(t, os.Symlink(a.host+"/secret", volume+"/link/0"))
	must(t, unix.Mknod(volume+"/null", unix.S_IFCHR|0o666, int(unix.Mkdev(1, 3))))
	must(t, os.Symlink("pts/ptmx", volume+"/ptmx"))
	must(t, os.WriteFile(volume+"/console", nil, 0o666))
	must(t, os.Symlink(a.host+"/console", volume+"/console-link"))
	b.mount("/dev", "bind", volume, "rbind").mount("/dev/pts", "devpts", "devpts", "newinstance", "ptmxmode=0666")
	stop := exchange(t, volume, [][2]string{{"pts", "link"}, {"console", "console-link"}})
	for range rounds / 3 {
		before := a.look()
		a.judge("a race", before, b.onTerminal())
	}
	t.Logf("%d exchanges", stop())
}
