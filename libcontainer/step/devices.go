package step

import (
	"golang.org/x/sys/unix"

	"github.com/mdrun/mdrun/libcontainer/internal/inroot"
	"github.com/mdrun/mdrun/libcontainer/internal/sys"
)

// Device makes a device node or FIFO in the container (config-linux.md "Devices"). A
// node that is there already must be the same device.
type Device struct {
	Path     string
	Mode     uint32 // S_IFCHR, S_IFBLK or S_IFIFO, with the permissions
	Rdev     uint64 // 0 for a FIFO
	UID, GID uint32 // in the container's user namespace
	Bind     bool   // show the host's node instead: a user namespace may not make any
}

// Fields passes it through the codec.
func (s *Device) Fields(c *Codec) {
	c.String(&s.Path)
	c.Uint32(&s.Mode)
	c.Uint64(&s.Rdev)
	c.Uint32(&s.UID)
	c.Uint32(&s.GID)
	c.Bool(&s.Bind)
}

func (s *Device) String() string {
	verb := "make the device "
	if s.Bind {
		verb = "show the host's device "
	}
	return verb + s.Path + " (" + s.numbers() + ")"
}

func (s *Device) numbers() string {
	switch s.Mode & unix.S_IFMT {
	case unix.S_IFIFO:
		return "fifo"
	case unix.S_IFBLK:
		return "b " + sys.Int(int(unix.Major(s.Rdev))) + ":" + sys.Int(int(unix.Minor(s.Rdev)))
	}
	return "c " + sys.Int(int(unix.Major(s.Rdev))) + ":" + sys.Int(int(unix.Minor(s.Rdev)))
}

// Apply makes it by its name in its folder, held open: a link in place of the name
// is never followed (CVE-2026-41579).
func (s *Device) Apply(env *Env) error {
	dir, name, err := s.folder(env)
	if err != nil {
		return err
	}
	defer unix.Close(dir)
	if s.Bind && s.Mode&unix.S_IFMT != unix.S_IFIFO {
		return s.bind(dir, name)
	}
	err = unix.Mknodat(dir, name, s.Mode, int(s.Rdev))
	switch {
	case err == unix.EEXIST:
		return s.adopt(dir, name)
	case err == unix.EPERM:
		return &Problem{Text: sys.Fail(err, "mknodat", sys.Quote(s.Path), s.numbers()).Error(), Hint: "Making device nodes needs CAP_MKNOD in the host's user namespace."}
	case err != nil:
		return sys.Fail(err, "mknodat", sys.Quote(s.Path), s.numbers())
	}
	if s.UID == 0 && s.GID == 0 {
		return nil
	}
	if err := unix.Fchownat(dir, name, int(s.UID), int(s.GID), unix.AT_SYMLINK_NOFOLLOW); err != nil {
		return sys.Fail(err, "fchownat", sys.Quote(s.Path))
	}
	return nil
}

func (s *Device) folder(env *Env) (dir int, name string, err error) {
	if !inDev(s.Path) {
		return inroot.Parent(env.Root, s.Path)
	}
	name = baseName(s.Path)
	dir, err = devFolder(env, s.Path[:len(s.Path)-len("/"+name)])
	return dir, name, err
}

// adopt takes a node that is there already, if it is the device, and gives it the mode
// and the owner.
func (s *Device) adopt(dir int, name string) error {
	fd, err := unix.Openat(dir, name, unix.O_PATH|unix.O_NOFOLLOW|unix.O_CLOEXEC, 0)
	if err != nil {
		return sys.Fail(err, "openat", sys.Quote(s.Path), "O_PATH")
	}
	defer unix.Close(fd)
	var st unix.Stat_t
	if err := unix.Fstat(fd, &st); err != nil {
		return sys.Fail(err, "fstat", sys.Quote(s.Path))
	}
	if st.Mode&unix.S_IFMT != s.Mode&unix.S_IFMT || st.Rdev != s.Rdev && s.Mode&unix.S_IFMT != unix.S_IFIFO {
		return &Problem{Text: s.Path + " exists in the root filesystem and is not the device " + s.numbers() + ": file exists",
			Hint: "Remove it from the image, or mount a tmpfs on its folder."}
	}
	if st.Uid != s.UID || st.Gid != s.GID {
		if err := unix.Fchownat(fd, "", int(s.UID), int(s.GID), unix.AT_EMPTY_PATH); err != nil {
			return sys.Fail(err, "fchownat", sys.Quote(s.Path), sys.Int(int(s.UID)), sys.Int(int(s.GID)))
		}
	}
	if st.Mode != s.Mode {
		if err := unix.Fchmodat(unix.AT_FDCWD, onFD(fd), s.Mode&0o7777, 0); err != nil {
			return sys.Fail(err, "fchmodat", sys.Quote(s.Path), sys.Octal(s.Mode&0o7777))
		}
	}
	return nil
}

// bind shows the host's node. What has its name in the root filesystem is only the
// place for it, but it must not lead elsewhere.
func (s *Device) bind(dir int, name string) error {
	source, err := s.find()
	if err != nil {
		return err
	}
	defer unix.Close(source)
	made, err := unix.Openat(dir, name, unix.O_CREAT|unix.O_EXCL|unix.O_WRONLY|unix.O_NOFOLLOW|unix.O_CLOEXEC, 0o644)
	if err == nil {
		unix.Close(made)
	} else if err != unix.EEXIST {
		return sys.Fail(err, "openat", sys.Quote(s.Path), "O_CREAT|O_EXCL")
	}
	place, err := unix.Openat(dir, name, unix.O_PATH|unix.O_NOFOLLOW|unix.O_CLOEXEC, 0)
	if err != nil {
		return sys.Fail(err, "openat", sys.Quote(s.Path), "O_PATH")
	}
	defer unix.Close(place)
	kind, err := kindOfFile(place)
	if err != nil {
		return err
	}
	if kind == unix.S_IFLNK || kind == unix.S_IFDIR {
		return &Problem{Text: s.Path + " exists in the root filesystem as a folder or a link: the device " + s.numbers() + " cannot be shown there: file exists",
			Hint: "Remove it from the image, or mount a tmpfs on its folder."}
	}
	tree, err := unix.OpenTree(source, "", unix.OPEN_TREE_CLONE|unix.OPEN_TREE_CLOEXEC|unix.AT_EMPTY_PATH)
	if err != nil {
		return sys.Fail(err, "open_tree", "the host's "+s.numbers(), "OPEN_TREE_CLONE")
	}
	defer unix.Close(tree)
	return attach(tree, place, s.Path)
}

// find looks for the host's node of this number: under the name that the container
// wants, then under the one that the kernel gives it.
func (s *Device) find() (int, error) {
	kind := s.Mode & unix.S_IFMT
	if fd, err := hostDevice(s.Path, kind, s.Rdev); err == nil {
		return fd, nil
	}
	if name := kernelName(kind, s.Rdev); name != "" {
		if fd, err := hostDevice("/dev/"+name, kind, s.Rdev); err == nil {
			return fd, nil
		}
	}
	return -1, &Problem{Text: "the host has no device node " + s.numbers() + " as " + s.Path + " or by the kernel's name for it: no such file or directory",
		Hint: "A user namespace may not make device nodes: it can only be shown one that is there."}
}

// kernelName is the name of a device below /dev as the kernel has it: DEVNAME in
// /sys/dev/char/MAJOR:MINOR/uevent.
func kernelName(kind uint32, rdev uint64) string {
	class := "char"
	if kind == unix.S_IFBLK {
		class = "block"
	}
	fd, err := unix.Open("/sys/dev/"+class+"/"+sys.Int(int(unix.Major(rdev)))+":"+sys.Int(int(unix.Minor(rdev)))+"/uevent", unix.O_RDONLY|unix.O_CLOEXEC, 0)
	if err != nil {
		return ""
	}
	defer unix.Close(fd)
	buf := make([]byte, 4096)
	n, err := unix.Read(fd, buf)
	if err != nil {
		return ""
	}
	for text := string(buf[:max(n, 0)]); text != ""; {
		line, rest, _ := cut(text, '\n')
		if key, value, _ := cut(line, '='); key == "DEVNAME" {
			return value
		}
		text = rest
	}
	return ""
}

// Link is a symbolic link in /dev.
type Link struct {
	Path, Target string
	Replace      bool // take away what is there (ptmx)
}

// DeviceLinks makes the links of /dev (runtime-linux.md "Dev symbolic links", and
// ptmx). What the image has there stays, except ptmx.
type DeviceLinks struct{ Links []Link }

// Fields passes it through the codec.
func (s *DeviceLinks) Fields(c *Codec) {
	List(c, &s.Links, func(c *Codec, l *Link) { c.String(&l.Path); c.String(&l.Target); c.Bool(&l.Replace) })
}

func (s *DeviceLinks) String() string {
	text := "make the links"
	for i, l := range s.Links {
		if i > 0 {
			text += ","
		}
		text += " " + l.Path
	}
	return text
}

// Apply makes them in one folder, held open.
func (s *DeviceLinks) Apply(env *Env) error {
	dir, err := devFolder(env, "/dev")
	if err != nil {
		return err
	}
	defer unix.Close(dir)
	buf := make([]byte, unix.PathMax)
	for _, l := range s.Links {
		name := l.Path[len("/dev/"):]
		if l.Replace {
			if n, err := unix.Readlinkat(dir, name, buf); err == nil && string(buf[:n]) == l.Target {
				continue // it would be made anew as it is
			}
			if err := unix.Unlinkat(dir, name, 0); err != nil && err != unix.ENOENT {
				return sys.Fail(err, "unlinkat", sys.Quote(l.Path))
			}
		}
		if err := unix.Symlinkat(l.Target, dir, name); err != nil && err != unix.EEXIST {
			return sys.Fail(err, "symlinkat", sys.Quote(l.Target), sys.Quote(l.Path))
		}
	}
	return nil
}
