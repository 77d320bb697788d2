package libcontainer

import (
	"errors"

	"golang.org/x/sys/unix"

	"github.com/mdrun/mdrun/libcontainer/internal/sys"
	"github.com/mdrun/mdrun/libcontainer/internal/wire"
	"github.com/mdrun/mdrun/libcontainer/spawn"
	"github.com/mdrun/mdrun/libcontainer/step"
)

// explainDeath looks for the reason when the child is gone without a word. A
// failure that it managed to report is still on the channel.
//
// The kill bounds the wait: a child that only seems to be gone waits for the plan. One
// that is at its end keeps its status (kernel/signal.c, complete_signal).
func (c *creation) explainDeath(err error) error {
	if c.child == nil && errors.Is(err, unix.ENOMEM) {
		return c.explainMemory(err)
	}
	if !childDied(err) || c.child == nil {
		return err
	}
	_ = unix.PidfdSendSignal(c.child.PidFD, unix.SIGKILL, nil, 0)
	if kind, body, _, err := c.child.Conn.Receive(); err == nil && kind == wire.Failure {
		return step.DecodeFailure(body)
	}
	awaitExit(c.child.PidFD, -1)
	return c.explainMemory(lastWords(c.child.PID))
}

// explainMemory says so where the memory limit is the reason.
func (c *creation) explainMemory(err error) error {
	text := ""
	if c.cgroup != nil {
		text = c.cgroup.OOM()
	}
	if text == "" {
		return err
	}
	return &Error{Field: c.memoryField(), Err: errors.New(text), Hint: "The limit is too low for the container's init: it needs 1.25 MiB."}
}

// memoryField is where the memory limit comes from; "" without one.
func (c *creation) memoryField() (field string) {
	for _, s := range c.Settings {
		if s.File == "memory.max" {
			field = s.Field // the last one holds
		}
	}
	return field
}

// warnOfMemory tells of a program that nobody has killed but its memory limit: the exit
// status is that of a SIGKILL.
func (c *creation) warnOfMemory(held *container) {
	group, err := held.openCgroup()
	if err != nil {
		return
	}
	defer group.Close()
	if text := group.OOMKilled(); text != "" {
		c.runtime.warn("run "+c.ID+": "+text, "config", c.memoryField())
	}
}

// lastWords says how a child of ours ended. Who kills a process that has executed our
// image means the container: only one that has not may be made once more (tryOutside).
func lastWords(pid int) error {
	var status unix.WaitStatus
	how := "ended"
	p, found := readProcess(pid) // before it is reaped
	if _, err := unix.Wait4(pid, &status, unix.WNOHANG, nil); err == nil {
		switch {
		case status.Signaled() && status.Signal() == unix.SIGKILL && found && !p.executed():
			return spawn.ErrKilled
		case status.Signaled():
			how = "was killed by " + unix.SignalName(status.Signal())
		default:
			how = "ended with status " + sys.Int(status.ExitStatus())
		}
	}
	return errors.New("container init " + how + " before it was set up")
}
