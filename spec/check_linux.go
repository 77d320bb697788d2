package spec

import (
	"path"
	"slices"
	"strconv"

	specs "github.com/opencontainers/runtime-spec/specs-go"
)

func (c *checker) linux(l *specs.Linux) {
	c.namespaces(l.Namespaces)
	c.mappings(l)
	c.timeOffsets(l.TimeOffsets)
	c.absolute(".linux.maskedPaths", l.MaskedPaths)
	c.absolute(".linux.readonlyPaths", l.ReadonlyPaths)
	c.devices(l.Devices)
	c.personality(l.Personality)
	propagations := []string{"", "private", "rprivate", "slave", "rslave", "shared", "rshared", "unbindable", "runbindable"}
	if !slices.Contains(propagations, l.RootfsPropagation) {
		c.problem(".linux.rootfsPropagation", "unknown propagation "+strconv.Quote(l.RootfsPropagation), "Use private, slave, shared or unbindable.")
	}
}

var namespaceTypes = []specs.LinuxNamespaceType{specs.PIDNamespace, specs.NetworkNamespace, specs.MountNamespace, specs.IPCNamespace,
	specs.UTSNamespace, specs.UserNamespace, specs.CgroupNamespace, specs.TimeNamespace}

func (c *checker) namespaces(list []specs.LinuxNamespace) {
	for i, ns := range list {
		field := index(".linux.namespaces", i)
		switch {
		case !slices.Contains(namespaceTypes, ns.Type):
			c.problem(field+".type", "unknown namespace type "+strconv.Quote(string(ns.Type)), "Types are pid, network, mount, ipc, uts, user, cgroup and time.")
		case slices.ContainsFunc(list[:i], func(o specs.LinuxNamespace) bool { return o.Type == ns.Type }):
			c.problem(field+".type", "the namespace type "+string(ns.Type)+" stands twice", "")
		case ns.Path != "" && !path.IsAbs(ns.Path):
			c.problem(field+".path", "the path "+strconv.Quote(ns.Path)+" is not absolute", "")
		}
	}
}

// mappings belong to a new user namespace; engines send them along with one by path
// too, where they are the joined one's already.
func (c *checker) mappings(l *specs.Linux) {
	user, has := c.namespace(specs.UserNamespace)
	for _, m := range []struct {
		field string
		list  []specs.LinuxIDMapping
	}{{".linux.uidMappings", l.UIDMappings}, {".linux.gidMappings", l.GIDMappings}} {
		switch {
		case !has && len(m.list) > 0:
			c.problem(m.field, "mappings need a user namespace", `Add {"type": "user"} to .linux.namespaces.`)
		case has && user.Path == "" && len(m.list) == 0:
			c.problem(m.field, "user namespaces enabled, but no mappings found", `Give for example [{"containerID": 0, "hostID": 100000, "size": 65536}].`)
		}
		c.overlaps(m.field, m.list)
	}
}

func (c *checker) overlaps(field string, list []specs.LinuxIDMapping) {
	for i, m := range list {
		if m.Size == 0 {
			c.problem(index(field, i)+".size", "a mapping of no ids", "")
		}
		for j, o := range list[:i] {
			if overlap(m.ContainerID, o.ContainerID, m.Size, o.Size) {
				c.problem(index(field, i), "overlaps with "+index(field, j)+" at container id "+strconv.FormatUint(uint64(max(m.ContainerID, o.ContainerID)), 10), "")
			} else if overlap(m.HostID, o.HostID, m.Size, o.Size) {
				c.problem(index(field, i), "overlaps with "+index(field, j)+" at host id "+strconv.FormatUint(uint64(max(m.HostID, o.HostID)), 10), "")
			}
		}
	}
}

func overlap(a, b, sizeA, sizeB uint32) bool {
	return uint64(a) < uint64(b)+uint64(sizeB) && uint64(b) < uint64(a)+uint64(sizeA)
}

func (c *checker) timeOffsets(offsets map[string]specs.LinuxTimeOffset) {
	if len(offsets) == 0 {
		return
	}
	if ns, ok := c.namespace(specs.TimeNamespace); !ok || ns.Path != "" {
		c.problem(".linux.timeOffsets", "offsets need a new time namespace", `Add {"type": "time"} to .linux.namespaces.`)
	}
	for clock, o := range offsets {
		field := ".linux.timeOffsets." + clock
		switch {
		case clock != "monotonic" && clock != "boottime":
			c.problem(field, "unknown clock", "Clocks are monotonic and boottime.")
		case o.Nanosecs >= 1_000_000_000:
			c.problem(field+".nanosecs", "a second or more", "Put whole seconds into secs.")
		}
	}
}

func (c *checker) personality(p *specs.LinuxPersonality) {
	if p != nil && p.Domain != specs.PerLinux && p.Domain != specs.PerLinux32 {
		c.problem(".linux.personality.domain", "unknown domain "+strconv.Quote(string(p.Domain)), "Use LINUX or LINUX32.")
	}
}

func (c *checker) absolute(field string, list []string) {
	for i, p := range list {
		if !path.IsAbs(p) {
			c.problem(index(field, i), strconv.Quote(p)+" is not an absolute path", "")
		}
	}
}

func (c *checker) devices(list []specs.LinuxDevice) {
	for i, d := range list {
		field := index(".linux.devices", i)
		switch {
		case !slices.Contains([]string{"c", "u", "b", "p"}, d.Type):
			c.problem(field+".type", "unknown device type "+strconv.Quote(d.Type), "Use c, u, b or p.")
		case d.Path == "" || path.Clean("/"+d.Path) == "/":
			c.problem(field+".path", "the path of the device is missing", "")
		case d.Type != "p" && (d.Major < 0 || d.Major > 0xfff || d.Minor < 0 || d.Minor > 0xfffff):
			c.problem(field, "no such device numbers", "")
		}
	}
}
