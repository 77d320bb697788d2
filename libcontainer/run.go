package libcontainer

import (
	"os"
	"os/signal"
	"sync"
	"time"

	"golang.org/x/sys/unix"

	"github.com/mdrun/mdrun/libcontainer/internal/sys"
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
	signals := catchSignals()
	terminal := newOwnTerminal(signals.catchForTerminal)
	defer terminal.giveBack()
	c, err := r.create(id, o.CreateOptions, terminal)
	if err != nil {
		return 1, fail("run", id, err)
	}
	defer c.child.Close()
	if c.cgroup != nil {
		c.cgroup.Close()
	}
	held := &container{runtime: r, dir: c.dir, record: c.record}
	go forward(signals.c, c.child.PidFD, terminal)
	<-signals.caught
	if err := held.startable(); err != nil {
		return 1, fail("run", id, joinErrors(err, held.destroy()))
	}
	if err := held.release(c.child.PidFD); err != nil {
		return 1, fail("run", id, joinErrors(err, held.destroy()))
	}
	_ = unix.Unlinkat(held.dir.fd(), fifoFile, 0)
	held.dir.unlock()
	late := time.AfterFunc(lateSignals, signals.catchRest)
	status := await(c.child.PID)
	late.Stop()
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

// usual are the signals that people and programs send to a command. Each one that is
// caught costs two switches between threads (the runtime has a thread of its own for
// the signal mask), all of them as much as a whole container: the others are caught
// when the program has run for lateSignals.
var usual = []os.Signal{unix.SIGHUP, unix.SIGINT, unix.SIGQUIT, unix.SIGTERM, unix.SIGUSR1, unix.SIGUSR2, unix.SIGWINCH, unix.SIGCONT}

const lateSignals = 20 * time.Millisecond

// caughtSignals is where signals arrive; caught is closed when the usual ones do.
type caughtSignals struct {
	c      chan os.Signal
	caught chan struct{}
	once   sync.Once
}

// catchSignals goes on beside create. Nothing ends it: the foreground is what the
// process is for.
func catchSignals() *caughtSignals {
	s := &caughtSignals{c: make(chan os.Signal, 64), caught: make(chan struct{})}
	go func() {
		signal.Notify(s.c, usual...)
		close(s.caught)
	}()
	return s
}

// catchRest catches all other signals, if that has not been done.
func (s *caughtSignals) catchRest() {
	s.once.Do(func() { signal.Notify(s.c) })
}

// catchForTerminal leaves out the signals that stop a process which reads or changes a
// terminal in the background: caught, they would come again at once and for ever.
func (s *caughtSignals) catchForTerminal() {
	<-s.caught
	s.once.Do(func() {
		var others []os.Signal
		for n := unix.Signal(1); n <= 64; n++ {
			if n != unix.SIGTTIN && n != unix.SIGTTOU {
				others = append(others, n)
			}
		}
		signal.Notify(s.c, others...)
	})
}

// forward passes signals on to the program. Those that are about us alone stay:
// SIGCHLD, SIGURG (the Go runtime's own), SIGPIPE, and a change of our terminal.
func forward(signals <-chan os.Signal, pidfd int, terminal *ownTerminal) {
	for s := range signals {
		sig, ok := s.(unix.Signal)
		switch {
		case !ok || sig == unix.SIGCHLD || sig == unix.SIGURG || sig == unix.SIGPIPE:
		case sig == unix.SIGWINCH && terminal.master != nil:
			terminal.resize()
		default:
			if sig == unix.SIGCONT {
				terminal.resume()
			}
			_ = unix.PidfdSendSignal(pidfd, sig, nil, 0)
		}
	}
}

// await reaps every child until init is among them.
func await(pid int) int {
	for {
		var status unix.WaitStatus
		ended, err := unix.Wait4(-1, &status, 0, nil)
		if err == unix.EINTR {
			continue
		}
		if err != nil {
			return 1
		}
		if ended != pid {
			continue
		}
		if status.Signaled() {
			return 128 + int(status.Signal())
		}
		return status.ExitStatus()
	}
}
