package libcontainer

import (
	"errors"
	"slices"
	"syscall"

	"golang.org/x/sys/unix"

	"github.com/mdrun/mdrun/cgroupv2"
	"github.com/mdrun/mdrun/libcontainer/internal/sys"
)

// Kill sends a signal to the container's process, with all to every process of
// its cgroup (runtime.md "Kill"). It never waits for a lock: it must reach a
// container whose create or start hangs.
//
// SIGKILL of a container that shares its pid namespace reaches the whole cgroup,
// because the end of its first process would not end the others.
func (r *Runtime) Kill(id string, sig syscall.Signal, all bool) error {
	c, err := r.open(id)
	if err != nil {
		return fail("kill", id, err)
	}
	defer c.close()
	return fail("kill", id, c.kill(sig, all))
}

func (c *container) kill(sig syscall.Signal, all bool) error {
	if all || sig == unix.SIGKILL && c.record.SharesPID {
		if err := c.killAll(sig); err == nil || !errors.Is(err, errNoCgroup) {
			return err
		}
	}
	pidfd, ok := holdProcess(c.record.PID, c.record.StartTime)
	if !ok {
		if all {
			return nil // clients end the rest of a stopped container this way
		}
		return ErrNotRunning
	}
	defer unix.Close(pidfd)
	err := unix.PidfdSendSignal(pidfd, sig, nil, 0)
	if err == unix.ESRCH {
		return ErrNotRunning
	}
	return sys.Fail(err, "pidfd_send_signal", sys.Int(c.record.PID), signalName(sig))
}

// killAll reaches every process of the cgroup, and of the cgroups below it.
func (c *container) killAll(sig syscall.Signal) error {
	group, err := c.openCgroup()
	if err != nil {
		return err
	}
	defer group.Close()
	if sig == unix.SIGKILL {
		return c.killUnheld(group)
	}
	return signalEach(c.procs(group), sig)
}

// procs lists the processes of a cgroup that nobody has locked. They are the container's
// for certain, because no other has claimed it by the end of the list: that can only be
// done with a cgroup that is empty.
func (c *container) procs(group *cgroupv2.Cgroup) func() ([]int, error) {
	return func() ([]int, error) {
		pids, err := group.Procs()
		if group.HeldByOther(c.record.name()) {
			return nil, nil
		}
		return pids, err
	}
}

// killUnheld ends every process of the cgroup, and none of a container that claims it
// meanwhile. It waits for nobody: the lock is that of a create which may hang, this
// container's as like as not.
func (c *container) killUnheld(group *cgroupv2.Cgroup) error {
	if group.Lock(0) != nil {
		return killEach(c.procs(group))
	}
	defer group.Unlock()
	if group.HeldByOther(c.record.name()) {
		return nil
	}
	return killHeld(group)
}

// killHeld ends every process of a cgroup that is locked.
func killHeld(group *cgroupv2.Cgroup) error {
	if populated, err := group.Populated(); err == nil && !populated {
		return nil
	}
	// What is frozen dies all the same (cgroup-v2.rst, "cgroup.freeze"); a thaw before
	// would let it run once more.
	err := group.Kill()
	if errors.Is(err, unix.EOPNOTSUPP) {
		return killEach(group.Procs) // a threaded cgroup has no kill that works
	}
	return err
}

// rounds is how often killEach goes after those who are born while it is at work.
const rounds = 100

func killEach(procs func() ([]int, error)) error {
	for range rounds {
		pids, err := procs()
		if err != nil || len(pids) == 0 {
			return err
		}
		if err := signalListed(pids, procs, unix.SIGKILL); err != nil {
			return err
		}
	}
	return nil
}

func awaitEmpty(group *cgroupv2.Cgroup) error { return group.WaitEmpty(killWait) }

// batch bounds the descriptors that signalEach holds at a time.
const batch = 256

// signalEach sends a signal to every process that procs lists.
func signalEach(procs func() ([]int, error), sig syscall.Signal) error {
	pids, err := procs()
	if err != nil {
		return err
	}
	return signalListed(pids, procs, sig)
}

// signalListed sends it to those that procs has listed. A number may have passed to a
// stranger since it was read: a process is held first, and gets the signal only if it is
// listed once more.
func signalListed(pids []int, procs func() ([]int, error), sig syscall.Signal) error {
	for some := range slices.Chunk(pids, batch) {
		if err := signalSome(some, procs, sig); err != nil {
			return err
		}
	}
	return nil
}

func signalSome(pids []int, procs func() ([]int, error), sig syscall.Signal) error {
	held := map[int]int{} // pid: pidfd
	defer func() {
		for _, fd := range held {
			unix.Close(fd)
		}
	}()
	for _, pid := range pids {
		fd, err := unix.PidfdOpen(pid, 0)
		if err == nil {
			held[pid] = fd
		} else if !vacant(err) {
			return sys.Fail(err, "pidfd_open", sys.Int(pid))
		}
	}
	still, err := procs()
	if err != nil {
		return err
	}
	for _, pid := range still {
		fd, ok := held[pid]
		if !ok {
			continue
		}
		if err := unix.PidfdSendSignal(fd, sig, nil, 0); err != nil && err != unix.ESRCH {
			return sys.Fail(err, "pidfd_send_signal", sys.Int(pid), signalName(sig))
		}
	}
	return nil
}

// vacant tells of a number that is no process's, or by now that of a thread: EINVAL
// (pidfd_open(2)), and ENOENT on newer kernels (seen on 6.18).
func vacant(err error) bool { return err == unix.ESRCH || err == unix.EINVAL || err == unix.ENOENT }

func signalName(s syscall.Signal) string {
	if n := unix.SignalName(s); n != "" {
		return n
	}
	return sys.Int(int(s))
}
