package step

import (
	"golang.org/x/sys/unix"

	"github.com/mdrun/mdrun/libcontainer/internal/inroot"
	"github.com/mdrun/mdrun/libcontainer/internal/sys"
)

// CgroupMount shows the container the cgroup hierarchy where it has no cgroup namespace:
// a clone of the host's own mount. A fresh mount would take a lock for 6 ms on an idle
// machine and could change the flags of the host's (cgroup2 has one superblock).
type CgroupMount struct {
	Target string
	// Confined makes all but the container's own cgroup read-only: it could otherwise
	// change the host's, wherever file permissions let it (CVE-2023-25809).
	Confined bool
	After    Attributes
	Keep     bool // for a later step that changes the mount
}

// hierarchy is where the host has it (cgroups(7)).
const hierarchy = "/sys/fs/cgroup"

// Fields passes it through the codec.
func (s *CgroupMount) Fields(c *Codec) {
	c.String(&s.Target)
	c.Bool(&s.Confined)
	s.After.Fields(c)
	c.Bool(&s.Keep)
}

func (s *CgroupMount) String() string {
	text := "show the host's cgroup hierarchy on " + s.Target
	if s.Confined {
		text += ", all but the container's own cgroup read-only"
	}
	return text + s.After.words()
}

// Apply binds it, and the container's own cgroup over its place in it.
func (s *CgroupMount) Apply(env *Env) error {
	whole := Bind{Source: hierarchy, Target: s.Target, After: s.After, Keep: s.Keep}
	if !s.Confined {
		return whole.Apply(env)
	}
	own, err := ownCgroup(env)
	if err != nil {
		return err
	}
	whole.After.Set |= unix.MOUNT_ATTR_RDONLY
	whole.After.Clear &^= unix.MOUNT_ATTR_RDONLY
	tree, err := whole.show(env)
	if err != nil {
		return err
	}
	if own != "/" { // else nothing in there is the container's own
		if err := s.open(env, tree, own); err != nil {
			return err
		}
	}
	return env.keep(tree, s.Keep)
}

// open shows the container's own cgroup over its place in the hierarchy, as it is there.
func (s *CgroupMount) open(env *Env, whole int, own string) error {
	place, err := inroot.OpenPlain(whole, own, unix.O_PATH|unix.O_DIRECTORY)
	if err != nil {
		return err
	}
	defer unix.Close(place)
	part := Bind{Source: hierarchy + own, Target: s.Target + own, After: s.After}
	tree, err := part.clone(env)
	if err != nil {
		return err
	}
	defer unix.Close(tree)
	return part.attach(env, tree, place)
}

// ownCgroup is the line "0::" of /proc/self/cgroup.
func ownCgroup(env *Env) (string, error) {
	fd, err := unix.Openat(env.Proc, "self/cgroup", unix.O_RDONLY|unix.O_CLOEXEC, 0)
	if err != nil {
		return "", sys.Fail(err, "openat", `"/proc/self/cgroup"`)
	}
	defer unix.Close(fd)
	buf := make([]byte, 8192)
	n, err := unix.Read(fd, buf)
	if err != nil {
		return "", sys.Fail(err, "read", `"/proc/self/cgroup"`)
	}
	for text := string(buf[:n]); text != ""; {
		line, rest, _ := cut(text, '\n')
		if len(line) > 3 && line[:3] == "0::" {
			return line[3:], nil
		}
		text = rest
	}
	return "", &Problem{Text: "/proc/self/cgroup names no cgroup of version 2"}
}
