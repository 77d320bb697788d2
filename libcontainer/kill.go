package libcontainer

import (
	"errors"
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
	pids, err := group.Procs()
	if err != nil {
		return err
	}
	for _, pid := range pids {
		if err := unix.Kill(pid, sig); err != nil && err != unix.ESRCH {
			return sys.Fail(err, "kill", sys.Int(pid), signalName(sig))
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
