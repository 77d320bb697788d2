package step

import (
	"os"
	"path/filepath"
	"testing"

	"golang.org/x/sys/unix"
)

// A mount that the container makes in a shared source reaches the host only when the
// source was held before the root was entered.
func TestStepHoldSource(t *testing.T) {
	if !inside(t) {
		return
	}
	dir := os.Getenv(insideVar)
	must(t, unix.Mount("", "/", "", unix.MS_REC|unix.MS_PRIVATE, ""))
	must(t, unix.Mount("tmpfs", dir, "tmpfs", 0, ""))
	must(t, os.MkdirAll(filepath.Join(dir, "root"), 0o755))
	source := filepath.Join(dir, "source")
	must(t, os.Mkdir(source, 0o755))
	must(t, unix.Mount("tmpfs", source, "tmpfs", 0, ""))
	must(t, unix.Mount("", source, "", unix.MS_SHARED, ""))
	must(t, os.Mkdir(filepath.Join(source, "in"), 0o755))
	host := namespace(t)
	for held, reaches := range map[int]bool{0: false, 1: true} {
		must(t, unix.Unshare(unix.CLONE_FS|unix.CLONE_NEWNS))
		w := &world{T: t, env: &Env{Proc: proc(t), Root: -1, Fifo: -1}, root: filepath.Join(dir, "root")}
		w.apply(&HoldSource{Source: source}, &EnterRoot{Path: w.root, Propagation: unix.MS_SLAVE | unix.MS_REC},
			&Bind{Source: source, Target: "/shared", Held: held, After: Attributes{Propagations: []uint64{unix.MS_SHARED}}})
		must(t, unix.Mount("tmpfs", w.in("shared/in"), "tmpfs", 0, ""))
		must(t, unix.Setns(host, unix.CLONE_NEWNS))
		if got := isMount(t, filepath.Join(source, "in")); got != reaches {
			t.Errorf("held %d: a mount reached the host: %v", held, got)
		}
		_ = unix.Unmount(filepath.Join(source, "in"), 0)
	}
}
