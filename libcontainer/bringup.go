package libcontainer

import (
	"errors"

	"github.com/mdrun/mdrun/libcontainer/spawn"
)

// bringUp makes the child and takes it to where nothing is left to do but to wait.
func (c *creation) bringUp() error {
	acts := []act{
		{"spawn the child", c.spawn},
		{"record the child", c.recordChild},
		{"give the user what is his", c.adopt},
		{"attach the device filter", c.filterDevices},
		{"make the network namespace", c.makeNetwork},
		{"send the plan", c.sendPlan},
		{"answer the child until it is ready", c.converse},
	}
	err := c.perform(acts...)
	if errors.Is(err, spawn.ErrKilled) && c.tryOutside() {
		err = c.perform(acts...)
	}
	return err
}

// act is one thing that create does, as --debug tells it.
type act struct {
	name string
	do   func() error
}

func (c *creation) perform(acts ...act) error {
	for _, a := range acts {
		c.runtime.debug(a.name)
		if err := a.do(); err != nil {
			return c.explainDeath(err)
		}
	}
	return nil
}

// tryOutside tells whether it is worth while to make the child once more, beside us, and
// to move it into the cgroup before it is told anything. That takes longer (the kernel
// waits for all CPUs), but the kernel lets it live.
//
// What we see: a process in a cgroup into whose cgroup.kill somebody has ever written
// cannot give birth into another cgroup; what it bears is killed at once. The kernel
// counts the kills of every cgroup to catch a fork that runs beside one, and compares
// the count of the parent's cgroup with that of the child's (kernel/cgroup/cgroup.c,
// cgroup_css_set_fork and cgroup_post_fork, since Linux 6.14). Such a place is, for
// example, the cgroup of a service that was killed and started again.
func (c *creation) tryOutside() bool {
	if c.cgroup == nil || c.outside {
		return false
	}
	if c.child != nil {
		c.child.Close() // it has been waited for
		c.child = nil
	}
	c.outside = true
	return true
}
