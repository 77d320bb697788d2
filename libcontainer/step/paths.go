package step

import (
	"golang.org/x/sys/unix"

	"github.com/mdrun/mdrun/libcontainer/internal/inroot"
	"github.com/mdrun/mdrun/libcontainer/internal/sys"
)

// ReadonlyPath makes a file or folder of the container read-only (config-linux.md
// "Readonly Paths"). One that does not exist needs no protection.
type ReadonlyPath struct{ Path string }

// Fields passes it through the codec.
func (s *ReadonlyPath) Fields(c *Codec) { c.String(&s.Path) }
func (s *ReadonlyPath) String() string  { return "make " + s.Path + " read-only" }

// Apply puts a read-only clone of the path on top of it. What locked flags the mount
// has (nosuid, nodev, noexec) come with the clone.
func (s *ReadonlyPath) Apply(env *Env) error {
	place, err := openIfThere(env, s.Path)
	if place < 0 {
		return err
	}
	defer unix.Close(place)
	tree, err := unix.OpenTree(place, "", unix.OPEN_TREE_CLONE|unix.OPEN_TREE_CLOEXEC|unix.AT_EMPTY_PATH|unix.AT_RECURSIVE)
	if err != nil {
		return sys.Fail(err, "open_tree", sys.Quote(s.Path), "OPEN_TREE_CLONE")
	}
	defer unix.Close(tree)
	if err := setAttr(tree, false, &unix.MountAttr{Attr_set: unix.MOUNT_ATTR_RDONLY}); err != nil {
		return err
	}
	return attach(tree, place, s.Path)
}

// MaskedPath makes a file or folder of the container unreadable (config-linux.md
// "Masked Paths"): a file shows the null device, a folder an empty read-only
// filesystem that all masked folders share.
type MaskedPath struct{ Path string }

// Fields passes it through the codec.
func (s *MaskedPath) Fields(c *Codec) { c.String(&s.Path) }
func (s *MaskedPath) String() string  { return "mask " + s.Path }

// Apply masks it.
func (s *MaskedPath) Apply(env *Env) error {
	place, err := openIfThere(env, s.Path)
	if place < 0 {
		return err
	}
	defer unix.Close(place)
	var st unix.Stat_t
	if err := unix.Fstat(place, &st); err != nil {
		return sys.Fail(err, "fstat", sys.Quote(s.Path))
	}
	if st.Mode&unix.S_IFMT == unix.S_IFDIR {
		return maskFolder(env, place, s.Path)
	}
	tree, err := unix.OpenTree(env.kept.null, "", unix.OPEN_TREE_CLONE|unix.OPEN_TREE_CLOEXEC|unix.AT_EMPTY_PATH)
	if err != nil {
		return sys.Fail(err, "open_tree", "the null device", "OPEN_TREE_CLONE")
	}
	defer unix.Close(tree)
	// It is the host's node: without this a container's root could change its mode and
	// owner through the mask. Reading and writing a device are not the mount's affair.
	if err := setAttr(tree, false, &unix.MountAttr{Attr_set: unix.MOUNT_ATTR_RDONLY | unix.MOUNT_ATTR_NOSUID | unix.MOUNT_ATTR_NOEXEC}); err != nil {
		return err
	}
	return attach(tree, place, s.Path)
}

func openIfThere(env *Env, path string) (int, error) {
	fd, err := inroot.Open(env.Root, path, unix.O_PATH)
	if err != nil {
		if n := sys.Errno(err); n == unix.ENOENT || n == unix.ENOTDIR {
			return -1, nil
		}
		return -1, err
	}
	return fd, nil
}

func attach(tree, place int, path string) error {
	if err := unix.MoveMount(tree, "", place, "", unix.MOVE_MOUNT_F_EMPTY_PATH|unix.MOVE_MOUNT_T_EMPTY_PATH); err != nil {
		return sys.Fail(err, "move_mount", sys.Quote(path))
	}
	return nil
}

// maskFolder shows an empty filesystem in place of a folder. All masked folders share
// one, into which nothing fits; it is cloned from where it was attached first, since
// a mount that is attached nowhere can be cloned only since Linux 6.15.
func maskFolder(env *Env, place int, path string) error {
	var tree int
	var err error
	if env.kept.empty == 0 {
		tree, err = emptyFilesystem()
	} else {
		tree, err = unix.OpenTree(env.kept.empty, "", unix.OPEN_TREE_CLONE|unix.OPEN_TREE_CLOEXEC|unix.AT_EMPTY_PATH)
	}
	if err != nil {
		return sys.Fail(err, "open_tree", "the mask", "OPEN_TREE_CLONE")
	}
	if err := attach(tree, place, path); err != nil {
		unix.Close(tree)
		return err
	}
	if env.kept.empty == 0 {
		env.kept.empty = tree // now a place in the tree of mounts
		return nil
	}
	return unix.Close(tree)
}

func emptyFilesystem() (int, error) {
	fs, err := unix.Fsopen("tmpfs", unix.FSOPEN_CLOEXEC)
	if err != nil {
		return -1, sys.Fail(err, "fsopen", `"tmpfs"`)
	}
	defer unix.Close(fs)
	if call := configure(fs, "mask", []string{"nr_blocks=1", "nr_inodes=1", "mode=755"}); call != "" {
		return -1, &sys.Error{Call: call, Errno: unix.EINVAL, Kernel: lastMessage(fs)}
	}
	return unix.Fsmount(fs, unix.FSMOUNT_CLOEXEC, unix.MOUNT_ATTR_RDONLY|unix.MOUNT_ATTR_NOSUID|unix.MOUNT_ATTR_NODEV|unix.MOUNT_ATTR_NOEXEC)
}

// HoldNull keeps a descriptor of the host's null device, verified by its numbers: in
// the container /dev/null may be anything (CVE-2025-31133).
type HoldNull struct{}

// Fields passes it through the codec.
func (s *HoldNull) Fields(*Codec)  {}
func (s *HoldNull) String() string { return "hold the host's null device for masking files" }

// Apply opens it.
func (s *HoldNull) Apply(env *Env) error {
	fd, err := hostDevice("/dev/null", unix.S_IFCHR, unix.Mkdev(1, 3))
	env.kept.null = fd
	return err
}

// hostDevice opens a device node of the host as an O_PATH descriptor and makes sure
// that it is the one with these numbers.
func hostDevice(path string, kind uint32, rdev uint64) (int, error) {
	fd, err := unix.Open(path, unix.O_PATH|unix.O_NOFOLLOW|unix.O_CLOEXEC, 0)
	if err != nil {
		return -1, sys.Fail(err, "open", sys.Quote(path), "O_PATH")
	}
	var st unix.Stat_t
	if err := unix.Fstat(fd, &st); err != nil {
		unix.Close(fd)
		return -1, sys.Fail(err, "fstat", sys.Quote(path))
	}
	if st.Mode&unix.S_IFMT != kind || st.Rdev != rdev {
		unix.Close(fd)
		return -1, &Problem{Text: path + " of the host is not the device " + sys.Int(int(unix.Major(rdev))) + ":" + sys.Int(int(unix.Minor(rdev)))}
	}
	return fd, nil
}
