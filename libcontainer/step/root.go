package step

import (
	"golang.org/x/sys/unix"

	"github.com/mdrun/mdrun/libcontainer/internal/sys"
)

// EnterRoot cuts the mount namespace off from the host's and opens the root.
//
// Mounts of the host come in where Propagation is slave; none of ours goes out, ever,
// but through a source that HoldSource has.
type EnterRoot struct {
	Path        string // of the root directory, on the host
	Propagation uint64 // MS_PRIVATE or MS_SLAVE with MS_REC, for the whole tree of mounts
	Private     bool   // the root itself gets nothing from the host, whatever its tree does
}

// Fields passes it through the codec.
func (s *EnterRoot) Fields(c *Codec) {
	c.String(&s.Path)
	c.Uint64(&s.Propagation)
	c.Bool(&s.Private)
}

func (s *EnterRoot) String() string {
	text := "make the mounts " + propagationName(s.Propagation) + " and take " + s.Path + " as the root"
	if s.Private {
		text += ", itself private"
	}
	return text
}

// Apply moves the working directory to procfs: until the container's own working
// directory is set, paths on descriptors are "self/fd/N". The descriptor of the clone
// goes on to show the root when it is attached.
func (s *EnterRoot) Apply(env *Env) error {
	if err := unix.Fchdir(env.Proc); err != nil {
		return sys.Fail(err, "fchdir", "/proc")
	}
	if err := cutOff(s.Propagation); err != nil {
		return err
	}
	place, tree, err := s.open(env)
	if err != nil {
		return err
	}
	defer unix.Close(place)
	env.Root = tree
	if s.Private {
		if err := setAttr(tree, false, &unix.MountAttr{Propagation: unix.MS_PRIVATE}); err != nil {
			return err
		}
	}
	return attach(tree, place, s.Path)
}

// open gives the place of the root and a clone of the mounts there.
func (s *EnterRoot) open(env *Env) (place, tree int, err error) {
	place, err = unix.Open(s.Path, unix.O_PATH|unix.O_DIRECTORY|unix.O_CLOEXEC, 0)
	if err == unix.EACCES {
		if fd, err := env.Host.Open(s.Path); err == nil {
			place = fd
		}
	}
	if place < 0 {
		return -1, -1, closedRoot(s.Path, sys.Fail(err, "open", sys.Quote(s.Path), "O_PATH"))
	}
	tree, err = unix.OpenTree(place, "", unix.OPEN_TREE_CLONE|unix.OPEN_TREE_CLOEXEC|unix.AT_RECURSIVE|unix.AT_EMPTY_PATH)
	if err != nil {
		unix.Close(place)
		return -1, -1, sys.Fail(err, "open_tree", sys.Quote(s.Path), "OPEN_TREE_CLONE")
	}
	return place, tree, nil
}

func closedRoot(path string, err error) error {
	if sys.Errno(err) != unix.EACCES {
		return err
	}
	return &Problem{Text: err.Error(), Hint: closedTo(path)}
}

// Chroot takes a directory as the root without a mount namespace of the container's
// own: nothing can be mounted, and root in there can find the way out (chroot(2)).
type Chroot struct{ Path string }

// Fields passes it through the codec.
func (s *Chroot) Fields(c *Codec) { c.String(&s.Path) }
func (s *Chroot) String() string {
	return "take " + s.Path + " as the root by chroot alone: the mounts are those of another"
}

// Apply opens it; LockIn goes there once everything is made in it.
func (s *Chroot) Apply(env *Env) error {
	if err := unix.Fchdir(env.Proc); err != nil {
		return sys.Fail(err, "fchdir", "/proc")
	}
	fd, err := unix.Open(s.Path, unix.O_PATH|unix.O_DIRECTORY|unix.O_CLOEXEC, 0)
	if err != nil {
		return closedRoot(s.Path, sys.Fail(err, "open", sys.Quote(s.Path), "O_PATH"))
	}
	env.Root = fd
	return nil
}

// LockIn changes the root directory of the process (chroot(2)).
type LockIn struct{}

// Fields passes it through the codec.
func (s *LockIn) Fields(*Codec)  {}
func (s *LockIn) String() string { return "chroot into the root" }

// Apply changes it.
func (s *LockIn) Apply(env *Env) error {
	if err := unix.Fchdir(env.Root); err != nil {
		return sys.Fail(err, "fchdir", "the root")
	}
	if err := unix.Chroot("."); err != nil {
		return sys.Fail(err, "chroot", `"."`)
	}
	if err := unix.Fchdir(env.Proc); err != nil {
		return sys.Fail(err, "fchdir", "/proc")
	}
	return nil
}

// PivotRoot makes the root the root of the mount namespace and lets go of the
// host's mounts.
type PivotRoot struct {
	Chroot bool // move the mount and chroot(2) instead (--no-pivot)
}

// Fields passes it through the codec.
func (s *PivotRoot) Fields(c *Codec) { c.Bool(&s.Chroot) }
func (s *PivotRoot) String() string {
	if s.Chroot {
		return "move the root over / and chroot into it (--no-pivot)"
	}
	return "pivot into the root and detach the host's mounts"
}

// Apply pivots. The descriptor of the root shows it before and after.
func (s *PivotRoot) Apply(env *Env) error {
	env.letGo()
	if err := unix.Fchdir(env.Root); err != nil {
		return sys.Fail(err, "fchdir", "the root")
	}
	enter := pivot
	if s.Chroot {
		enter = moveAndChroot
	}
	if err := enter(env); err != nil {
		return err
	}
	if err := unix.Fchdir(env.Proc); err != nil {
		return sys.Fail(err, "fchdir", "/proc")
	}
	return nil
}

// pivot stacks the old root on the new one, where it is ".", and takes it off
// (pivot_root(2) NOTES). EnterRoot has cut it off from the host, so that this is no news
// there.
func pivot(*Env) error {
	if err := unix.PivotRoot(".", "."); err != nil {
		return sys.Fail(err, "pivot_root", `"."`, `"."`)
	}
	if err := unix.Unmount(".", unix.MNT_DETACH); err != nil {
		return sys.Fail(err, "umount2", "the old root", "MNT_DETACH")
	}
	return nil
}

// moveAndChroot is for a host root that cannot be pivoted away from (an initramfs).
// What lies under the moved mount could be reached again by a process that gets
// a second mount of procfs or sysfs, so the host's own are taken away first.
func moveAndChroot(env *Env) error {
	for _, path := range []string{"/proc", "/sys"} {
		if err := unix.Unmount(path, unix.MNT_DETACH); err != nil && err != unix.EINVAL && err != unix.EPERM && err != unix.ENOENT {
			return sys.Fail(err, "umount2", sys.Quote(path), "MNT_DETACH")
		}
	}
	if err := unix.MoveMount(env.Root, "", unix.AT_FDCWD, "/", unix.MOVE_MOUNT_F_EMPTY_PATH); err != nil {
		return sys.Fail(err, "move_mount", "the root", `"/"`)
	}
	if err := unix.Chroot("."); err != nil {
		return sys.Fail(err, "chroot", `"."`)
	}
	return nil
}

// ReadonlyRoot makes the root read-only; mounts on it keep their own mode.
type ReadonlyRoot struct{}

// Fields passes it through the codec.
func (s *ReadonlyRoot) Fields(*Codec)  {}
func (s *ReadonlyRoot) String() string { return "make the root read-only" }

// Apply sets the mount's attribute.
func (s *ReadonlyRoot) Apply(env *Env) error {
	return setAttr(env.Root, false, &unix.MountAttr{Attr_set: unix.MOUNT_ATTR_RDONLY})
}
