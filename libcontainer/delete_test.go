package libcontainer

import (
	"os"
	"os/exec"
	"testing"
	"time"
)

// A create that holds the lock has its child born after delete --force has killed all
// there was, and would wait for that child for ever.
func TestForceKillsWhatIsBornWhileItWaits(t *testing.T) {
	r := &Runtime{Root: t.TempDir()}
	rec := &record{ID: "a"}
	create, err := reserve(r.Root, "a", rec.save)
	must(t, err)
	gone := make(chan error, 1)
	go func() { gone <- r.Delete("a", true) }()
	time.Sleep(50 * time.Millisecond) // it waits for the lock by now

	child := exec.Command("sleep", "1000")
	must(t, child.Start())
	p, ok := readProcess(child.Process.Pid)
	if !ok {
		t.Fatal("the child is not there")
	}
	rec.PID, rec.StartTime = child.Process.Pid, p.Start
	must(t, rec.save(create))
	killed := make(chan struct{})
	go func() {
		_ = child.Wait()
		close(killed)
	}()
	select {
	case <-killed:
	case <-time.After(5 * time.Second):
		_ = child.Process.Kill()
		t.Error("the child lives")
	}
	create.close()
	must(t, <-gone)
	if left, _ := os.ReadDir(r.Root); len(left) != 0 {
		t.Errorf("left: %v", left)
	}
}

// Whoever holds the lock has deleted the container meanwhile and runs its poststop
// hooks: they are not the container, and not ours to kill.
func TestForceSparesThePoststopHooksOfAnother(t *testing.T) {
	r := &Runtime{Root: t.TempDir()}
	rec := &record{ID: "a", Poststop: true}
	other, err := reserve(r.Root, "a", rec.save)
	must(t, err)
	gone := make(chan error, 1)
	go func() { gone <- r.Delete("a", true) }()
	time.Sleep(50 * time.Millisecond) // it waits for the lock by now

	must(t, other.rename(retired))
	child := exec.Command("sleep", "1000")
	must(t, child.Start())
	p, ok := readProcess(child.Process.Pid)
	if !ok {
		t.Fatal("the hook is not there")
	}
	rec.Hook = hookProcess{Field: ".hooks.poststop[0]", PID: child.Process.Pid, StartTime: p.Start}
	must(t, rec.save(other))
	time.Sleep(10 * meanwhileEvery)
	if !running(child.Process.Pid) {
		t.Error("the hook was killed")
	}
	_ = child.Process.Kill()
	_ = child.Wait()
	must(t, other.remove())
	must(t, <-gone)
}
