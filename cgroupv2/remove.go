package cgroupv2

import (
	"errors"
	"io/fs"
	"path"

	"golang.org/x/sys/unix"
)

// Delete removes the directories that create made, the innermost first, with what
// the container made below its own. What is gone already is no error; a parent that
// others use by now is left to the last of them, and all of it to another holder. A cgroup
// that was there before stays, with the limits that it has been given; see restore.
//
// held is the container's own cgroup if the caller has it locked; otherwise it is nil.
func (h *Hierarchy) Delete(plan []Made, holder string, held *Cgroup) error {
	leaf := len(plan) - 1
	if held == nil {
		c, err := h.Hold(plan[leaf].Path, holder)
		switch {
		case err == ErrTaken:
			h.handOver(plan)
			return nil
		case errors.Is(err, fs.ErrNotExist) && plan[leaf].Existed:
			return nil
		case errors.Is(err, fs.ErrNotExist):
			return h.delete(plan[:leaf], -1) // what has its name from now on is another's
		case err != nil:
			return err
		}
		defer c.Close()
		held = c
	}
	if plan[leaf].Existed {
		if err := held.restore(); err != nil {
			return err
		}
		_ = unix.Fremovexattr(held.fd, heldBy)
	}
	return h.delete(plan, leaf)
}

// delete takes leaf for the number of the container's own directory, which may have
// others below it; -1 for none.
func (h *Hierarchy) delete(plan []Made, leaf int) error {
	for i := len(plan) - 1; i >= 0; i-- {
		if plan[i].Existed && !h.disowned(plan[i].Path) {
			return nil
		}
		own := i == leaf
		err := h.remove(plan[i].Path, own)
		if !own && inUse(err) {
			h.disown(plan[i].Path)
			err = h.remove(plan[i].Path, own) // the last of them may have gone meanwhile
		}
		switch {
		case err == nil:
		case !own && inUse(err):
			return nil
		default:
			return &CallError{Call: "rmdir(" + h.mount + plan[i].Path + ")", Err: err}
		}
	}
	return nil
}

func inUse(err error) bool { return err == unix.EBUSY || err == unix.ENOTEMPTY }

func (h *Hierarchy) remove(p string, below bool) error {
	parent, err := openBeneath(h.fd, relative(path.Dir(p)), unix.O_PATH|unix.O_DIRECTORY)
	if err == unix.ENOENT {
		return nil
	}
	if err != nil {
		return err
	}
	defer unix.Close(parent)
	return removeAt(parent, path.Base(p), below)
}

// removeAt tries the plain way first: a container with cgroups of its own is rare.
func removeAt(parent int, name string, below bool) error {
	err := unix.Unlinkat(parent, name, unix.AT_REMOVEDIR)
	if err == unix.ENOENT || err == unix.ENAMETOOLONG {
		return nil // what has such a name was never made
	}
	if !inUse(err) || !below {
		return err
	}
	if err := removeBelow(parent, name); err != nil {
		return err
	}
	return unix.Unlinkat(parent, name, unix.AT_REMOVEDIR)
}

// removeBelow empties a cgroup of cgroups.
func removeBelow(parent int, name string) error {
	fd, err := openBeneath(parent, name, unix.O_RDONLY|unix.O_DIRECTORY)
	if err != nil {
		return err
	}
	defer unix.Close(fd)
	rmdir := func(dir int, name string) error {
		if err := unix.Unlinkat(dir, name, unix.AT_REMOVEDIR); err != unix.ENOENT {
			return err
		}
		return nil
	}
	w := descent{
		enter: func(dir int, name string) (bool, error) {
			err := rmdir(dir, name)
			if inUse(err) {
				return true, nil // it may have others below it
			}
			return false, err
		},
		leave: rmdir,
	}
	return w.below(fd)
}
