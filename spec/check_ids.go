package spec

import (
	"strconv"

	specs "github.com/opencontainers/runtime-spec/specs-go"
)

const mappingExample = `Give for example [{"containerID": 0, "hostID": 100000, "size": 65536}].`

// mappings belong to a new user namespace; engines send them along with one by path
// too, where they are the joined one's already.
func (c *checker) mappings(l *specs.Linux) {
	user, has := c.namespace(specs.UserNamespace)
	for _, m := range []struct {
		field, kind string
		list        []specs.LinuxIDMapping
	}{{".linux.uidMappings", "user", l.UIDMappings}, {".linux.gidMappings", "group", l.GIDMappings}} {
		c.ranges(m.field, m.list)
		switch {
		case !has && len(m.list) > 0:
			c.warn(m.field, "mappings without a user namespace have no effect")
		case !has || user.Path != "":
		case len(m.list) == 0:
			c.problem(m.field, "user namespaces enabled, but no mappings found", mappingExample)
		case !mapped(m.list, 0):
			c.problem(m.field, m.kind+" 0 of the container is not mapped: it is who sets the container up", mappingExample)
		}
	}
	if has && user.Path == "" && c.spec.Process != nil {
		c.userIsMapped(&c.spec.Process.User, l)
	}
}

// mountMappings are those of idmapped mounts (config.md "Mounts": each must come with
// the other).
func (c *checker) mountMappings() {
	for i := range c.spec.Mounts {
		m, field := &c.spec.Mounts[i], index(".mounts", i)
		c.ranges(field+".uidMappings", m.UIDMappings)
		c.ranges(field+".gidMappings", m.GIDMappings)
		switch users, groups := len(m.UIDMappings), len(m.GIDMappings); {
		case users > 0 && groups == 0:
			c.problem(field+".gidMappings", "the mount has uidMappings, but no gidMappings", mappingExample)
		case users == 0 && groups > 0:
			c.problem(field+".uidMappings", "the mount has gidMappings, but no uidMappings", mappingExample)
		}
	}
}

// lastID is the largest that the kernel maps: the one above it means "none".
const lastID = 1<<32 - 2

// mostRanges is UID_GID_MAP_MAX_EXTENTS of the kernel (user_namespaces(7), since Linux
// 4.15).
const mostRanges = 340

// ranges makes sure that the kernel takes a map (user_namespaces(7) "User and group ID
// mappings").
func (c *checker) ranges(field string, list []specs.LinuxIDMapping) {
	if len(list) > mostRanges {
		c.problem(field, strconv.Itoa(len(list))+" ranges, and the kernel takes 340", "Join neighbours.")
		return
	}
	for i, m := range list {
		switch {
		case m.Size == 0:
			c.problem(index(field, i)+".size", "a mapping of no ids", "Leave the entry out, or give how many ids it maps.")
		case uint64(m.ContainerID)+uint64(m.Size)-1 > lastID:
			c.problem(index(field, i), "goes beyond the last id of the container, 4294967294", "Lower .containerID or .size.")
		case uint64(m.HostID)+uint64(m.Size)-1 > lastID:
			c.problem(index(field, i), "goes beyond the last id of the host, 4294967294", "Lower .hostID or .size.")
		}
		c.overlaps(field, i, list)
	}
}

func (c *checker) overlaps(field string, i int, list []specs.LinuxIDMapping) {
	m, hint := list[i], "Each id can be in one range."
	for j, o := range list[:i] {
		if overlap(m.ContainerID, o.ContainerID, m.Size, o.Size) {
			c.problem(index(field, i), "overlaps with "+index(field, j)+" at container id "+id(max(m.ContainerID, o.ContainerID)), hint)
		} else if overlap(m.HostID, o.HostID, m.Size, o.Size) {
			c.problem(index(field, i), "overlaps with "+index(field, j)+" at host id "+id(max(m.HostID, o.HostID)), hint)
		}
	}
}

func overlap(a, b, sizeA, sizeB uint32) bool {
	return uint64(a) < uint64(b)+uint64(sizeB) && uint64(b) < uint64(a)+uint64(sizeA)
}

// userIsMapped: an id that is in no range cannot be taken (setresuid(2): EINVAL).
func (c *checker) userIsMapped(u *specs.User, l *specs.Linux) {
	check := func(field, kind, maps string, n uint32, list []specs.LinuxIDMapping) {
		if n != 0 && n != noID && len(list) > 0 && !mapped(list, n) { // of 0 it is said above
			c.problem(field, kind+" "+id(n)+" is not mapped by "+maps, "Add it there, or give another.")
		}
	}
	check(".process.user.uid", "user", ".linux.uidMappings", u.UID, l.UIDMappings)
	check(".process.user.gid", "group", ".linux.gidMappings", u.GID, l.GIDMappings)
	for i, g := range u.AdditionalGids {
		check(index(".process.user.additionalGids", i), "group", ".linux.gidMappings", g, l.GIDMappings)
	}
}

func mapped(list []specs.LinuxIDMapping, n uint32) bool {
	for _, m := range list {
		if n >= m.ContainerID && n-m.ContainerID < m.Size {
			return true
		}
	}
	return false
}

func id(n uint32) string { return strconv.FormatUint(uint64(n), 10) }
