package libcontainer

import (
	"errors"

	"golang.org/x/sys/unix"

	"github.com/mdrun/mdrun/libcontainer/internal/monitor"
	"github.com/mdrun/mdrun/libcontainer/internal/sigpipe"
	"github.com/mdrun/mdrun/libcontainer/internal/sys"
	"github.com/mdrun/mdrun/libcontainer/spawn"
	"github.com/mdrun/mdrun/libcontainer/step"
)

// RunOptions are the flags of run.
type RunOptions struct {
	CreateOptions
	// Detach returns as soon as the program runs.
	Detach bool
	// Keep leaves the stopped container and its cgroup for delete.
	Keep bool
	// NoSubreaper does not make the caller the reaper of orphans.
	NoSubreaper bool
}

// Run creates and starts a container. In the foreground it passes signals on,
// relays a terminal, waits for the program, deletes the container, and gives the
// program's exit status, or 128 plus the signal that ended it.
func (r *Runtime) Run(id string, o RunOptions) (status int, err error) {
	o.toStart = true
	if o.Detach {
		if err := r.Create(id, o.CreateOptions); err != nil {
			return 1, err
		}
		return 0, r.Start(id)
	}
	return r.runInForeground(id, o)
}

func (r *Runtime) runInForeground(id string, o RunOptions) (int, error) {
	if !o.NoSubreaper {
		// Processes whose parent ends become ours to reap; prctl(2).
		if err := unix.Prctl(unix.PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0); err != nil {
			return 1, fail("run", id, sys.Fail(err, "prctl", "PR_SET_CHILD_SUBREAPER"))
		}
	}
	// Before we open anything ourselves: what is to be preserved is the caller's.
	if err := checkDescriptors(o.PreserveFDs); err != nil {
		return 1, fail("run", id, err)
	}
	signals, err := sigpipe.Catch()
	if err != nil {
		return 1, fail("run", id, sys.Fail(err, "rt_sigaction"))
	}
	terminal := newOwnTerminal()
	defer terminal.giveBack()
	c, err := r.create(id, o.CreateOptions, terminal)
	if err != nil {
		return 1, fail("run", id, err)
	}
	defer c.child.Close()
	if c.cgroup != nil {
		c.cgroup.Close()
	}
	held := c.held(false)
	err = held.startable()
	if err == nil {
		err = held.launch(c.child.PidFD)
	}
	if err != nil {
		return 1, asProgram(err, fail("run", id, held.giveUp(err)))
	}
	held.dir.unlock()
	monitor.Rouse() // the container may live for long, and a terminal have its keys
	status, err := await(c.child, signals, terminal)
	if err != nil {
		return 1, fail("run", id, joinErrors(err, held.destroy()))
	}
	if status == 128+int(unix.SIGKILL) {
		c.warnOfMemory(held)
	}
	if o.Keep {
		terminal.end()
		held.close()
		return status, nil
	}
	// Whoever is left at the container's terminal ends now, so that it comes to an end.
	err = held.relockAndDestroy()
	terminal.end()
	return status, fail("run", id, err)
}

// asProgram: what keeps init from executing the program is, as with runc, the end of the
// program for who runs it in the foreground, with the status 255 of runc's init.
func asProgram(cause, err error) error {
	var failure *step.Failure
	var e *Error
	if errors.As(cause, &failure) && errors.As(err, &e) {
		e.Status = 255
	}
	return err
}

// await passes signals on to the program and reaps every child until init is among
// them; it gives the status that a shell would. The signals that came while the container
// was made come first.
func await(child *spawn.Child, signals int, terminal *ownTerminal) (status int, err error) {
	for {
		caught, err := sigpipe.Next(signals)
		if err != nil {
			return 1, sys.Fail(err, "read", "signals")
		}
		for _, sig := range caught {
			forward(sig, child.PidFD, terminal)
		}
		// Not only after SIGCHLD: one that came when the pipe was full is lost.
		if status, ended := reap(child.PID); ended {
			return status, nil
		}
	}
}

// forward passes a signal on. Those that are about us alone stay: SIGCHLD, and a change
// of our terminal.
func forward(sig unix.Signal, pidfd int, terminal *ownTerminal) {
	switch {
	case sig == unix.SIGCHLD:
	case sig == unix.SIGWINCH && terminal.master != nil:
		terminal.resize()
	default:
		if sig == unix.SIGCONT {
			terminal.resume()
		}
		_ = unix.PidfdSendSignal(pidfd, sig, nil, 0)
	}
}

// reap takes every child that has ended, without waiting, and tells whether init was
// among them.
func reap(pid int) (status int, ended bool) {
	for {
		var ws unix.WaitStatus
		got, err := unix.Wait4(-1, &ws, unix.WNOHANG, nil)
		switch {
		case err == unix.EINTR:
		case err != nil || got <= 0:
			return status, ended
		case got == pid && ws.Signaled():
			status, ended = 128+int(ws.Signal()), true
		case got == pid:
			status, ended = ws.ExitStatus(), true
		}
	}
}
