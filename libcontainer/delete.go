package libcontainer

import (
	"errors"

	"golang.org/x/sys/unix"

	"github.com/mdrun/mdrun/cgroupv2"
	"github.com/mdrun/mdrun/libcontainer/internal/sys"
)

// Delete removes what create made (runtime.md "Delete"): processes, the cgroup and
// those parents of it that create made, the record. A running container is refused;
// a created one is killed, as clients of runc expect.
//
// With force a container in any state goes, one that a killed command left half
// made or half deleted too, and one that does not exist is no error. Force kills
// before it waits for the lock, so that no other command can hold it off.
func (r *Runtime) Delete(id string, force bool) error {
	if force {
		return fail("delete", id, r.deleteForced(id))
	}
	c, err := r.lock(id, "delete")
	if errors.Is(err, ErrNotExist) {
		if found, failed := r.finishRetired(id); found {
			return fail("delete", id, failed)
		}
	}
	if err != nil {
		return fail("delete", id, err)
	}
	if s := c.status(true); s != Stopped && s != Created {
		c.close()
		return fail("delete", id, &stateError{text: "cannot delete container " + id + " that is not stopped: " + string(s),
			hint: "Kill it first, or use delete --force."})
	}
	if err := c.refuseStrangers(); err != nil {
		c.close()
		return fail("delete", id, err)
	}
	return fail("delete", id, c.destroy())
}

// refuseStrangers keeps a plain delete from killing what is not the container's:
// with init, every process of a pid namespace has ended, so what is left in the
// cgroup of a stopped container came from elsewhere.
func (c *container) refuseStrangers() error {
	if _, ok := alive(c.record.PID, c.record.StartTime); ok || c.record.SharesPID {
		return nil
	}
	group, err := c.openCgroup()
	if err != nil {
		return nil
	}
	defer group.Close()
	pids, err := group.Procs()
	if err != nil || len(pids) == 0 {
		return err
	}
	return &stateError{text: "the cgroup " + group.Path() + " holds a process that is not the container's: " + sys.Int(pids[0]),
		hint: "Move it to another cgroup, or use delete --force, which kills it."}
}

func (r *Runtime) deleteForced(id string) error {
	clearInFlight(r.Root, id)
	d, err := openState(r.Root, id)
	if errors.Is(err, ErrNotExist) {
		return r.forceRetired(id, lockWait)
	}
	if err != nil {
		return err
	}
	c := remains(r, d)
	defer c.close()
	if err := c.refuseToBeKilled(); err != nil {
		return err
	}
	c.killUnretired()
	// Whoever holds the lock may bring its child into the world after a kill, or begin a
	// hook that was not on record yet.
	locked, err := lockState(r.Root, id, "delete", func(d *stateDir) { remains(r, d).killUnretired() })
	if errors.Is(err, ErrNotExist) {
		return nil // another delete was faster
	}
	if err != nil {
		if !c.dir.current() {
			return r.forceRetired(id, 0) // what we have waited for are its poststop hooks
		}
		return err
	}
	// What was on record before the lock may have grown since.
	last := remains(r, locked)
	if len(last.record.Cgroup) == 0 && last.record.PID == 0 {
		r.warn("delete " + id + ": " + last.mayBeLeft())
	}
	return last.destroy()
}

// kill9 ends every process of the container that can be found: through its cgroup, by
// what killGroup does, init by itself, and last a hook that runs in the runtime's
// namespaces.
func (c *container) kill9(killGroup func()) {
	killGroup()
	if pidfd, ok := holdProcess(c.record.PID, c.record.StartTime); ok {
		_ = unix.PidfdSendSignal(pidfd, unix.SIGKILL, nil, 0)
		unix.Close(pidfd)
	}
	c.record.Hook.kill()
}

// killUnretired spares the poststop hooks of whoever holds the lock and has deleted the
// container meanwhile. They are begun after the directory has lost its name: as long as
// it still has it, none is on the record that was read before.
func (c *container) killUnretired() {
	if !c.dir.current() {
		return
	}
	c.kill9(func() {
		if group, err := c.openCgroup(); err == nil {
			_ = c.killUnheld(group)
			group.Close()
		}
	})
}

// destroy ends the container. It closes it. The record goes last: a delete that is
// killed can be repeated.
func (c *container) destroy() error {
	if err := c.end(); err != nil {
		c.close()
		return err
	}
	return c.bury()
}

// end leaves no more than the record. The cgroup is locked from the look at its holder
// to its removal: another container may be about to claim it.
func (c *container) end() error {
	group, err := c.holdCgroup()
	if err == nil {
		defer group.Close()
	}
	c.kill9(func() {
		if err == nil {
			_ = killHeld(group)
		}
	})
	if pidfd, ok := holdProcess(c.record.PID, c.record.StartTime); ok {
		ended := awaitExit(pidfd, int(killWait.Milliseconds()))
		unix.Close(pidfd)
		if !ended {
			return errors.New("init " + sys.Int(c.record.PID) + " was killed but does not end")
		}
	}
	if c.dir.has(uncommit) {
		removePidFile(c.record.PidFile, c.record.PID)
	}
	if err != nil && err != errNoCgroup {
		return err
	}
	return c.deleteCgroup(group)
}

// deleteCgroup removes the cgroup: group, unless there is none, or it is another's.
func (c *container) deleteCgroup(group *cgroupv2.Cgroup) error {
	if len(c.record.Cgroup) == 0 {
		return nil
	}
	if group != nil {
		if err := awaitEmpty(group); err != nil {
			return err
		}
	}
	h, err := cgroupv2.Open()
	if err != nil {
		return err
	}
	defer h.Close()
	return h.Delete(c.record.Cgroup, c.record.name(), group)
}

// relockAndDestroy ends a container whose program has run in the foreground. Who
// deleted it meanwhile has done the same.
func (c *container) relockAndDestroy() error {
	if err := c.dir.lock(nil); err != nil {
		c.close()
		return err
	}
	if !c.dir.current() {
		c.close()
		return nil
	}
	return c.destroy()
}
