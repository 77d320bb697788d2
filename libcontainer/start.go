package libcontainer

import (
	"errors"
	"time"

	"golang.org/x/sys/unix"

	"github.com/mdrun/mdrun/libcontainer/compile"
	"github.com/mdrun/mdrun/libcontainer/internal/sys"
	"github.com/mdrun/mdrun/libcontainer/step"
)

// Start lets a created container run its program. It returns when execve has
// succeeded; when it has not, the container is destroyed and the error says why
// (runtime.md "Start").
func (r *Runtime) Start(id string) error {
	c, err := r.lock(id, "start")
	if err != nil {
		return fail("start", id, err)
	}
	return fail("start", id, c.start())
}

// start owns the container: it closes it.
func (c *container) start() error {
	if err := c.startable(); err != nil {
		c.close()
		return err
	}
	pidfd, ok := holdProcess(c.record.PID, c.record.StartTime)
	if !ok {
		c.close()
		return errStopped
	}
	defer unix.Close(pidfd)
	if err := c.launch(pidfd); err != nil {
		if errors.Is(err, errNotCalled) {
			c.close()
			return err
		}
		return c.giveUp(err)
	}
	c.close()
	return nil
}

// launch lets the program run, and then the poststart hooks.
func (c *container) launch(pidfd int) error {
	c.noteStartHooks(hookProcess{Field: ".hooks." + compile.StartContainer})
	err := c.release(pidfd)
	c.noteStartHooks(hookProcess{})
	if err != nil {
		return err
	}
	_ = unix.Unlinkat(c.dir.fd(), fifoFile, 0)
	return c.poststart()
}

// noteStartHooks names what init may hold this command up with; at which of them it is, it
// does not say. Others are told of it (see held), and nothing depends on it.
func (c *container) noteStartHooks(h hookProcess) {
	if c.record.StartContainer {
		c.record.Hook = h
		_ = c.record.save(c.dir)
	}
}

// giveUp destroys a container whose start has failed. It closes it.
func (c *container) giveUp(err error) error {
	c.failing = true
	return joinErrors(err, c.destroy())
}

var (
	errStopped   = errors.New("cannot start a container that has stopped")
	errNotCalled = errors.New("container init did not answer on exec.fifo")
)

func (c *container) startable() error {
	switch s := c.status(true); s {
	case Created:
	case Stopped:
		return errStopped
	default:
		return errors.New("cannot start an already running container")
	}
	if !c.record.HasProcess {
		return &Error{Field: ".process", Err: errors.New("the container has no process to start"),
			Hint: "config.json had no process when the container was created: delete it, add one, and create it again."}
	}
	return nil
}

// release lets init go on and listens to what it says.
//
// Init writes one byte just before execve and holds its end close-on-exec. The byte
// and then end of file: it runs. More than the byte: it does not, and this is why.
// End of file without the byte: init was killed. An init that is killed in the last
// microseconds between byte and execve cannot be told from a program that was
// killed at once.
func (c *container) release(pidfd int) error {
	heard, err := c.hear(pidfd)
	switch {
	case errors.Is(err, errNotCalled):
		return err
	case err != nil:
		return joinErrors(errNotCalled, err)
	case len(heard) == 0:
		return errors.New("container init was killed before it executed the program")
	case len(heard) > 1:
		return step.DecodeFailure(heard[1:])
	}
	return nil
}

// hear opens the FIFO, which lets init go on, and listens on it until init has said
// something or is gone.
//
// An end of file from an init that lives is not meant for us: it was let go by a start
// that was killed, finds that nobody listens (EPIPE), closes its end and waits again.
// So do we, on a new end, because the old one tells of the end for ever; it is opened
// before the old one is closed, so that init meets a reader at any time.
func (c *container) hear(pidfd int) ([]byte, error) {
	fifo, err := c.openFifo()
	if err != nil {
		return nil, err
	}
	defer func() { unix.Close(fifo) }()
	for {
		heard, err := c.listen(fifo, pidfd)
		if err != nil || len(heard) > 0 || awaitExit(pidfd, 0) {
			return heard, err
		}
		again, err := c.openFifo()
		if err != nil {
			return nil, err
		}
		unix.Close(fifo)
		fifo = again
	}
}

func (c *container) openFifo() (int, error) {
	fd, err := unix.Openat(c.dir.fd(), fifoFile, unix.O_RDONLY|unix.O_NONBLOCK|unix.O_NOFOLLOW|unix.O_CLOEXEC, 0)
	if err != nil {
		return -1, sys.Fail(err, "openat", sys.Quote(fifoFile))
	}
	// What is in a file would look like init's answer.
	var st unix.Stat_t
	if err := unix.Fstat(fd, &st); err != nil || st.Mode&unix.S_IFMT != unix.S_IFIFO {
		unix.Close(fd)
		return -1, &stateError{text: "exec.fifo is not a FIFO", hint: "Somebody has replaced it: use delete --force."}
	}
	return fd, nil
}

// listen reads the FIFO to its end. It reads only when poll says so: before init
// has opened its end a read would give 0, which looks like the end. An init that is
// frozen would let us wait until it is thawed; it waits for the next start then.
func (c *container) listen(fifo, pidfd int) ([]byte, error) {
	var heard []byte
	p := []unix.PollFd{{Fd: int32(fifo), Events: unix.POLLIN}, {Fd: int32(pidfd), Events: unix.POLLIN}}
	for {
		err := sys.Retry(func() (err error) { _, err = unix.Poll(p, frozenAfter); return err })
		if err != nil {
			return nil, sys.Fail(err, "poll", "exec.fifo", "pidfd")
		}
		if p[0].Revents|p[1].Revents == 0 && c.frozen() {
			return nil, &stateError{text: "cannot start a container that is frozen", cause: errNotCalled,
				hint: "Resume it first: write 0 into the file cgroup.freeze of its cgroup, or of the one above that is frozen."}
		}
		if p[0].Revents != 0 {
			more, end, err := drain(fifo)
			heard = append(heard, more...)
			if err != nil || end {
				return heard, err
			}
			continue
		}
		if p[1].Revents != 0 {
			// Init is gone, and nothing more can be on its way.
			more, _, err := drain(fifo)
			return append(heard, more...), err
		}
	}
}

// drain reads what is there; end tells that the other end is closed.
func drain(fifo int) (data []byte, end bool, err error) {
	buf := make([]byte, 4096)
	for {
		n, err := unix.Read(fifo, buf)
		switch {
		case err == unix.EINTR:
			continue
		case err == unix.EAGAIN:
			return data, false, nil
		case err != nil:
			return data, false, sys.Fail(err, "read", "exec.fifo")
		case n == 0:
			return data, true, nil
		}
		data = append(data, buf[:n]...)
	}
}

// frozenAfter is after how many milliseconds of silence we look whether the container
// is frozen.
const frozenAfter = 500

// killWait is how long killed processes may take to be gone.
const killWait = 10 * time.Second
