package step

import (
	"golang.org/x/sys/unix"

	"github.com/mdrun/mdrun/libcontainer/internal/sys"
)

func propagationName(flags uint64) string {
	name := ""
	if flags&unix.MS_REC != 0 {
		name = "r"
	}
	switch flags &^ unix.MS_REC {
	case unix.MS_SHARED:
		return name + "shared"
	case unix.MS_SLAVE:
		return name + "slave"
	case unix.MS_UNBINDABLE:
		return name + "unbindable"
	}
	return name + "private"
}

// HoldSource clones the source of a bind mount while the container's mounts are still
// peers of the host's: only so does what the container mounts on it reach the host
// (option shared, with a root that is shared, too). The bind itself comes later.
type HoldSource struct {
	Source    string
	Recursive bool
}

// Fields passes it through the codec.
func (s *HoldSource) Fields(c *Codec) { c.String(&s.Source); c.Bool(&s.Recursive) }
func (s *HoldSource) String() string {
	return "hold " + s.Source + ", to share with the host what will be mounted there"
}

// Apply clones it.
func (s *HoldSource) Apply(env *Env) error {
	tree, err := cloneSource(env, s.Source, s.Recursive)
	if err != nil {
		return err
	}
	env.kept.sources = append(env.kept.sources, tree)
	return nil
}

// RootPropagation sets how mounts travel between the finished root and its copies
// (config-linux.md "Rootfs Mount Propagation"). It comes after pivot_root(2), which
// takes no root that is shared.
type RootPropagation struct{ Flags uint64 }

// Fields passes it through the codec.
func (s *RootPropagation) Fields(c *Codec) { c.Uint64(&s.Flags) }
func (s *RootPropagation) String() string {
	return "make the root " + propagationName(s.Flags)
}

// Apply sets it.
func (s *RootPropagation) Apply(env *Env) error {
	return setAttr(env.Root, s.Flags&unix.MS_REC != 0, &unix.MountAttr{Propagation: s.Flags &^ unix.MS_REC})
}

// cutOff makes the mounts of this namespace slaves of the host's, or private: nothing of
// ours may ever reach the host, and pivot_root(2) needs a parent that is not shared.
func cutOff(flags uint64) error {
	if err := unix.Mount("", "/", "", uintptr(flags), ""); err != nil {
		return sys.Fail(err, "mount", `"/"`, propagationName(flags))
	}
	return nil
}
