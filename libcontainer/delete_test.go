package libcontainer

import (
	"os"
	"os/exec"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/mdrun/mdrun/cgroupv2"
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

// inCgroup starts a process in a cgroup; what is received from it tells of its end.
func inCgroup(t *testing.T, group *cgroupv2.Cgroup) <-chan error {
	t.Helper()
	cmd := exec.Command("sleep", "100")
	cmd.SysProcAttr = &syscall.SysProcAttr{UseCgroupFD: true, CgroupFD: group.FD()}
	must(t, cmd.Start())
	t.Cleanup(func() { _ = cmd.Process.Kill() })
	ended := make(chan error, 1)
	go func() { ended <- cmd.Wait() }()
	return ended
}

// cgroupOf opens the cgroup of a container, and locks it as a create has it locked.
func cgroupOf(t *testing.T, r *Runtime, id string) *cgroupv2.Cgroup {
	t.Helper()
	c, err := r.open(id)
	must(t, err)
	defer c.close()
	group, err := c.openCgroup()
	must(t, err)
	t.Cleanup(group.Close)
	must(t, group.Lock(0))
	return group
}

// Another container claims the cgroup of one that has stopped while that is deleted: it
// has locked it, and has not noted its name yet.
func TestDeleteSparesWhoClaimsTheCgroupMeanwhile(t *testing.T) {
	for _, force := range []bool{false, true} {
		r := &Runtime{Root: t.TempDir()}
		must(t, r.Create("a", CreateOptions{Bundle: bundle(t, "sleep", "100")}))
		must(t, r.Kill("a", unix.SIGKILL, false))
		other := cgroupOf(t, r, "a")
		must(t, other.WaitEmpty(killWait))
		deleted := make(chan error, 1)
		go func() { deleted <- r.Delete("a", force) }()
		time.Sleep(100 * time.Millisecond)
		must(t, unix.Fsetxattr(other.FD(), mark, []byte("b@1"), 0))
		ended := inCgroup(t, other)
		select {
		case err := <-deleted:
			must(t, err)
		case <-time.After(5 * time.Second):
			t.Fatal("it waits for a create that hangs")
		}
		select {
		case err := <-ended:
			t.Errorf("force %t: the other's process has ended: %v", force, err)
		case <-time.After(50 * time.Millisecond):
		}
		path := cgroupv2.Mount + other.Path()
		other.Close()
		endCgroup(t, path)
	}
}

// The create of the container itself hangs, and has its cgroup locked.
func TestForceKillsInACgroupThatItsCreateHasLocked(t *testing.T) {
	r := &Runtime{Root: t.TempDir()}
	must(t, r.Create("a", CreateOptions{Bundle: bundle(t, "sleep", "100")}))
	group := cgroupOf(t, r, "a")
	create, err := r.lock("a", "create")
	must(t, err)
	hook := inCgroup(t, group)
	deleted := make(chan error, 1)
	go func() { deleted <- r.Delete("a", true) }()
	select {
	case <-hook:
	case <-time.After(5 * time.Second):
		t.Error("what is in the cgroup lives")
	}
	group.Close()
	create.close()
	must(t, <-deleted)
}
