package libcontainer

import (
	"errors"
	"slices"
	"syscall"

	"golang.org/x/sys/unix"

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
		return group.Kill()
	}
	return signalEach(group.Procs, sig)
}

// batch bounds the descriptors that signalEach holds at a time.
const batch = 256

// signalEach sends a signal to every process that procs lists. A number may have passed to
// a stranger since it was read: a process is held first, and gets the signal only if it is
// listed once more.
func signalEach(procs func() ([]int, error), sig syscall.Signal) error {
	pids, err := procs()
	if err != nil {
		return err
	}
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
		} else if err != unix.ESRCH {
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

func signalName(s syscall.Signal) string {
	if n := unix.SignalName(s); n != "" {
		return n
	}
	return sys.Int(int(s))
}
