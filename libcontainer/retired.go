package libcontainer

import (
	"errors"
	"strings"
	"time"

	"golang.org/x/sys/unix"

	"github.com/mdrun/mdrun/libcontainer/compile"
	"github.com/mdrun/mdrun/libcontainer/internal/hook"
	"github.com/mdrun/mdrun/libcontainer/internal/sys"
)

// A container with poststop hooks is deleted before they run: its directory moves from
// ROOT/ID to ROOT/ID@stop, and the id is free. The record lives on there until the last
// hook has ended, so that a delete that is killed meanwhile can be brought to its end:
// by the next delete or create of the id.

// bury ends the container's existence: it is destroyed, and only the record is left. It
// closes it.
func (c *container) bury() error {
	if !c.record.Poststop {
		return c.dir.remove()
	}
	for {
		err := c.dir.rename(retired)
		if err == nil {
			break
		}
		if sys.Errno(err) != unix.EEXIST {
			c.close()
			return err
		}
		// An earlier container of this id: its hooks come first.
		if err := c.runtime.awaitRetired(c.dir.id); err != nil {
			c.close()
			return err
		}
	}
	return c.poststop(false)
}

// poststop runs the hooks that have not run yet, and removes the record. One that fails
// is a warning. killed says that the next one began in a command that was killed, and
// has been killed itself.
func (c *container) poststop(killed bool) error {
	hooks, err := c.recordedHooks(compile.Poststop)
	if err != nil && c.record.Poststop && c.dir.has(configFile) {
		c.warnPoststop(err)
	}
	if killed && c.record.Next < len(hooks) {
		c.warnPoststop(&hook.Failure{Kind: compile.Poststop, Index: c.record.Next, Path: hooks[c.record.Next].Path, What: "killed, as the command that ran it was"})
		c.record.Next++
	}
	for c.record.Next < len(hooks) {
		if err := c.runHook(compile.Poststop, c.record.Next, &hooks[c.record.Next], Stopped); err != nil {
			c.warnPoststop(err)
		}
		c.record.Next++
	}
	// A removal that is killed must not run them again.
	c.record.Poststop = false
	if err := c.record.save(c.dir); err != nil {
		c.close()
		return err
	}
	return c.dir.remove()
}

// warnPoststop: where an error of ours is still to come, the warning holds neither what
// the kernel nor what the hook says. Clients take the first such sentence for the error.
func (c *container) warnPoststop(err error) {
	var f *hook.Failure
	if !errors.As(err, &f) {
		c.runtime.warn("the poststop hooks of "+c.record.ID+" cannot be run", "errno", unix.ErrnoName(sys.Errno(err)))
		return
	}
	text := strings.TrimSpace(f.Error())
	switch {
	case c.failing:
		text = f.Short()
	case f.Hint != "":
		text += ". " + f.Hint
	}
	c.runtime.warn(text, "config", f.Field())
}

// finishRetired brings the delete of an earlier container of this id to its end, if one
// was killed, and tells whether there was one.
func (r *Runtime) finishRetired(id string) (found bool, err error) {
	d, err := openSuffixed(r.Root, id, retired)
	if err != nil {
		return false, nil
	}
	if !d.tryLock(unix.LOCK_EX) || !d.current() {
		d.close()
		return false, nil // another command is at it
	}
	return true, r.finishLocked(d)
}

// awaitRetired waits until an earlier container of this id is gone for good.
func (r *Runtime) awaitRetired(id string) error { return r.awaitHook(id, lockWait, false) }

// forceRetired waits for so long, and then kills the hook that has not ended.
func (r *Runtime) forceRetired(id string, wait time.Duration) error {
	return r.awaitHook(id, wait, true)
}

func (r *Runtime) awaitHook(id string, wait time.Duration, force bool) error {
	d, err := openSuffixed(r.Root, id, retired)
	if errors.Is(err, ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	if force && remains(r, d).record.Hook.refuseToBeKilled() != nil {
		d.close()
		return nil // we run in a poststop hook: the container is deleted
	}
	locked := d.lockWithin(wait, nil)
	if !locked && force {
		remains(r, d).record.Hook.kill()
		locked = d.lockWithin(lockWait, nil)
	}
	switch {
	case !locked:
		err := d.held()
		d.close()
		return err
	case !d.current():
		d.close()
		return nil
	}
	return r.finishLocked(d)
}

// finishLocked goes on with the hook after the one that began in the killed command; that
// one is killed if it still runs, and otherwise begun again. One that is still at its gate,
// because a busy machine has not let it see that nobody will open it, has not begun.
func (r *Runtime) finishLocked(d *stateDir) error {
	c := remains(r, d)
	began := !c.record.Hook.atGate()
	killed := c.record.Hook.kill()
	return c.poststop(killed && began)
}
