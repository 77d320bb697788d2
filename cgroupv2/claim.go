package cgroupv2

import (
	"errors"
	"io/fs"
	"time"

	"golang.org/x/sys/unix"
)

// claim keeps two containers out of one cgroup, whose ends would be each other's: one
// that is about to have processes cannot be told from an empty one. The lock (flock(2),
// which cgroupfs has like any filesystem) lasts until Close; by then the container's
// own processes show that it is taken.
//
// made says that we have made the cgroup, existed that the survey found it. What
// neither holds for has come meanwhile: whoever made it goes first.
//
// holder is noted, so that a container whose processes have ended does not take the end
// of a later one for its own.
func (c *Cgroup) claim(made, existed bool, holder string) error {
	err := error(unix.EWOULDBLOCK)
	if made || existed {
		err = c.Lock(glance)
	}
	if err == unix.EWOULDBLOCK {
		return &HostError{Text: "another container is being created in the cgroup " + c.path + ", or the last one deleted",
			Hint: "Try again, or give another .linux.cgroupsPath."}
	}
	if err != nil {
		return &CallError{Call: "flock(" + c.path + ")", Err: err}
	}
	err = c.unfit()
	if err != nil && !(made && errors.Is(err, fs.ErrNotExist)) { // removed already, as what comes next will tell
		return err
	}
	if !made {
		_ = c.restore() // of the last one, if it has not been deleted
	}
	_ = unix.Fsetxattr(c.fd, heldBy, []byte(holder), 0)
	return nil
}

// glance is how long a create waits for a command that only looks whose the cgroup is.
const glance = 100 * time.Millisecond

// Lock takes the lock that a claim takes, until Close or Unlock: no other container can
// claim the cgroup meanwhile. EWOULDBLOCK: somebody else has held it for so long.
func (c *Cgroup) Lock(wait time.Duration) error {
	return c.lock(wait, func() bool { return false })
}

// The lock is one on cgroup.kill, which only who may kill can open. The directory can be
// opened, and so locked, by every user of the machine, and by the container.
func (c *Cgroup) lock(wait time.Duration, giveUp func() bool) error {
	if c.key == 0 {
		c.key = c.fd
		if fd, err := openBeneath(c.fd, "cgroup.kill", unix.O_WRONLY); err == nil {
			c.key = fd
		}
	}
	for deadline := time.Now().Add(wait); ; time.Sleep(time.Millisecond) {
		err := unix.Flock(c.key, unix.LOCK_EX|unix.LOCK_NB)
		if err == unix.EINTR {
			continue
		}
		if err != unix.EWOULDBLOCK || giveUp() || !time.Now().Before(deadline) {
			return err
		}
	}
}

// Unlock gives the lock back.
func (c *Cgroup) Unlock() {
	if c.key > 0 {
		_ = unix.Flock(c.key, unix.LOCK_UN)
	}
}

// ErrTaken tells of a cgroup that another container has claimed meanwhile.
var ErrTaken = errors.New("another container has the cgroup by now")

// holdWait is longer than any command that is not creating has the lock of a cgroup.
const holdWait = time.Second

// Hold opens the cgroup of a container that is to end, and locks it: who claims it only
// after we have looked whose it is would be ended in its place. A create that has the lock
// has noted its container, except where it cannot: who is not root waits for a while. Whoever
// has the lock for long and has noted nothing is no create, and holds nobody off: a
// container that is root on the host may have its own cgroup.kill open.
func (h *Hierarchy) Hold(p, holder string) (*Cgroup, error) {
	c, err := h.OpenCgroup(p)
	if err != nil {
		return nil, err
	}
	others := func() bool { return c.HeldByOther(holder) }
	err = c.lock(holdWait, others)
	switch {
	case others(), err == unix.EWOULDBLOCK && c.Holder() == "":
		err = ErrTaken
	case err != nil && err != unix.EWOULDBLOCK:
		err = &CallError{Call: "flock(" + p + ")", Err: err}
	default:
		return c, nil
	}
	c.Close()
	return nil, err
}

// Vanished tells whether an error of Create comes from a parent that was there at the
// survey: the delete of the last container below it has taken it along.
func Vanished(err error) bool {
	return errors.Is(err, fs.ErrNotExist) || errors.Is(err, unix.ENODEV)
}

// What is noted on a cgroup are extended attributes of the kind that only root can give
// (xattr(7)): a container that owns its cgroup must not have a say in this. Who is not root
// does without.
const (
	// heldBy has for its value the container that claimed the cgroup last.
	heldBy = "trusted.mdrun.holder"
	// ownerless marks a cgroup that its maker had to leave behind because others are in it
	// or below it: the last one that goes removes it, although it has not made it.
	ownerless = "trusted.mdrun.ownerless"
)

// HeldByOther tells whether another container than this has claimed the cgroup last. Of
// "", which is a container that nothing is known of, it does not.
func (c *Cgroup) HeldByOther(holder string) bool {
	if holder == "" {
		return false
	}
	last := c.Holder()
	return last != "" && last != holder
}

// Holder is the container that has claimed the cgroup last; "" where nothing is noted.
func (c *Cgroup) Holder() string {
	value := make([]byte, 2048)
	n, err := unix.Fgetxattr(c.fd, heldBy, value)
	if err != nil {
		return ""
	}
	return string(value[:n])
}

// handOver leaves what we have made of the way to a cgroup to the container that holds it.
func (h *Hierarchy) handOver(plan []Made) {
	for _, m := range plan {
		if !m.Existed {
			h.disown(m.Path)
		}
	}
}

// disown leaves a directory to those that use it. Where that cannot be, it stays.
func (h *Hierarchy) disown(p string) {
	if c, err := h.OpenCgroup(p); err == nil {
		c.disown()
		c.Close()
	}
}

func (c *Cgroup) disown() { _ = unix.Fsetxattr(c.fd, ownerless, nil, 0) }

func (h *Hierarchy) disowned(p string) bool {
	c, err := h.OpenCgroup(p)
	if err != nil {
		return false
	}
	defer c.Close()
	_, err = unix.Fgetxattr(c.fd, ownerless, nil)
	return err == nil
}
