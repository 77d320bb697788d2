package compile

import (
	"slices"
	"strings"

	specs "github.com/opencontainers/runtime-spec/specs-go"
	"golang.org/x/sys/unix"

	"github.com/mdrun/mdrun/libcontainer/step"
)

// cgroupMount compiles a mount of type cgroup: the hierarchy as the container's cgroup
// namespace shows it, or the host's where it has none (config-linux.md "Cgroup
// ownership" tells the two apart by the namespace too).
func (c *compiler) cgroupMount(i int, target, field string, o *options) {
	if c.own(specs.CgroupNamespace) {
		c.add(field, &step.Mount{Type: "cgroup2", Source: "cgroup", Target: target, Flags: o.flags, Options: o.data, After: single(o.recursiveAttributes()), Keep: c.keeps(i)})
		return
	}
	if len(o.data) > 0 {
		c.fail(field+".options", "unknown option "+strings.Join(o.data, ",")+" for a cgroup mount without a cgroup namespace",
			"The hierarchy is the host's, and so are its options: see cgroups(7).")
		return
	}
	readonly := o.flags&unix.MS_RDONLY != 0 || o.rset&unix.MOUNT_ATTR_RDONLY != 0
	c.add(field, &step.CgroupMount{Target: target, Confined: !readonly && c.confined(), After: single(o.attributes()), Keep: c.keeps(i)})
}

// confined: who has CAP_SYS_ADMIN on the host can mount the hierarchy anew anyway, and
// privileged containers of engines (Docker in Kubernetes) make cgroups beside their own.
func (c *compiler) confined() bool {
	const admin = "CAP_SYS_ADMIN"
	p := c.spec.Process
	switch {
	case c.inUserNamespace() || p == nil || c.facts.Permitted&(1<<capabilityNumber(admin)) == 0:
		return true
	case p.Capabilities == nil:
		return false
	}
	return !slices.Contains(p.Capabilities.Bounding, admin) && !slices.Contains(p.Capabilities.Permitted, admin)
}
