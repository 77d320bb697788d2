package compile

import (
	"strconv"

	"golang.org/x/sys/unix"

	"github.com/mdrun/mdrun/libcontainer/step"
)

// propagations are the values of linux.rootfsPropagation (config-linux.md "Rootfs
// Mount Propagation"); peers know the recursive forms too.
var propagations = values{
	{"private", unix.MS_PRIVATE}, {"rprivate", unix.MS_PRIVATE | unix.MS_REC},
	{"slave", unix.MS_SLAVE}, {"rslave", unix.MS_SLAVE | unix.MS_REC},
	{"shared", unix.MS_SHARED}, {"rshared", unix.MS_SHARED | unix.MS_REC},
	{"unbindable", unix.MS_UNBINDABLE}, {"runbindable", unix.MS_UNBINDABLE | unix.MS_REC},
}

// rootPropagation: where nothing is given mounts of the host come in, as with runc.
func (c *compiler) rootPropagation() (flags uint64, given bool) {
	if c.spec.Linux == nil || c.spec.Linux.RootfsPropagation == "" {
		return unix.MS_SLAVE | unix.MS_REC, false
	}
	flags, ok := propagations.of(c.spec.Linux.RootfsPropagation)
	if !ok {
		c.fail(".linux.rootfsPropagation", "unknown propagation "+strconv.Quote(c.spec.Linux.RootfsPropagation), "Use private, slave, shared or unbindable.")
	}
	return flags, true
}

// hostPropagation says what becomes of the host's mounts in the namespace before the
// root is built. With a shared root what the host mounts comes in too, for mounts of
// the container with the option slave.
func hostPropagation(root uint64) uint64 {
	if root&(unix.MS_SLAVE|unix.MS_SHARED) != 0 {
		return unix.MS_SLAVE | unix.MS_REC
	}
	return unix.MS_PRIVATE | unix.MS_REC
}

// inheritPropagation gives a mount that has no propagation of its own the recursive one
// of the root. The root itself gets its own last, and alone: so what a mount says by
// itself stays. Unbindable has to wait, because read-only paths are clones.
func (c *compiler) inheritPropagation(o *options) {
	root, given := c.rootPropagation()
	if given && root == unix.MS_SHARED|unix.MS_REC && len(o.propagations) == 0 && !o.remount {
		o.propagations = []uint64{root}
	}
}

// finishPropagation is the last that happens to the root.
func (c *compiler) finishPropagation() {
	root, given := c.rootPropagation()
	if !given {
		return
	}
	if root != unix.MS_UNBINDABLE|unix.MS_REC {
		root &^= unix.MS_REC
	}
	c.add(".linux.rootfsPropagation", &step.RootPropagation{Flags: root})
}
