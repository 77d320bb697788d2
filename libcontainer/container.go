package libcontainer

import (
	"errors"
	"io/fs"

	"github.com/mdrun/mdrun/cgroupv2"
)

// container is one that exists: its directory and what is on record.
type container struct {
	runtime *Runtime
	dir     *stateDir
	record  *record
	failing bool // an error is on its way: see warnPoststop
}

func (c *container) close() { c.dir.close() }

// open reads a container without locking it.
func (r *Runtime) open(id string) (*container, error) {
	d, err := openState(r.Root, id)
	if err != nil {
		return nil, err
	}
	return r.loadOrClose(d)
}

// lock locks a container for a verb that changes it, and reads it.
func (r *Runtime) lock(id, verb string) (*container, error) {
	d, err := lockState(r.Root, id, verb, nil)
	if err != nil {
		return nil, err
	}
	return r.loadOrClose(d)
}

func (r *Runtime) loadOrClose(d *stateDir) (*container, error) {
	rec, err := loadRecord(d)
	if err != nil {
		d.close()
		return nil, err
	}
	return &container{runtime: r, dir: d, record: rec}, nil
}

// errNoCgroup is the answer for a container that has none.
var errNoCgroup = errors.New("the container has no cgroup")

// openCgroup opens the container's cgroup. One that another container has taken since is
// the container's no longer.
func (c *container) openCgroup() (*cgroupv2.Cgroup, error) {
	return c.ownCgroup(func(h *cgroupv2.Hierarchy, path, holder string) (*cgroupv2.Cgroup, error) {
		group, err := h.OpenCgroup(path)
		if err == nil && group.HeldByOther(holder) {
			group.Close()
			return nil, cgroupv2.ErrTaken
		}
		return group, err
	})
}

// holdCgroup is openCgroup for who ends what is in it: until it is closed no other
// container can claim it.
func (c *container) holdCgroup() (*cgroupv2.Cgroup, error) {
	return c.ownCgroup((*cgroupv2.Hierarchy).Hold)
}

func (c *container) ownCgroup(open func(h *cgroupv2.Hierarchy, path, holder string) (*cgroupv2.Cgroup, error)) (*cgroupv2.Cgroup, error) {
	if len(c.record.Cgroup) == 0 {
		return nil, errNoCgroup
	}
	h, err := cgroupv2.Open()
	if err != nil {
		return nil, err
	}
	defer h.Close()
	group, err := open(h, c.record.cgroupPath(), c.record.name())
	if err == cgroupv2.ErrTaken || errors.Is(err, fs.ErrNotExist) {
		return nil, errNoCgroup
	}
	return group, err
}
