package step

import (
	"os"
	"sync/atomic"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// twoMounts makes /vol/a/x and /vol/b/x: whoever has the volume elsewhere, or renames a
// folder above, has one path lead to the other's mount.
func twoMounts(w *world) {
	w.Helper()
	for _, dir := range []string{"a", "b"} {
		must(w.T, os.MkdirAll(w.in("vol/"+dir+"/x"), 0o755))
	}
	w.apply(&Mount{Type: "tmpfs", Source: "tmpfs", Target: "/vol/b/x"})
}

func (w *world) exchange() {
	w.Helper()
	must(w.T, unix.Renameat2(unix.AT_FDCWD, w.in("vol/a"), unix.AT_FDCWD, w.in("vol/b"), unix.RENAME_EXCHANGE))
}

// What an entry has mounted is what a later one changes, and what becomes read-only late,
// wherever its path leads by then.
func TestStepRemountChangesWhatWasKept(t *testing.T) {
	if !inside(t) {
		return
	}
	w := newWorld(t)
	twoMounts(w)
	must(t, os.Mkdir(w.in("source"), 0o755))
	for _, mount := range []Step{&Mount{Type: "tmpfs", Source: "tmpfs", Target: "/vol/a/x", Keep: true}, &Bind{Source: w.in("source"), Target: "/vol/a/x", Keep: true}} {
		for _, change := range []Step{&Remount{Target: "/vol/a/x", After: Attributes{Set: unix.MOUNT_ATTR_NOEXEC}, Kept: 1},
			&Reconfigure{Target: "/vol/a/x", Flags: unix.MS_NOEXEC, Kept: 1}} {
			w.apply(mount)
			w.exchange()
			w.apply(change)
			for path, want := range map[string]int64{"vol/b/x": unix.ST_NOEXEC, "vol/a/x": 0} {
				if _, flags := w.mounted(path); flags&unix.ST_NOEXEC != want {
					t.Errorf("%s, %s: flags %#x", change, path, flags)
				}
			}
			w.exchange()
			w.env.letGo()
			must(t, unix.Unmount(w.in("vol/a/x"), 0))
		}
	}
	if n := len(w.env.kept.mounts); n > 0 {
		t.Errorf("%d mounts are still held", n)
	}
}

// A neighbour exchanges folders all the time: the options of a new mount, and what is copied
// into it, go nowhere else.
func TestStepMountIsNotExchangedForAnother(t *testing.T) {
	if !inside(t) {
		return
	}
	w := newWorld(t)
	twoMounts(w)
	w.write("vol/a/x/file", "", 0o644)
	other, err := unix.Open(w.in("vol/b/x"), unix.O_PATH|unix.O_CLOEXEC, 0)
	must(t, err)
	var over atomic.Bool
	n, done := 0, make(chan error)
	go func() {
		for ; !over.Load(); n++ {
			if err := unix.Renameat2(unix.AT_FDCWD, w.in("vol/a"), unix.AT_FDCWD, w.in("vol/b"), unix.RENAME_EXCHANGE); err != nil {
				done <- err
				return
			}
		}
		done <- nil
	}()
	s := &Mount{Type: "tmpfs", Source: "tmpfs", Target: "/vol/a/x", CopyUp: true, Keep: true, After: Attributes{Set: unix.MOUNT_ATTR_NOEXEC}}
	for begin := time.Now(); time.Since(begin) < 300*time.Millisecond; {
		w.apply(s)
		mounted := w.env.kept.mounts[0]
		var fs unix.Statfs_t
		must(t, unix.Fstatfs(mounted, &fs))
		if fs.Flags&unix.ST_NOEXEC == 0 {
			t.Fatal("the mount has not its options")
		}
		must(t, unix.Fstatfs(other, &fs))
		if _, err := os.Lstat("/proc/self/" + onFD(other)[len("self/"):] + "/file"); fs.Flags&unix.ST_NOEXEC != 0 || err == nil {
			t.Fatalf("another mount has the options or the content: flags %#x, %v", fs.Flags, err)
		}
		must(t, unix.Unmount("/proc/"+onFD(mounted), unix.MNT_DETACH))
		w.env.letGo()
	}
	over.Store(true)
	must(t, <-done)
	if n < 100 {
		t.Errorf("only %d exchanges", n)
	}
}

// What is below the mount has to be searched for it.
func TestStepMountOnAClosedFolderTakesNoLateOptions(t *testing.T) {
	if !inside(t) {
		return
	}
	w := newWorld(t)
	must(t, os.Mkdir(w.in("closed"), 0))
	s := &Mount{Type: "tmpfs", Source: "tmpfs", Target: "/closed"}
	const admin = 1 << unix.CAP_SYS_ADMIN
	w.apply(&Capabilities{Permitted: admin})
	raise(t, admin)
	w.apply(s)
	must(t, unix.Unmount(w.in("closed"), 0))
	s.After.Propagations = []uint64{unix.MS_PRIVATE}
	w.fails(s, "the folder below is closed to the container's root", "chmod o+x")
}
