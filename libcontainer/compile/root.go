package compile

import (
	specs "github.com/opencontainers/runtime-spec/specs-go"
	"golang.org/x/sys/unix"

	"github.com/mdrun/mdrun/libcontainer/step"
)

// root is a mount of its own. Without a new mount namespace there is only chroot(2): to
// pivot would take all who share a namespace by path along (pivot_root(2)).
func (c *compiler) root() {
	if !c.fresh(specs.MountNamespace) {
		c.onlyChroot()
		return
	}
	c.holdSources()
	flags, given := c.rootPropagation()
	private := !given || flags&unix.MS_SHARED != 0
	c.add(".root.path", &step.EnterRoot{Path: c.facts.Rootfs, Propagation: hostPropagation(flags), Private: private})
	if c.spec.Linux != nil && len(c.spec.Linux.MaskedPaths) > 0 {
		c.add(".linux.maskedPaths", &step.HoldNull{})
	}
}

// onlyChroot refuses what would be a mount: whose namespace it is, the host's or another
// container's, would keep it.
func (c *compiler) onlyChroot() {
	l := c.spec.Linux
	for _, r := range []struct {
		field string
		set   bool
	}{
		{".mounts", len(c.spec.Mounts) > 0},
		{".linux.maskedPaths", l != nil && len(l.MaskedPaths) > 0},
		{".linux.readonlyPaths", l != nil && len(l.ReadonlyPaths) > 0},
		{".linux.rootfsPropagation", l != nil && l.RootfsPropagation != ""},
		{".root.readonly", c.spec.Root != nil && c.spec.Root.Readonly},
		{".process.terminal", c.spec.Process != nil && c.spec.Process.Terminal},
	} {
		if r.set {
			c.fail(".linux.namespaces", "there is no mount namespace of the container's own, which "+r.field+" needs: every mount would be the host's, or another container's",
				`Add {"type": "mount"} to .linux.namespaces.`)
		}
	}
	c.add(".root.path", &step.Chroot{Path: c.facts.Rootfs})
}

// pivot ends the building: the root becomes "/".
func (c *compiler) pivot() {
	if !c.fresh(specs.MountNamespace) {
		c.add(".root.path", &step.LockIn{})
		return
	}
	c.add(".root.path", &step.PivotRoot{Chroot: c.facts.NoPivot})
	c.finishPropagation()
	if c.spec.Root != nil && c.spec.Root.Readonly {
		c.add(".root.readonly", &step.ReadonlyRoot{})
	}
}
