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
			c.problem(field+".type", "the namespace type "+string(ns.Type)+" stands twice", "A process is in one namespace of each type: leave one of the two out.")
		case ns.Path != "" && !path.IsAbs(ns.Path):
			c.problem(field+".path", "the path "+strconv.Quote(ns.Path)+" is not absolute", "Give a path such as /proc/PID/ns/TYPE, or leave it out for a new namespace.")
		}
		c.short(field+".path", ns.Path)
	}
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
			c.problem(index(field, i), strconv.Quote(p)+" is not an absolute path", "It is a path in the container, so it begins with /.")
		}
		c.short(index(field, i), p)
	}
}

func (c *checker) devices(list []specs.LinuxDevice) {
	for i, d := range list {
		field := index(".linux.devices", i)
		c.short(field+".path", d.Path)
		switch {
		case !slices.Contains([]string{"c", "u", "b", "p"}, d.Type):
			c.problem(field+".type", "unknown device type "+strconv.Quote(d.Type), "Use c, u, b or p.")
		case d.Path == "" || path.Clean("/"+d.Path) == "/":
			c.problem(field+".path", "the path of the device is missing", "Give the absolute path in the container, such as /dev/fuse.")
		case d.Type != "p" && (d.Major < 0 || d.Major > 0xfff || d.Minor < 0 || d.Minor > 0xfffff):
			c.problem(field, "no such device numbers "+numbers(d), "Give .major and .minor as `ls -l` of the device on the host shows them: up to 4095 and 1048575.")
		case isNoID(d.UID):
			c.problem(field+".uid", "4294967295 is no user", leavesIt)
		case isNoID(d.GID):
			c.problem(field+".gid", "4294967295 is no group", leavesIt)
		default:
			c.onePlace(field, i, list)
		}
	}
}

func isNoID(id *uint32) bool { return id != nil && *id == noID }

// onePlace: a node that is there must be the same device (config-linux.md "Devices"), also
// one that an earlier entry makes. The mode and the owner are then those of the later one.
func (c *checker) onePlace(field string, i int, list []specs.LinuxDevice) {
	d := list[i]
	for j, o := range list[:i] {
		if path.Clean("/"+o.Path) != path.Clean("/"+d.Path) {
			continue
		}
		earlier := index(".linux.devices", j)
		switch {
		case numbers(d) != numbers(o):
			c.problem(field+".path", d.Path+" stands twice, here as "+numbers(d)+" and at "+earlier+" as "+numbers(o), "Leave one of the two out, or give it another path.")
		case !same(d.FileMode, o.FileMode) || !same(d.UID, o.UID) || !same(d.GID, o.GID):
			c.warn(field, "the mode and owner of "+d.Path+" given here replace those of "+earlier)
		}
	}
}

// numbers says which device an entry is.
func numbers(d specs.LinuxDevice) string {
	switch d.Type {
	case "p":
		return "a FIFO"
	case "u":
		d.Type = "c"
	}
	return d.Type + " " + strconv.FormatInt(d.Major, 10) + ":" + strconv.FormatInt(d.Minor, 10)
}

func same[T comparable](a, b *T) bool {
	return a == b || a != nil && b != nil && *a == *b
}
