package compile

import (
	"path"
	"slices"
	"strconv"

	specs "github.com/opencontainers/runtime-spec/specs-go"
	"golang.org/x/sys/unix"
)

// delegation gives the field of the mount through which the container may make
// cgroups of its own; "" where it may not. Then, and only then, its cgroup belongs to its
// user (config-linux.md "Cgroup ownership"): it has a new cgroup namespace, and the cgroup
// filesystem is mounted read-write.
func delegation(s *specs.Spec) string {
	ns, ok := namespaces(s)[specs.CgroupNamespace]
	if !ok || ns.Path != "" {
		return ""
	}
	for i := range s.Mounts {
		m := &s.Mounts[i]
		if m.Source != "cgroup" || path.Clean("/"+m.Destination) != "/sys/fs/cgroup" || slices.Contains(m.Options, "rro") {
			continue
		}
		if o := parseOptions(m.Options); o.flags&unix.MS_RDONLY == 0 {
			return ".mounts[" + strconv.Itoa(i) + "]"
		}
	}
	return ""
}
