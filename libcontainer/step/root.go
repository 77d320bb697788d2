package step

import (
	"golang.org/x/sys/unix"

	"github.com/mdrun/mdrun/libcontainer/internal/inroot"
	"github.com/mdrun/mdrun/libcontainer/internal/sys"
)

// EnterRoot cuts the mount namespace off from the host's and opens the root.
//
// Mounts of the host do not come in unless Propagation is slave or shared, and none
// of ours goes out, ever: pivot_root(2) needs a parent that is not shared.
type EnterRoot struct {
	Path        string // of the root directory, on the host
	Propagation uint64 // MS_* flag for the whole tree of mounts, with MS_REC where it is recursive
}

// Fields passes it through the codec.
func (s *EnterRoot) Fields(c *Codec) { c.String(&s.Path); c.Uint64(&s.Propagation) }
func (s *EnterRoot) String() string {
	return "make the mounts " + propagationName(s.Propagation) + " and take " + s.Path + " as the root"
}

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

// Apply moves the working directory to procfs: until the container's own working
// directory is set, paths on descriptors are "self/fd/N".
func (s *EnterRoot) Apply(env *Env) error {
	if err := unix.Fchdir(env.Proc); err != nil {
		return sys.Fail(err, "fchdir", "/proc")
	}
	// A tree that is to be shared is cut off first, so that it is not shared with
	// the host (W-18).
	first := uintptr(s.Propagation)
	if s.Propagation&unix.MS_SHARED != 0 {
		first = unix.MS_PRIVATE | unix.MS_REC
	}
	if err := unix.Mount("", "/", "", first, ""); err != nil {
		return sys.Fail(err, "mount", `"/"`, propagationName(uint64(first)))
	}
	tree, err := unix.OpenTree(unix.AT_FDCWD, s.Path, unix.OPEN_TREE_CLONE|unix.OPEN_TREE_CLOEXEC|unix.AT_RECURSIVE)
	if err != nil {
		return sys.Fail(err, "open_tree", sys.Quote(s.Path))
	}
	defer unix.Close(tree)
	if err := unix.MoveMount(tree, "", unix.AT_FDCWD, s.Path, unix.MOVE_MOUNT_F_EMPTY_PATH); err != nil {
		return sys.Fail(err, "move_mount", sys.Quote(s.Path))
	}
	// The parent of the root must be private; the clone's parent is the mount below.
	env.Root, err = unix.Open(s.Path, unix.O_PATH|unix.O_DIRECTORY|unix.O_CLOEXEC, 0)
	if err != nil {
		return sys.Fail(err, "open", sys.Quote(s.Path), "O_PATH")
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

// Apply pivots.
func (s *PivotRoot) Apply(env *Env) error {
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
	if err := unix.Chdir("/"); err != nil {
		return sys.Fail(err, "chdir", `"/"`)
	}
	root, err := unix.Open("/", unix.O_PATH|unix.O_DIRECTORY|unix.O_CLOEXEC, 0)
	if err != nil {
		return sys.Fail(err, "open", `"/"`, "O_PATH")
	}
	unix.Close(env.Root)
	env.Root = root
	if err := unix.Fchdir(env.Proc); err != nil {
		return sys.Fail(err, "fchdir", "/proc")
	}
	return nil
}

// pivot stacks the old root on the new one, where it is ".", and takes it off
// (pivot_root(2) NOTES). Slave first, so that taking it off is no news to the host.
func pivot(*Env) error {
	if err := unix.PivotRoot(".", "."); err != nil {
		return sys.Fail(err, "pivot_root", `"."`, `"."`)
	}
	if err := unix.Mount("", ".", "", unix.MS_SLAVE|unix.MS_REC, ""); err != nil {
		return sys.Fail(err, "mount", "the old root", "MS_SLAVE|MS_REC")
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

func setAttr(fd int, recursive bool, attr *unix.MountAttr) error {
	flags := uint(unix.AT_EMPTY_PATH)
	if recursive {
		flags |= unix.AT_RECURSIVE
	}
	if err := unix.MountSetattr(fd, "", flags, attr); err != nil {
		return sys.Fail(err, "mount_setattr", "set "+sys.Hex(attr.Attr_set), "clear "+sys.Hex(attr.Attr_clr))
	}
	return nil
}

// RootPropagation sets how mounts travel between the finished root and its copies.
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

// reopen gives a second descriptor of a place in the root, as it is now: after a
// mount the first one still shows what the mount hides.
func reopen(env *Env, path string) (int, error) { return inroot.Open(env.Root, path, unix.O_PATH) }
