package compile

import (
	specs "github.com/opencontainers/runtime-spec/specs-go"

	"github.com/mdrun/mdrun/libcontainer/step"
)

// mayMapIDs: mappings without the option mean idmap (config.md says that the option
// should be there, and that the mappings are what the mount gets).
func (c *compiler) mayMapIDs(i int, field string, o *options) bool {
	given := len(c.spec.Mounts[i].UIDMappings) > 0
	o.idmap = o.idmap || given
	at := field + ".options"
	if given {
		at = field + ".uidMappings"
	}
	switch {
	case !o.idmap:
	case !o.bind || o.remount:
		c.fail(at, "only a bind mount can have its ids mapped", `Add the option "bind" or "rbind", or leave the mapping out.`)
		return false
	case !given && !c.own(specs.UserNamespace):
		c.fail(at, "ids are to be mapped, but the mount has no mappings and the container no user namespace", "Give .uidMappings and .gidMappings of the mount.")
		return false
	}
	return true
}

func (c *compiler) idMap(i int, o *options) step.IDMap {
	if !o.idmap {
		return step.IDMap{}
	}
	m := &c.spec.Mounts[i]
	return step.IDMap{Mount: i + 1, Recursive: o.idmapBelow, UIDs: idRanges(m.UIDMappings), GIDs: idRanges(m.GIDMappings)}
}

// idRanges: what a user namespace calls the container's ids are here those of the
// filesystem.
func idRanges(in []specs.LinuxIDMapping) (out []step.IDRange) {
	for _, m := range in {
		out = append(out, step.IDRange{Disk: m.ContainerID, Shown: m.HostID, Size: m.Size})
	}
	return out
}
